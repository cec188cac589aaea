//! One trait, one port, and seven visitors who each speak something else, six of them with nothing but Go's standard library:
//!
//! `cargo run --release --example one_port`
//!
//! Go and curl must be there; `FERRYWIRE_GO` may name a Go that is not called `go`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ferrywire::{Code, Context, Error, Result, Server, service};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// What is multiplied: `type Args struct { A, B int }` in Go, `{"a":6,"b":7}` in JSON, and in protobuf
/// `message Args { int64 a = 1; int64 b = 2; }`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Args {
    a: i64,
    b: i64,
}

/// Arithmetic on integers.
#[service]
pub trait Arith {
    /// The product of both.
    async fn multiply(&self, context: &Context, args: Args) -> i64;
}

/// Multiplies, and keeps in mind what the last caller spoke.
#[derive(Clone, Copy, Debug)]
struct Calculator(&'static Mutex<&'static str>);

impl Arith for Calculator {
    async fn multiply(&self, context: &Context, args: Args) -> i64 {
        *self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            context.peer().protocol().unwrap_or("nothing");
        args.a.wrapping_mul(args.b)
    }
}

/// The visitors, in their order: who they are, and what `visitor.go` calls them.
const VISITORS: [(&str, &str); 6] = [
    ("Go, net/rpc", "netrpc"),
    ("Go, net/rpc/jsonrpc", "jsonrpc"),
    ("Go, net/rpc DialHTTP", "dialhttp"),
    ("WgRPC, Option and request at once", "wgrpc"),
    ("gomorpc", "gomorpc"),
    ("JSON-RPC 2.0, a batch", "batch"),
];

#[tokio::main]
async fn main() -> Result<()> {
    static SPOKEN: Mutex<&str> = Mutex::new("nothing");
    let server =
        Server::builder().register(ArithServer::new(Calculator(&SPOKEN))).bind("tcp://127.0.0.1:0").await?;
    let address = server.address().to_string();
    println!("listening on {address}");
    tokio::spawn(server.run());

    let place = address.trim_start_matches("tcp://");
    let visitor = visitor().await?;
    for (who, tongue) in VISITORS {
        let product = printed(Command::new(&visitor).args([tongue, place])).await?;
        report(who, &SPOKEN, &product);
    }
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "10", "-d", r#"{"a":6,"b":7}"#]);
    let product = printed(curl.arg(format!("http://{place}/Arith.Multiply"))).await?;
    report("curl", &SPOKEN, &product);
    let _ = std::fs::remove_file(visitor);
    Ok(())
}

fn report(who: &str, spoken: &Mutex<&str>, product: &str) {
    let spoken = *spoken.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    println!("{who:<34} was served as {spoken:<9} 6 × 7 = {product}");
}

/// The program beside this one, built by the Go that is there.
async fn visitor() -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/one_port/visitor.go");
    let program = std::env::temp_dir().join(format!("one_port_visitor_{}", std::process::id()));
    let go = std::env::var_os("FERRYWIRE_GO").unwrap_or_else(|| "go".into());
    printed(Command::new(go).args([
        OsStr::new("build"),
        OsStr::new("-o"),
        program.as_os_str(),
        source.as_os_str(),
    ]))
    .await?;
    Ok(program)
}

/// Runs a program to its end; what it printed.
async fn printed(command: &mut Command) -> Result<String> {
    let failed = |text: String| Error::new(Code::FailedPrecondition, text);
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.output().await.map_err(|cause| failed(format!("cannot run {name}: {cause}")))?;
    if !output.status.success() {
        return Err(failed(format!(
            "{name}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
