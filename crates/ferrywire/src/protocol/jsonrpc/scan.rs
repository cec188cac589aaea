//! Where a message ends: one pass over its bytes, however they come, which is strict about JSON's grammar and notes
//! where the members lie that somebody will ask for.
//!
//! Nothing is looked at twice. Texts and numbers are not understood here, only passed over; a text need not be
//! UTF-8.

use super::text;
use crate::error::{Code, Error, Result};

/// The members that messages of this protocol have, and error objects with what we put into them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Version,
    Method,
    Params,
    Id,
    Result,
    Error,
    Code,
    Message,
    Data,
    Executed,
    Bytes,
}

const KEYS: [(&[u8], Key); 11] = [
    (b"jsonrpc", Key::Version),
    (b"method", Key::Method),
    (b"params", Key::Params),
    (b"id", Key::Id),
    (b"result", Key::Result),
    (b"error", Key::Error),
    (b"code", Key::Code),
    (b"message", Key::Message),
    (b"data", Key::Data),
    (b"executed", Key::Executed),
    (b"bytes", Key::Bytes),
];

impl Key {
    /// The member of that name in any case, as Go reads them.
    fn named(name: &[u8]) -> Option<Self> {
        let known = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, key)| *key)
    }
}

/// Where a value lies, counted from the first byte of its message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) start: usize,
    /// Zero if there is no such value.
    pub(super) end: usize,
    /// Where the first comma of a list is that is no part of an element; zero if there is none.
    comma: usize,
}

impl Place {
    pub(super) fn of(self, message: &[u8]) -> Option<&[u8]> {
        message.get(self.start..self.end).filter(|value| !value.is_empty())
    }

    /// The first element of a list, and whether more follow.
    pub(super) fn first(self, message: &[u8]) -> (&[u8], bool) {
        let has_more = self.comma > 0;
        let end = if has_more { self.comma } else { self.end - 1 };
        (message.get(self.start + 1..end).unwrap_or_default().trim_ascii(), has_more)
    }
}

/// Where the members of an object are; of two with one name the last counts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Members([Place; KEYS.len()]);

impl Members {
    pub(super) fn place(&self, key: Key) -> Place {
        self.0.get(key as usize).copied().unwrap_or_default()
    }

    fn place_mut(&mut self, key: Key) -> Option<&mut Place> {
        self.0.get_mut(key as usize)
    }
}

/// What is being looked for.
#[derive(Clone, Copy, Debug)]
enum Wants {
    /// A value.
    Value,
    /// An element, or the end of a list without any.
    Element,
    /// A key, or the end of an object without any.
    FirstKey,
    /// A key.
    Key,
    /// What stands between a key and its value.
    Colon,
    /// What follows a value.
    Next,
    /// The end of a text.
    Quote(Text),
    /// What a backslash begins.
    Escaped(Text),
    /// So many digits of a code unit.
    Hex(Text, u8),
    /// The rest of a number.
    Number(Number),
    /// The rest of a word.
    Rest(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Key,
    Value,
}

/// How far a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// What `byte` makes of it; `None` if it is no part of it.
    fn then(self, byte: u8) -> Option<Self> {
        use Number::{Digits, Exponent, ExponentDigits, ExponentSign, Fraction, Minus, Point, Zero};
        Some(match (self, byte) {
            (Minus, b'0') => Zero,
            (Minus | Digits, b'0'..=b'9') => Digits,
            (Zero | Digits, b'.') => Point,
            (Point | Fraction, b'0'..=b'9') => Fraction,
            (Zero | Digits | Fraction, b'e' | b'E') => Exponent,
            (Exponent, b'+' | b'-') => ExponentSign,
            (Exponent | ExponentSign | ExponentDigits, b'0'..=b'9') => ExponentDigits,
            _ => return None,
        })
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Digits | Self::Fraction | Self::ExponentDigits)
    }
}

