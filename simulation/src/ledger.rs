//! The books: which call was made, where it ran and how often, and what its caller was told.
//!
//! They lie beside the network, and no fault reaches them. What must hold of them whatever happens is [`Ledger::check`]ed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use ferrywire::{Error, Result};

use crate::machine::{Answer, answer_to};

/// The books of one run. Clones are the same books. Moments are virtual time since the run began.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    entries: Vec<Entry>,
    /// Who ran which call and when, by its nonce.
    runs: BTreeMap<u64, Vec<(u32, Duration)>>,
    /// Who accepted a stream, and when.
    arrivals: Vec<(u32, Duration)>,
}

/// A call, as its caller saw it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What tells it from all other calls; its place in the book.
    pub nonce: u64,
    /// The client that made it.
    pub client: usize,
    /// When it was made.
    pub began: Duration,
    /// When it has to have ended.
    pub deadline: Duration,
    /// When it ended, and how.
    pub ended: Option<(Duration, Outcome)>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was answered.
    Answered(Answer),
    /// It has certainly not run.
    NotExecuted(Error),
    /// It may have run.
    Unknown(Error),
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("nobody panics with the books open")
    }

    /// A call is made now; its nonce.
    pub fn begin(&self, client: usize, timeout: Duration) -> u64 {
        let (mut books, began) = (self.books(), now());
        let nonce = books.entries.len() as u64;
        books.entries.push(Entry { nonce, client, began, deadline: began + timeout, ended: None });
        nonce
    }

    /// The call has ended now.
    pub fn end(&self, nonce: u64, result: Result<Answer>) {
        let outcome = match result {
            Ok(answer) => Outcome::Answered(answer),
            Err(error) if error.may_have_run() => Outcome::Unknown(error),
            Err(error) => Outcome::NotExecuted(error),
        };
        let mut books = self.books();
        let entry = books.entries.get_mut(nonce as usize).expect("a call ends that was begun");
        let before = entry.ended.replace((now(), outcome));
        assert!(before.is_none(), "call {nonce} ended twice");
    }

    /// The call runs now.
    pub fn run(&self, server: u32, nonce: u64) {
        self.books().runs.entry(nonce).or_default().push((server, now()));
    }

    /// A server has accepted a stream now.
    pub fn arrive(&self, server: u32) {
        self.books().arrivals.push((server, now()));
    }

    /// All calls, in the order in which they were made.
    pub fn entries(&self) -> Vec<Entry> {
        self.books().entries.clone()
    }

    /// The calls that were not answered.
    pub fn failures(&self) -> Vec<Entry> {
        let is_failure = |entry: &Entry| !matches!(entry.ended, Some((_, Outcome::Answered(_))) | None);
        self.entries().into_iter().filter(is_failure).collect()
    }

    /// When a server accepted streams.
    pub fn arrivals(&self, server: u32) -> Vec<Duration> {
        self.books().arrivals.iter().filter(|(by, _)| *by == server).map(|(_, at)| *at).collect()
    }

    /// Who ran something between these moments, and how often.
    pub fn runs(&self, from: Duration, to: Duration) -> BTreeMap<u32, usize> {
        let mut runs = BTreeMap::new();
        for (server, at) in self.books().runs.values().flatten() {
            if (from..to).contains(at) {
                *runs.entry(*server).or_default() += 1;
            }
        }
        runs
    }

    /// Checks what holds of every call, whatever happened to servers and links:
    ///
    /// - it ended, by its deadline and 50 ms (V2);
    /// - if it was answered, the answer is that to its question (V1), and it ran exactly once, at the server that answered (V3);
    /// - if it was said not to have been executed, it did not run, and otherwise once at most.
    ///
    /// # Panics
    ///
    /// If any of this does not hold.
    pub fn check(&self) {
        const GRACE: Duration = Duration::from_millis(50);
        let books = self.books();
        for entry in &books.entries {
            let ran: Vec<u32> = books.runs.get(&entry.nonce).into_iter().flatten().map(|run| run.0).collect();
            let (ended, outcome) = entry.ended.as_ref().unwrap_or_else(|| panic!("{entry:?} did not end"));
            assert!(*ended <= entry.deadline + GRACE, "{entry:?} ended late");
            match outcome {
                Outcome::Answered(answer) => {
                    assert_eq!(answer.number, answer_to(entry.nonce), "{entry:?} got another's answer");
                    assert_eq!(ran, [answer.server], "{entry:?}: where it ran, and who answered");
                }
                Outcome::NotExecuted(_) => assert!(ran.is_empty(), "{entry:?} ran at {ran:?}"),
                Outcome::Unknown(_) => assert!(ran.len() <= 1, "{entry:?} ran at {ran:?}"),
            }
        }
    }
}

/// What time it is, by the clock of the run.
fn now() -> Duration {
    turmoil::sim_elapsed().expect("what is noted happens in a simulation")
}
