//! Generated gob values and broken streams, judged by `ferrywire-gob` and by Go side by side.
//!
//! A case is a seed. It gives one to three values of a type, which is one of the derived types or made
//! up; they are written, Go reads and writes them again, and we read that: three times the same value.
//! Then both read Go's bytes into another version of the type, and both read broken bytes: the same
//! verdict, and the same value where it is accepted. What may differ stands in `disagreements.md`.
//!
//! ```sh
//! cargo run --release -p gob-differential -- --cases 100000 --seed 1    # --show N: so many findings are printed
//! ```
//!
//! A finding names its seed, its types in the notation of `interop/go/gobpeer/types.go`, and its bytes.

mod disagreements;
pub mod dynamic;
pub mod fixed;
pub mod foreign;
pub mod generate;
pub mod model;
pub mod mutate;
mod opaque;
pub mod peer;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;
use ferrywire_gob::SliceDecoder;

use crate::disagreements::{Listed, Marks};
use crate::dynamic::Dynamic;
use crate::fixed::{Decoded, Fixed};
use crate::foreign::Foreign;
use crate::generate::{evolved, random_type, random_value};
use crate::model::{Type, Val, hex};
use crate::mutate::mutated;
use crate::peer::{Answer, Job, Peer};

/// How many cases Go is asked about at a time.
const BATCH: u64 = 1000;
/// Broken streams of every case.
const MUTATED_PER_CASE: u64 = 5;
/// Cases that share a type: Go and we keep every type for as long as the process lives.
const CASES_PER_TYPE: u64 = 20;
/// Batches before Go is started anew, without the types that it has kept.
const BATCHES_PER_PEER: u64 = 100;
/// The longest that we may look at a stream of a few hundred bytes, on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(5);

/// What came of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Values that went from us to Go and back.
    pub values: u64,
    /// Types that they were of, or were read into.
    pub types: HashSet<String>,
    /// Broken streams.
    pub mutated: u64,
    /// Streams that were too much for Go, which have no verdict.
    pub no_verdict: u64,
    /// How often each known disagreement was met.
    pub listed: BTreeMap<String, u64>,
    /// Disagreements that nobody knew of.
    pub unlisted: Vec<Finding>,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, times) in &self.listed {
            writeln!(out, "  {name}: {times}")?;
        }
        if self.no_verdict > 0 {
            writeln!(out, "  without a verdict of Go's: {}", self.no_verdict)?;
        }
        write!(
            out,
            "gob differential: {} values, {} types, {} mutated, {} listed disagreements, {} unlisted",
            self.values,
            self.types.len(),
            self.mutated,
            self.listed.values().sum::<u64>(),
            self.unlisted.len()
        )
    }
}

/// A disagreement, with all that is needed to look into it.
#[derive(Debug)]
pub struct Finding {
    /// `--cases 1 --seed` this one meets it again.
    pub seed: u64,
    /// What was being done.
    pub what: What,
    /// The type that was read into.
    pub types: String,
    /// The bytes that were read.
    pub stream: Vec<u8>,
    /// What Go says, or what was expected.
    pub go: Outcome,
    /// What we say.
    pub ours: Outcome,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "seed {}: {}", self.seed, self.what.text())?;
        writeln!(out, "  into  {}", self.types)?;
        writeln!(out, "  bytes {}", hex(&self.stream))?;
        writeln!(out, "  go    {}", self.go)?;
        write!(out, "  ours  {}", self.ours)
    }
}

/// The ways in which both sides are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Go reads what we wrote; both must find the value that was meant.
    GoReads,
    /// We cannot write what Go can.
    WeWrite,
    /// We read what we wrote.
    WeReadOurs,
    /// We read what Go wrote.
    WeReadGos,
    /// Both read what Go wrote into another version of the type.
    Evolved,
    /// Both read a broken stream.
    Mutated,
    /// We read a stream as values that carry their types, write those, and read what we wrote.
    ByValue,
    /// Both read what such a value was written as.
    OfValue,
}

