//! Messages off a stream of bytes, one at a time: objects, and lists of them, whose elements come one by one as well.
//!
//! What stands between messages is space or nothing. A list is handed out only when all of it is there.

use super::scan::{Key, Members, Scanner, is_space};
use crate::error::{Code, Error, Result};
use crate::limits::Limits;
use crate::message::Read;

/// What around a body is not counted as a part of it: names, whose letters may be escaped, id, brackets.
pub(crate) const ENVELOPE_LEN: usize = 2048;

/// What is found.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one at a time, and a box would be one for every message"
)]
pub(super) enum Frame<'b> {
    /// One object.
    Object(Object<'b>),
    /// A list begins; its elements follow, so many.
    List(usize),
    /// The list ends: all of its elements have been handed out.
    ListEnd,
    /// A list of so many, which is more than may be. Nothing of it follows.
    LongList(usize),
    /// An element of a list that is no object, and which.
    Other(usize),
}

/// An object as it lies in the bytes.
#[derive(Debug)]
pub(super) struct Object<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) members: Members,
    /// Which element of a list it is.
    pub(super) element: Option<usize>,
}

impl<'b> Object<'b> {
    /// The value of a member.
    pub(super) fn get(&self, key: Key) -> Option<&'b [u8]> {
        self.members.place(key).of(self.bytes)
    }

    /// The same, unless it is null.
    pub(super) fn given(&self, key: Key) -> Option<&'b [u8]> {
        self.get(key).filter(|value| *value != b"null")
    }
}

/// Finds messages in one direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    scanner: Scanner,
    /// Goes through one element of a list at a time.
    element: Scanner,
    /// The next element of the list that is being handed out, and how much of the list is done with.
    list: Option<(usize, usize)>,
    len_max: usize,
}

impl Frames {
    pub(super) fn new(limits: &Limits) -> Self {
        let depth_max = limits.json_depth_max;
        Self {
            scanner: Scanner::new(depth_max, limits.batch_len_max),
            element: Scanner::new(depth_max, 0),
            list: None,
            len_max: limits.frame_len_max.saturating_add(ENVELOPE_LEN),
        }
    }

    /// The next message, or element of one, at the front of `bytes`.
    ///
    /// # Errors
    ///
    /// If this is no JSON, or too long, or too deep.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> Result<Read<Frame<'b>>> {
        if let Some((next, done)) = self.list {
            return self.element_of(bytes, next, done);
        }
        // Only in front of a message is there nothing to be shown again.
        let space = match self.scanner.has_begun() {
            true => 0,
            false => bytes.iter().take_while(|byte| is_space(**byte)).count(),
        };
        let bytes = bytes.get(space..).unwrap_or_default();
        let scanned = self.scanner.scan(bytes)?;
        if scanned.unwrap_or(bytes.len()) > self.len_max {
            let text = format!("a message over the limit of {} bytes", self.len_max);
            return Err(Error::new(Code::ResourceExhausted, text));
        }
        let Some(end) = scanned else {
            return Ok(Read::More { used: space });
        };
        let message = bytes.get(..end).unwrap_or_default();
        let (elements, len) = self.scanner.elements();
        let (frame, used) = match message.first() {
            Some(b'[') if len == 0 || len > elements.len() => {
                let frame = if len == 0 { Frame::List(0) } else { Frame::LongList(len) };
                (frame, end)
            }
            Some(b'[') => {
                let used = elements.first().map_or(end, |(start, _)| *start);
                self.list = Some((0, used));
                return Ok(Read::Message { message: Frame::List(len), used: space + used });
            }
            _ => {
                let members = self.scanner.members();
                (Frame::Object(Object { bytes: message, members, element: None }), end)
            }
        };
        self.scanner.reset();
        Ok(Read::Message { message: frame, used: space + used })
    }

    /// The next element of a list that has come; `bytes` begins with it, or with the list's end.
    fn element_of<'b>(&mut self, bytes: &'b [u8], next: usize, done: usize) -> Result<Read<Frame<'b>>> {
        let (elements, _) = self.scanner.elements();
        let Some(&(start, end)) = elements.get(next) else {
            // Behind the last element there is only space.
            let used = bytes.iter().position(|byte| *byte == b']').map_or(bytes.len(), |at| at + 1);
            self.list = None;
            self.scanner.reset();
            return Ok(Read::Message { message: Frame::ListEnd, used });
        };
        let element = bytes.get(..end - start).unwrap_or_default();
        let frame = match element.first() {
            Some(b'{') => {
                self.element.reset();
                self.element.scan(element)?;
                let members = self.element.members();
                Frame::Object(Object { bytes: element, members, element: Some(next) })
            }
            _ => Frame::Other(next),
        };
        let behind = elements.get(next + 1).map_or(end, |(start, _)| *start);
        self.list = Some((next + 1, behind));
        Ok(Read::Message { message: frame, used: behind - done })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(stream: &[u8], step: usize) -> Vec<String> {
        let limits = Limits { batch_len_max: 3, ..Limits::default() };
        let (mut frames, mut found, mut from, mut to) = (Frames::new(&limits), Vec::new(), 0, 0);
        while to < stream.len() {
            to = stream.len().min(to + step);
            loop {
                match frames.read(&stream[from..to]) {
                    Ok(Read::Message { message, used }) => {
                        from += used;
                        found.push(match message {
                            Frame::Object(object) => {
                                let id = String::from_utf8_lossy(object.get(Key::Id).unwrap_or(b"-"));
                                format!("{id}/{:?}", object.element)
                            }
                            other => format!("{other:?}"),
                        });
                    }
                    Ok(Read::More { used }) => {
                        from += used;
                        break;
                    }
                    Ok(Read::End) => unreachable!(),
                    Err(error) => {
                        found.push(error.message().to_owned());
                        return found;
                    }
                }
            }
        }
        found
    }

    #[test]
    fn messages_follow_each_other_with_anything_between_them_or_nothing() {
        let stream = b"{\"id\":1}{\"id\":2}\n\r\n {\"id\":3} [] [ {\"id\":4} ,5, {} ]\n[1,2,3,4]{\"id\":6}x";
        let expected = [
            "1/None",
            "2/None",
            "3/None",
            "List(0)",
            "List(3)",
            "4/Some(0)",
            "Other(1)",
            "-/Some(2)",
            "ListEnd",
            "LongList(4)",
            "6/None",
            "`x` at byte 0, expected an object or a list",
        ];
        for step in [1, 2, 5, stream.len()] {
            assert_eq!(found(stream, step), expected);
        }
    }

    #[test]
    fn a_message_is_refused_by_its_length_before_its_end_comes() {
        let limits = Limits { frame_len_max: 10, ..Limits::default() };
        let mut frames = Frames::new(&limits);
        let long = [b"{\"a\":\"", &[b'x'; 3000][..]].concat();

        assert!(matches!(frames.read(&long[..1000]), Ok(Read::More { used: 0 })));
        assert!(frames.read(&long).unwrap_err().message().contains("over the limit of 2058 bytes"));
    }
}
