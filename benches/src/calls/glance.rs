//! All workloads of a placement at a glance: whose calls cost how many times what ours cost.

use super::table::{Row, Table, short};

/// Prints the workloads of `tables`, one column each; `ours` names the row that the others are compared with.
pub fn print(tables: &[&Table], ours: &str) {
    let [first, ..] = tables else { return };
    println!("### At a glance, placement {:?}\n", first.placement);
    println!("CPU per call over ours, medians; our own row in µs.\n");
    let titles: Vec<_> = tables.iter().map(|table| table.column()).collect();
    println!("| | {} |\n|---|{}", titles.join(" | "), "--:|".repeat(tables.len()));
    for name in names(tables, ours) {
        let cells = tables.iter().map(|table| table.row(name).map(|row| cell(row, ours)).unwrap_or_default());
        println!("| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
    println!();
}

/// Ours first, then raw frames and everybody else, the cheapest first, as far as the first table that has them says.
fn names<'t>(tables: &[&'t Table], ours: &'t str) -> Vec<&'t str> {
    let mut names = vec![ours];
    for row in tables.iter().flat_map(|table| &table.rows) {
        if !names.contains(&row.name.as_str()) {
            names.push(&row.name);
        }
    }
    names
}

fn cell(row: &Row, ours: &str) -> String {
    match &row.over_ours {
        Some(ratio) => short(ratio.median),
        None if row.name == ours => format!("**{} µs**", short(row.cpu_us)),
        None => String::new(),
    }
}
