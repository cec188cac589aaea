//! Peers: child processes that are told what to do line by line, each on the CPUs of its placement.

use std::fmt::{Display, Formatter};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use peer_support::Result;

use crate::placement::Placement;

/// A peer that says nothing for so long is taken for stuck; opening ten thousand connections takes less.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program, and the words by which it becomes one peer of several.
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    pub variant: Vec<String>,
}

impl Program {
    /// This program, asked to be something else than a runner.
    pub fn of_this(variant: &[&str]) -> Result<Self> {
        let variant = variant.iter().map(|word| (*word).to_owned()).collect();
        Ok(Self { path: std::env::current_exe()?, variant })
    }

    pub fn is_this(&self) -> bool {
        std::env::current_exe().is_ok_and(|this| this == self.path)
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path.file_name().unwrap_or_default().display())?;
        self.variant.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

/// What a peer says when it is asked for what it cannot do.
#[derive(Debug)]
pub struct Unsupported(String);

impl Display for Unsupported {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "unsupported: {}", self.0)
    }
}

impl std::error::Error for Unsupported {}

/// A process that answers every line with a line, and ends with its input.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<std::io::Result<String>>,
    /// What it said first: a server's address.
    pub greeting: String,
}

impl Process {
    /// `program`, told to be a `command` such as `server 1`.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], if it says that it cannot be that.
    pub fn start(program: &Program, placement: Placement, command: &[&str]) -> Result<Self> {
        let mut taskset = Command::new("taskset");
        taskset.arg("-c").arg(placement.cpus()).arg(&program.path).args(&program.variant).args(command);
        taskset.env("GOMAXPROCS", placement.threads().to_string());
        let started = taskset.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("taskset, of util-linux, cannot be run: {error}"))?;
        let orders = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let (say, answers) = channel();
        // A thread that reads, so that this one can wait for as long as it likes.
        std::thread::spawn(move || lines.into_iter().all(|line| say.send(line).is_ok()));
        let name = format!("{program} {}", command.join(" "));
        let mut process = Self { name, child, orders, answers, greeting: String::new() };
        process.greeting = process.answer()?;
        Ok(process)
    }

    /// Its number, as the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Unsupported`], if that is the answer.
    pub fn ask(&mut self, order: &str) -> Result<String> {
        let orders = self.orders.as_mut().expect("the input is open until the process is dropped");
        writeln!(orders, "{order}").map_err(|_| format!("`{}` has ended", self.name))?;
        self.answer()
    }

    /// Gives an order that is answered with numbers.
    pub fn numbers<const N: usize>(&mut self, order: &str) -> Result<[u64; N]> {
        let answer = self.ask(order)?;
        let numbers = answer.split(' ').map(str::parse).collect::<std::result::Result<Vec<u64>, _>>();
        numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| {
            format!("expected {N} numbers from `{}` for `{order}`, it said `{answer}`", self.name).into()
        })
    }

    fn answer(&mut self) -> Result<String> {
        let line = match self.answers.recv_timeout(PATIENCE) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("`{}` said nothing for {} s", self.name, PATIENCE.as_secs()).into());
            }
            Err(RecvTimeoutError::Disconnected) => return Err(format!("`{}` has ended", self.name).into()),
        };
        match line.strip_prefix("unsupported ") {
            Some(reason) => Err(Unsupported(reason.to_owned()).into()),
            None => Ok(line),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.orders.take());
        // One that does not see the end of its input in time is not waited for.
        for _ in 0..100 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
