//! The recorded streams that Go reads or refuses are read or refused alike, and to the same values.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use common::*;
use ferrywire_gob::{GobEncoded, SliceDecoder, Time};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

/// Where our verdict is another than Go's, and why.
const OTHER_VERDICTS: [(&str, &str); 4] = [
    (
        "nested iface drop V",
        "a value that defines types inside is stepped over by content; Go trusts a byte count that is wrong",
    ),
    ("nested iface discard", "the same"),
    ("skip []any{nil}", "a nil interface is stepped over; Go goes on to look for its type"),
    ("skip []any{nil,5}", "the same"),
];

#[derive(Deserialize, Debug, PartialEq)]
struct OnlyX {
    x: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Small {
    x: i8,
    y: i8,
}

#[derive(Deserialize, Debug, PartialEq)]
struct UnsignedX {
    x: u64,
    y: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct OnlyZ {
    #[serde(default)]
    z: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Swapped {
    y: i64,
    x: i64,
}

/// Go promotes the fields of an embedded struct; serde flattens.
#[derive(Deserialize, Debug, PartialEq)]
struct Embedding {
    #[serde(flatten)]
    point: Point,
    #[serde(default)]
    q: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Pointers {
    x: Option<i64>,
    y: Option<i64>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct InterfaceX {
    x: Option<Any>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct AAndB {
    a: i64,
    b: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct HasUndef {
    a: i64,
    p: Point,
}

#[derive(Deserialize, Debug, PartialEq)]
struct OnlyA {
    a: i64,
}

#[derive(Deserialize, Debug, PartialEq)]
struct MapHolder {
    m: BTreeMap<String, i64>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct SliceHolder {
    s: Option<Vec<i64>>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Merge {
    a: i64,
    p: Point,
    m: BTreeMap<String, i64>,
    s: Vec<Point>,
    q: Option<Point>,
}

/// One recorded case, and which of its values were tried.
struct Trial<'b> {
    file: &'static str,
    name: &'static str,
    decoder: SliceDecoder<'b>,
    verdicts: Vec<bool>,
}

impl Trial<'_> {
    fn is<T: for<'de> Deserialize<'de> + PartialEq + Debug>(&mut self, expected: T) -> &mut Self {
        let found = self.decoder.decode::<T>();
        match found {
            Ok(found) => assert_eq!(found, expected, "{} {}", self.file, self.name),
            Err(error) => panic!("{} {}: {error}", self.file, self.name),
        }
        self.verdicts.push(true);
        self
    }

    /// Refused, with a text that holds `text`.
    fn no<T: for<'de> Deserialize<'de> + Debug>(&mut self, text: &str) -> &mut Self {
        let error = self.decoder.decode::<T>().expect_err(self.name);
        assert!(error.to_string().contains(text), "{} {}: {error}", self.file, self.name);
        self.verdicts.push(false);
        self
    }

    fn ignored(&mut self) -> &mut Self {
        let result = self.decoder.decode::<IgnoredAny>();
        assert!(result.is_ok(), "{} {}: {result:?}", self.file, self.name);
        self.verdicts.push(true);
        self
    }
}

#[test]
fn all_85_recorded_decode_cases_end_as_in_go() {
    for file in FILES {
        let (_, given) = recorded(file);
        assert_eq!(given.len(), 85);
        let mut met = BTreeSet::new();
        let mut check = |name: &'static str, tries: &dyn Fn(&mut Trial<'_>)| {
            assert!(met.insert(name));
            let case = &given[name];
            let mut trial =
                Trial { file, name, decoder: SliceDecoder::new(&case.input), verdicts: Vec::new() };
            tries(&mut trial);
            let go: Vec<bool> = case.errors.iter().map(Option::is_none).collect();
            let is_other = OTHER_VERDICTS.iter().any(|(other, _)| *other == name);
            assert_eq!(trial.verdicts != go, is_other, "{file} {name}: Go says {:?}", case.errors);
            assert_eq!(trial.verdicts.len(), go.len(), "{file} {name}");
        };
        integers_and_floats(&mut check);
        messages(&mut check);
        structs(&mut check);
        definitions(&mut check);
        interfaces(&mut check);
        other_kinds(&mut check);
        let missing: Vec<_> = given.keys().filter(|name| !met.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "not tested: {missing:?}");
    }
}

type Check<'c> = &'c mut dyn FnMut(&'static str, &dyn Fn(&mut Trial<'_>));

fn integers_and_floats(check: Check<'_>) {
    for name in ["int canonical", "int non-minimal uint", "int 8-byte padded", "len prefix non-minimal"] {
        check(name, &|case| {
            case.is(7_i64);
        });
    }
    check("uint 9-byte count", &|case| {
        case.no::<i64>("encoded unsigned integer out of range");
    });
    check("int into int8 overflow", &|case| {
        case.no::<i8>("value out of range: 200 for i8");
    });
    check("int into uint", &|case| {
        case.no::<u64>("the sender's type is int, expected an unsigned integer");
    });
    check("uint into int", &|case| {
        case.no::<i64>("the sender's type is uint, expected a signed integer");
    });
    check("uint into uint8 overflow", &|case| {
        case.no::<u8>("value out of range: 256 for u8");
    });
    check("bool=2", &|case| {
        case.is(true);
    });
    check("int into string", &|case| {
        case.no::<String>("the sender's type is int, expected a string");
    });
    check("int into float", &|case| {
        case.no::<f64>("the sender's type is int, expected a float");
    });
    check("float64 too big into float32", &|case| {
        case.no::<f32>("value out of range");
    });
    check("float inf into float32", &|case| {
        case.is(f32::INFINITY);
    });
    check("int into any", &|case| {
        case.no::<Any>("the sender's type is int, expected an interface");
    });
}

fn messages(check: Check<'_>) {
    check("non-zero singleton delta", &|case| {
        case.no::<i64>("non-zero delta for singleton");
    });
    check("missing value byte", &|case| {
        case.no::<i64>("EOF");
    });
    check("trailing garbage in msg", &|case| {
        case.is(7_i64).is(8_i64);
    });
    check("zero length message", &|case| {
        case.no::<i64>("EOF").is(7_i64);
    });
    check("truncated message", &|case| {
        case.no::<i64>("unexpected EOF");
    });
    check("empty input", &|case| {
        case.no::<i64>("EOF");
    });
    check("len byte 0x80", &|case| {
        case.no::<i64>("encoded unsigned integer out of range");
    });
    check("unknown type id 66", &|case| {
        case.no::<i64>("undefined type 66");
    });
    check("type id 0", &|case| {
        case.no::<i64>("undefined type 0");
    });
    check("bytes len > buffer", &|case| {
        case.no::<Vec<u8>>("a length of 5 is claimed, 1 bytes are left");
    });
    check("string len > buffer", &|case| {
        case.no::<String>("a length of 5 is claimed, 1 bytes are left");
    });
    check("discard then int", &|case| {
        case.ignored().is(8_i64);
    });
    check("typedef only then EOF", &|case| {
        case.no::<Point>("unexpected EOF");
    });
}

fn structs(check: Check<'_>) {
    for name in ["point ok id65", "point ok id64", "point w/o terminator"] {
        check(name, &|case| {
            case.is(point(22, 33));
        });
    }
    // Go keeps what the variable held; a new value is made here, which holds zeros.
    for name in ["point missing fields->zero msg", "point all omitted, no term"] {
        check(name, &|case| {
            case.is(point(0, 0));
        });
    }
    check("point extra delta", &|case| {
        case.no::<Point>("field numbers out of bounds");
    });
    check("field order swapped", &|case| {
        case.is(Swapped { y: 33, x: 22 });
    });
    check("missing local field", &|case| {
        case.is(OnlyX { x: 22 });
    });
    check("int8 fields", &|case| {
        case.is(Small { x: 22, y: 33 });
    });
    check("int8 overflow", &|case| {
        case.no::<Small>("X: value out of range: 200 for i8 (byte ");
    });
    check("uint field vs int", &|case| {
        case.no::<UnsignedX>("X: the sender's type is int");
    });
    check("no common fields", &|case| {
        case.no::<OnlyZ>("type mismatch: no fields of Point matched");
    });
    check("no common fields then ok", &|case| {
        case.no::<OnlyZ>("type mismatch").is(point(22, 33));
    });
    check("into struct{}", &|case| {
        case.is(Empty {});
    });
    check("into embedded (promoted)", &|case| {
        case.is(Embedding { point: point(22, 33), q: 0 });
    });
    check("into ptr fields", &|case| {
        case.is(Pointers { x: Some(22), y: Some(33) });
    });
    check("into iface field", &|case| {
        case.no::<InterfaceX>("X: the sender's type is int, expected an interface");
    });
    check("struct into int", &|case| {
        case.no::<i64>("the sender's type is Point, expected a signed integer");
    });
    check("int into struct", &|case| {
        case.no::<Point>("the sender's type is int, expected a struct");
    });
    check("into **Point", &|case| {
        case.is(Some(Box::new(point(1, 2))));
    });
    check("merge into non-zero dest", &|case| {
        case.is(Merge {
            a: 0,
            p: point(0, 0),
            m: BTreeMap::from([("k".to_owned(), 6)]),
            s: vec![point(0, 9)],
            q: Some(point(0, 5)),
        });
    });
    check("merge empty map", &|case| {
        case.is(MapHolder { m: BTreeMap::new() });
    });
    check("empty map allocates", &|case| {
        case.is(MapHolder { m: BTreeMap::new() });
    });
    check("empty slice not sent", &|case| {
        case.is(SliceHolder { s: None });
    });
}

fn definitions(check: Check<'_>) {
    check("duplicate typedef", &|case| {
        case.no::<Point>("duplicate type received");
    });
    check("typedef id 63", &|case| {
        case.no::<Point>("duplicate type received");
    });
    check("typedef + value same msg", &|case| {
        case.no::<Point>("extra data in buffer");
    });
    let good = [
        "typedef no inner id",
        "typedef no commontype",
        "typedef wrong inner id",
        "unused typedef first",
        "type id 1000",
    ];
    for name in good {
        check(name, &|case| {
            case.is(point(22, 33));
        });
    }
    check("undefined inner type, wanted", &|case| {
        case.no::<HasUndef>("undefined type 7");
    });
    check("undefined inner type, unwanted", &|case| {
        case.no::<OnlyA>("undefined type 7");
    });
    check("inner typedef first", &|case| {
        case.is(HasUndef { a: 1, p: point(0, 0) });
    });
}

fn interfaces(check: Check<'_>) {
    let holds_inner = || Iface { a: 1, v: Some(inner("q")), b: 2 };
    check("nested iface full", &|case| {
        let v = Some(Any::Wrap(Box::new(Wrap { z: Some(inner("q")) })));
        case.is(Iface { a: 1, v, b: 2 });
    });
    check("nested iface drop V", &|case| {
        case.is(AAndB { a: 1, b: 2 });
    });
    check("nested iface discard", &|case| {
        case.ignored().is(7_i64);
    });
    check("1-level iface drop V", &|case| {
        case.is(AAndB { a: 1, b: 2 });
    });
    check("1-level iface discard", &|case| {
        case.ignored().is(7_i64);
    });
    check("pre-typed iface", &|case| {
        case.is(holds_inner());
    });
    check("pre-typed iface dropped", &|case| {
        case.is(AAndB { a: 1, b: 2 });
    });
    check("pre-typed, inner count 0", &|case| {
        case.is(holds_inner());
    });
    check("iface unregistered name", &|case| {
        case.no::<Iface>("V: name not registered for interface: \"xnner\"");
    });
    for name in ["skip []any{5}", "skip []any{nil}", "skip []any{nil,5}"] {
        check(name, &|case| {
            case.is(AAndB { a: 1, b: 2 }).is(9_i64);
        });
    }
}

fn other_kinds(check: Check<'_>) {
    check("[]byte -> []uint", &|case| {
        case.no::<Vec<u64>>("the sender's type is []byte");
    });
    check("[3]int -> []int", &|case| {
        case.no::<Vec<i64>>("the sender's type is [3]int, expected a slice");
    });
    check("[]int -> [3]int", &|case| {
        case.no::<[i64; 3]>("the sender's type is []int, expected an array of 3");
    });
    check("[3]int -> [2]int", &|case| {
        case.no::<[i64; 2]>("the sender's type is [3]int, expected an array of 2");
    });
    check("string -> []byte", &|case| {
        case.no::<Vec<u8>>("the sender's type is string");
    });
    check("[]byte -> string", &|case| {
        case.no::<String>("the sender's type is []byte");
    });
    check("struct -> time.Time", &|case| {
        case.no::<Time>("the sender's type is Point, expected a GobEncoder");
    });
    check("time.Time -> struct", &|case| {
        case.no::<Point>("the sender's type is GobEncoder Time");
    });
    check("BinaryMarshaler -> GobDecoder", &|case| {
        case.no::<GobEncoded>("the sender's type is BinaryMarshaler BM, expected a GobEncoder");
    });
    check("map[string]int -> map[string]string", &|case| {
        case.no::<BTreeMap<String, String>>("the sender's type is int, expected a string");
    });
}

/// A type that has what a trace needs too, so that it is known to be the tests' types that are at fault.
#[test]
fn types_of_the_tests_can_be_written() {
    fn check<T: Serialize + for<'de> Deserialize<'de>>(value: &T) {
        ferrywire_gob::to_vec(value).unwrap();
    }
    check(&point(1, 2));
    check(&inner("q"));
}
