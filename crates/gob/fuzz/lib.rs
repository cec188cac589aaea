//! What must hold for any bytes whatever, compiled once for all targets.

pub mod promises;
