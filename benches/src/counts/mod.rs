//! What does not depend on the machine's mood: instructions, system calls and allocations per call.
//!
//! Server and client run in one thread and talk over TCP.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use peer_support::Result;
use serde::{Deserialize, Serialize};

use crate::calls::Choice;
use crate::opening::BEGINNINGS;
use crate::peers::{self, Variant};
use crate::process::Program;
use crate::ratio::{Bound, Verdict};
use crate::{keep, output_directory};

mod gate;
mod tools;

use tools::{Allocated, Repeated};

pub use gate::{check, update};

const PAYLOAD_LEN: usize = 64;
/// Calls in flight on one connection.
const DEPTHS: [usize; 2] = [1, 100];

/// What one call adds to each count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counts {
    pub peer: String,
    pub depth: usize,
    pub instructions: f64,
    pub system_calls: BTreeMap<String, f64>,
    pub allocations: f64,
    pub allocated_bytes: f64,
}

impl Counts {
    fn of(variant: &Variant, depth: usize, counted: &Path) -> Result<Self> {
        let program = variant.program.clone();
        let counted = program.is_this().then(|| counted.to_owned());
        // Server and client in one thread, with so many calls in flight on one connection.
        let words = ["alone".to_owned(), PAYLOAD_LEN.to_string(), "1".to_owned(), depth.to_string()].into();
        let alone = Repeated { program, counted, words };
        let Allocated { times, bytes } = alone.allocations()?;
        Ok(Self {
            peer: variant.name.clone(),
            depth,
            instructions: alone.instructions()?,
            system_calls: alone.system_calls()?,
            allocations: times,
            allocated_bytes: bytes,
        })
    }

    pub fn system_calls_in_all(&self) -> f64 {
        self.system_calls.values().sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each: Vec<_> =
            self.system_calls.iter().map(|(name, count)| format!("{name} {count:.3}")).collect();
        let Self { peer, depth, instructions, allocations, allocated_bytes, .. } = self;
        write!(
            f,
            "| {peer} | 1×{depth} | {instructions:.0} | {:.3}: {} | {allocations:.2} | {allocated_bytes:.0} |",
            self.system_calls_in_all(),
            each.join(", ")
        )
    }
}

/// Whom the goals mean: our protocol, and payloads for which the program itself need not allocate.
const MEANT: &str = "ferrywire-native-block";

/// By calls in flight, what instructions, system calls and allocations must not exceed.
const GOALS: [(usize, f64, f64, f64); 2] = [(1, 7000.0, 6.0, 0.0), (100, 2000.0, 0.10, 0.0)];

/// Counts of two runs differ by that much though nothing has changed.
const CHANCE: f64 = 0.005;

/// A goal, and what was found.
#[derive(Clone, Debug, Serialize)]
struct Reached {
    goal: String,
    bound: Bound,
    found: f64,
    verdict: Verdict,
}

fn reached(all: &[Counts]) -> Vec<Reached> {
    let mut reached = Vec::new();
    for (depth, instructions, system_calls, allocations) in GOALS {
        let Some(counts) = all.iter().find(|counts| counts.peer == MEANT && counts.depth == depth) else {
            continue;
        };
        let bounds = [
            ("user instructions", instructions, counts.instructions),
            ("system calls", system_calls, counts.system_calls_in_all()),
            ("allocations", allocations, counts.allocations),
        ];
        reached.extend(bounds.map(|(what, most, found)| Reached {
            goal: format!("{MEANT}, 1×{depth}: {what} per call"),
            bound: Bound::AtMost(most),
            found,
            verdict: Bound::AtMost(most + CHANCE).verdict(found),
        }));
    }
    reached
}

/// Ours, in the ways that are counted: with payloads that are vectors, and with such that are as long as their type says, where
/// these are not the same; and requests of HTTP.
fn ours() -> Result<Vec<Variant>> {
    let mut variants = vec![peers::http()?];
    for variant in peers::ours()? {
        if variant.name == peers::IN_JSON {
            variants.push(variant);
            continue;
        }
        let mut block = variant.clone();
        block.name.push_str("-block");
        block.program.variant.push("block".to_owned());
        variants.extend([variant, block]);
    }
    Ok(variants)
}

