//! The methods that a client calls, numbered as they are first named: connections keep what they know of a
//! method by its place here.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

/// The names that a client has used.
#[derive(Debug, Default)]
pub(crate) struct Names {
    places: Mutex<HashMap<Box<str>, NonZeroU32>>,
}

/// A client that makes names up as it goes has no places for more than this.
const NAMES_MAX: usize = 4096;

impl Names {
    /// The place of `method`, if there is one left; the first is 1.
    pub(crate) fn place(&self, method: &str) -> Option<NonZeroU32> {
        // Whole entries are put in; a panic leaves nothing half done.
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(method) {
            return Some(*place);
        }
        if places.len() >= NAMES_MAX {
            return None;
        }
        let place = NonZeroU32::new(places.len() as u32 + 1)?;
        places.insert(method.into(), place);
        Some(place)
    }
}
