//! What the family's servers say of what is not there and of what is late, word for word: other programs compare the texts.

use super::{Family, duration};
use crate::error::{Code, Error};
use crate::message::{Missing, split_method};

impl Family {
    /// The text of an error reply to a call of `method`. It names what is missing and no more.
    pub(super) fn of_missing(self, missing: Missing, method: &[u8]) -> Vec<u8> {
        let (service, name) = split_method(method).unwrap_or((method, method));
        let (words, name) = match (self, missing) {
            (Family::GeeRpc, Missing::Dot) => ("rpc server: service/method request ill-formed: ", method),
            (Family::GeeRpc, Missing::Service) => ("rpc server: can't find service ", service),
            (Family::GeeRpc, Missing::Method) => ("rpc server: can't find method ", name),
            (Family::WgRpc, Missing::Dot) => ("server.Register: service/method request ill-formed: ", method),
            (Family::WgRpc, Missing::Service) => ("server.findService: can't find service: ", service),
            (Family::WgRpc, Missing::Method) => ("server.findService: can't find method: ", name),
        };
        [words.as_bytes(), name].concat()
    }

    /// The text of an error reply to a call that has taken longer than so many nanoseconds.
    pub(super) fn of_late(self, nanos: i64) -> String {
        format!("{}{}", self.late(), duration::text(nanos))
    }

    fn late(self) -> &'static str {
        match self {
            Family::GeeRpc => "rpc server: request handle timeout: expect within ",
            Family::WgRpc => "server.handleRequest: request handle timeout: expect within ",
        }
    }
}

/// What a server's error text says of a call of `method`. The family's words for a method that is not there, with the
/// names of this one, tell that nothing has run.
pub(super) fn remote_error(method: &[u8], text: &[u8]) -> Error {
    let is_missing = |family: Family| {
        let kinds = [Missing::Dot, Missing::Service, Missing::Method];
        kinds.into_iter().any(|missing| family.of_missing(missing, method) == text)
    };
    if Family::ALL.into_iter().any(is_missing) {
        return Error::from_bytes(Code::Unimplemented, text).remote().not_executed();
    }
    let is_late = Family::ALL.into_iter().any(|family| text.starts_with(family.late().as_bytes()));
    let code = if is_late { Code::DeadlineExceeded } else { Code::Unknown };
    Error::from_bytes(code, text).remote()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_in_the_familys_words() {
        for (family, missing, words) in [
            (Family::GeeRpc, Missing::Dot, "rpc server: service/method request ill-formed: Foo"),
            (Family::WgRpc, Missing::Dot, "server.Register: service/method request ill-formed: Foo"),
        ] {
            assert_eq!(family.of_missing(missing, b"Foo"), words.as_bytes());
        }
        for (family, missing, words) in [
            (Family::GeeRpc, Missing::Service, "rpc server: can't find service a.Foo"),
            (Family::GeeRpc, Missing::Method, "rpc server: can't find method Sum"),
            (Family::WgRpc, Missing::Service, "server.findService: can't find service: a.Foo"),
            (Family::WgRpc, Missing::Method, "server.findService: can't find method: Sum"),
        ] {
            assert_eq!(family.of_missing(missing, b"a.Foo.Sum"), words.as_bytes());
            let error = remote_error(b"a.Foo.Sum", words.as_bytes());
            assert_eq!((error.code(), error.may_have_run()), (Code::Unimplemented, false));
            let others = remote_error(b"a.Bar.Len", words.as_bytes());
            assert_eq!((others.code(), others.may_have_run()), (Code::Unknown, true));
        }
    }

    #[test]
    fn a_late_call_is_known_by_the_familys_words() {
        for (family, words) in [
            (Family::GeeRpc, "rpc server: request handle timeout: expect within 1.5ms"),
            (Family::WgRpc, "server.handleRequest: request handle timeout: expect within 1.5ms"),
        ] {
            assert_eq!(family.of_late(1_500_000), words);
            let error = remote_error(b"Foo.Sum", words.as_bytes());
            assert_eq!((error.code(), error.message()), (Code::DeadlineExceeded, words));
            assert!(error.is_remote() && error.may_have_run());
        }
    }
}
