//! One connection that is called over in both directions: which frame belongs to which of its banks.
//!
//! Kinds of frames tell the directions apart, so that each side can run an answering and a calling bank that
//! know nothing of each other. Frames are passed on as they are, byte by byte as they come; none is held.

use super::header::{HEADER_LEN, Header, PREFACE_LEN, Preface, flag, kind, read_preface};

/// Whether the side whose first bytes these are offers services; `None` if more bytes will tell.
///
/// What cannot be understood offers nothing: whoever reads on finds out what is wrong with it.
pub(crate) fn offers(bytes: &[u8]) -> Option<bool> {
    /// How many bytes of the hello stand in front of the number of services, that included.
    const COUNTED_LEN: usize = 14;
    match read_preface(bytes) {
        Ok(None) => return None,
        Ok(Some(Preface::Features(_))) => {}
        Ok(Some(Preface::Stranger(_))) | Err(_) => return Some(false),
    }
    let (header, body) = Header::read(bytes.get(PREFACE_LEN..).unwrap_or_default())?;
    if header.kind() != kind::HELLO || (header.len as usize) < COUNTED_LEN {
        return Some(false);
    }
    let body = body.get(..COUNTED_LEN)?;
    Some(body.last_chunk::<2>() != Some(&[0; 2]))
}

/// Which of a side's banks a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// The one that runs methods.
    Answering,
    /// The one that waits for replies.
    Calling,
    /// Each gets it.
    Both,
}

impl Receiver {
    /// Who has to read a frame. What is unknown goes to the answering bank, which says so and ends.
    fn of(header: Header) -> Self {
        match header.kind() {
            kind::HELLO | kind::GO_AWAY | kind::PONG => Self::Both,
            // The calling bank answers pings, because it reads always.
            kind::RESPONSE | kind::ERROR | kind::PING => Self::Calling,
            // More of a request may be sent: its caller is told.
            kind::CREDIT if !header.has(flag::BACK) => Self::Calling,
            ITEM | END if header.has(flag::BACK) => Self::Calling,
            _ => Self::Answering,
        }
    }
}

/// Parts of streams, which are not read yet; see the page on the protocol.
const ITEM: u16 = 8;
const END: u16 = 9;

/// What the beginning of a frame says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// The call of this id waits for its answer from now on.
    Asked(u64),
    /// The call of this id has been answered, or nobody waits for it any more.
    Settled(u64),
}

/// A piece of one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'b> {
    pub(crate) bytes: &'b [u8],
    /// The frame that the piece belongs to; none if it belongs to the preface.
    frame: Option<Header>,
    /// Whether the piece is the frame's header.
    is_header: bool,
    /// Whether the frame, or the preface, ends here.
    pub(crate) is_last: bool,
}

impl Piece<'_> {
    /// Who has to read it.
    pub(crate) fn receiver(&self) -> Receiver {
        self.frame.map_or(Receiver::Both, Receiver::of)
    }

    /// Whether it is what stands in front of all frames.
    pub(crate) fn is_preface(&self) -> bool {
        self.frame.is_none()
    }

    /// Whether it introduces its sender.
    pub(crate) fn is_greeting(&self) -> bool {
        self.frame.is_none_or(|frame| frame.kind() == kind::HELLO)
    }

    /// Whether it says that its sender takes no further request.
    pub(crate) fn is_go_away(&self) -> bool {
        self.frame.is_some_and(|frame| frame.kind() == kind::GO_AWAY)
    }

    /// Whether it asks whether anybody is there.
    pub(crate) fn is_ping(&self) -> bool {
        self.frame.is_some_and(|frame| frame.kind() == kind::PING)
    }

    /// The frame that begins here, if one does.
    fn begun(&self) -> Option<Header> {
        self.frame.filter(|_| self.is_header)
    }

    /// Whether a request begins here.
    pub(crate) fn is_request(&self) -> bool {
        self.begun().is_some_and(|frame| frame.kind() == kind::REQUEST && !frame.has(flag::CONTINUED))
    }

    /// What this says about a call of the side that sends it.
    pub(crate) fn going(&self) -> Option<Note> {
        let frame = self.begun()?;
        match frame.kind() {
            kind::REQUEST if frame.flags & (flag::CONTINUED | flag::ONE_WAY) == 0 => {
                Some(Note::Asked(frame.id))
            }
            kind::CANCEL => Some(Note::Settled(frame.id)),
            _ => None,
        }
    }

    /// What this says about a call of the side that gets it.
    pub(crate) fn coming(&self) -> Option<Note> {
        let frame = self.begun()?;
        match frame.kind() {
            kind::RESPONSE if !frame.has(flag::MORE) => Some(Note::Settled(frame.id)),
            kind::ERROR => Some(Note::Settled(frame.id)),
            _ => None,
        }
    }
}

/// Follows one direction of a connection from frame to frame.
#[derive(Debug)]
pub(crate) struct Cutter {
    stage: Stage,
    /// The beginning of a preface or a header.
    head: [u8; HEADER_LEN],
    head_len: usize,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Preface,
    Header,
    Body { frame: Header, left: usize },
}

// The preface is gathered where headers are.
const _: () = assert!(PREFACE_LEN == HEADER_LEN);

