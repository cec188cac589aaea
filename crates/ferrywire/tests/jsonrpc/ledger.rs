//! A service with every kind of parameters, and a server that offers it beside `Probe`.

use std::sync::{Arc, Mutex};

use ferrywire::protocol::jsonrpc::ErrorCode;
use ferrywire::transport::Memory;
use ferrywire::{Code, Error, Limits, Result, Server, service};
use serde::{Deserialize, Serialize};

use crate::support::{Bench, ProbeServer, Rig};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) user_name: String,
    #[serde(default)]
    pub(crate) age: u8,
}

#[service]
pub(crate) trait Ledger {
    /// Nothing, of nothing.
    async fn rest(&self);

    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64;

    async fn sum(&self, numbers: Vec<i64>) -> i64;

    async fn pair(&self, pair: (i64, String)) -> (i64, String);

    async fn account(&self, account: Account) -> Account;

    async fn maybe(&self, number: Option<i64>) -> Option<i64>;

    /// An error of our own kinds, or with a number chosen.
    async fn fail(&self, kind: String) -> Result<i64>;

    /// The number is noted.
    async fn note(&self, number: i64);
}

/// The handler behind `Ledger`, and what was noted there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clerk {
    notes: Arc<Mutex<Vec<i64>>>,
}

impl Clerk {
    pub(crate) fn notes(&self) -> Vec<i64> {
        self.notes.lock().unwrap().clone()
    }
}

impl Ledger for Clerk {
    async fn rest(&self) {}

    async fn subtract(&self, minuend: i64, subtrahend: i64) -> i64 {
        minuend - subtrahend
    }

    async fn sum(&self, numbers: Vec<i64>) -> i64 {
        numbers.iter().sum()
    }

    async fn pair(&self, (number, text): (i64, String)) -> (i64, String) {
        (number + 1, text + "!")
    }

    async fn account(&self, account: Account) -> Account {
        Account { age: account.age + 1, ..account }
    }

    async fn maybe(&self, number: Option<i64>) -> Option<i64> {
        number
    }

    async fn fail(&self, kind: String) -> Result<i64> {
        Err(match kind.as_str() {
            "numbered" => Error::new(Code::Aborted, "overdrawn")
                .caused_by(ErrorCode(1001))
                .with_details(*b"{\"missing\":7}"),
            "detailed" => Error::new(Code::FailedPrecondition, "because").with_details(*b"[42]"),
            _ => Error::from("plain"),
        })
    }

    async fn note(&self, number: i64) {
        self.notes.lock().unwrap().push(number);
    }
}

/// At `memory://rig`.
pub(crate) async fn served(limits: Limits) -> (Rig, Clerk) {
    let (bench, memory, clerk) = (Bench::new(), Memory::new(), Clerk::default());
    let builder = Server::builder().register(ProbeServer::new(bench.clone()));
    let builder = builder.register(LedgerServer::new(clerk.clone())).limits(limits);
    let server = builder.memory(&memory).bind("memory://rig").await.unwrap();
    let (address, handle) = (server.address(), server.handle());
    (Rig { bench, memory, address, handle, running: tokio::spawn(server.run()) }, clerk)
}
