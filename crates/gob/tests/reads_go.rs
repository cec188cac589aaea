//! Everything that Go 1.19 and 1.27 were recorded to write is read, and written alike.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;

use common::*;
use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, Encoder, GobEncoded, RawString, SliceDecoder, Time};
use serde::{Deserialize, Serialize};

/// One recorded case: what is read from it must be what is given, and that is written again.
struct Case<'b> {
    name: &'static str,
    decoder: SliceDecoder<'b>,
    encoder: Encoder<Vec<u8>>,
}

impl Case<'_> {
    fn holds<T: Serialize + for<'de> Deserialize<'de> + PartialEq + Debug>(
        &mut self,
        expected: T,
    ) -> &mut Self {
        self.reads(&expected);
        self.encoder.encode(&expected).unwrap();
        self
    }

    /// Where Go wrote what Rust writes another way.
    fn reads<T: for<'de> Deserialize<'de> + PartialEq + Debug>(&mut self, expected: &T) -> &mut Self {
        let found: T =
            self.decoder.decode().unwrap_or_else(|error| panic!("{}: {expected:?}: {error}", self.name));
        // NaN is not equal to itself.
        assert!(
            found == *expected || format!("{found:?}") == format!("{expected:?}"),
            "{}: {found:?}",
            self.name
        );
        self
    }
}

/// Cases whose bytes differ from Go's by more than ids, and why.
const WRITTEN_OTHERWISE: [(&str, &str); 12] = [
    ("10-allzero", "the types that the interface can hold are defined before the value"),
    ("16-iface-basic", "the types that the interface can hold are defined before the value"),
    ("17-iface-struct", "the types that the interface can hold are defined before the value"),
    ("18-iface-nested", "the types that the interface can hold are defined before the value"),
    ("19-iface-ptr", "registered by another name"),
    ("20-toplevel-iface", "the types that the interface can hold are defined before the value"),
    ("25-gobencoders", "Go names its marshaler types GE and BM"),
    ("29-errors", "no value is written"),
    ("30-bigint-url-ip", "Go also defines what a URL is made of, which it never uses"),
    (
        "31-gobencoder-empty-nonnil",
        "Go names its marshaler type GESlice; an empty one that is not nil is sent by Go 1.27",
    ),
    ("32-map-of-iface", "the types that the interface can hold are defined before the value"),
    ("33-err-midstream", "the types that the interface can hold are defined before the value"),
];

