//! The bytes that Go wrote, and the types that it wrote them of.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;

use ferrywire_gob::{BinaryMarshaled, Complex, GobEncoded};
use serde::{Deserialize, Serialize};

pub const FILES: [&str; 2] = ["gob-go1.19.txt", "gob-go1.27.txt"];

/// What was recorded of one encode case: every write, by the value it was for.
#[derive(Debug, Default)]
pub struct Written {
    pub writes: Vec<(usize, Vec<u8>)>,
}

impl Written {
    pub fn stream(&self) -> Vec<u8> {
        self.writes.iter().flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// What was recorded of one decode case: the stream, and Go's error for each value that was read, if any.
#[derive(Debug, Default)]
pub struct Given {
    pub input: Vec<u8>,
    pub errors: Vec<Option<String>>,
}

pub fn recorded(file: &str) -> (BTreeMap<String, Written>, BTreeMap<String, Given>) {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let (encode, decode) = text.split_once("\n== decode").unwrap();
    let mut written: BTreeMap<String, Written> = BTreeMap::new();
    let mut name = "";
    for line in encode.lines().skip_while(|line| !line.starts_with("== encode")).skip(1) {
        match line.strip_prefix("  [") {
            None => {
                name = line;
                written.entry(name.to_owned()).or_default();
            }
            Some(rest) => {
                if let Some((number, bytes)) = rest.split_once("] write: ") {
                    let number = number.parse().unwrap();
                    written.get_mut(name).unwrap().writes.push((number, unhex(bytes)));
                }
            }
        }
    }
    written.remove("");
    let mut given: BTreeMap<String, Given> = BTreeMap::new();
    for line in decode.lines().skip(1) {
        if let Some(input) = line.strip_prefix("  input: ") {
            given.get_mut(name).unwrap().input = unhex(input);
        } else if let Some((_, rest)) = line.split_once(" | err=") {
            let (error, _) = rest.split_once(" | after").unwrap();
            let error = (error != "<nil>").then(|| error.to_owned());
            given.get_mut(name).unwrap().errors.push(error);
        } else if !line.starts_with(' ') {
            name = line;
            given.entry(name.to_owned()).or_default();
        }
    }
    given.remove("");
    (written, given)
}

pub fn unhex(text: &str) -> Vec<u8> {
    text.split(' ').filter(|byte| *byte != "-").map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
pub struct Point {
    pub x: i64,
    pub y: i64,
}

pub fn point(x: i64, y: i64) -> Point {
    Point { x, y }
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone, Default)]
pub struct Empty {}

/// What the recorded interfaces hold, by the names it was registered by.
#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
pub enum Any {
    #[serde(rename = "int")]
    Int(i64),
    #[serde(rename = "int8")]
    Int8(i8),
    #[serde(rename = "string")]
    String(String),
    #[serde(rename = "[]uint8")]
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    #[serde(rename = "inner", alias = "*main.Inner")]
    Inner(Inner),
    #[serde(rename = "wrap")]
    Wrap(Box<Wrap>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
pub struct Inner {
    pub q: String,
}

pub fn inner(q: &str) -> Any {
    Any::Inner(Inner { q: q.into() })
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
pub struct Wrap {
    pub z: Option<Any>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
pub struct Iface {
    pub a: i64,
    pub v: Option<Any>,
    pub b: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Default)]
pub struct AllZero {
    pub b: bool,
    pub i: i64,
    pub u: u64,
    pub f: f64,
    pub c: Complex,
    pub s: String,
    pub by: Vec<u8>,
    pub sl: Vec<i64>,
    /// A Rust map is never nil, so Go's nil map is None.
    pub m: Option<BTreeMap<String, i64>>,
    pub a: [i64; 2],
    pub st: Point,
    pub p: Option<i64>,
    #[serde(rename = "PSt")]
    pub p_st: Option<Point>,
    #[serde(rename = "If")]
    pub r#if: Option<Any>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Outer {
    pub name: String,
    pub p: Point,
    pub l: Vec<Point>,
    pub m: BTreeMap<String, Point>,
    pub a: [u8; 2],
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Rec {
    pub v: i64,
    pub next: Option<Box<Rec>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Emb {
    pub point: Point,
    pub z: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct EmbHidden {
    pub z: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Mixed {
    pub a: i64,
    pub e: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct WithTime {
    pub a: i64,
    pub t: ferrywire_gob::Time,
    pub b: i64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Bs {
    pub a: Vec<u8>,
    pub b: Vec<u8>,
    pub c: [u8; 3],
    pub d: [u8; 3],
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Tm {
    pub s: String,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Ext {
    pub g: GobEncoded,
    pub b: BinaryMarshaled,
    pub t: Tm,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Request {
    pub service_method: String,
    pub seq: u64,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Response {
    pub service_method: String,
    pub seq: u64,
    pub error: String,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Ptrs {
    pub a: Option<i64>,
    pub b: Option<Option<i64>>,
    pub c: Option<Point>,
    pub d: Vec<Option<i64>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename = "HasGES")]
pub struct HasGes {
    pub g: GobEncoded,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct A {
    pub x: i64,
    pub y: i64,
}
