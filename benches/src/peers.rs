//! Who is measured: Ferrywire, and what stands in the folders of `peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use peer_support::Result;
use serde::{Deserialize, Serialize};

use crate::output_directory;
use crate::process::Program;

/// A row of the tables.
#[derive(Clone, Debug)]
pub struct Variant {
    pub name: String,
    pub about: String,
    pub program: Program,
}

/// Who is not measured, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub name: String,
    pub reason: String,
}

#[derive(Deserialize)]
struct Folder {
    variants: Vec<Described>,
}

/// A variant as `peer.json` says it.
#[derive(Deserialize)]
struct Described {
    name: String,
    arguments: Vec<String>,
    about: String,
}

/// Ferrywire, over each of its protocols.
pub fn ours() -> Result<Vec<Variant>> {
    let variants = [
        ("native", "Ferrywire's own protocol, postcard, byte vectors, from 16 KiB on Shared"),
        ("netrpc", "Ferrywire speaking Go's net/rpc, gob, byte vectors, from 16 KiB on Shared"),
        ("jsonrpc", "Ferrywire speaking JSON-RPC 1.0 as Go's net/rpc/jsonrpc does, byte vectors as base64"),
    ];
    variants.into_iter().map(|(name, about)| variant(name, about)).collect()
}

/// The one of ours that speaks JSON-RPC.
pub const IN_JSON: &str = "ferrywire-jsonrpc";

/// Ferrywire under a bare client of HTTP. Not beside the others, whose clients do more.
pub fn http() -> Result<Variant> {
    variant("http", "Ferrywire serving HTTP with JSON, a connection for each request in flight")
}

fn variant(name: &str, about: &str) -> Result<Variant> {
    let program = Program::of_this(&["ours", name])?;
    Ok(Variant { name: format!("ferrywire-{name}"), about: about.to_owned(), program })
}

/// The variants that `is_wanted`, by name, from folders that could be built; and the others.
pub fn built(is_wanted: impl Fn(&str) -> bool) -> Result<(Vec<Variant>, Vec<LeftOut>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(&root)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    folders.retain(|folder| folder.join("peer.json").exists());
    folders.sort();
    let (mut variants, mut left_out) = (Vec::new(), Vec::new());
    for folder in folders {
        let text = fs::read_to_string(folder.join("peer.json"))?;
        let described: Folder = serde_json::from_str(&text)
            .map_err(|error| format!("{}/peer.json: {error}", folder.display()))?;
        let wanted: Vec<_> =
            described.variants.into_iter().filter(|variant| is_wanted(&variant.name)).collect();
        if wanted.is_empty() {
            continue;
        }
        eprint!("\rbuilding {}\x1b[K", folder.display());
        match build(&folder) {
            Ok(path) => variants.extend(wanted.into_iter().map(|Described { name, arguments, about }| {
                let program = Program { path: path.clone(), variant: arguments };
                Variant { name, about, program }
            })),
            Err(error) => left_out.extend(wanted.into_iter().map(|variant| LeftOut {
                name: variant.name,
                reason: format!("not built: {}", main_line(&error.to_string())),
            })),
        }
    }
    eprint!("\r\x1b[K");
    Ok((variants, left_out))
}

/// The program of the folder of this name.
pub fn build_named(folder: &str) -> Result<PathBuf> {
    build(&Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(folder))
}

/// The program of one folder, made from its lockfile alone.
fn build(folder: &Path) -> Result<PathBuf> {
    let directory = output_directory()?.join("peers");
    fs::create_dir_all(&directory)?;
    let name = format!("peer-{}", folder.file_name().unwrap_or_default().display());
    if folder.join("go.mod").exists() {
        let path = directory.join(name);
        run(go().args(["build", "-o"]).arg(&path).arg(".").current_dir(folder))?;
        return Ok(path);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--release", "--locked", "--target-dir"];
    run(Command::new(cargo).args(arguments).arg(&directory).current_dir(folder))?;
    Ok(directory.join("release").join(name))
}

/// What Go says of its version, if there is one.
pub fn go_version() -> Option<String> {
    run(go().arg("version")).ok().map(|version| version.trim().trim_start_matches("go version ").to_owned())
}

/// What the compiler of the peers, and of this, says of itself.
pub fn rustc_version() -> Option<String> {
    let version = run(Command::new("rustc").arg("--version")).ok()?;
    Some(version.split(" (").next().unwrap_or_default().trim().to_owned())
}

/// `FERRYWIRE_GO_NEW` names the `go` that is used in place of the one on the path.
fn go() -> Command {
    let mut go = Command::new(std::env::var_os("FERRYWIRE_GO_NEW").unwrap_or_else(|| "go".into()));
    go.env("GOTOOLCHAIN", "local");
    go
}

fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_owned();
    let ended = command.output().map_err(|error| format!("{} cannot be run: {error}", program.display()))?;
    match ended.status.success() {
        true => Ok(String::from_utf8_lossy(&ended.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()),
    }
}

/// The line that says what went wrong: cargo's errors have advice behind them.
fn main_line(text: &str) -> &str {
    let error = text.lines().find(|line| line.starts_with("error"));
    error.or(text.trim_end().lines().last()).unwrap_or_default()
}
