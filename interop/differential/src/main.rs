//! Runs the generated gob test for as many cases as are asked for.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut cases, mut seed, mut shown) = (10_000, 1, 20);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = args.next().and_then(|number| number.parse().ok());
        match (&*arg, number) {
            ("--cases", Some(number)) => cases = number,
            ("--seed", Some(number)) => seed = number,
            ("--show", Some(number)) => shown = number,
            _ => {
                eprintln!("expected --cases N --seed S --show FINDINGS, found {arg}");
                return ExitCode::from(2);
            }
        }
    }
    match gob_differential::run(cases, seed, &std::env::temp_dir()) {
        Ok(summary) => {
            for finding in summary.unlisted.iter().take(shown as usize) {
                println!("{finding}\n");
            }
            println!("{summary}");
            if summary.unlisted.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
