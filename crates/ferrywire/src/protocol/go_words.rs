//! What Go says of a method that is not there, word for word: other programs compare the texts.

use crate::message::Missing;

const SERVICE_MISSING: &str = "rpc: can't find service ";
const METHOD_MISSING: &str = "rpc: can't find method ";
const ILL_FORMED: &str = "rpc: service/method request ill-formed: ";

/// The text of an error reply to a call of `method`.
pub(super) fn of_missing(missing: Missing, method: &[u8]) -> Vec<u8> {
    let start = match missing {
        Missing::Dot => ILL_FORMED,
        Missing::Service => SERVICE_MISSING,
        Missing::Method => METHOD_MISSING,
    };
    [start.as_bytes(), method].concat()
}

/// The method that is not there, if that is what an error's text says.
pub(super) fn missing_in(text: &[u8]) -> Option<&[u8]> {
    let begun = [SERVICE_MISSING, METHOD_MISSING, ILL_FORMED];
    begun.into_iter().find_map(|start| text.strip_prefix(start.as_bytes()))
}