impl What {
    fn text(self) -> &'static str {
        match self {
            Self::GoReads => "Go reads what was written here, and finds another value",
            Self::WeWrite => "a value cannot be written",
            Self::WeReadOurs => "what was written here is read otherwise",
            Self::WeReadGos => "what Go wrote is read otherwise",
            Self::Evolved => "what Go wrote, read into another version of the type",
            Self::Mutated => "a broken stream",
            Self::ByValue => {
                "read by way of a value that carries its type, it is another (`go` is without that way)"
            }
            Self::OfValue => "a value that carries its type, written again",
        }
    }
}

/// What somebody makes of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All values, described.
    Accepts(String),
    /// The values before the one that was refused, described, and why.
    Refuses(String, String),
}

impl Outcome {
    /// Whether both say the same, whatever their words for it.
    fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Accepts(found), Self::Accepts(expected)) => found == expected,
            (Self::Refuses(before, _), Self::Refuses(expected, _)) => before == expected,
            _ => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepts(found) => write!(out, "accepts {found}"),
            Self::Refuses(before, why) => write!(out, "refuses: {why} (after: {before})"),
        }
    }
}

/// One case: what is written, and into what it is read.
struct Case {
    seed: u64,
    rng: Rng,
    fixed: Option<&'static Fixed>,
    of: Type,
    has_any: bool,
    values: Vec<Val>,
    stream: Vec<u8>,
    /// What Go wrote of it.
    gos: Vec<u8>,
}

/// A stream that both judge.
struct Question {
    seed: u64,
    what: What,
    reader: Reader,
    /// Whether there are interfaces in what was written, or in what is read.
    has_any: bool,
    /// What another version of the type must find, as far as that can be told without Go.
    meant: Option<Outcome>,
    count: usize,
    stream: Vec<u8>,
}

