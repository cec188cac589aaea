//! JSON as far as it has to be known here: where a value ends, and which members an object has.
//!
//! Only what decides that is looked at; whether a value is JSON all the way is the codec's business.

use crate::error::{Code, Error, Result};

/// Looks for the end of one value whose bytes come by and by. Nothing is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Extent {
    /// How many bytes have been looked at.
    at: usize,
    /// How many objects and lists are open.
    depth: usize,
    inside: Inside,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    /// What stands in front of a value, or between the parts of one.
    #[default]
    Space,
    /// A text.
    Text,
    /// What a backslash begins.
    Escape,
    /// A number or a word, outside of everything.
    Word,
}

impl Extent {
    /// The length of the value that begins at the front of `bytes`, once its end has come; `bytes` begin where they did
    /// when this was last asked.
    ///
    /// # Errors
    ///
    /// If no value begins so.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        while let Some(&byte) = bytes.get(self.at) {
            match self.inside {
                Inside::Text => {
                    let rest = bytes.get(self.at..).unwrap_or_default();
                    let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                        self.at = bytes.len();
                        return Ok(None);
                    };
                    self.at += plain;
                    let ends = rest.get(plain) == Some(&b'"');
                    self.inside = if ends { Inside::Space } else { Inside::Escape };
                    if ends && self.depth == 0 {
                        return Ok(Some(self.at + 1));
                    }
                }
                Inside::Escape => self.inside = Inside::Text,
                Inside::Word if is_of_word(byte) => {}
                // What ends it is no part of it.
                Inside::Word => return Ok(Some(self.at)),
                Inside::Space => match byte {
                    b'"' => self.inside = Inside::Text,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth > 1 => self.depth -= 1,
                    b'}' | b']' if self.depth == 1 => return Ok(Some(self.at + 1)),
                    _ if self.depth > 0 || is_space(byte) => {}
                    _ if is_of_word(byte) => self.inside = Inside::Word,
                    _ => return Err(unexpected(bytes.get(self.at..).unwrap_or_default(), "a value")),
                },
            }
            self.at += 1;
        }
        Ok(None)
    }
}

/// The members of an object, names and values as they stand.
pub(super) struct Members<'o> {
    rest: &'o [u8],
    wants: Wants,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// The first member, or the end.
    First,
    /// What follows a member.
    Next,
    /// Nothing.
    End,
}

impl<'o> Members<'o> {
    /// Of the object that `bytes` are, with space before and behind it or not.
    ///
    /// # Errors
    ///
    /// If no object begins so.
    pub(super) fn of(bytes: &'o [u8]) -> Result<Self> {
        let mut members = Self { rest: bytes, wants: Wants::First };
        members.pass(b'{', "an object")?;
        Ok(members)
    }

    fn member(&mut self) -> Result<Option<(&'o [u8], &'o [u8])>> {
        self.rest = behind_space(self.rest);
        match (self.wants, self.rest.first()) {
            (Wants::End, _) => return Ok(None),
            (_, Some(b'}')) => return Ok(None),
            (Wants::First, _) => {}
            (Wants::Next, _) => self.pass(b',', "a comma or an end")?,
        }
        self.rest = behind_space(self.rest);
        if self.rest.first() != Some(&b'"') {
            return Err(unexpected(self.rest, "a key"));
        }
        let key = self.value()?;
        self.pass(b':', "a colon")?;
        self.rest = behind_space(self.rest);
        let value = self.value()?;
        self.wants = Wants::Next;
        Ok(Some((content(key).unwrap_or_default(), value)))
    }

    fn pass(&mut self, expected: u8, words: &str) -> Result<()> {
        let rest = behind_space(self.rest);
        match rest.split_first() {
            Some((byte, behind)) if *byte == expected => {
                self.rest = behind;
                Ok(())
            }
            _ => Err(unexpected(rest, words)),
        }
    }

    fn value(&mut self) -> Result<&'o [u8]> {
        let Some(end) = Extent::default().end(self.rest)? else {
            return Err(unexpected(b"", "the end of a value"));
        };
        let (value, behind) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = behind;
        Ok(value)
    }
}

impl<'o> Iterator for Members<'o> {
    type Item = Result<(&'o [u8], &'o [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.member().transpose();
        if !matches!(member, Some(Ok(_))) {
            self.wants = Wants::End;
        }
        member
    }
}

/// What is between the quotes of a text, if `value` is one.
pub(super) fn content(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// What may stand between values.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

pub(super) fn behind_space(bytes: &[u8]) -> &[u8] {
    let space = bytes.iter().take_while(|byte| is_space(**byte)).count();
    bytes.get(space..).unwrap_or_default()
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

#[cold]
fn unexpected(rest: &[u8], expected: &str) -> Error {
    let found = crate::error::shown(rest.get(..rest.len().min(8)).unwrap_or_default());
    Error::new(Code::InvalidArgument, format!("`{found}`, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends_whatever_the_cut() {
        for (bytes, len) in [
            (&b"{\"a\":{\"b\":[1,\"}\\\"]\"]}} {"[..], Some(22)),
            (b" [[],{}]x", Some(8)),
            (b"\"a\\\\\"\"", Some(5)),
            (b"-1.5e+3 ", Some(7)),
            (b"null}", Some(4)),
            (b"12", None),
            (b"{\"a\":\"}", None),
            (b" \n", None),
        ] {
            for step in 1..=bytes.len() {
                let (mut extent, mut end) = (Extent::default(), None);
                for shown in (step..bytes.len()).step_by(step).chain([bytes.len()]) {
                    end = end.or_else(|| extent.end(&bytes[..shown]).unwrap());
                }
                assert_eq!(end, len, "{bytes:?} in steps of {step}");
            }
        }
        for bytes in [&b"}"[..], b"]", b",1", b":", b"\x00", b"\xff"] {
            assert!(Extent::default().end(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn members_come_with_their_names() {
        let object = b" { \"A\" : 1 ,\"b\\\"c\":\"x\",\"d\":{\"A\":[2]} } ";

        let members: Vec<_> = Members::of(object).unwrap().map(Result::unwrap).collect();

        let expected: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"b\\\"c", b"\"x\""), (b"d", b"{\"A\":[2]}")];
        assert_eq!(members, expected);
        assert_eq!(Members::of(b"{}").unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_object_is_an_error_once() {
        assert!(Members::of(b"[]").is_err());
        for object in
            [&b"{\"a\"}"[..], b"{\"a\":}", b"{a:1}", b"{\"a\":1 \"b\":2}", b"{,}", b"{\"a\":1", b"{1:2}"]
        {
            let members: Vec<_> = Members::of(object).unwrap().collect();

            assert!(members.last().unwrap().is_err(), "{object:?}");
            assert!(members.iter().filter(|member| member.is_err()).count() == 1);
        }
    }
}
