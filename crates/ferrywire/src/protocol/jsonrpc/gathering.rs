//! Replies to lists of requests: each list is answered by one, once all of its calls have ended, in the order of the
//! requests. No order is promised by the specification, but there are clients that go by it.

use std::ops::Range;

use super::Element;
use super::fault::{self, ErrorCode};

/// The lists that have not been answered.
#[derive(Debug)]
pub(super) struct Gathering {
    lists: Vec<List>,
    /// How many bytes are held in all.
    held: usize,
    /// The longest answer, in bytes.
    len_max: usize,
}

#[derive(Debug)]
struct List {
    number: u32,
    /// How many requests it holds.
    len: usize,
    /// How many of them have ended.
    ended: usize,
    /// How many of them were read, as far as is known; all, once it is known of the last.
    read: usize,
    /// The replies, as they came.
    replies: Vec<u8>,
    /// Where each lies among them, and how many requests are in front of its own.
    places: Vec<(usize, Range<usize>)>,
}

impl Gathering {
    pub(super) fn new(len_max: usize) -> Self {
        Self { lists: Vec::new(), held: 0, len_max }
    }

    pub(super) fn begin(&mut self, number: u32, len: usize) {
        self.lists.push(List { number, len, ended: 0, read: 0, replies: Vec::new(), places: Vec::new() });
    }

    /// All requests of a list have been read.
    pub(super) fn note_read(&mut self, number: u32) {
        if let Some(list) = self.lists.iter_mut().find(|list| list.number == number) {
            list.read = list.len;
        }
    }

    /// How many bytes are held.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// A request has ended: from `at` on, `out` holds its reply, or nothing if nobody waits. It is taken from there, and
    /// the list's answer put in its place if this was the last.
    pub(super) fn end(&mut self, out: &mut Vec<u8>, at: usize, element: Element, id: &[u8]) {
        let Some(place) = self.lists.iter().position(|list| list.number == element.list) else {
            return out.truncate(at);
        };
        let Some(list) = self.lists.get_mut(place) else { return };
        list.read = list.read.max(element.at + 1);
        list.ended += 1;
        let before = list.replies.len();
        let reply_len = out.len() - at;
        if reply_len > 0 {
            // With the commas between them.
            if before + list.places.len() + reply_len > self.len_max {
                // Its own words are short: whatever the limit is, the caller learns what became of it.
                let text = format!("the replies of a list are over the limit of {} bytes", self.len_max);
                out.truncate(at);
                put_refusal(&mut list.replies, id, &text);
            } else {
                list.replies.extend_from_slice(out.get(at..).unwrap_or_default());
            }
            list.places.push((element.at, before..list.replies.len()));
        }
        out.truncate(at);
        self.held += list.replies.len() - before;
        self.flush(out, place);
    }

    /// Answers the list at this place if all of it has ended.
    fn flush(&mut self, out: &mut Vec<u8>, place: usize) {
        if self.lists.get(place).is_none_or(|list| list.ended < list.len) {
            return;
        }
        let mut list = self.lists.swap_remove(place);
        self.held -= list.replies.len();
        list.places.sort_unstable_by_key(|(at, _)| *at);
        for (number, (_, reply)) in list.places.iter().enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            out.extend_from_slice(list.replies.get(reply.clone()).unwrap_or_default());
        }
        // A list of requests that nobody waits for is not answered.
        if !list.places.is_empty() {
            out.extend_from_slice(b"]\n");
        }
    }

    /// Nothing more is read. `last` is the latest request that was taken: what is behind it in its list does not
    /// come.
    pub(super) fn close(&mut self, out: &mut Vec<u8>, last: Option<Element>) {
        for list in &mut self.lists {
            if let Some(last) = last.filter(|last| last.list == list.number) {
                list.read = list.read.max(last.at + 1);
            }
            list.len = list.read;
        }
        for place in (0..self.lists.len()).rev() {
            self.flush(out, place);
        }
    }
}

fn put_refusal(out: &mut Vec<u8>, id: &[u8], text: &str) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"error\":");
    fault::put_plain(out, ErrorCode::INTERNAL_ERROR, text);
    out.push(b'}');
}