/// What a stream is read into.
#[derive(Clone)]
enum Reader {
    Fixed(&'static Fixed),
    Dynamic(Type),
}

/// Runs so many cases, the first of which is `seed` and the next `seed + 1`.
///
/// # Errors
///
/// One line, when Go or its program is missing.
pub fn run(cases: u64, seed: u64, folder: &Path) -> Result<Summary, String> {
    let listed = Listed::read();
    let mut peer = Peer::build(folder)?;
    let mut summary = Summary::default();
    // A decoder that panics is a finding; its message is in it.
    std::panic::set_hook(Box::new(|_| {}));
    for (number, first) in (seed..seed + cases).step_by(BATCH as usize).enumerate() {
        if (number as u64 + 1).is_multiple_of(BATCHES_PER_PEER) {
            peer = Peer::build(folder)?;
        }
        let cases = first..(first + BATCH).min(seed + cases);
        batch(cases, &mut peer, &listed, &mut summary).map_err(|err| format!("gobpeer: {err}"))?;
    }
    _ = std::panic::take_hook();
    Ok(summary)
}

fn batch(
    seeds: std::ops::Range<u64>,
    peer: &mut Peer,
    listed: &Listed,
    summary: &mut Summary,
) -> std::io::Result<()> {
    let mut cases: Vec<Case> = seeds.filter_map(|seed| case(seed, listed, summary)).collect();
    let jobs: Vec<Job> = cases
        .iter()
        .map(|case| Job {
            types: written(&case.of, case.values.len()),
            stream: case.stream.clone(),
            encode: true,
        })
        .collect();
    for (case, answer) in cases.iter_mut().zip(peer.ask(&jobs)?) {
        read_back(case, answer, listed, summary);
    }

    let mut questions = Vec::new();
    for at in 0..cases.len() {
        ask_about(&mut questions, &cases, at);
    }
    let jobs: Vec<Job> = questions
        .iter()
        .map(|question| Job {
            types: written(&question.reader.of(), question.count),
            stream: question.stream.clone(),
            encode: false,
        })
        .collect();
    for (question, answer) in questions.into_iter().zip(peer.ask(&jobs)?) {
        summary.mutated += u64::from(question.what == What::Mutated);
        let Some(go) = outcome(answer) else {
            summary.no_verdict += 1;
            // Whatever it is, we must end in time and without a panic.
            let ours = question.reader.read(&question.stream, question.count);
            if let Outcome::Refuses(_, why) = &ours
                && why.starts_with(BROKEN)
            {
                let go = Outcome::Refuses(String::new(), "no verdict".to_owned());
                judge(question, go, ours, listed, summary);
            }
            continue;
        };
        let ours = question.reader.read(&question.stream, question.count);
        pass_by_value(&question, &ours, listed, summary);
        judge(question, go, ours, listed, summary);
    }
    Ok(())
}

/// Compares what we find with what we find when values carry their types on the way.
fn pass_by_value(question: &Question, direct: &Outcome, listed: &Listed, summary: &mut Summary) {
    // What the receiver refuses, a value may well hold.
    if matches!(direct, Outcome::Accepts(_)) {
        let by_value = question.reader.read_by_value(&question.stream, question.count);
        let question = Question {
            what: What::ByValue,
            stream: question.stream.clone(),
            reader: question.reader.clone(),
            meant: None,
            ..*question
        };
        judge(question, direct.clone(), by_value, listed, summary);
    }
}

/// Makes a case and writes its stream.
fn case(seed: u64, listed: &Listed, summary: &mut Summary) -> Option<Case> {
    let mut type_rng = Rng::with_seed((seed / CASES_PER_TYPE).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut rng = Rng::with_seed(seed.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ 0x5555);
    let fixed = type_rng.bool().then(|| &fixed::ALL[type_rng.usize(..fixed::ALL.len())]);
    let of = fixed.map_or_else(|| random_type(&mut type_rng), |fixed| (fixed.of)());
    let wanted: Vec<Val> = (0..[1, 1, 2, 3][rng.usize(..4)])
        .map(|_| match random_value(&mut rng, &of) {
            // Nothing can be sent of these.
            Val::Any(None) => Val::Any(Some(("int".to_owned(), Box::new(Val::Int(7))))),
            value => value,
        })
        .collect();

    let (stream, values) = match fixed {
        Some(fixed) => match (fixed.encode)(&wanted) {
            Ok(written) => written,
            Err(error) => {
                let question = Question {
                    seed,
                    what: What::WeWrite,
                    reader: Reader::Fixed(fixed),
                    has_any: of.has_any(),
                    meant: None,
                    count: wanted.len(),
                    stream: Vec::new(),
                };
                let ours = Outcome::Refuses(String::new(), error.to_string());
                judge(question, Outcome::Accepts(described(&wanted)), ours, listed, summary);
                return None;
            }
        },
        None => {
            let mut foreign = Foreign::new(rng.fork());
            for value in &wanted {
                foreign.write(&of, value);
            }
            (foreign.into_bytes(), wanted)
        }
    };
    let values: Vec<Val> = values.iter().map(|value| value.arrived(&of)).collect();
    summary.values += values.len() as u64;
    let has_any = of.has_any();
    Some(Case { seed, rng, fixed, of, has_any, values, stream, gos: Vec::new() })
}

/// Compares what was meant with what Go found, and with what we find in our bytes and in Go's.
fn read_back(case: &mut Case, answer: Answer, listed: &Listed, summary: &mut Summary) {
    summary.types.insert(written(&case.of, 1));
    let meant = Outcome::Accepts(described(&case.values));
    let reader = case.fixed.map_or_else(|| Reader::Dynamic(case.of.clone()), Reader::Fixed);
    let count = case.values.len();
    let question = |what, stream: &[u8]| Question {
        seed: case.seed,
        what,
        reader: reader.clone(),
        has_any: case.has_any,
        meant: None,
        count,
        stream: stream.to_vec(),
    };

    let gos = match answer {
        Answer::Accepted(found, gos) => {
            judge(
                question(What::GoReads, &case.stream),
                Outcome::Accepts(found),
                meant.clone(),
                listed,
                summary,
            );
            Some(gos)
        }
        other => {
            let why =
                if let Answer::None(why) = &other { format!("no verdict: {why}") } else { String::new() };
            let go = outcome(other).unwrap_or(Outcome::Refuses(String::new(), why));
            judge(question(What::GoReads, &case.stream), go, meant.clone(), listed, summary);
            None
        }
    };
    judge(
        question(What::WeReadOurs, &case.stream),
        meant.clone(),
        reader.read(&case.stream, count),
        listed,
        summary,
    );
    if let Some(gos) = gos {
        let found = reader.read(&gos, count);
        pass_by_value(&question(What::WeReadGos, &gos), &found, listed, summary);
        judge(question(What::WeReadGos, &gos), meant, found, listed, summary);
        case.gos = gos;
    }
}

/// The questions about a case: one about another version of its type, and some about broken streams.
fn ask_about(questions: &mut Vec<Question>, cases: &[Case], at: usize) {
    let case = &cases[at];
    let mut rng = case.rng.clone();
    let mut other_rng = Rng::with_seed((case.seed / CASES_PER_TYPE) ^ 0xaaaa);
    let count = case.values.len();
    let other = match case.fixed {
        Some(_) if other_rng.bool() => Reader::Fixed(&fixed::ALL[other_rng.usize(..fixed::ALL.len())]),
        _ => Reader::Dynamic(evolved(&mut other_rng, &case.of)),
    };
    let seed = case.seed;
    let has_any = case.has_any || other.of().has_any();
    // Go writes definitions into the middle of interface values, where it cannot skip them itself.
    let meant: Option<Vec<Val>> =
        case.values.iter().map(|value| value.in_version(&case.of, &other.of())).collect();
    let meant = meant.map(|values| Outcome::Accepts(described(&values)));
    for stream in [&case.gos, &case.stream] {
        let (reader, meant, stream) = (other.clone(), meant.clone(), stream.clone());
        questions.push(Question { seed, what: What::Evolved, reader, has_any, meant, count, stream });
    }
    let reader = case.fixed.map_or_else(|| Reader::Dynamic(case.of.clone()), Reader::Fixed);
    if let Ok(stream) = first_by_value(&case.gos) {
        questions.push(Question {
            seed,
            what: What::OfValue,
            reader,
            has_any,
            meant: None,
            count: 1,
            stream,
        });
    }
    for _ in 0..MUTATED_PER_CASE {
        let from = if rng.bool() { &case.gos } else { &case.stream };
        let piece = &cases[rng.usize(..cases.len())].gos;
        let reader = match case.fixed {
            _ if rng.u8(..) < 24 => other.clone(),
            Some(fixed) => Reader::Fixed(fixed),
            None => Reader::Dynamic(case.of.clone()),
        };
        questions.push(Question {
            seed,
            what: What::Mutated,
            reader,
            has_any,
            meant: None,
            count,
            stream: mutated(&mut rng, from, piece),
        });
    }
}

/// Notes what both said, if it is not the same.
fn judge(question: Question, go: Outcome, ours: Outcome, listed: &Listed, summary: &mut Summary) {
    if go.agrees(&ours) {
        return;
    }
    let of = question.reader.of();
    let finding = Finding {
        seed: question.seed,
        what: question.what,
        types: written(&of, 1),
        stream: question.stream,
        go,
        ours,
    };
    let marks = Marks {
        has_any: question.has_any,
        as_meant: question.meant.is_some_and(|meant| meant == finding.ours),
        has_name_twice: of.has_name_twice(&finding.stream),
        has_other_spelling: of.has_other_spelling(&finding.stream),
    };
    match listed.find(&finding, &marks) {
        Some(name) => *summary.listed.entry(name.to_owned()).or_default() += 1,
        None => summary.unlisted.push(finding),
    }
}

impl Reader {
    fn of(&self) -> Type {
        match self {
            Self::Fixed(fixed) => (fixed.of)(),
            Self::Dynamic(of) => of.clone(),
        }
    }

    /// What we make of a stream when each value is written again before it is read.
    fn read_by_value(&self, stream: &[u8], count: usize) -> Outcome {
        let mut decoder = SliceDecoder::new(stream);
        let mut all = String::new();
        for _ in 0..count {
            let mut again = Vec::new();
            let value = catch_unwind(AssertUnwindSafe(|| {
                decoder.decode_value().map(|value| value.encode(&mut again))
            }));
            match value {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Outcome::Refuses(all, error.to_string()),
                Err(_) => return Outcome::Refuses(all, format!("{BROKEN}: panicked")),
            }
            match self.read(&again, 1) {
                Outcome::Accepts(found) => all.push_str(&found),
                Outcome::Refuses(_, why) => return Outcome::Refuses(all, format!("written again: {why}")),
            }
        }
        Outcome::Accepts(all)
    }

    /// What we make of a stream.
    fn read(&self, stream: &[u8], count: usize) -> Outcome {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| match self {
            Self::Fixed(fixed) => (fixed.decode)(stream, count),
            Self::Dynamic(of) => read_dynamic(of, stream, count),
        }));
        if began.elapsed() > TIME_MAX {
            return Outcome::Refuses(String::new(), format!("{BROKEN}: took {:?}", began.elapsed()));
        }
        match result {
            Ok(Ok(values)) => Outcome::Accepts(described(&values)),
            Ok(Err((before, error))) => Outcome::Refuses(described(&before), error.to_string()),
            Err(reason) => {
                let text = reason.downcast_ref::<String>().cloned();
                let text = text.or_else(|| reason.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Outcome::Refuses(
                    "a panic".to_owned(),
                    format!("{BROKEN}: panicked: {}", text.unwrap_or_default()),
                )
            }
        }
    }
}

/// The first value of a stream, written again by way of a value that carries its type.
fn first_by_value(stream: &[u8]) -> Result<Vec<u8>, ferrywire_gob::Error> {
    let mut again = Vec::new();
    SliceDecoder::new(stream).decode_value()?.encode(&mut again);
    Ok(again)
}

/// What no input may do to us, and no row of the list allows.
pub(crate) const BROKEN: &str = "BROKEN";

fn read_dynamic(of: &Type, stream: &[u8], count: usize) -> Decoded {
    let mut decoder = SliceDecoder::new(stream);
    let mut values = Vec::new();
    for _ in 0..count {
        match Dynamic::of(of, || decoder.decode::<Dynamic>()) {
            Ok(Dynamic(value)) => values.push(value),
            Err(error) => return Err((values, error)),
        }
    }
    Ok(values)
}

fn outcome(answer: Answer) -> Option<Outcome> {
    match answer {
        Answer::Accepted(found, _) => Some(Outcome::Accepts(found)),
        Answer::Refused(text) => {
            // The number of values, each after a bar, and after another bar the error.
            let bar = text.find('|').unwrap_or(text.len());
            let count: usize = text[..bar].parse().unwrap_or(0);
            let parts: Vec<&str> = text[bar..].splitn(count + 2, '|').skip(1).collect();
            let (error, before) = parts.split_last()?;
            Some(Outcome::Refuses(
                before.iter().flat_map(|value| ["|", value]).collect(),
                (*error).to_owned(),
            ))
        }
        Answer::None(_) => None,
    }
}

fn described(values: &[Val]) -> String {
    values.iter().fold(String::new(), |mut text, value| {
        text.push('|');
        value.describe(&mut text);
        text
    })
}

fn written(of: &Type, count: usize) -> String {
    let mut text = String::new();
    of.write(&mut text);
    text.repeat(count)
}
