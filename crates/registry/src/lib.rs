//! Where the servers of a service are: an HTTP registry with heartbeats, in any ferrywire server or alone.
//!
//! - [`Registry`]: the registry, on a server's own port. The program `ferrywire-registry` is one alone.
//! - [`Announcer`]: registers a server while it runs.
//! - [`Scheme`]: `registry+http://host:port/Service`, a source of servers for clients.
//!
//! A server is listed while it beats, every 10 s, and for 30 s after its last beat. Several registries know nothing of each other: servers
//! register at all of them, clients take what any of them lists, and losing one costs nothing. It is more important that servers are
//! found than that all clients see the same list at the same time.
//!
//! # The API
//!
//! | request | is |
//! | --- | --- |
//! | `POST /registry/v1/servers` | a server is here, or still here: `{"address", "services", "weight", "zone", "metadata", "health", "ttl_ms"}`, of which all but the address may be left out |
//! | `DELETE /registry/v1/servers?address=tcp://host:port` | it is gone |
//! | `GET /registry/v1/servers?service=Arith` | `{"epoch", "version", "servers": [..]}`; without a service, all servers |
//! | the same with `after=VERSION&epoch=EPOCH&wait_ms=30000` | that list once it is of another version, or after the wait as it is |
//! | `POST` and `GET /wgrpc/registry`, `/_geerpc_/registry` | the header protocol of WgRPC and GeeRPC |
//!
//! Errors are `{"code", "message"}`, with the statuses of a server's own. What is registered by the header protocol has no services, and is
//! in lists of all servers only; what is draining is in no list of the header protocol.
//!
//! A server says where it is while it serves, and a client finds it there:
//!
//! ```no_run
//! # use ferrywire::{Client, Result, Server, balance::RoundRobin, service};
//! # use ferrywire_registry::Announcer;
//! # #[service]
//! # trait Arith { async fn square(&self, number: i64) -> i64; }
//! # async fn example(arith: impl ferrywire::service::Service) -> Result<()> {
//! let server = Server::builder().register(arith).announce(Announcer::to("http://10.0.0.9:9999")?).bind("tcp://0.0.0.0:4000").await?;
//!
//! let client = Client::builder().scheme(ferrywire_registry::Scheme).balance(RoundRobin);
//! let arith = ArithClient::new(client.discover("registry+http://10.0.0.9:9999/Arith").await?);
//! # drop((server, arith));
//! # Ok(())
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod address;
mod announcer;
mod api;
mod discover;
mod http_client;
mod legacy;
mod pages;
mod place;
mod rate;
mod refusal;
mod registry;
mod settings;
mod snapshot;
mod store;

pub use announcer::Announcer;
pub use discover::Scheme;
pub use pages::WithRegistry;
pub use registry::{Builder, Registry};
pub use settings::Settings;
