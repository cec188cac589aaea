//! RPC from a plain Rust trait.
