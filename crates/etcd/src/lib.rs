//! Where the servers of a service are, as etcd knows it: how clients find them, and how servers make themselves known.
//!
//! Every server is a key below a prefix, such as `services/arith/tcp://10.0.0.1:7001`, with a value in JSON:
//!
//! ```json
//! {"address":"tcp://10.0.0.1:7001","weight":1,"zone":"eu-1","metadata":{},"health":"serving"}
//! ```
//!
//! All but `address` may be left out. Whoever else writes such keys is found too.
//!
//! ```no_run
//! # async fn example(builder: ferrywire::server::Builder) -> ferrywire::Result<()> {
//! use ferrywire::discovery::Sources;
//! use ferrywire_etcd::{Announcer, Etcd};
//!
//! // Where servers are looked for:
//! let sources = Sources::default().with(Etcd);
//! let source = sources.open("etcd://10.0.0.10:2379,10.0.0.11:2379/services/arith")?;
//!
//! // Where a server makes itself known:
//! let announcer = Announcer::to("etcd://10.0.0.10:2379,10.0.0.11:2379/services/arith")?.zone("eu-1");
//! let server = builder.announce(announcer).bind("tcp://10.0.0.1:7001").await?;
//! # drop((source, server));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod announcer;
mod entry;
mod place;
mod source;

pub use announcer::Announcer;
pub use source::Etcd;
