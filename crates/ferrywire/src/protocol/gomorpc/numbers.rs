//! Errors as numbers: what the wire has in the place of a text. The table stands in [`mod.rs`](super).

use crate::error::{Code, Error};
use crate::message::Missing;

/// The time of a call has passed: the only number that other programs know.
pub(super) const LATE: u32 = 1;
const NO_SERVICE: u32 = 2;
const NO_METHOD: u32 = 3;
/// From here on: the code of an error, of a call that may have run.
const RAN: u32 = 100;
/// From here on: the code of an error, of a call that has certainly not.
const NOT_RUN: u32 = 200;

/// The number of an error.
pub(super) fn number_of(error: &Error) -> u32 {
    match (error.code(), error.may_have_run()) {
        (Code::DeadlineExceeded, _) => LATE,
        (code, true) => RAN + code as u32,
        (code, false) => NOT_RUN + code as u32,
    }
}

/// The number of what is not there.
pub(super) fn number_of_missing(missing: Missing) -> u32 {
    match missing {
        Missing::Dot | Missing::Service => NO_SERVICE,
        Missing::Method => NO_METHOD,
    }
}

/// What a server's number says of a call of `service` and `method`; `None` if it is no error.
pub(super) fn remote_error(number: u32, service: &[u8], method: &[u8]) -> Option<Error> {
    let missing = |missing: Missing| missing.error(&[service, b".", method].concat());
    let of_code = |from: u32| {
        let number = number.checked_sub(from).and_then(|number| u16::try_from(number).ok())?;
        Code::from_number(number)
    };
    let text = |code: Code| format!("{}, said by the number {number}", code.name());
    let error = match number {
        0 => return None,
        LATE => Error::new(Code::DeadlineExceeded, text(Code::DeadlineExceeded)),
        NO_SERVICE => missing(Missing::Service),
        NO_METHOD => missing(Missing::Method),
        _ => match (of_code(NOT_RUN), of_code(RAN)) {
            (Some(code), _) => Error::new(code, text(code)).not_executed(),
            (None, Some(code)) => Error::new(code, text(code)),
            (None, None) => Error::new(Code::Unknown, format!("the server answered with the error {number}")),
        },
    };
    Some(error.remote())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(number: u32) -> Error {
        remote_error(number, b"Foo", b"Sum").unwrap()
    }

    #[test]
    fn every_code_has_its_numbers() {
        for code in (1..=16).map(|number| Code::from_number(number).unwrap()) {
            for error in [Error::new(code, "why"), Error::new(code, "why").not_executed()] {
                let number = number_of(&error);
                let again = read(number);

                assert_eq!(again.code(), code);
                assert_eq!(again.may_have_run(), error.may_have_run() || code == Code::DeadlineExceeded);
                assert!(again.is_remote());
                assert!(again.message().contains(&number.to_string()), "{again}");
                assert_eq!(number == LATE, code == Code::DeadlineExceeded);
            }
        }
        assert_eq!(number_of(&Error::new(Code::Aborted, "why")), 110);
        assert_eq!(number_of(&Error::new(Code::ResourceExhausted, "why").not_executed()), 208);
    }

    #[test]
    fn what_is_not_there_is_told_from_what_fails() {
        for (missing, number, words) in [
            (Missing::Dot, 2, "no service answers Foo.Sum"),
            (Missing::Service, 2, "no service answers Foo.Sum"),
            (Missing::Method, 3, "the service has no method Foo.Sum"),
        ] {
            assert_eq!(number_of_missing(missing), number);

            let error = read(number);
            assert_eq!((error.code(), error.message()), (Code::Unimplemented, words));
            assert!(error.is_remote() && !error.may_have_run());
        }
    }

    #[test]
    fn a_number_that_nobody_here_knows_is_shown() {
        assert!(remote_error(0, b"Foo", b"Sum").is_none());
        for number in [4, 7, 99, 100, 117, 200, 217, u32::MAX] {
            let error = read(number);

            assert_eq!((error.code(), error.may_have_run()), (Code::Unknown, true));
            assert_eq!(error.message(), format!("the server answered with the error {number}"));
        }
    }
}
