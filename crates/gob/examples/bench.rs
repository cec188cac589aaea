//! Nanoseconds per value, to set beside Go's benchmarks of the same values.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use ferrywire_gob::{Limits, Messages, Next, Plan};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Clone)]
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

#[derive(Serialize, Deserialize)]
struct Args {
    a: i64,
    b: i64,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    b: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Lent<'a> {
    s: &'a str,
    #[serde(with = "serde_bytes")]
    b: &'a [u8],
    n: i64,
}

fn main() {
    let only = std::env::args().nth(1);
    let ten = Ten {
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
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name == only);
    if wanted("args") {
        both("args", &Args { a: 7, b: 8 }, 2_000_000);
    }
    if wanted("ten") {
        both("ten", &ten, 1_000_000);
    }
    if wanted("thousand") {
        both("thousand", &vec![ten; 1000], 2_000);
    }
    if wanted("blob") {
        both("blob", &Blob { b: vec![7; 65_536] }, 2_000);
    }
    if wanted("lent") {
        both("lent", &Lent { s: "hello, world", b: b"0123456789", n: 5 }, 1_000_000);
    }
}

fn both<'de, T: Serialize + Deserialize<'de>>(name: &str, value: &T, count: u32) {
    let plan = Plan::of::<T>().unwrap();
    let mut whole = Vec::new();
    plan.encode_with_definitions(value, &mut whole).unwrap();
    let whole: &'static [u8] = whole.leak();
    let mut messages = Messages::new(Limits::default());
    let Next::Value { start, end, .. } = messages.next(whole).unwrap() else { panic!("a whole value") };
    let body = &whole[start..end];
    let mut out = Vec::new();
    time(&format!("{name}: encode"), count, || {
        out.clear();
        plan.encode(black_box(value), &mut out).unwrap();
        black_box(&out);
    });
    let types = messages.types().clone();
    time(&format!("{name}: decode"), count, || {
        black_box(types.decode::<T>(black_box(body)).unwrap());
    });
    time(&format!("{name}: find and decode"), count, || {
        let Next::Value { start, end, .. } = messages.next(black_box(body)).unwrap() else {
            panic!("a whole value")
        };
        black_box(types.decode::<T>(&body[start..end]).unwrap());
    });
    time(&format!("{name}: decode with definitions"), count / 10, || {
        black_box(ferrywire_gob::from_slice::<T>(black_box(whole)).unwrap());
    });
}

fn time(name: &str, count: u32, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..count {
            work();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(count));
    }
    println!("{name:32} {best:10.1} ns");
}
