//! The ways from a client to a server, in the words of both sides.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A way from a client to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection.
    Tcp,
    /// A unix socket.
    Unix,
    /// HTTP `CONNECT` at Go's own path.
    Connect,
    /// HTTP `CONNECT` at another path.
    ConnectPath,
    /// HTTP `CONNECT` at Go's own path, over a unix socket.
    ConnectUnix,
    /// JSON over a TCP connection.
    Json,
    /// JSON over a unix socket.
    JsonUnix,
}

/// The path of [`Transport::ConnectPath`].
const PATH: &str = "/custom/rpc";

impl Transport {
    /// All over which gob is spoken.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Unix, Self::Connect, Self::ConnectPath, Self::ConnectUnix];

    /// Whether a connection begins with HTTP.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Connect | Self::ConnectPath | Self::ConnectUnix)
    }

    /// Whether JSON is spoken, and not gob.
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::JsonUnix)
    }

    /// The socket that a server is to listen at; its file goes away with it.
    pub fn socket(self) -> Socket {
        match self {
            Self::Tcp | Self::Connect | Self::ConnectPath | Self::Json => Socket { file: None },
            Self::Unix | Self::ConnectUnix | Self::JsonUnix => Socket::new(),
        }
    }

    /// How a server that was told to listen at `place`, a socket's address, is asked to serve this way.
    pub fn over(self, place: &str) -> String {
        match self {
            Self::Tcp | Self::Unix | Self::Json | Self::JsonUnix => place.to_owned(),
            Self::Connect => place.replacen("tcp://", "http://", 1),
            Self::ConnectPath => place.replacen("tcp://", "http://", 1) + PATH,
            Self::ConnectUnix => format!("http+{place}"),
        }
    }

    /// What Go's server is told beside its socket.
    pub(super) fn go_flags(self) -> &'static [&'static str] {
        match self {
            Self::Tcp | Self::Unix => &[],
            Self::Json | Self::JsonUnix => &["-json"],
            Self::Connect | Self::ConnectUnix => &["-http"],
            Self::ConnectPath => &["-http", "-path", PATH],
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("tcp"),
            Self::Unix => f.write_str("unix"),
            Self::Connect => f.write_str("CONNECT"),
            Self::ConnectPath => write!(f, "CONNECT {PATH}"),
            Self::ConnectUnix => f.write_str("CONNECT over unix"),
            Self::Json => f.write_str("JSON over tcp"),
            Self::JsonUnix => f.write_str("JSON over unix"),
        }
    }
}

/// A place for one server, whose file is removed when it is dropped.
#[derive(Debug)]
pub struct Socket {
    /// The socket's path; None for a port that the system chooses.
    file: Option<PathBuf>,
}

impl Socket {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Not in the target folder: a socket's path has room for 107 bytes.
        let name = format!("ferrywire-{}-{number}.sock", std::process::id());
        Self { file: Some(std::env::temp_dir().join(name)) }
    }

    /// The address to listen at.
    pub fn place(&self) -> String {
        match &self.file {
            Some(file) => format!("unix://{}", file.display()),
            None => "tcp://127.0.0.1:0".to_owned(),
        }
    }

    /// Makes room for another server: a killed one leaves its file behind.
    pub fn clear(&self) {
        let remove = |file: &Path| std::fs::remove_file(file);
        // It is gone already where the server removed it itself.
        let _ = self.file.as_deref().map(remove);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.clear();
    }
}
