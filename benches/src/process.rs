//! Peers: child processes that are told what to do line by line, each on the CPUs of its placement.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;

use crate::output_directory;
use crate::peer::Result;
use crate::ratio::Slice;

/// Which CPUs the peers of a table may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Placement {
    /// Both processes on one CPU.
    B,
    /// Both processes on the same two CPUs.
    C,
}

impl Placement {
    pub fn threads(self) -> usize {
        match self {
            Self::B => 1,
            Self::C => 2,
        }
    }

    fn cpus(self) -> &'static str {
        match self {
            Self::B => "0",
            Self::C => "0,1",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Self::B => {
                "placement B: both processes on one CPU, GOMAXPROCS=1, our peers on tokio's current_thread runtime"
            }
            Self::C => {
                "placement C: both processes on two CPUs, GOMAXPROCS=2, our peers on tokio's default runtime, 2 workers"
            }
        }
    }
}

/// The programs that peers are.
#[derive(Clone, Debug)]
pub struct Programs {
    ours: PathBuf,
    gos: PathBuf,
    /// What Go says of its version.
    pub go_version: String,
}

impl Programs {
    /// Builds Go's. `FERRYWIRE_GO_NEW` names the `go` that is used in place of the one on the path.
    pub fn build() -> Result<Self> {
        let go = std::env::var_os("FERRYWIRE_GO_NEW").unwrap_or_else(|| "go".into());
        let gos = output_directory()?.join("go-netrpc");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/go-netrpc");
        let run = |command: &mut Command| -> Result<String> {
            let ended = command.current_dir(&source).env("GOTOOLCHAIN", "local").output();
            let ended = ended.map_err(|error| format!("{} cannot be run: {error}", go.display()))?;
            match ended.status.success() {
                true => Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned()),
                false => Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()),
            }
        };
        let go_version = run(Command::new(&go).arg("version"))?;
        run(Command::new(&go).arg("build").arg("-o").arg(&gos).arg("."))?;
        Ok(Self { ours: std::env::current_exe()?, gos, go_version })
    }

    /// A peer of ours, such as `peer-server 1`.
    pub fn ours(&self, placement: Placement, arguments: &[&str]) -> Result<Peer> {
        Peer::start(&self.ours, placement, arguments)
    }

    /// A peer of Go's, such as `server`.
    pub fn gos(&self, placement: Placement, arguments: &[&str]) -> Result<Peer> {
        Peer::start(&self.gos, placement, arguments)
    }
}

/// A process that answers every line with a line, and ends with its input.
pub struct Peer {
    name: String,
    process: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What it said first: a server's address.
    pub greeting: String,
}

impl Peer {
    fn start(program: &Path, placement: Placement, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(placement.cpus()).arg(program).args(arguments);
        command.env("GOMAXPROCS", placement.threads().to_string());
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process =
            started.map_err(|error| format!("taskset, of util-linux, cannot be run: {error}"))?;
        let orders = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is piped"));
        let name = format!("{} {}", program.file_name().unwrap_or_default().display(), arguments.join(" "));
        let mut peer = Self { name, process, orders, answers, greeting: String::new() };
        peer.greeting = peer.answer()?;
        Ok(peer)
    }

    /// Gives an order and waits for the answer.
    pub fn ask(&mut self, order: &str) -> Result<String> {
        let orders = self.orders.as_mut().expect("the input is open until the peer is dropped");
        writeln!(orders, "{order}")?;
        self.answer()
    }

    /// Gives an order that is answered with how much was done and what it cost.
    pub fn measure(&mut self, order: &str) -> Result<Slice> {
        let answer = self.ask(order)?;
        match answer.split_once(' ') {
            Some((operations, cpu_ns)) => {
                Ok(Slice { operations: operations.parse()?, cpu_ns: cpu_ns.parse()? })
            }
            None => Err(format!("expected two numbers from `{}`, it said `{answer}`", self.name).into()),
        }
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(format!("`{}` has ended", self.name).into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.orders.take());
        // One that does not see the end of its input in time is not waited for.
        for _ in 0..100 {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(20)),
                _ => return,
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
