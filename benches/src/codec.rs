//! Our side of the codec's benchmark: each operation in a loop, on the bytes that Go wrote.
//!
//! Both sides use what a user of a stream of values would: an encoder into memory and a decoder from it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hint::black_box;
use std::io::Read;
use std::time::{Duration, Instant};

use ferrywire_gob::{Decoder, Encoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use peer_support::{Result, cpu_ns, orders, say};

/// The textbook's argument.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Args {
    a: i64,
    b: i64,
}

/// A field of most scalar kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Ten {
    id: i64,
    count: u32,
    ok: bool,
    ratio: f64,
    a: i32,
    b: i64,
    c: u64,
    d: f64,
    e: i16,
    f: u8,
}

const TEN: Ten = Ten {
    id: 1_234_567,
    count: 42,
    ok: true,
    ratio: 1.0 / 3.0,
    a: -70_000,
    b: 5,
    c: 1 << 40,
    d: 2.5,
    e: -300,
    f: 200,
};

/// The values, by the names that both sides know.
pub const VALUES: [(&str, &str); 4] = [
    ("args", "Args, 2 ints"),
    ("ten", "10-field struct"),
    ("thousand", "1,000 of it"),
    ("bytes", "64 KiB []byte"),
];

/// What is done with a value, by the names that both sides know.
pub const OPERATIONS: [(&str, &str); 4] = [
    ("encode", "encode, types known"),
    ("encode-first", "encode, with definitions"),
    ("decode", "decode, types known"),
    ("decode-first", "decode, with definitions"),
];

/// The process `peer-gob`: `bytes VALUE` and `load VALUE FIRST LATER` exchange encodings with the other side;
/// `run VALUE OPERATION MILLISECONDS` is answered with `OPERATIONS CPU_NANOSECONDS`.
pub fn code() -> Result<()> {
    let mut values = Values::default();
    say("ready")?;
    orders(|words| match words {
        ["bytes", value] => {
            let (first, later) = values.get(value)?.encoded()?;
            Ok(format!("{} {}", to_hex(&first), to_hex(&later)))
        }
        ["load", value, first, later] => {
            values.get(value)?.load(from_hex(first)?, from_hex(later)?)?;
            Ok("loaded".to_owned())
        }
        ["run", value, operation, milliseconds] => {
            let length = Duration::from_millis(milliseconds.parse()?);
            let value = values.get(value)?;
            let mut run = value.operation(operation)?;
            let (batch, mut count) = (value.batch(), 0);
            let (before, start) = (cpu_ns(), Instant::now());
            while start.elapsed() < length {
                run(Step::Repeat(batch))?;
                count += batch;
            }
            let used = cpu_ns() - before;
            run(Step::Verify)?;
            Ok(format!("{count} {used}"))
        }
        _ => Err(format!("no such order: {words:?}").into()),
    })
}

/// The values, each with what was loaded for it.
pub struct Values(HashMap<&'static str, Box<dyn Loops>>);

impl Default for Values {
    fn default() -> Self {
        Self(HashMap::from([
            ("args", Subject::boxed(Args { a: 7, b: 8 })),
            ("ten", Subject::boxed(TEN)),
            ("thousand", Subject::boxed(vec![TEN; 1000])),
            ("bytes", Subject::boxed(ByteBuf::from(vec![0x5a; 64 << 10]))),
        ]))
    }
}

impl Values {
    pub fn get(&mut self, name: &str) -> Result<&mut dyn Loops> {
        match self.0.get_mut(name) {
            Some(value) => Ok(&mut **value),
            None => Err(format!("no value is called {name}").into()),
        }
    }
}

/// What an operation is told to do.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Itself, so many times.
    Repeat(u64),
    /// Nothing, but compare what was decoded last with the value.
    Verify,
}

impl Step {
    fn count(self) -> u64 {
        match self {
            Self::Repeat(count) => count,
            Self::Verify => 0,
        }
    }
}

