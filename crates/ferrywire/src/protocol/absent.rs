//! What stands in for a protocol that this program was built without: nothing is recognised as it.

use super::netrpc::NetRpc;
use super::recognition::Recognition;

/// Never begun.
pub(crate) type Served = NetRpc;

/// Nothing is JSON-RPC here.
pub(crate) fn recognises(_bytes: &[u8]) -> Recognition {
    Recognition::No
}
