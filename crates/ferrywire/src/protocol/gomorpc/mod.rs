//! gomorpc over a stream of bytes: a greeting of 34 bytes, and behind it protobuf messages in both directions, each with a header
//! that says whose it is.
//!
//! ```text
//! client  {"MagicNumber":21913,"CodeType":0}                          once, and never answered
//! both    length of the header, header, length of the message, message   lengths are 4 bytes, the largest first
//! ```
//!
//! # The header
//!
//! | field | is |
//! | --- | --- |
//! | 1 `service`, 2 `method` | what is called: `Service.Method` is said in two parts, split at its last dot |
//! | 3 `id` | the number of the call on its connection; clients count from 0 |
//! | 4 `error` | 0, or why there is no reply |
//! | 5 `timeout` | how long the caller waits, in nanoseconds; 0 leaves that to the server |
//!
//! A reply has the header of its request, unknown fields included, with the error set. Whatever is zero is not there.
//!
//! # Errors
//!
//! An error is a number without a text, and its message is empty. Only 0 and 1 are known to other programs; the other numbers are
//! ours.
//!
//! | number | means |
//! | --- | --- |
//! | 0 | the message is the method's reply |
//! | 1 | the call's time has passed: [`DeadlineExceeded`](crate::Code::DeadlineExceeded) |
//! | 2 | there is no such service; nothing has run |
//! | 3 | the service has no such method; nothing has run |
//! | 100 + the number of a [`Code`](crate::Code) | the method failed so, or its argument or reply is no message; it may have run |
//! | 200 + the number of a [`Code`](crate::Code) | the server did not run it |
//!
//! A client reads any other number as [`Unknown`](crate::Code::Unknown), and shows it.
//!
//! # Messages
//!
//! Arguments and replies are protobuf messages, as [`Proto`](crate::codec::Proto) makes them of plain types; `Protobuf<M>` of a
//! message of prost (feature `protobuf`), and bytes, are the message as it stands. What cannot be read is answered with the
//! number 103, and its connection goes on.
//!
//! ```
//! # async fn example() -> ferrywire::Result<()> {
//! use ferrywire::protocol::GomoRpc;
//! use ferrywire::{Client, Result, service};
//!
//! // A `String` is `google.protobuf.StringValue`.
//! #[service]
//! pub trait MyService {
//!     async fn func(&self, text: String) -> Result<String>;
//! }
//!
//! let client = Client::builder().protocol(GomoRpc).connect("tcp://127.0.0.1:7788").await?;
//! let answer = MyServiceClient::new(client).func("hello".to_owned()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Clients that die
//!
//! The whole process of a client in Go ends when its connection does, when a reply has an id that it does not wait for, and when one
//! comes before it has noted that it waits, which it does after it has sent. So a server here answers no sooner than
//! [`reply_latency_min`](crate::Limits::reply_latency_min) after it has read a request, and does not close a connection because of calls
//! that are of no use: those of what is not there, those with damaged arguments, those with ids in use. A server in Go ends
//! likewise when it is asked for what is not there.
//!
//! # What the wire cannot say
//!
//! - An error's text and details. What a method wants to say it says in its reply.
//! - That a caller has given up: a dropped call runs on to its end or its timeout, and its reply is thrown away.
//! - That nobody waits for a reply: everything is answered.
//! - Metadata, traces, checksums, compression, pieces of a body: a large body holds up what is behind it.
//! - That the peer is there, or that it leaves.

use super::Protocol;
use super::tunnel::Tunnel;

mod fields;
mod frame;
mod header;
mod numbers;
mod recognise;
mod replies;
mod requests;

pub use header::Echo;
pub use recognise::recognises;
pub use replies::{Replies, ReplyWriter};
pub use requests::{RequestWriter, Requests};

/// gomorpc.
#[derive(Clone, Copy, Debug, Default)]
pub struct GomoRpc;

impl Protocol for GomoRpc {
    const NAME: &'static str = "gomorpc";
    const TUNNEL: Option<Tunnel> = None;
    const CLIENTS_SURVIVE: bool = false;

    type Tag = Echo;
    type Word = std::convert::Infallible;
    type ReadRequests = Requests;
    type WriteReplies = ReplyWriter;
    type WriteRequests = RequestWriter;
    type ReadReplies = Replies;
}
