//! Counts that may not grow: ours, held against those in `counts.json` beside this crate.

use std::fs;
use std::path::{Path, PathBuf};

use peer_support::Result;

use super::{Counts, count, counted, ours};

/// What a count may grow by before it is held to be worse.
const GROWTH_MAX: f64 = 1.03;
/// System calls and allocations are small numbers, of which a few in ten thousand calls are chance.
const CHANCE: f64 = 0.02;
/// How often what has grown is counted.
const COUNTED_AT_MOST: usize = 3;

/// Fails if anything has grown.
pub fn check() -> Result<()> {
    println!("counts per call, client and server together, held against benches/counts.json\n");
    let text = fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
    let mut before: Vec<Counts> = serde_json::from_str(&text)?;
    let (mut grown, counted) = (Vec::new(), counted()?);
    // What the machine does beside only ever adds to a count, and not each time.
    for _ in 0..COUNTED_AT_MOST {
        let variants =
            ours()?.into_iter().filter(|ours| before.iter().any(|before| before.peer == ours.name));
        let now = count(&variants.collect::<Vec<_>>(), &counted);
        before.retain(|before| !grown_since(before, &now).is_empty());
        grown = before.iter().flat_map(|before| grown_since(before, &now)).collect();
        if grown.is_empty() {
            return Ok(());
        }
    }
    let advice = "If it has to be so, say why in the commit that rewrites them with `counts --update`.";
    Err(format!("{}\n{advice}", grown.join("\n")).into())
}

/// Rewrites the file.
pub fn update() -> Result<()> {
    let counts = count(&ours()?, &counted()?);
    Ok(fs::write(path(), serde_json::to_string_pretty(&counts)? + "\n")?)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.json")
}

fn grown_since(before: &Counts, now: &[Counts]) -> Vec<String> {
    let who = format!("{}, 1×{}", before.peer, before.depth);
    let Some(now) = now.iter().find(|now| (&now.peer, now.depth) == (&before.peer, before.depth)) else {
        return vec![format!("{who}: is not counted any more")];
    };
    let counts = [
        ("instructions", before.instructions, now.instructions, 0.0),
        ("system calls", before.system_calls_in_all(), now.system_calls_in_all(), CHANCE),
        ("allocations", before.allocations, now.allocations, CHANCE),
    ];
    let grown = counts.into_iter().filter(|(_, before, now, chance)| *now > before * GROWTH_MAX + chance);
    grown
        .map(|(what, before, now, _)| format!("{who}: {now:.2} {what} per call, {before:.2} before"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(instructions: f64, allocations: f64) -> Counts {
        Counts {
            peer: "ours".to_owned(),
            depth: 1,
            instructions,
            system_calls: [("sendto".to_owned(), 2.0)].into(),
            allocations,
            allocated_bytes: 0.0,
        }
    }

    #[test]
    fn a_count_that_grows_by_more_than_three_in_a_hundred_is_named_and_chance_is_not() {
        let before = counts(1000.0, 0.0);

        assert!(grown_since(&before, &[counts(1029.0, 0.01)]).is_empty());
        assert_eq!(grown_since(&before, &[counts(1031.0, 1.0)]).len(), 2);
        assert_eq!(grown_since(&before, &[]), ["ours, 1×1: is not counted any more"]);
    }
}