/// An operation, ready to run.
pub type Operation<'s> = Box<dyn FnMut(Step) -> Result<()> + 's>;

/// What can be done with a value whose type is not known here.
pub trait Loops {
    /// The first message of a stream, and a later one.
    fn encoded(&self) -> Result<(Vec<u8>, Vec<u8>)>;

    /// Takes the bytes that decoding reads from now on, once they have been seen to be this value.
    fn load(&mut self, first: Vec<u8>, later: Vec<u8>) -> Result<()>;

    /// How many operations are done between two looks at the clock.
    fn batch(&self) -> u64;

    /// An operation by its name.
    fn operation(&self, name: &str) -> Result<Operation<'_>>;
}

struct Subject<T> {
    value: T,
    first: Vec<u8>,
    later: Vec<u8>,
}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static> Subject<T> {
    fn boxed(value: T) -> Box<dyn Loops> {
        Box::new(Self { value, first: Vec::new(), later: Vec::new() })
    }

    fn verify(&self, decoded: &T, step: Step) -> Result<()> {
        match step {
            Step::Verify if *decoded != self.value => Err("the decoded value is not the encoded one".into()),
            _ => Ok(()),
        }
    }
}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static> Loops for Subject<T> {
    fn encoded(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let mut encoder = Encoder::new(Vec::new());
        encoder.encode(&self.value)?;
        let first = std::mem::take(encoder.get_mut());
        encoder.encode(&self.value)?;
        Ok((first, encoder.into_inner()))
    }

    fn load(&mut self, first: Vec<u8>, later: Vec<u8>) -> Result<()> {
        let mut decoder = Decoder::new(Again { next: Some(&first), later: &later, rest: &[] });
        self.verify(&decoder.decode()?, Step::Verify)?;
        self.verify(&decoder.decode()?, Step::Verify)?;
        (self.first, self.later) = (first, later);
        Ok(())
    }

    fn batch(&self) -> u64 {
        1 + 50_000 / (100 + self.later.len() as u64)
    }

    fn operation(&self, name: &str) -> Result<Operation<'_>> {
        Ok(match name {
            "encode" => {
                let mut encoder = Encoder::new(Vec::new());
                encoder.encode(&self.value)?;
                Box::new(move |step| {
                    for _ in 0..step.count() {
                        encoder.get_mut().clear();
                        encoder.encode(black_box(&self.value))?;
                    }
                    Ok(())
                })
            }
            "encode-first" => {
                let mut out = Vec::new();
                Box::new(move |step| {
                    for _ in 0..step.count() {
                        out.clear();
                        Encoder::new(&mut out).encode(black_box(&self.value))?;
                    }
                    Ok(())
                })
            }
            "decode" => {
                let again = Again { next: Some(&self.first), later: &self.later, rest: &[] };
                let mut decoder = Decoder::new(again);
                let mut decoded = decoder.decode()?;
                Box::new(move |step| {
                    for _ in 0..step.count() {
                        decoded = black_box(decoder.decode()?);
                    }
                    self.verify(&decoded, step)
                })
            }
            "decode-first" => {
                let mut decoded = Decoder::new(&self.first[..]).decode()?;
                Box::new(move |step| {
                    for _ in 0..step.count() {
                        decoded = black_box(Decoder::new(&self.first[..]).decode()?);
                    }
                    self.verify(&decoded, step)
                })
            }
            _ => return Err(format!("no operation is called {name}").into()),
        })
    }
}

/// Gives its first message once and a later one for ever after, as a socket would: one at a time.
struct Again<'b> {
    next: Option<&'b [u8]>,
    later: &'b [u8],
    rest: &'b [u8],
}

impl Read for Again<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            self.rest = self.next.take().unwrap_or(self.later);
        }
        self.rest.read(into)
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| Ok(u8::from_str_radix(text.get(at..at + 2).unwrap_or(text), 16)?)).collect()
}
