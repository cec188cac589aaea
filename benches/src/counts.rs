//! What does not depend on the machine's mood: instructions, system calls and allocations.
//!
//! Server and client run in one thread and talk over TCP. Two runs of different length are subtracted, so that
//! starting, connecting and the first calls do not count.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::peer::Result;
use crate::{keep, output_directory};

const FEW: u64 = 2_000;
const MANY: u64 = 12_000;

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    payload_len: usize,
    calls: Vec<Calls>,
    /// Allocations and bytes, by value and operation.
    gob: Vec<Allocated>,
}

#[derive(Debug, Serialize)]
struct Calls {
    depth: usize,
    instructions: Option<f64>,
    system_calls: Option<BTreeMap<String, f64>>,
    allocations: f64,
    allocated_bytes: f64,
}

#[derive(Debug, Serialize)]
struct Allocated {
    what: String,
    allocations: f64,
    bytes: f64,
}

/// Counts, prints and keeps the counts.
pub fn run() -> Result<()> {
    let program = std::env::current_exe()?;
    let counted = counted()?;
    const PAYLOAD_LEN: usize = 64;
    println!("counts per call, {PAYLOAD_LEN} B, client and server together in one thread over TCP\n");
    println!("| in flight | user instructions | system calls | allocations | bytes allocated |");
    println!("|--:|--:|---|--:|--:|");
    let mut calls = Vec::new();
    for depth in [1, 100] {
        let alone =
            |calls: u64| ["alone".to_owned(), PAYLOAD_LEN.to_string(), depth.to_string(), calls.to_string()];
        let allocated = output_of(Command::new(&counted).args(alone(MANY)))?;
        let [allocations, allocated_bytes] = numbers(&allocated)?;
        let counts = Calls {
            depth,
            instructions: or_say(slope(|calls| instructions(&program, &alone(calls)))),
            system_calls: or_say(system_calls(&program, alone)),
            allocations,
            allocated_bytes,
        };
        let instructions = counts.instructions.map_or("–".to_owned(), |count| format!("{count:.0}"));
        let system_calls = counts.system_calls.as_ref().map_or("–".to_owned(), |counts| {
            let sum: f64 = counts.values().sum();
            let each: Vec<_> = counts.iter().map(|(name, count)| format!("{name} {count:.3}")).collect();
            format!("{sum:.3}: {}", each.join(", "))
        });
        println!("| 1×{depth} | {instructions} | {system_calls} | {allocations:.2} | {allocated_bytes:.0} |");
        calls.push(counts);
    }
    println!(
        "\nallocations per operation of the codec\n\n| value, operation | allocations | bytes |\n|---|--:|--:|"
    );
    let mut gob = Vec::new();
    for line in output_of(Command::new(&counted).arg("gob"))?.lines() {
        let (what, counts) = line.split_once(": ").ok_or("expected `WHAT: ALLOCATIONS BYTES`")?;
        let [allocations, bytes] = numbers(counts)?;
        println!("| {what} | {allocations:.2} | {bytes:.0} |");
        gob.push(Allocated { what: what.to_owned(), allocations, bytes });
    }
    println!();
    keep("counts.json", &Report { payload_len: PAYLOAD_LEN, calls, gob })
}

/// The program with the counting allocator, built as this one was.
fn counted() -> Result<std::path::PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--release", "-p", "ferrywire-benches", "--bin", "counted"];
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    output_of(Command::new(cargo).args(arguments).arg("--manifest-path").arg(manifest))?;
    let directory = output_directory()?;
    let target = directory.parent().ok_or("the output lies in no target directory")?;
    Ok(target.join("release/counted"))
}

/// What each call adds to `count`, which counts a whole run.
fn slope(count: impl Fn(u64) -> Result<f64>) -> Result<f64> {
    Ok((count(MANY)? - count(FEW)?) / (MANY - FEW) as f64)
}

fn instructions(program: &Path, arguments: &[String]) -> Result<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program).args(arguments);
    let ended = command.output().map_err(|error| format!("valgrind cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&ended.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.ok_or_else(|| format!("valgrind counted nothing: {text}"))?;
    Ok(count.trim().parse()?)
}

fn system_calls(program: &Path, alone: impl Fn(u64) -> [String; 4]) -> Result<BTreeMap<String, f64>> {
    let (few, many) = (all_system_calls(program, &alone(FEW))?, all_system_calls(program, &alone(MANY))?);
    let per_call = many.into_iter().map(|(name, count)| {
        let before = few.get(&name).copied().unwrap_or_default();
        (name, (count - before) / (MANY - FEW) as f64)
    });
    Ok(per_call.filter(|(_, count)| *count >= 0.0005).collect())
}

fn all_system_calls(program: &Path, arguments: &[String]) -> Result<BTreeMap<String, f64>> {
    let summary = output_directory()?.join("strace.txt");
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&summary).arg(program).args(arguments);
    command.output().map_err(|error| format!("strace cannot be run: {error}"))?;
    let text = std::fs::read_to_string(&summary)?;
    let row = |line: &str| {
        let (count, name) = line.trim().split_once(char::is_whitespace)?;
        Some((name.trim().to_owned(), count.parse().ok()?))
    };
    Ok(text.lines().filter_map(row).filter(|(name, _)| name != "total").collect())
}

/// What cannot be counted here is said, and left out.
fn or_say<T>(counted: Result<T>) -> Option<T> {
    counted.inspect_err(|error| eprintln!("not counted: {error}")).ok()
}

fn output_of(command: &mut Command) -> Result<String> {
    let ended = command.output()?;
    match ended.status.success() {
        true => Ok(String::from_utf8(ended.stdout)?),
        false => Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()),
    }
}

fn numbers<const N: usize>(text: &str) -> Result<[f64; N]> {
    let numbers = text.split_whitespace().map(str::parse).collect::<std::result::Result<Vec<f64>, _>>()?;
    numbers.try_into().map_err(|found| format!("expected {N} numbers, found {found:?}").into())
}
