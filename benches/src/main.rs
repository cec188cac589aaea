//! `cargo run --release -p ferrywire-benches -- [netrpc | gob | counts] [--quick] [--blocks N] [--slice-ms N]`

use ferrywire_benches::peer::{self, Result, echo::Load};
use ferrywire_benches::{Effort, counts, gob, netrpc};

const USAGE: &str = "usage: ferrywire-benches [netrpc | gob | counts] [--quick] [--blocks N] [--slice-ms N]";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        // What the processes below a table are.
        ["peer-server", threads] => peer::echo::serve(threads.parse()?),
        ["peer-client", threads, address] => peer::echo::call(threads.parse()?, address),
        ["peer-gob"] => peer::codec::code(),
        ["alone", payload_len, depth, calls] => {
            let load = Load { payload_len: payload_len.parse()?, depth: depth.parse()? };
            load.run_alone(calls.parse()?)
        }
        ref words => tables(words),
    }
}

fn tables(words: &[&str]) -> Result<()> {
    let (mut effort, mut chosen) = (Effort::DEFAULT, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u64> { Ok(words.next().ok_or(USAGE)?.parse()?) };
        match *word {
            "--quick" => effort = Effort::QUICK,
            "--blocks" => effort.blocks = number()? as usize,
            "--slice-ms" => effort.call_slice_ms = number()?,
            table @ ("netrpc" | "gob" | "counts") => chosen.push(table),
            _ => return Err(USAGE.into()),
        }
    }
    if chosen.is_empty() {
        chosen = vec!["netrpc", "gob"];
    }
    for table in chosen {
        match table {
            "netrpc" => netrpc::run(&effort)?,
            "gob" => gob::run(&effort)?,
            _ => counts::run()?,
        }
    }
    Ok(())
}
