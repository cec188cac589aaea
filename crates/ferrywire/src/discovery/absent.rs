//! What stands in for DNS in a program that was built without it.

use super::Discover;
use crate::error::{Code, Error, Result};

/// Opens nothing, and says why.
pub(super) fn open(url: &str) -> Option<Result<Box<dyn Discover>>> {
    if !url.starts_with("dns:") && !url.starts_with("dns+srv:") {
        return None;
    }
    let why = "built without the discovery dns: switch the feature `dns` on";
    Some(Err(Error::new(Code::Unimplemented, why).not_executed()))
}
