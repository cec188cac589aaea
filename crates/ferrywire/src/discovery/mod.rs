//! Discovery: where the servers of a service are.

use crate::transport::Address;

/// A server as a list of servers has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// How much it is to get, beside others; 1 unless said. One of 0 gets nothing while there are others.
    pub weight: u32,
    /// Where it stands, such as `eu-1`; empty unless said.
    pub zone: String,
}

impl Endpoint {
    /// The server at this address.
    pub fn new(address: Address) -> Self {
        Self { address, weight: 1, zone: String::new() }
    }

    /// The same, with another weight.
    #[must_use]
    pub fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The same, in a zone.
    #[must_use]
    pub fn in_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = zone.into();
        self
    }
}
