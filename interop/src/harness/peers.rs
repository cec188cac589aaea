//! Public implementations of JSON-RPC in other languages: programs of `peers/` that call us, and that we call.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use super::{Run, program};

/// A language, with the libraries that `scripts/provide` has put into place for it.
#[derive(Debug)]
pub struct Peer {
    /// Such as `python`.
    name: &'static str,
    /// What runs its programs.
    interpreter: &'static str,
    /// How they are told where the libraries are, and in which folder of the language's these are.
    libraries: (&'static str, &'static str),
    /// What is there if they are.
    proof: &'static str,
    /// How a program's file is called behind its name.
    ending: &'static str,
}

impl Peer {
    /// jayson, from npm.
    pub const NODE: Self = Self {
        name: "node",
        interpreter: "node",
        libraries: ("NODE_PATH", "node_modules"),
        proof: "jayson",
        ending: "js",
    };

    /// aiorpcX over streams and jsonrpclib-pelix over HTTP, from PyPI.
    pub const PYTHON: Self = Self {
        name: "python",
        interpreter: "python3",
        libraries: ("PYTHONPATH", "packages"),
        proof: "aiorpcx",
        ending: "py",
    };

    /// Runs the client's cases against `address`.
    ///
    /// # Panics
    ///
    /// Unless every case passed, and in one line if the libraries are not there.
    pub async fn cases(&self, address: &str) -> Vec<String> {
        let mut command = self.program("client");
        command.args(["-dial", address]);
        program::cases(command, &format!("{} client -dial {address}", self.name)).await
    }

    /// Starts the server, which speaks over `scheme`; and its address. It ends when its handle is dropped.
    ///
    /// # Panics
    ///
    /// If it does not say where it listens, and in one line if the libraries are not there.
    pub async fn server(&self, scheme: &str) -> (Child, String) {
        let mut command = self.program("server");
        command.args(["-listen", scheme]);
        program::listening(command, &format!("{} server -listen {scheme}", self.name)).await
    }

    /// What a run of this peer over `transport` is called in summaries.
    pub fn run(&self, transport: &str, cases: Vec<String>) -> Run {
        Run { version: self.name.to_owned(), transport: transport.to_owned(), cases }
    }

    /// A program of this language, not started.
    fn program(&self, name: &str) -> Command {
        let (variable, folder) = self.libraries;
        let libraries = provided().join(self.name).join(folder);
        let proof = libraries.join(self.proof);
        assert!(proof.is_dir(), "no {}: scripts/provide puts it there (provide_peers)", proof.display());
        let mut command = Command::new(self.interpreter);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(self.name);
        command.arg(source.join(format!("{name}.{}", self.ending))).env(variable, libraries);
        // Compiled beside the libraries, and not beside the sources.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.kill_on_drop(true).stderr(Stdio::inherit());
        command
    }
}

/// Where `scripts/provide` puts what is not ours: `FERRYWIRE_PEERS`, else `.cache/peers` of the repository.
fn provided() -> PathBuf {
    match std::env::var_os("FERRYWIRE_PEERS") {
        Some(place) => place.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/peers"),
    }
}
