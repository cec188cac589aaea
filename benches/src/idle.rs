//! What a connection holds that has been used once and then only stays.

use peer_support::Result;
use serde::Serialize;

use crate::calls::Choice;
use crate::effort::Effort;
use crate::keep;
use crate::peers::{self, LeftOut, Variant};
use crate::placement::Placement;
use crate::ratio::{Bound, Verdict};
use crate::session::{Held, Session};

/// So many connections, and then so many more.
const FEW: usize = 1_000;
const MANY: usize = 10_000;
const GOAL: Bound = Bound::AtMost(4096.0);

/// The results, as they are kept.
#[derive(Debug, Serialize)]
struct Report {
    goal: Bound,
    verdict: Option<Verdict>,
    left_out: Vec<LeftOut>,
    rows: Vec<Row>,
}

/// Bytes per connection.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    connections: usize,
    server: Held,
    client: Held,
}

/// Measures, prints and keeps the table.
pub fn run(effort: &Effort, choice: &Choice) -> Result<()> {
    let (mut variants, mut left_out) = peers::built(|name| choice.includes(name))?;
    variants.splice(0..0, peers::ours()?);
    println!("# What an idle connection holds\n");
    println!(
        "Bytes of user memory per connection that made one call and stays: what the allocator has handed out, and, in \
         brackets, pages of the process.\n"
    );
    println!("| | connections | server | client | both |\n|---|--:|--:|--:|--:|");
    let mut rows = Vec::new();
    for variant in &variants {
        let counts = match effort.is_quick && variant.name != choice.ours {
            true => &[FEW][..],
            false => &[FEW, MANY][..],
        };
        if let Err(error) = held(variant, counts, &mut rows) {
            left_out.push(LeftOut { name: variant.name.clone(), reason: error.to_string() });
        }
    }
    let ours = rows.iter().find(|row| row.name == choice.ours && row.connections == MANY);
    let verdict = ours.map(|ours| GOAL.verdict(ours.server.heap as f64));
    let said = verdict.map_or("not measured".to_owned(), |verdict| verdict.to_string());
    println!("\nGoal: {} on the server, with {MANY} of them, {GOAL} bytes: {said}\n", choice.ours);
    left_out.iter().for_each(|LeftOut { name, reason }| println!("- left out: {name}: {reason}"));
    keep("idle.json", &Report { goal: GOAL, verdict, left_out, rows })
}

fn held(variant: &Variant, counts: &[usize], rows: &mut Vec<Row>) -> Result<()> {
    eprint!("\ridle connections of {}\x1b[K\r", variant.name);
    let mut session = Session::of(&variant.program, Placement::B)?;
    let mut open = 0;
    let mut sum = [Held::default(); 2];
    for count in counts {
        let grown = session.idle(count - open)?;
        open = *count;
        sum = [0, 1].map(|side| sum[side].and(grown[side]));
        let [server, client] = sum.map(|held| held.per(open));
        let both = server.and(client);
        println!("| {} | {open} | {server} | {client} | {both} |", variant.name);
        rows.push(Row { name: variant.name.clone(), connections: open, server, client });
    }
    Ok(())
}
