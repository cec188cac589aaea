//! Go: a toolchain, the programs that it built, and those that run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use tokio::process::{Child, Command};

use super::{Run, Socket, Transport, folder, program};

/// One Go, with the programs of `go/` and `go-protobuf/` built by it.
#[derive(Debug)]
pub struct Go {
    /// What `go version` says, such as `go1.26.8`.
    pub version: String,
    programs: PathBuf,
}

/// Go's modules here, and the folders in them that are programs.
const PROGRAMS: [(&str, &[&str]); 2] = [
    (
        "go",
        &["client", "page", "parent", "server", "wgrpcclient", "wgrpcfind", "wgrpcregistry", "wgrpcserver"],
    ),
    ("go-protobuf", &["gomorpcclient", "gomorpcserver"]),
];

impl Go {
    /// The oldest Go that we promise to speak with: `FERRYWIRE_GO_OLD`, else Debian's 1.19.
    ///
    /// # Panics
    ///
    /// In one line that says what is missing, if it is not there or does not build.
    pub fn older() -> &'static Self {
        static OLDER: OnceLock<Go> = OnceLock::new();
        OLDER.get_or_init(|| Self::built("FERRYWIRE_GO_OLD", "/usr/lib/go-1.19/bin/go"))
    }

    /// The current Go: `FERRYWIRE_GO_NEW`, else `go` on the path.
    ///
    /// # Panics
    ///
    /// As [`older`](Self::older).
    pub fn newer() -> &'static Self {
        static NEWER: OnceLock<Go> = OnceLock::new();
        NEWER.get_or_init(|| Self::built("FERRYWIRE_GO_NEW", "go"))
    }

    fn built(variable: &str, otherwise: &str) -> Self {
        let toolchain = std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned());
        match Self::build(&toolchain) {
            Ok(go) => go,
            Err(why) => panic!("no Go programs: `{toolchain}` fails, {variable} may name another: {why}"),
        }
    }

    fn build(toolchain: &str) -> Result<Self, String> {
        let said = answered(toolchain, ["version".as_ref()], Path::new("."))?;
        let version = said.split_whitespace().nth(2).ok_or_else(|| format!("its version is `{said}`"))?;
        let programs = folder().join(version);
        // Built beside and moved into place: another test may be running what is there.
        let fresh = programs.join(format!("fresh-{}", std::process::id()));
        std::fs::create_dir_all(&fresh).map_err(|cause| format!("{}: {cause}", fresh.display()))?;
        for (module, names) in PROGRAMS {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
            for program in names {
                let (made, package) = (fresh.join(program), format!("./{program}"));
                let words = ["build".as_ref(), "-o".as_ref(), made.as_os_str(), package.as_ref()];
                answered(toolchain, words, &source)?;
                std::fs::rename(&made, programs.join(program))
                    .map_err(|cause| format!("{}: {cause}", made.display()))?;
            }
        }
        let _ = std::fs::remove_dir(&fresh);
        Ok(Self { version: version.to_owned(), programs })
    }

    /// A program, not started. It is killed when its handle is dropped.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.kill_on_drop(true).stderr(Stdio::inherit());
        command
    }

    /// Runs a program that prints `ok NAME` or `FAIL NAME: WHY` for each of its cases, then
    /// `cases: N passed, M failed`.
    ///
    /// # Panics
    ///
    /// Unless every case passed; the message holds each line that is not `ok`.
    pub async fn cases(&self, name: &str, words: &[&str]) -> Vec<String> {
        let mut command = self.program(name);
        command.args(words);
        program::cases(command, &format!("{} {name} {}", self.version, words.join(" "))).await
    }

    /// The same of a program that may fail; which cases passed, or why not all did.
    ///
    /// # Errors
    ///
    /// Unless every case passed.
    pub async fn try_cases(&self, name: &str, words: &[&str]) -> Result<Vec<String>, String> {
        let mut command = self.program(name);
        command.args(words);
        program::try_cases(command).await
    }

    /// What a run of this Go over `transport` is called in summaries.
    pub fn run(&self, transport: impl ToString, cases: Vec<String>) -> Run {
        Run { version: self.version.clone(), transport: transport.to_string(), cases }
    }
}

/// What `go` printed; where it failed, one line of why.
fn answered<'w>(
    toolchain: &str,
    words: impl IntoIterator<Item = &'w OsStr>,
    place: &Path,
) -> Result<String, String> {
    let mut command = std::process::Command::new(toolchain);
    // The one that was named, and not a newer one that it would fetch.
    let command = command.args(words).current_dir(place).env("GOTOOLCHAIN", "local");
    let output = command.output().map_err(|cause| cause.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(complaint.lines().collect::<Vec<_>>().join("; "))
}

/// Go's server of Arith and Zoo, running.
#[derive(Debug)]
pub struct GoServer {
    child: Child,
    socket: Socket,
    place: String,
    transport: Transport,
}

impl GoServer {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If it does not say where it listens.
    pub async fn start(go: &Go, transport: Transport) -> Self {
        let socket = transport.socket();
        let place = socket.place();
        let (child, place) = listening(go, transport, &place).await;
        Self { child, socket, place, transport }
    }

    /// The address for a client.
    pub fn address(&self) -> String {
        self.transport.over(&self.place)
    }

    /// The address without what is said over it, `tcp://HOST:PORT` or `unix:///PATH`.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Kills it, as a crash does.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a child that was not waited for can be killed");
        self.socket.clear();
    }

    /// Starts it again at the same place.
    pub async fn restart(&mut self, go: &Go) {
        (self.child, self.place) = listening(go, self.transport, &self.place).await;
    }
}

async fn listening(go: &Go, transport: Transport, place: &str) -> (Child, String) {
    let mut command = go.program("server");
    command.args(["-listen", place]).args(transport.go_flags());
    program::listening(command, &format!("{} server", go.version)).await
}
