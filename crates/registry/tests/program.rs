//! The registry as a program: started, killed, started again, told to end.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::process::Stdio;
use std::time::Duration;

use ferrywire::discovery::{Discover, Scheme as _};
use ferrywire_registry::Scheme;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A registry in a process of its own.
struct Program {
    child: Child,
    place: String,
}

impl Program {
    async fn start(words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferrywire-registry"))
            .args(words)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = said.next_line().await.unwrap().unwrap();
        let place = line.strip_prefix("listening at tcp://").unwrap().to_owned();
        Self { child, place }
    }

    async fn registers(&self, address: &str, token: &str) -> String {
        let body = format!(r#"{{"address":"{address}","services":["Arith"]}}"#);
        let request = format!(
            "POST /registry/v1/servers HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.place,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.place).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        said.lines().next().unwrap_or_default().to_owned()
    }

    fn source(&self) -> Box<dyn Discover> {
        Scheme.open(&format!("registry+http://{}/Arith", self.place)).unwrap().unwrap()
    }
}

async fn addresses(source: &mut Box<dyn Discover>) -> Vec<String> {
    let list = tokio::time::timeout(Duration::from_secs(20), source.next()).await.unwrap().unwrap();
    list.iter().map(|endpoint| endpoint.address.to_string()).collect()
}

#[tokio::test]
async fn a_registry_that_was_killed_knows_its_fleet_when_it_is_back() {
    let folder = std::env::temp_dir().join(format!("ferrywire-registry-program-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (snapshot, token) = (folder.join("servers.json"), folder.join("token"));
    std::fs::write(&token, "secret\n").unwrap();
    let words = [
        "--listen",
        "tcp://127.0.0.1:0",
        "--snapshot",
        snapshot.to_str().unwrap(),
        "--token-file",
        token.to_str().unwrap(),
    ];
    let mut program = Program::start(&words).await;
    assert_eq!(program.registers("tcp://10.0.0.1:1", "wrong").await, "HTTP/1.1 403 Forbidden");
    assert_eq!(program.registers("tcp://10.0.0.1:1", "secret").await, "HTTP/1.1 200 OK");
    assert_eq!(addresses(&mut program.source()).await, ["tcp://10.0.0.1:1"]);
    for _ in 0..1000 {
        if snapshot.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    program.child.kill().await.unwrap();
    let program = Program::start(&words).await;

    assert_eq!(addresses(&mut program.source()).await, ["tcp://10.0.0.1:1"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_registry_that_is_told_to_ends_with_those_who_wait_at_it() {
    let mut program = Program::start(&["--listen", "tcp://127.0.0.1:0"]).await;
    let mut source = program.source();
    assert_eq!(addresses(&mut source).await, [""; 0]);
    let waiting = tokio::spawn(async move { source.next().await.map(drop).unwrap_err() });
    tokio::time::sleep(Duration::from_millis(200)).await;

    let pid = program.child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());

    let ended = tokio::time::timeout(Duration::from_secs(10), program.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    let error = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(error.code(), ferrywire::Code::Unavailable);
}

#[tokio::test]
async fn words_that_mean_nothing_are_refused_with_words() {
    for words in [
        &["--listen"][..],
        &["--what", "x"],
        &["--ttl", "x"],
        &["--token-file", "/no/such/file"],
        &["--listen", "x"],
    ] {
        let ended =
            Command::new(env!("CARGO_BIN_EXE_ferrywire-registry")).args(words).output().await.unwrap();

        assert!(!ended.status.success() && !ended.stderr.is_empty(), "{words:?}");
    }
}