/// Goes through one message, an object or a list, from its first byte to its last.
#[derive(Debug)]
pub(super) struct Scanner {
    /// How many bytes have been looked at.
    at: usize,
    wants: Wants,
    /// What is open, the outermost first: whether it is an object.
    open: Vec<bool>,
    depth_max: usize,
    key_at: usize,
    /// The member whose value is under way.
    member: Option<Key>,
    members: Members,
    /// The elements of a list, as many as may be.
    elements: Vec<(usize, usize)>,
    elements_max: usize,
    /// How many there are in all.
    elements_len: usize,
}

impl Scanner {
    pub(super) fn new(depth_max: usize, elements_max: usize) -> Self {
        Self {
            at: 0,
            wants: Wants::Value,
            open: Vec::new(),
            depth_max,
            key_at: 0,
            member: None,
            members: Members::default(),
            elements: Vec::new(),
            elements_max,
            elements_len: 0,
        }
    }

    /// Back to the beginning, of another message.
    pub(super) fn reset(&mut self) {
        (self.at, self.wants, self.member, self.elements_len) = (0, Wants::Value, None, 0);
        self.members = Members::default();
        self.open.clear();
        self.elements.clear();
    }

    /// Where the members are of an object that was gone through.
    pub(super) fn members(&self) -> Members {
        self.members
    }

    /// Where the elements are of a list that was gone through, as many as may be, and how many it has.
    pub(super) fn elements(&self) -> (&[(usize, usize)], usize) {
        (&self.elements, self.elements_len)
    }

