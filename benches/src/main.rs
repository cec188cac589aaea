//! `cargo run --release -p ferrywire-benches -- [TABLE..] [OPTION..]`; see `USAGE`.

use std::process::ExitCode;

use ferrywire_benches::calls::{self, Choice, Narrowed};
use ferrywire_benches::effort::Effort;
use ferrywire_benches::peers::{self, LeftOut, Variant};
use ferrywire_benches::placement::Placement;
use ferrywire_benches::{balance, codec, counts, gob, http, idle, netrpc, opening, ours, tail};
use peer_support::{Result, say};

const USAGE: &str = "\
usage: ferrywire-benches [TABLE..] [OPTION..]
       ferrywire-benches build, which only builds all peers

tables (all but the last four unless named):
  calls      what a call costs, beside all peers
  idle       what an idle connection holds, beside all peers
  tail       what slow calls cost the others on their connection
  counts     instructions, system calls, allocations; --check holds ours against benches/counts.json,
             --update rewrites it
  http       our server and axum's under the same client
  netrpc     the four pairs of our and Go's net/rpc
  gob        values, beside Go's encoding/gob
  balance    choosing one of a thousand servers

options:
  --quick             less of everything: all tables within five minutes
  --only PEER         peers whose names begin so (raw comes along); may be repeated, as the next three
  --shape CxK         connections and calls in flight on each, such as 1x100
  --payload BYTES
  --placement A|B|C
  --blocks N          blocks of each table
  --slice-ms N        how long each peer works at a time
  --ours NAME         whom others are compared with: ferrywire-native unless given";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        // What the processes below a table are.
        ["ours", ref words @ ..] => ours::run(words),
        ["tail-client", protocol, threads, address] => tail::call(protocol, threads, address),
        ["opening", name, count] => opening::repeat(name, count),
        ["peer-gob"] => codec::code(),
        ["--help"] => say(USAGE),
        ["build"] => build(),
        ref words => tables(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let (variants, left_out) = peers::built(|_| true)?;
    variants.iter().for_each(|Variant { name, about, .. }| println!("{name}: {about}"));
    left_out.iter().for_each(|LeftOut { name, reason }| println!("{name} is left out: {reason}"));
    Ok(())
}

fn tables(words: &[&str]) -> Result<()> {
    let (mut effort, mut chosen, mut count) = (Effort::DEFAULT, Vec::new(), Count::Print);
    let mut choice =
        Choice { ours: "ferrywire-native".to_owned(), only: Vec::new(), narrowed: Narrowed::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut next = || words.next().copied().ok_or(USAGE);
        match *word {
            "--quick" => effort = Effort::QUICK,
            "--check" => count = Count::Check,
            "--update" => count = Count::Update,
            "--blocks" => effort.blocks = next()?.parse()?,
            "--slice-ms" => effort.call_slice_ms = next()?.parse()?,
            "--only" => choice.only.push(next()?.to_owned()),
            "--ours" => choice.ours = next()?.to_owned(),
            "--payload" => choice.narrowed.payload_lens.push(next()?.parse()?),
            "--placement" => choice.narrowed.placements.push(Placement::named(next()?).ok_or(USAGE)?),
            "--shape" => {
                let (connections, depth) = next()?.split_once('x').ok_or(USAGE)?;
                choice.narrowed.shapes.push((connections.parse()?, depth.parse()?));
            }
            table @ ("calls" | "idle" | "tail" | "http" | "netrpc" | "gob" | "balance" | "counts") => {
                chosen.push(table)
            }
            _ => return Err(USAGE.into()),
        }
    }
    if chosen.is_empty() {
        chosen = vec!["calls", "idle", "tail"];
        // They take minutes, and do not change from one run to the next.
        if !effort.is_quick {
            chosen.insert(0, "counts");
        }
    }
    for table in chosen {
        match table {
            "calls" => calls::run(&effort, &choice)?,
            "idle" => idle::run(&effort, &choice)?,
            "tail" => tail::run(&effort)?,
            "http" => http::run(&effort)?,
            "netrpc" => netrpc::run(&effort)?,
            "gob" => gob::run(&effort)?,
            "balance" => balance::run(&effort)?,
            _ => match count {
                Count::Print => counts::run(&choice)?,
                Count::Check => counts::check()?,
                Count::Update => counts::update()?,
            },
        }
    }
    Ok(())
}

/// What is done with counts.
enum Count {
    Print,
    Check,
    Update,
}
