//! Our clients and servers against real Go programs.