    /// Goes on with a message of which `bytes` has come; its length, if it is whole.
    ///
    /// # Errors
    ///
    /// If this is no JSON, or no message whatever follows.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>> {
        while let Some(&byte) = bytes.get(self.at) {
            match self.wants {
                Wants::Quote(text) => {
                    self.at += text::plain_len(bytes.get(self.at..).unwrap_or_default());
                    match bytes.get(self.at) {
                        None => return Ok(None),
                        Some(b'"') => self.end_text(text, bytes),
                        Some(b'\\') => self.wants = Wants::Escaped(text),
                        Some(_) => return Err(self.unexpected(bytes, "no control character in a text")),
                    }
                }
                Wants::Number(number) => match number.then(byte) {
                    Some(number) => self.wants = Wants::Number(number),
                    // What ends it is no part of it.
                    None if number.is_whole() => {
                        self.end_value(self.at);
                        continue;
                    }
                    None => return Err(self.unexpected(bytes, "a digit")),
                },
                Wants::Escaped(text) => match byte {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.wants = Wants::Quote(text),
                    b'u' => self.wants = Wants::Hex(text, 4),
                    _ => return Err(self.unexpected(bytes, "an escape")),
                },
                Wants::Hex(text, left) if byte.is_ascii_hexdigit() => {
                    self.wants = if left == 1 { Wants::Quote(text) } else { Wants::Hex(text, left - 1) };
                }
                Wants::Hex(..) => return Err(self.unexpected(bytes, "four hexadecimal digits")),
                Wants::Rest(rest) => match rest.split_first() {
                    Some((next, [])) if *next == byte => self.end_value(self.at + 1),
                    Some((next, rest)) if *next == byte => self.wants = Wants::Rest(rest),
                    _ => return Err(self.unexpected(bytes, "true, false or null")),
                },
                _ if is_space(byte) => {}
                Wants::Value => self.begin_value(bytes, byte)?,
                Wants::Element if byte == b']' => self.close(),
                Wants::Element => self.begin_value(bytes, byte)?,
                Wants::FirstKey if byte == b'}' => self.close(),
                Wants::FirstKey | Wants::Key if byte == b'"' => {
                    (self.key_at, self.wants) = (self.at + 1, Wants::Quote(Text::Key));
                }
                Wants::FirstKey | Wants::Key => return Err(self.unexpected(bytes, "a key")),
                Wants::Colon if byte == b':' => self.wants = Wants::Value,
                Wants::Colon => return Err(self.unexpected(bytes, "a colon")),
                Wants::Next => match (self.open.last(), byte) {
                    (Some(true), b',') => self.wants = Wants::Key,
                    (Some(false), b',') => self.comma(),
                    (Some(true), b'}') | (Some(false), b']') => self.close(),
                    _ => return Err(self.unexpected(bytes, "a comma or an end")),
                },
            }
            self.at += 1;
            if self.open.is_empty() && self.has_begun() {
                return Ok(Some(self.at));
            }
        }
        Ok(None)
    }

    /// Whether more than space has come.
    pub(super) fn has_begun(&self) -> bool {
        !(self.open.is_empty() && matches!(self.wants, Wants::Value))
    }

    fn begin_value(&mut self, bytes: &[u8], byte: u8) -> Result<()> {
        match (&self.open[..], self.member) {
            ([], _) if byte != b'{' && byte != b'[' => {
                return Err(self.unexpected(bytes, "an object or a list"));
            }
            ([true], Some(member)) => {
                if let Some(place) = self.members.place_mut(member) {
                    *place = Place { start: self.at, ..Place::default() };
                }
            }
            ([false], _) => {
                self.elements_len += 1;
                if self.elements.len() < self.elements_max {
                    self.elements.push((self.at, self.at));
                }
            }
            _ => {}
        }
        self.wants = match byte {
            b'{' => self.descend(true)?,
            b'[' => self.descend(false)?,
            b'"' => Wants::Quote(Text::Value),
            b'-' => Wants::Number(Number::Minus),
            b'0' => Wants::Number(Number::Zero),
            b'1'..=b'9' => Wants::Number(Number::Digits),
            b't' => Wants::Rest(b"rue"),
            b'f' => Wants::Rest(b"alse"),
            b'n' => Wants::Rest(b"ull"),
            _ => return Err(self.unexpected(bytes, "a value")),
        };
        Ok(())
    }

    fn descend(&mut self, is_object: bool) -> Result<Wants> {
        if self.open.len() >= self.depth_max {
            let text = format!("values nest deeper than {}", self.depth_max);
            return Err(Error::new(Code::InvalidArgument, text));
        }
        self.open.push(is_object);
        Ok(if is_object { Wants::FirstKey } else { Wants::Element })
    }

    /// An object or a list ends with the byte that is being looked at.
    fn close(&mut self) {
        self.open.pop();
        self.end_value(self.at + 1);
    }

    fn comma(&mut self) {
        self.wants = Wants::Value;
        if let ([true, false], Some(member)) = (&self.open[..], self.member)
            && let Some(place) = self.members.place_mut(member)
            && place.comma == 0
        {
            place.comma = self.at;
        }
    }

    fn end_value(&mut self, end: usize) {
        self.wants = Wants::Next;
        match (&self.open[..], self.member) {
            ([true], Some(member)) => {
                if let Some(place) = self.members.place_mut(member) {
                    place.end = end;
                }
            }
            ([false], _) if self.elements_len == self.elements.len() => {
                if let Some(element) = self.elements.last_mut() {
                    element.1 = end;
                }
            }
            _ => {}
        }
    }

    fn end_text(&mut self, text: Text, bytes: &[u8]) {
        if text == Text::Value {
            return self.end_value(self.at + 1);
        }
        self.wants = Wants::Colon;
        if self.open.len() == 1 {
            let name = bytes.get(self.key_at..self.at).unwrap_or_default();
            self.member = match name.contains(&b'\\') {
                false => Key::named(name),
                true => Key::named(&text::unescaped(name)),
            };
        }
    }

    #[cold]
    fn unexpected(&self, bytes: &[u8], expected: &str) -> Error {
        let found = crate::error::shown(bytes.get(self.at..self.at + 1).unwrap_or_default());
        let text = format!("`{found}` at byte {}, expected {expected}", self.at);
        Error::new(Code::InvalidArgument, text)
    }
}