/// Counts all of `variants`, and prints them; what cannot be counted is said, and left out.
fn count(variants: &[Variant], counted: &Path) -> Vec<Counts> {
    println!("| | in flight | user instructions | system calls | allocations | bytes allocated |");
    println!("|---|--:|--:|---|--:|--:|");
    let mut all = Vec::new();
    for variant in variants {
        for depth in DEPTHS {
            match Counts::of(variant, depth, counted) {
                Ok(counts) => {
                    println!("{counts}");
                    all.push(counts);
                }
                Err(error) => println!("| {} | 1×{depth} | not counted: {error} | | | |", variant.name),
            }
        }
    }
    println!();
    all
}

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    payload_len: usize,
    goals: Vec<Reached>,
    calls: Vec<Counts>,
    /// Instructions to recognise what a connection speaks, once.
    openings: Vec<(String, f64)>,
    /// Allocations and bytes, by value and operation.
    gob: Vec<Operation>,
}

#[derive(Debug, Serialize)]
struct Operation {
    what: String,
    allocations: f64,
    bytes: f64,
}

/// Counts, prints and keeps the counts: ours, and of those peers that are asked for by name.
pub fn run(choice: &Choice) -> Result<()> {
    println!("# Counts\n\nPer call of {PAYLOAD_LEN} B, client and server together in one thread over TCP.\n");
    let (mut variants, counted) = (ours()?, counted()?);
    if !choice.only.is_empty() {
        variants.extend(peers::built(|name| choice.includes(name))?.0);
    }
    let calls = count(&variants, &counted);
    let goals = reached(&calls);
    println!("## Goals\n\n| goal | bound | found | |\n|---|--:|--:|---|");
    for Reached { goal, bound, found, verdict } in &goals {
        println!("| {goal} | {bound} | {found:.3} | {verdict} |");
    }
    println!();
    let openings = openings()?;
    println!(
        "Recognising what a connection speaks, once for each\n\n| first bytes | user instructions |\n|---|--:|"
    );
    openings.iter().for_each(|(name, instructions)| println!("| {name} | {instructions:.0} |"));
    println!();
    println!("Allocations per operation of gob\n\n| value, operation | allocations | bytes |\n|---|--:|--:|");
    let mut gob = Vec::new();
    for line in output_of(Command::new(counted).arg("gob"))?.lines() {
        let (what, counts) = line.split_once(": ").ok_or("expected `WHAT: ALLOCATIONS BYTES`")?;
        let (allocations, bytes) = counts.split_once(' ').ok_or("expected two numbers")?;
        let (allocations, bytes) = (allocations.parse()?, bytes.parse()?);
        println!("| {what} | {allocations:.2} | {bytes:.0} |");
        gob.push(Operation { what: what.to_owned(), allocations, bytes });
    }
    println!();
    keep("counts.json", &Report { payload_len: PAYLOAD_LEN, goals, calls, openings, gob })
}

fn openings() -> Result<Vec<(String, f64)>> {
    let instructions = |(name, _): (&str, &[u8])| {
        let program = Program::of_this(&["opening"])?;
        let words = vec![name.to_owned()];
        Ok((name.to_owned(), Repeated { program, counted: None, words }.instructions()?))
    };
    BEGINNINGS.into_iter().map(instructions).collect()
}

/// The program with the counting allocator, built as this one was.
pub(crate) fn counted() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["build", "--quiet", "--release", "-p", "ferrywire-benches", "--bin", "counted"];
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    output_of(Command::new(cargo).args(arguments).arg("--manifest-path").arg(manifest))?;
    let directory = output_directory()?;
    let target = directory.parent().ok_or("the output lies in no target directory")?;
    Ok(target.join("release/counted"))
}

pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let ended = command.output()?;
    match ended.status.success() {
        true => Ok(String::from_utf8(ended.stdout)?),
        false => Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()),
    }
}
