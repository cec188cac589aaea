//! Any server, each as likely as the others.

use super::{Ask, Balance, Choose, any_of, weighty};
use crate::discovery::Endpoint;

/// Any server, each as likely as the others; weights do not count, but for 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Balance for Random {
    const NAME: &'static str = "random";

    fn arrange(&self, endpoints: &[Endpoint]) -> Box<dyn Choose> {
        Box::new(Arranged { places: weighty(endpoints) })
    }
}

struct Arranged {
    places: Vec<usize>,
}

impl Choose for Arranged {
    fn choose(&self, ask: &Ask<'_>) -> Option<usize> {
        any_of(&self.places, ask)
    }
}
