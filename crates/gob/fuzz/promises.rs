//! What must hold for any bytes whatever; fuzzing looks for bytes for which it does not.
//!
//! `cargo test` runs the same over the corpora.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};

use ferrywire_gob::{
    BigInt, BinaryMarshaled, Complex, GobEncoded, Limits, Messages, Next, RawString, SliceDecoder, Time,
    Value,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Point {
    x: i64,
    #[serde(default)]
    y: i8,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Tree {
    #[serde(default)]
    v: i64,
    next: Option<Box<Tree>>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub enum Any {
    #[serde(rename = "int")]
    Int(i64),
    #[serde(rename = "string")]
    Text(String),
    #[serde(rename = "inner")]
    Inner { q: String },
    #[serde(rename = "wrap")]
    Wrap(Box<Holder>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub struct Holder {
    #[serde(default)]
    a: i64,
    #[serde(alias = "z")]
    v: Option<Any>,
    #[serde(default)]
    b: u8,
}

/// No bytes panic, hang or take more than their share, whatever they are read into.
pub fn decode_typed(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    match choice % 12 {
        0 => all::<Point>(bytes),
        1 => all::<Vec<Point>>(bytes),
        2 => all::<Tree>(bytes),
        3 => all::<Holder>(bytes),
        4 => all::<Any>(bytes),
        5 => all::<Vec<Option<Any>>>(bytes),
        6 => all::<HashMap<String, Vec<u16>>>(bytes),
        7 => all::<([f32; 3], [f32; 3])>(bytes),
        8 => all::<serde_bytes::ByteBuf>(bytes),
        9 => all::<BTreeMap<RawString, Complex>>(bytes),
        10 => all::<(Time, Time)>(bytes),
        _ => {
            all::<BigInt>(bytes);
            all::<GobEncoded>(bytes);
            all::<BinaryMarshaled>(bytes);
        }
    }
}

/// Reads all values; an error about one of them must not stop the others from being found.
fn all<T: for<'de> Deserialize<'de>>(bytes: &[u8]) {
    let mut decoder = SliceDecoder::new(bytes);
    loop {
        let left = decoder.rest().len();
        let _ = decoder.decode::<T>();
        if decoder.rest().len() == left || decoder.rest().is_empty() {
            break;
        }
    }
}

/// What is read is the same after it was written again.
pub fn decode_value(bytes: &[u8]) {
    for value in values(bytes) {
        let mut again = Vec::new();
        value.encode(&mut again);
        // What was left out of a type that is not finished may be written a few bytes longer than a message may be.
        let mut limits = Limits::default();
        limits.message_len_max *= 2;
        limits.definitions_len_max *= 2;
        let read = SliceDecoder::with_limits(&again, limits).decode_value();
        assert_eq!(read.unwrap_or_else(|error| panic!("{value:?}: {error}")), value);
    }
}

fn values(bytes: &[u8]) -> Vec<Value> {
    let mut decoder = SliceDecoder::new(bytes);
    let mut values = Vec::new();
    loop {
        let left = decoder.rest().len();
        values.extend(decoder.decode_value());
        if decoder.rest().len() == left || decoder.rest().is_empty() {
            return values;
        }
    }
}

/// The cuts do not matter, and a value that is stepped over is as long as one that is read.
pub fn stream(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let step = usize::from(*step % 16) + 1;
    let whole = extents(bytes, bytes.len());
    assert_eq!(whole, extents(bytes, step));
    let mut messages = Messages::new(Limits::default());
    let mut at = 0;
    while let Ok(Next::Value { start, end, .. }) = messages.next(&bytes[at..]) {
        let value = &bytes[at + start..at + end];
        let skipped = messages.types().decode::<IgnoredAny>(value).is_ok();
        let read = messages.types().decode_value(value).is_ok();
        assert_eq!(skipped, read, "{value:?}");
        at += end;
    }
}

/// Where values and damaged messages end, when `step` bytes come at a time.
fn extents(bytes: &[u8], step: usize) -> Vec<(bool, usize)> {
    let mut messages = Messages::new(Limits::default());
    let mut found = Vec::new();
    let (mut front, mut len) = (0, step.min(bytes.len()));
    loop {
        match messages.next(&bytes[front..len]) {
            Ok(Next::Value { end, .. }) => {
                front += end;
                found.push((true, front));
            }
            Ok(Next::Damaged { end, .. } | Next::End { end }) => {
                front += end;
                found.push((false, front));
            }
            Ok(Next::More { used, .. }) => {
                front += used;
                if len == bytes.len() {
                    return found;
                }
                len = (len + step).min(bytes.len());
            }
            Ok(_) | Err(_) => return found,
        }
    }
}