#[test]
fn all_35_recorded_encode_cases_are_read_and_written_alike() {
    for file in FILES {
        let (written, _) = recorded(file);
        assert_eq!(written.len(), 35);
        let mut met = 0;
        let mut check = |name: &'static str, values: &dyn Fn(&mut Case<'_>)| {
            met += 1;
            let stream = written[name].stream();
            let mut case =
                Case { name, decoder: SliceDecoder::new(&stream), encoder: Encoder::new(Vec::new()) };
            values(&mut case);
            assert_eq!(case.decoder.rest(), [], "{name}: all is read");
            let ours = case.encoder.into_inner();
            let is_other = WRITTEN_OTHERWISE.iter().any(|(other, _)| *other == name);
            assert_eq!(normal_form(&ours) != normal_form(&stream), is_other, "{file} {name}: {}", hex(&ours));
        };
        check("01-int7", &|case| {
            for number in [7, 0, -1, 63, 64, -129, i64::MAX, i64::MIN] {
                case.holds(number);
            }
        });
        check("02-uint", &|case| {
            for number in [7, 127, 128, 256, u64::MAX] {
                case.holds(number);
            }
        });
        check("03-bool", &|case| {
            case.holds(true).holds(false);
        });
        check("04-float", &|case| {
            for number in [17.0, 0.0, -0.0, 1.0 / 3.0, f64::INFINITY] {
                case.holds(number);
            }
            // Go's NaN has another payload than Rust's.
            case.holds(f64::from_bits(0x7ff8_0000_0000_0001)).holds(0.1_f32).holds(f64::from_bits(1));
        });
        check("05-complex", &|case| {
            case.holds(Complex { re: 1.0, im: -2.0 }).holds(Complex::default());
        });
        check("06-string", &|case| {
            case.holds("hello".to_owned()).holds(String::new());
            case.holds(RawString(vec![0xff])).holds("a".repeat(128));
        });
        check("07-bytes", &|case| {
            case.holds(vec![1_u8, 2, 255]).holds(Vec::<u8>::new()).holds(Vec::<u8>::new());
        });
        check("08-point", &|case| {
            case.holds(point(22, 33)).holds(point(0, 0)).holds(point(0, 1));
        });
        check("09-emptystruct", &|case| {
            case.holds(()).holds(Empty {}).holds(());
        });
        check("10-allzero", &|case| {
            case.holds(AllZero::default());
        });
        check("11-nested", &|case| {
            case.holds(Outer {
                name: "n".into(),
                p: point(1, 2),
                l: vec![point(3, 4), point(0, 0)],
                m: BTreeMap::from([("k".to_owned(), point(5, 0))]),
                a: [0, 200],
            });
        });
        check("12-slice", &|case| {
            case.holds(vec![1_i64, 0, -1])
                .holds(vec!["a".to_owned(), String::new()])
                .holds(vec![true, false]);
            case.holds(Vec::<i64>::new()).holds(Vec::<i64>::new());
        });
        check("13-array", &|case| {
            case.holds([1_i64, 0, 2]).holds([String::new(), "x".to_owned()]).holds([1_u8, 127, 128, 255]);
        });
        check("14-map", &|case| {
            case.holds(BTreeMap::from([("a".to_owned(), 1_i64)]));
            case.holds(BTreeMap::<String, i64>::new()).holds(BTreeMap::<String, i64>::new());
            case.holds(BTreeMap::from([(0_i64, false)]));
        });
        check("15-recursive", &|case| {
            case.holds(Rec { v: 1, next: Some(Box::new(Rec { v: 2, next: None })) });
        });
        check("16-iface-basic", &|case| {
            let values = [Some(Any::Int(42)), Some(Any::String("s".into())), None, Some(Any::Bytes(vec![9]))];
            for v in values {
                case.holds(Iface { a: 1, v, b: 2 });
            }
            case.holds(Iface { a: 0, v: Some(Any::Int8(0)), b: 0 });
        });
        check("17-iface-struct", &|case| {
            case.holds(Iface { a: 1, v: Some(inner("q")), b: 2 }).holds(Iface {
                a: 1,
                v: Some(inner("r")),
                b: 2,
            });
        });
        check("18-iface-nested", &|case| {
            let v = Some(Any::Wrap(Box::new(Wrap { z: Some(inner("q")) })));
            case.holds(Iface { a: 1, v, b: 2 });
        });
        check("19-iface-ptr", &|case| {
            case.holds(Iface { a: 1, v: Some(inner("q")), b: 2 }).holds(Iface {
                a: 1,
                v: Some(inner("q")),
                b: 2,
            });
        });
        check("20-toplevel-iface", &|case| {
            case.holds(Any::Int(5)).holds(5_i64);
        });
        check("21-embedded", &|case| {
            case.holds(Emb { point: point(1, 2), z: 3 }).holds(EmbHidden { z: 3 });
        });
        check("22-mixed", &|case| {
            case.holds(Mixed { a: 1, e: 5 });
        });
        check("23-time", &|case| {
            let zoned = |offset: i64| Time {
                unix_secs: 1_704_164_645 - offset,
                nanos: 6,
                offset_secs: Some(offset as i32),
            };
            case.holds(WithTime { a: 1, t: Time { unix_secs: 0, nanos: 5, offset_secs: None }, b: 2 });
            case.holds(WithTime { a: 1, t: Time::default(), b: 2 });
            case.holds(WithTime { a: 1, t: zoned(3600), b: 2 });
            case.holds(Time::default());
            case.holds(WithTime { a: 1, t: zoned(3601), b: 2 });
        });
        check("24-bytesish", &|case| {
            case.holds(Bs { a: vec![1], b: vec![2, 200], c: [1, 2, 200], d: [0; 3] });
        });
        check("25-gobencoders", &|case| {
            case.holds(Ext {
                g: GobEncoded(b"<g>".into()),
                b: BinaryMarshaled(b"[b]".into()),
                t: Tm { s: "t".into() },
            });
            case.holds(Ext {
                g: GobEncoded::default(),
                b: BinaryMarshaled::default(),
                t: Tm { s: String::new() },
            });
            case.holds(GobEncoded(b"<>".into())).holds(BinaryMarshaled(b"[]".into()));
        });
        check("26-rpc-request", &|case| {
            let request = |seq| Request { service_method: "Arith.Multiply".into(), seq };
            case.holds(request(0)).holds(point(7, 8)).holds(request(1)).holds(point(1, 2));
        });
        check("27-rpc-response", &|case| {
            let response = |method: &str, seq, error: &str| Response {
                service_method: method.into(),
                seq,
                error: error.into(),
            };
            case.holds(response("Arith.Multiply", 0, "")).holds(56_i64);
            case.holds(response("Arith.X", 1, "rpc: can't find method Arith.X")).holds(());
        });
        check("28-ptrs", &|case| {
            // A pointer to zero comes back nil from a field, not from a slice.
            let d = vec![Some(1), Some(0)];
            case.holds(Ptrs { a: None, b: Some(Some(1)), c: Some(point(0, 0)), d });
            case.holds(Ptrs { a: None, b: None, c: None, d: vec![] });
        });
        check("29-errors", &|case| {
            let nothing = case.decoder.decode::<Point>().unwrap_err();
            assert_eq!(nothing.kind(), ferrywire_gob::ErrorKind::Eof, "definitions were written, no value");
        });
        check("30-bigint-url-ip", &|case| {
            case.holds(BigInt { is_negative: true, magnitude: vec![1, 2] });
            case.holds(BinaryMarshaled(b"http://a/b".into()));
            case.holds(vec![0_u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]);
            case.holds(std::time::Duration::from_secs(1));
        });
        check("31-gobencoder-empty-nonnil", &|case| {
            let empty = if file == "gob-go1.19.txt" { &b""[..] } else { b"n=0" };
            for blob in [&b""[..], empty, b"n=1"] {
                case.holds(HasGes { g: GobEncoded(blob.into()) });
            }
        });
        check("32-map-of-iface", &|case| {
            // Two encoders in one process wrote this: the second defines again what it needs.
            case.reads(&BTreeMap::from([("a".to_owned(), Any::Int(1))]));
            case.reads(&vec![Some(inner("x")), None, Some(inner("y"))]);
        });
        check("33-err-midstream", &|case| {
            case.holds(point(1, 2)).holds(point(3, 4)).reads(&Iface { a: 1, v: Some(Any::Int(7)), b: 2 });
        });
        check("34-slice-of-slices", &|case| {
            case.holds(vec![vec![1_i64], vec![], vec![]]);
            case.holds(BTreeMap::from([("a".to_owned(), vec!["b".to_owned()])]));
            case.holds(vec![BTreeMap::new(), BTreeMap::from([("z".to_owned(), 0_i64)])]);
        });
        check("35-typealias", &|case| {
            case.holds(A { x: 1, y: 2 }).holds(point(1, 2)).holds(A { x: 3, y: 4 });
        });
        assert_eq!(met, 35, "every case is tested");
    }
}

