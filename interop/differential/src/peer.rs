//! The Go program on the other side: built, started, asked in batches, started again when an input was
//! too much for it.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What Go is to do with a stream.
#[derive(Debug, Clone)]
pub struct Job {
    /// The types of the values in it, in the notation of [`crate::model::Type::write`].
    pub types: String,
    /// The bytes.
    pub stream: Vec<u8>,
    /// Whether Go shall encode again what it found.
    pub encode: bool,
}

/// What Go did.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// What was found, and the stream that Go writes of it if that was asked for.
    Accepted(String, Vec<u8>),
    /// The number of values before the error, what was found in them, and the error's text.
    Refused(String),
    /// Go took too long, too much memory, or broke.
    None(String),
}

/// A running `gobpeer`.
#[derive(Debug)]
pub struct Peer {
    program: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Builds the program with `$FERRYWIRE_GO_NEW`, or with the `go` that is found, into `folder`.
    ///
    /// # Errors
    ///
    /// One line that says what is missing.
    pub fn build(folder: &Path) -> Result<Self, String> {
        let go = std::env::var_os("FERRYWIRE_GO_NEW").unwrap_or_else(|| "go".into());
        let program = folder.join("gobpeer");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../go");
        let built = Command::new(&go)
            .args(["build", "-o"])
            .arg(&program)
            .arg("./gobpeer")
            .current_dir(&sources)
            .output()
            .map_err(|err| {
                format!(
                    "{} cannot be started ({err}): set FERRYWIRE_GO_NEW or put go on the PATH",
                    go.display()
                )
            })?;
        if !built.status.success() {
            return Err(format!("gobpeer does not build: {}", String::from_utf8_lossy(&built.stderr)));
        }
        Ok(Self { program, running: None })
    }

    /// Has Go do all the jobs.
    ///
    /// When Go dies of one of them, each is asked about alone; those it dies of have no verdict.
    ///
    /// # Errors
    ///
    /// When the program cannot be started.
    pub fn ask(&mut self, jobs: &[Job]) -> io::Result<Vec<Answer>> {
        if let Ok(answers) = self.try_ask(jobs) {
            return Ok(answers);
        }
        jobs.iter()
            .map(|job| match self.try_ask(std::slice::from_ref(job)) {
                Ok(mut answers) => Ok(answers.remove(0)),
                Err(err) if err.kind() == io::ErrorKind::NotFound => Err(err),
                Err(err) => Ok(Answer::None(err.to_string())),
            })
            .collect()
    }

    fn try_ask(&mut self, jobs: &[Job]) -> io::Result<Vec<Answer>> {
        let running = match &mut self.running {
            Some(running) => running,
            empty => empty.insert(Running::start(&self.program)?),
        };
        let answers = running.ask(jobs);
        if answers.is_err() {
            self.stop();
        }
        answers
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            _ = running.process.kill();
            _ = running.process.wait();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn start(program: &Path) -> io::Result<Self> {
        let mut process = Command::new(program)
            // A local zone would be told apart from UTC.
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let input = BufWriter::new(process.stdin.take().expect("input is piped"));
        let output = BufReader::new(process.stdout.take().expect("output is piped"));
        Ok(Self { process, input, output })
    }

    fn ask(&mut self, jobs: &[Job]) -> io::Result<Vec<Answer>> {
        // A batch is written whole before an answer is read: Go keeps its answers until the end.
        self.input.write_all(&len(jobs.len()))?;
        for job in jobs {
            self.input.write_all(if job.encode { b"e" } else { b"d" })?;
            for text in [job.types.as_bytes(), &job.stream] {
                self.input.write_all(&len(text.len()))?;
                self.input.write_all(text)?;
            }
        }
        self.input.flush()?;
        jobs.iter().map(|_| self.answer()).collect()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut verdict = [0];
        self.output.read_exact(&mut verdict)?;
        let found = String::from_utf8_lossy(&self.text()?).into_owned();
        let written = self.text()?;
        Ok(match verdict[0] {
            b'a' => Answer::Accepted(found, written),
            b'r' => Answer::Refused(found),
            _ => Answer::None(found),
        })
    }

    fn text(&mut self) -> io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.output.read_exact(&mut len)?;
        let mut text = vec![0; u32::from_be_bytes(len) as usize];
        self.output.read_exact(&mut text)?;
        Ok(text)
    }
}

fn len(len: usize) -> [u8; 4] {
    u32::try_from(len).expect("a batch is far below 4 GiB").to_be_bytes()
}
