//! Messages in bytes, and a service for them.

use std::time::Duration;

use ferrywire::codec::Protobuf;
use ferrywire::transport::Memory;
use ferrywire::{Code, Error, Limits, Result, service};

use crate::support::{Bench, End, Rig};

/// What a client says first.
pub(crate) const GREETING: &[u8] = b"{\"MagicNumber\":21913,\"CodeType\":0}";

/// Its methods take and give messages; a `String` is one with a single field, a text.
#[service]
pub(crate) trait MyService {
    async fn func(&self, text: Protobuf<String>) -> Protobuf<String>;

    /// The text, once it is let go.
    async fn slow(&self, text: Protobuf<String>) -> Protobuf<String>;

    /// The error with the code of this number, and with a text.
    async fn fail(&self, code: Protobuf<u32>) -> Result<Protobuf<String>>;

    /// Takes what has no message.
    async fn take_number(&self, number: u128) -> Protobuf<String>;

    /// Gives what has no message.
    async fn give_number(&self, text: Protobuf<String>) -> u128;

    /// The message that these bytes are.
    async fn carry(&self, message: &[u8]) -> serde_bytes::ByteBuf;

    /// Takes and gives the message without fields.
    async fn nothing(&self);
}

impl MyService for Bench {
    async fn func(&self, text: Protobuf<String>) -> Protobuf<String> {
        Protobuf(text.0 + "--ret")
    }

    async fn slow(&self, text: Protobuf<String>) -> Protobuf<String> {
        self.held().await;
        text
    }

    async fn fail(&self, code: Protobuf<u32>) -> Result<Protobuf<String>> {
        Err(Error::new(Code::from_number(code.0 as u16).unwrap(), "a text"))
    }

    async fn take_number(&self, number: u128) -> Protobuf<String> {
        Protobuf(number.to_string())
    }

    async fn give_number(&self, text: Protobuf<String>) -> u128 {
        text.0.len() as u128
    }

    async fn carry(&self, message: &[u8]) -> serde_bytes::ByteBuf {
        serde_bytes::ByteBuf::from(message)
    }

    async fn nothing(&self) {}
}

pub(crate) async fn rig() -> Rig {
    rig_with(Limits::default()).await
}

pub(crate) async fn rig_with(limits: Limits) -> Rig {
    let (bench, memory) = (Bench::new(), Memory::new());
    let service = MyServiceServer::new(bench.clone());
    Rig::offering(service, bench, memory, "memory://rig", limits).await
}

/// A caller that has said its greeting.
pub(crate) async fn greeted(rig: &Rig) -> End {
    let mut client = End::to(rig).await;
    client.say(GREETING).await;
    client
}

/// A header and a message, each behind its length.
pub(crate) fn framed(header: &[u8], message: &[u8]) -> Vec<u8> {
    let len = |bytes: &[u8]| (bytes.len() as u32).to_be_bytes();
    [&len(header)[..], header, &len(message), message].concat()
}

/// A header of `MyService`, in the order of its fields; what is zero is not there.
pub(crate) fn header(method: &str, id: u8, error: u8, timeout: Duration) -> Vec<u8> {
    let mut header = [b"\x0a\x09MyService\x12", &[method.len() as u8][..], method.as_bytes()].concat();
    for (field, number) in
        [(3, u64::from(id)), (4, u64::from(error)), (5, timeout.as_nanos().try_into().unwrap())]
    {
        if number > 0 {
            header.push(field << 3);
            let mut rest = number;
            while rest >= 0x80 {
                header.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            header.push(rest as u8);
        }
    }
    header
}

/// A request without a timeout, or its reply.
pub(crate) fn said(method: &str, id: u8, message: &[u8]) -> Vec<u8> {
    framed(&header(method, id, 0, Duration::ZERO), message)
}

/// The reply that is an error.
pub(crate) fn refused(method: &str, id: u8, error: u8) -> Vec<u8> {
    framed(&header(method, id, error, Duration::ZERO), b"")
}
