//! How much is sent, over how many connections, and how much of it at once.

use std::fmt::{Display, Formatter};

use crate::Result;

/// `connections` × `depth` calls in flight, each of `payload_len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes that every call sends, and gets back.
    pub payload_len: usize,
    /// Connections in use.
    pub connections: usize,
    /// Calls in flight on each of them.
    pub depth: usize,
}

impl Shape {
    /// Of the words `PAYLOAD_LEN CONNECTIONS DEPTH`.
    pub fn of(payload_len: &str, connections: &str, depth: &str) -> Result<Self> {
        Ok(Self {
            payload_len: payload_len.parse()?,
            connections: connections.parse()?,
            depth: depth.parse()?,
        })
    }

    /// Calls that are in flight in all.
    pub fn callers(self) -> usize {
        self.connections * self.depth
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} B, {}×{}", self.payload_len, self.connections, self.depth)
    }
}
