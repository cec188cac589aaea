//! Many clients and servers on one simulated network, whose links and clocks a test rules.
//!
//! Everything runs in one thread and in virtual time. Real are the clients and the servers, down to the bytes; simulated is what they
//! stand on. What the network does, and what clients draw by lot, comes from a seed. A run with the same seed is nearly the same run: in which
//! order a machine's tasks end when it is switched off is not ruled.

mod ledger;
mod machine;
mod net;
mod seeds;
mod world;

pub use ledger::{Entry, Ledger, Outcome};
pub use machine::{Answer, Caller, Node, NodeClient, NodeServer, Plan, answer_to};
pub use net::Simulated;
pub use seeds::for_each_seed;
pub use world::{Layout, World, address};
