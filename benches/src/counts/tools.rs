//! Programs that count what another one does: callgrind, memcheck, strace.
//!
//! Two runs of different length are subtracted, so that starting, connecting and the first calls do not count.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};

use peer_support::Result;

use crate::output_directory;
use crate::process::Program;

const FEW: u64 = 2_000;
const MANY: u64 = 12_000;
/// How often what chance adds to is counted.
const RUNS: usize = 5;
/// The same where a run takes seconds.
const SLOW_RUNS: usize = 3;

/// What is counted: a program that does something as often as its last word says, and then says that number.
#[derive(Clone, Debug)]
pub struct Repeated {
    pub program: Program,
    /// The same program with an allocator that counts, if there is such a one.
    pub counted: Option<PathBuf>,
    /// What it is to do.
    pub words: Vec<String>,
}

/// Calls to malloc per call, and the bytes that they asked for.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    pub times: f64,
    pub bytes: f64,
}

impl Repeated {
    /// Instructions in user space per call; of several runs the least, because below callgrind a method of ours takes so long
    /// that now and then some of its calls are run as tasks of their own.
    pub fn instructions(&self) -> Result<f64> {
        let tool = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let runs = if self.counted.is_some() { SLOW_RUNS } else { 1 };
        let [count] = self.slopes(|calls| {
            let counted = (0..runs).map(|_| {
                let said = self.under(Command::new("valgrind").args(tool), calls)?;
                number_after(&said, "Collected : ")
            });
            let least = counted.reduce(|one, other| Ok(one?.min(other?))).expect("there were runs");
            Ok([least?])
        })?;
        Ok(count)
    }

    /// Allocations per call; a buffer that grows counts once more each time.
    ///
    /// Of a peer memcheck counts them. Ours has a program that counts them itself, because below memcheck a method takes so
    /// long that now and then it is run as a task of its own; of several runs the least counts.
    pub fn allocations(&self) -> Result<Allocated> {
        let slopes = match &self.counted {
            Some(path) => self.slopes(|calls| {
                let runs = (0..RUNS).map(|_| self.run(&mut Command::new(path), calls));
                let said = runs.collect::<Result<Vec<_>>>()?;
                let least = |mark| {
                    let numbers = said.iter().map(|said| number_after(said, mark));
                    numbers.reduce(|one, other| Ok(one?.min(other?))).expect("there were runs")
                };
                Ok([least("allocations: ")?, least("bytes: ")?])
            }),
            None => self.slopes(|calls| {
                let tool = ["--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"];
                let said = self.under(Command::new("valgrind").args(tool), calls)?;
                Ok([number_after(&said, "total heap usage: ")?, number_after(&said, "frees, ")?])
            }),
        };
        slopes.map(|[times, bytes]| Allocated { times, bytes })
    }

    /// System calls per call, by name; those that hardly ever happen are left out.
    pub fn system_calls(&self) -> Result<BTreeMap<String, f64>> {
        let (few, many) = (self.traced(FEW)?, self.traced(MANY)?);
        let per_call = many.into_iter().map(|(name, count)| {
            let before = few.get(&name).copied().unwrap_or_default();
            (name, (count - before) / (MANY - FEW) as f64)
        });
        Ok(per_call.filter(|(_, count)| *count >= 0.0005).collect())
    }

    fn traced(&self, calls: u64) -> Result<BTreeMap<String, f64>> {
        let summary = output_directory()?.join("strace.txt");
        let mut strace = Command::new("strace");
        self.under(strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&summary), calls)?;
        let text = std::fs::read_to_string(&summary)?;
        let row = |line: &str| {
            let (count, name) = line.trim().split_once(char::is_whitespace)?;
            Some((name.trim().to_owned(), count.parse().ok()?))
        };
        Ok(text.lines().filter_map(row).filter(|(name, _)| name != "total").collect())
    }

    fn slopes<const N: usize>(&self, count: impl Fn(u64) -> Result<[f64; N]>) -> Result<[f64; N]> {
        let (few, many) = (count(FEW)?, count(MANY)?);
        Ok(std::array::from_fn(|at| (many[at] - few[at]) / (MANY - FEW) as f64))
    }

    /// Runs the program with so many calls below `tool`; what that says of it.
    fn under(&self, tool: &mut Command, calls: u64) -> Result<String> {
        self.run(tool.arg(&self.program.path), calls)
    }

    fn run(&self, command: &mut Command, calls: u64) -> Result<String> {
        command.args(&self.program.variant).args(&self.words).arg(calls.to_string());
        // The same surroundings everywhere: an environment of another size moves the stack, and another CPU would make libc
        // choose another memcpy.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX2,-ERMS,-FSRM");
        let name = command.get_program().to_owned();
        let Output { status, stdout, stderr } =
            command.output().map_err(|error| format!("{} cannot be run: {error}", name.display()))?;
        let (answer, said) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
        match answer.trim().strip_prefix("unsupported ") {
            Some(reason) => Err(format!("unsupported: {reason}").into()),
            None if status.success() && answer.trim() == calls.to_string() => Ok(said.into_owned()),
            None => Err(format!("`{}` below {} failed: {said}", self.program, name.display()).into()),
        }
    }
}

/// The number that follows `mark`, which may have commas.
fn number_after(text: &str, mark: &str) -> Result<f64> {
    let rest = text.split_once(mark).map(|(_, rest)| rest);
    let digits =
        rest.map(|rest| rest.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect::<String>());
    match digits.and_then(|digits| digits.replace(',', "").parse().ok()) {
        Some(number) => Ok(number),
        None => Err(format!("expected a number after `{mark}` in: {text}").into()),
    }
}
