//! One end of a stream, on which a test says every byte itself and hears every one.

use std::time::Duration;

use ferrywire::transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Rig, in_time, raw};

/// One end of a stream of bytes.
pub(crate) struct End {
    stream: Stream,
    came: Vec<u8>,
}

impl End {
    /// A connection to a server.
    pub(crate) async fn to(rig: &Rig) -> Self {
        Self::over(raw::dial(&rig.address, &rig.memory).await)
    }

    pub(crate) fn over(stream: Stream) -> Self {
        Self { stream, came: Vec::new() }
    }

    /// The other side may have hung up.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let said = async {
            self.stream.writer.write_all(bytes).await?;
            self.stream.writer.flush().await
        };
        let _ = in_time("bytes are taken", said).await;
    }

    pub(crate) async fn half_close(&mut self) {
        let _ = self.stream.writer.shutdown().await;
    }

    async fn read_some(&mut self) -> usize {
        let mut chunk = [0; 4096];
        let came = self.stream.reader.read(&mut chunk).await.unwrap_or(0);
        self.came.extend_from_slice(&chunk[..came]);
        came
    }

    /// The next so many bytes.
    pub(crate) async fn take(&mut self, len: usize) -> Vec<u8> {
        self.take_within(Duration::from_secs(20), len).await
    }

    /// The next so many bytes, for which the other side takes its time.
    pub(crate) async fn take_within(&mut self, patience: Duration, len: usize) -> Vec<u8> {
        while self.came.len() < len {
            let came = tokio::time::timeout(patience, self.read_some()).await;
            assert!(came.expect("the other side says something") > 0, "closed behind {:?}", self.came);
        }
        self.came.drain(..len).collect()
    }

    /// The next bytes are these.
    pub(crate) async fn hears(&mut self, expected: &[u8]) {
        let came = self.take(expected.len()).await;
        assert_eq!(came, expected, "{:?}", String::from_utf8_lossy(&came));
    }

    /// All that comes until the other side closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while in_time("the other side closes", self.read_some()).await > 0 {}
        std::mem::take(&mut self.came)
    }

    /// Whether the other side closes within this time.
    pub(crate) async fn closes_within(&mut self, time: Duration) -> bool {
        let mut chunk = [0; 4096];
        let closed = async { while self.stream.reader.read(&mut chunk).await.unwrap_or(0) > 0 {} };
        tokio::time::timeout(time, closed).await.is_ok()
    }
}