/// What may stand between values.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(bytes: &[u8], step: usize) -> (Result<Option<usize>, String>, Scanner) {
        let mut scanner = Scanner::new(8, 3);
        let mut shown = 0;
        loop {
            shown = bytes.len().min(shown + step);
            match scanner.scan(&bytes[..shown]) {
                Ok(None) if shown < bytes.len() => {}
                outcome => return (outcome.map_err(|error| error.message().to_owned()), scanner),
            }
        }
    }

    #[test]
    fn members_are_found_whatever_the_cut() {
        let message = br#" {"x":{"id":[7]},"ID" : "a\"}" , "para\u006ds":[ {"a":[1,2]} , 3],"method":null,"id":-1.5e+3} {"#;
        for step in [1, 2, 3, 7, message.len()] {
            let (outcome, scanner) = scanned(message, step);

            assert_eq!(outcome, Ok(Some(message.len() - 2)), "in steps of {step}");
            let members = scanner.members();
            let found = |key: Key| members.place(key).of(message);
            assert_eq!(found(Key::Id), Some(&b"-1.5e+3"[..]));
            assert_eq!(found(Key::Method), Some(&b"null"[..]));
            assert_eq!(found(Key::Params), Some(&br#"[ {"a":[1,2]} , 3]"#[..]));
            assert_eq!(members.place(Key::Params).first(message), (&br#"{"a":[1,2]}"#[..], true));
            assert_eq!(found(Key::Result), None);
        }
    }

    #[test]
    fn the_elements_of_a_list_are_counted_beyond_those_that_may_be() {
        let (outcome, scanner) = scanned(b"[1, {\"id\":2},[3,4],\"5\", 6]", 1);

        assert_eq!(outcome, Ok(Some(26)));
        assert_eq!(scanner.elements(), (&[(1, 2), (4, 12), (13, 18)][..], 5));
    }

    #[test]
    fn an_only_element_is_told_from_none_and_from_many() {
        for (message, expected) in [
            (&br#"{"params":[]}"#[..], (&b""[..], false)),
            (br#"{"params":[ ]}"#, (b"", false)),
            (br#"{"params":[[1,2]]}"#, (b"[1,2]", false)),
            (br#"{"params":[1,2,3]}"#, (b"1", true)),
            (br#"{"params":[1,2],"params":["x"]}"#, (br#""x""#, false)),
        ] {
            let (_, scanner) = scanned(message, 1);

            assert_eq!(scanner.members().place(Key::Params).first(message), expected);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_is_found() {
        for (bytes, words) in [
            (&b"{bad json"[..], "`b` at byte 1, expected a key"),
            (b"123 ", "`1` at byte 0, expected an object or a list"),
            (b"\"x\"", "expected an object or a list"),
            (b"{\"a\" 1}", "`1` at byte 5, expected a colon"),
            (b"{\"a\":1]", "`]` at byte 6, expected a comma or an end"),
            (b"[1}", "expected a comma or an end"),
            (b"[1,]", "expected a value"),
            (b"{\"a\":1,}", "expected a key"),
            (b"[01]", "`1` at byte 2"),
            (b"[-]", "expected a digit"),
            (b"[1.]", "expected a digit"),
            (b"[1e]", "expected a digit"),
            (b"[+1]", "expected a value"),
            (b"[NaN]", "expected a value"),
            (b"[nul]", "expected true, false or null"),
            (b"[trux", "expected true, false or null"),
            (b"[\"\n\"]", "expected no control character"),
            (b"[\"\\x\"]", "expected an escape"),
            (b"[\"\\u12g4\"]", "expected four hexadecimal digits"),
            (b"[\xef\xbb\xbf]", "expected a value"),
            (b"[[[[[[[[[]]]]]]]]]", "values nest deeper than 8"),
        ] {
            for step in [1, bytes.len()] {
                let message = scanned(bytes, step).0.unwrap_err();
                assert!(message.contains(words), "{message}, not {words}");
            }
        }
    }

    #[test]
    fn it_agrees_with_serde_json() {
        for bytes in [
            &br#"{"":[true,false,null,0,-0,1.0,2e5,3E-7,-10.25e+1,"\u00e9\ud83e\udd80\\\/\b\f\n\r\t"]}"#[..],
            b"[]",
            b"{}",
            b"[ {\t} ,\n[\r] ]",
            br#"{"a":{"b":{"c":{"d":{"e":{"f":{"g":1}}}}}}}"#,
        ] {
            assert_eq!(scanned(bytes, 1).0, Ok(Some(bytes.len())));
            assert!(serde_json::from_slice::<serde_json::Value>(bytes).is_ok());
        }
    }
}