impl Cutter {
    /// At the front of a direction.
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Preface, head: [0; HEADER_LEN], head_len: 0 }
    }

    /// Whether the next byte begins a frame.
    pub(crate) fn is_between_frames(&self) -> bool {
        !matches!(self.stage, Stage::Body { .. }) && self.head_len == 0
    }

    /// Shows what `bytes` go on with, piece by piece. The beginning of a header waits for its rest.
    pub(crate) fn cut(&mut self, mut bytes: &[u8], mut show: impl FnMut(Piece<'_>)) {
        while !bytes.is_empty() {
            if let Stage::Body { frame, left } = self.stage {
                let (body, rest) = bytes.split_at(left.min(bytes.len()));
                let left = left - body.len();
                self.stage = if left == 0 { Stage::Header } else { Stage::Body { frame, left } };
                show(Piece { bytes: body, frame: Some(frame), is_header: false, is_last: left == 0 });
                bytes = rest;
                continue;
            }
            let (more, rest) = bytes.split_at((HEADER_LEN - self.head_len).min(bytes.len()));
            if let Some(place) = self.head.get_mut(self.head_len..self.head_len + more.len()) {
                place.copy_from_slice(more);
            }
            (self.head_len, bytes) = (self.head_len + more.len(), rest);
            if self.head_len < HEADER_LEN {
                return;
            }
            self.head_len = 0;
            let header = match self.stage {
                Stage::Preface => None,
                Stage::Header | Stage::Body { .. } => Header::read(&self.head).map(|(header, _)| header),
            };
            let left = header.map_or(0, |header| header.len as usize);
            self.stage = match header {
                Some(frame) if left > 0 => Stage::Body { frame, left },
                _ => Stage::Header,
            };
            show(Piece { bytes: &self.head, frame: header, is_header: header.is_some(), is_last: left == 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::protocol::native::frame::Put;
    use crate::protocol::{Offer, Terms};

    /// A side's first bytes, and a frame of every kind.
    fn stream(offers: &mut dyn Iterator<Item = Offer<'_>>) -> Vec<u8> {
        let limits = Limits::default();
        let mut put = Put::new(&Terms::new(&limits));
        let mut out = Vec::new();
        put.greeting(&mut out, &limits, offers);
        for kind in (0..=10).filter(|kind| *kind != kind::HELLO) {
            put.frame(&mut out, kind, 0, u64::from(kind), &vec![kind as u8; usize::from(kind) * 7]);
        }
        for kind in [kind::CREDIT, ITEM, END] {
            put.frame(&mut out, kind | flag::BACK, 0, u64::from(kind), b"back");
        }
        out
    }

    /// What each bank gets to read, if the stream comes in chunks of this length.
    fn sorted(stream: &[u8], chunk_len: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut answering, mut calling, mut cutter) = (Vec::new(), Vec::new(), Cutter::new());
        for chunk in stream.chunks(chunk_len) {
            cutter.cut(chunk, |piece| {
                if piece.receiver() != Receiver::Calling {
                    answering.extend_from_slice(piece.bytes);
                }
                if piece.receiver() != Receiver::Answering {
                    calling.extend_from_slice(piece.bytes);
                }
            });
        }
        (answering, calling)
    }

    fn kinds(stream: &[u8]) -> Vec<u16> {
        let (mut kinds, mut cutter) = (Vec::new(), Cutter::new());
        cutter.cut(stream, |piece| kinds.extend(piece.begun().map(|frame| frame.flags & !flag::CHECKSUM)));
        kinds
    }

    #[test]
    fn every_frame_reaches_the_bank_that_reads_it() {
        let stream = stream(&mut std::iter::empty());

        let (answering, calling) = sorted(&stream, stream.len());

        let back = flag::BACK;
        assert_eq!(kinds(&answering), [4, 0, 3, 6, 7, 8, 9, 10 | back]);
        assert_eq!(kinds(&calling), [4, 1, 2, 5, 6, 7, 10, 8 | back, 9 | back]);
    }

    #[test]
    fn frames_are_sorted_whatever_the_cut() {
        let stream = stream(&mut std::iter::empty());
        let whole = sorted(&stream, stream.len());

        for chunk_len in 1..40 {
            assert_eq!(sorted(&stream, chunk_len), whole, "in chunks of {chunk_len}");
        }
    }

    #[test]
    fn a_hello_says_whether_it_offers_services_as_soon_as_it_can() {
        static NOTHING: crate::description::Description =
            crate::description::Description { name: "Nothing", doc: "", methods: &[] };
        let offer = Offer { name: "Nothing", description: &NOTHING };
        let (with, without) = (stream(&mut std::iter::once(offer)), stream(&mut std::iter::empty()));

        for len in 0..46 {
            assert_eq!((offers(&with[..len]), offers(&without[..len])), (None, None), "{len}");
        }
        assert_eq!((offers(&with[..46]), offers(&without[..46])), (Some(true), Some(false)));
        // Another version, and a request in the place of the hello.
        for (at, byte) in [(4, 0), (22, 0)] {
            let mut other = with.clone();
            other[at] = byte;
            assert_eq!(offers(&other), Some(false), "byte {at}");
        }
    }
}
