//! What the first bytes of a stream say of one protocol.

/// Whether a stream is of a protocol, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// It is this.
    Yes,
    /// It cannot be this, whatever follows.
    No,
    /// So far it can be; more bytes will tell.
    Undecided,
}
