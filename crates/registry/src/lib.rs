//! Where the servers of a service are: an HTTP registry with heartbeats, in any ferrywire server or alone.
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
