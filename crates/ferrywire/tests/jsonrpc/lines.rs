//! A caller and a server that say every letter themselves, a line at a time.

use ferrywire::transport::Stream;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Rig, in_time, pipe, raw};

/// One end of a stream of lines.
pub(crate) struct Lines {
    stream: Stream,
    came: Vec<u8>,
}

impl Lines {
    /// A connection to a server.
    pub(crate) async fn to(rig: &Rig) -> Self {
        Self::over(raw::dial(&rig.address, &rig.memory).await)
    }

    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, came: Vec::new() }
    }

    /// Both ends of a stream: the first for us, the other for the library.
    pub(crate) fn pair() -> (Self, Stream) {
        let (ours, theirs) = pipe(1 << 20);
        (Self::over(ours), theirs)
    }

    pub(crate) async fn say(&mut self, text: impl AsRef<[u8]>) {
        in_time("bytes are taken", self.stream.writer.write_all(text.as_ref())).await.unwrap();
        self.stream.writer.flush().await.unwrap();
    }

    /// Says what the other side may have hung up on.
    pub(crate) async fn try_say(&mut self, text: impl AsRef<[u8]>) {
        let _ = self.stream.writer.write_all(text.as_ref()).await;
        let _ = self.stream.writer.flush().await;
    }

    pub(crate) async fn half_close(&mut self) {
        self.stream.writer.shutdown().await.unwrap();
    }

    /// The next line; `None` once the other side has closed.
    pub(crate) async fn hear(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.came.iter().position(|byte| *byte == b'\n') {
                let line = self.came.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            if self.read_some().await == 0 {
                assert!(self.came.is_empty(), "half a line: {:?}", String::from_utf8_lossy(&self.came));
                return None;
            }
        }
    }

    async fn read_some(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let read = in_time("the other side says something", self.stream.reader.read(&mut chunk)).await;
        let came = read.unwrap_or(0);
        self.came.extend_from_slice(&chunk[..came]);
        came
    }

    /// Says something, and hears the next line.
    pub(crate) async fn ask(&mut self, text: impl AsRef<[u8]>) -> String {
        self.say(text).await;
        self.hear().await.expect("an answer, not a close")
    }

    /// The same, as a value.
    pub(crate) async fn ask_value(&mut self, text: impl AsRef<[u8]>) -> Value {
        value(&self.ask(text).await)
    }

    /// The next line is this.
    pub(crate) async fn hears(&mut self, line: &str) {
        assert_eq!(self.hear().await.as_deref(), Some(line));
    }

    /// All lines until the other side closes.
    pub(crate) async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.hear().await {
            lines.push(line);
        }
        lines
    }
}

pub(crate) fn value(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}