/// A stream without what differs from process to process: ids are counted in the order of their definitions,
/// and the names of types that have none in Rust are left out.
fn normal_form(stream: &[u8]) -> Vec<String> {
    let mut ids = BTreeMap::new();
    let messages: Vec<&[u8]> = messages(stream);
    for message in &messages {
        let (id, _) = int(message);
        if id < 0 {
            let next = 1000 + ids.len() as i64;
            ids.insert(-id, next);
        }
    }
    let known = |id: i64| ids.get(&id).copied().unwrap_or(id);
    messages
        .into_iter()
        .map(|message| {
            let (id, rest) = int(message);
            if id >= 0 {
                format!("{} = {}", known(id), hex(rest))
            } else {
                definition(known(-id), rest, &known)
            }
        })
        .collect()
}

fn messages(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !stream.is_empty() {
        let (len, rest) = uint(stream);
        let (message, rest) = rest.split_at(len as usize);
        messages.push(message);
        stream = rest;
    }
    messages
}

fn definition(id: i64, mut rest: &[u8], known: &dyn Fn(i64) -> i64) -> String {
    let mut out = format!("type {id}: kind {}", rest[0]);
    let is_named = matches!(rest[0], 3 | 5 | 6);
    rest = &rest[2..];
    if rest[0] == 1 {
        let (len, tail) = uint(&rest[1..]);
        let (name, tail) = tail.split_at(len as usize);
        if is_named {
            out += &format!(" {}", String::from_utf8_lossy(name));
        }
        rest = &tail[1..];
    } else {
        rest = &rest[1..];
    }
    let (_, tail) = int(rest);
    rest = &tail[1..];
    if out.contains("kind 3") {
        if rest[0] == 1 {
            let (count, mut tail) = uint(&rest[1..]);
            for _ in 0..count {
                let (len, after) = uint(&tail[1..]);
                let (name, after) = after.split_at(len as usize);
                let (id, after) = int(&after[1..]);
                out += &format!(", {} {}", String::from_utf8_lossy(name), known(id));
                tail = &after[1..];
            }
        }
        return out;
    }
    let mut at = 0;
    while rest[0] == 1 {
        let (number, tail) = int(&rest[1..]);
        let is_len = out.contains("kind 1") && at == 1;
        out += &format!(", {}", if is_len { number } else { known(number) });
        (rest, at) = (tail, at + 1);
    }
    out
}

fn uint(bytes: &[u8]) -> (u64, &[u8]) {
    if bytes[0] < 128 {
        return (bytes[0].into(), &bytes[1..]);
    }
    let (number, rest) = bytes[1..].split_at(256 - bytes[0] as usize);
    (number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)), rest)
}

fn int(bytes: &[u8]) -> (i64, &[u8]) {
    let (bits, rest) = uint(bytes);
    ((bits >> 1) as i64 ^ -((bits & 1) as i64), rest)
}
