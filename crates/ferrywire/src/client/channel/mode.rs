//! What a call does when a server fails it.

use std::time::Duration;

/// What a call does when a server fails it, if there are several; [`FailOver`](Self::FailOver) unless chosen, for a
/// [client](crate::client::Builder::fail_mode) or a [call](crate::Call::fail_mode).
///
/// What a method answers, an error or not, is an answer: it is not asked for again. A call is tried again only if it was certainly not
/// executed, or is [idempotent](crate::Call::idempotent), up to [`attempts_max`](crate::Limits::attempts_max) times, within its deadline,
/// and as long as all calls of the client together keep to their budget: over ten seconds a tenth of the calls, and thirty. It says so where
/// the wire carries metadata ([`previous_attempts`](crate::Context::previous_attempts)), and what is called by a method whose call was tried
/// before is tried once: neither again nor by a backup request. A server that asks for it is left alone
/// ([`with_retry_after`](crate::Error::with_retry_after)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailMode {
    /// One server is asked, once.
    FailFast,
    /// Another server is asked, and a server that cannot be connected to is passed over.
    #[default]
    FailOver,
    /// The same server is asked again.
    RetrySame,
    /// After this time another server is asked beside the first, and the first answer counts; the other call is withdrawn. The method may
    /// run twice.
    Backup(Duration),
    /// All servers are asked at once, and the first answer counts; the others are withdrawn. The method runs wherever it can.
    Fork,
}
