//! What is learnt of types by running their `Deserialize`, and how two programs are told where theirs differ.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a failure here is the test's own report; types are only traced"
)]

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ferrywire::codec::Shape;
use ferrywire::codec::schema::difference;
use serde::{Deserialize, Deserializer, de};

/// The schema of `T`, its lines parted by blanks.
fn text<T: Deserialize<'static>>() -> String {
    Shape::of::<T>().schema_text().trim_end().replace('\n', " ")
}

fn fingerprint<T: Deserialize<'static>>() -> u64 {
    Shape::of::<T>().fingerprint()
}

#[derive(Deserialize)]
struct Point {
    x: f32,
    y: f64,
}

#[derive(Deserialize)]
enum Kind {
    Nothing,
    Radius(f64),
    Corners(Point, (u8,)),
    Text { lines: Vec<String>, width: Option<u16> },
}

#[test]
fn every_place_has_a_line() {
    #[derive(Deserialize)]
    struct Meters(i32);
    #[derive(Deserialize)]
    struct Unit;
    #[derive(Deserialize)]
    struct Args {
        yes: bool,
        letter: char,
        wide: i128,
        size: usize,
        borrowed: &'static str,
        #[serde(with = "serde_bytes")]
        blob: Vec<u8>,
        list: Vec<u8>,
        array: [i8; 2],
        meters: Meters,
        unit: Unit,
        #[serde(rename = "on the wire")]
        renamed: u64,
        #[serde(skip)]
        skipped: u64,
        by_name: BTreeMap<String, HashSet<Point2>>,
        timeout: Duration,
    }
    #[derive(Deserialize, PartialEq, Eq, Hash)]
    struct Point2(u32, u32);

    let expected = [
        ": struct",
        ".yes: bool",
        ".letter: char",
        ".wide: i128",
        ".size: u64",
        ".borrowed: str",
        ".blob: bytes",
        ".list: bytes",
        ".array: tuple",
        ".array.0: i8",
        ".array.1: i8",
        ".meters: i32",
        ".unit: unit",
        ".on the wire: u64",
        ".by_name: map",
        ".by_name{key}: str",
        ".by_name{value}: list",
        ".by_name{value}[]: tuple",
        ".by_name{value}[].0: u32",
        ".by_name{value}[].1: u32",
        ".timeout: struct",
        ".timeout.secs: u64",
        ".timeout.nanos: u32",
    ];
    assert_eq!(text::<Args>(), expected.join(" "));
}

#[test]
fn every_variant_has_its_content() {
    let expected = [
        ": list",
        "[]: enum",
        "[]::Nothing: unit",
        "[]::Radius: f64",
        "[]::Corners: tuple",
        "[]::Corners.0: struct",
        "[]::Corners.0.x: f32",
        "[]::Corners.0.y: f64",
        "[]::Corners.1: tuple",
        "[]::Corners.1.0: u8",
        "[]::Text: struct",
        "[]::Text.lines: list",
        "[]::Text.lines[]: str",
        "[]::Text.width: option",
        "[]::Text.width?: u16",
    ];

    assert_eq!(text::<Vec<Kind>>(), expected.join(" "));
}

#[test]
fn a_type_that_contains_itself_says_so() {
    #[derive(Deserialize)]
    struct Node {
        value: i64,
        next: Option<Box<Node>>,
    }
    #[derive(Deserialize)]
    struct Tree(Vec<Tree>);
    #[derive(Deserialize)]
    enum Term {
        Sum(Box<Term>, Box<Term>),
        Number(i64),
    }
    #[derive(Deserialize)]
    struct Even(Option<Box<Odd>>);
    #[derive(Deserialize)]
    struct Odd(Box<Even>, u8);

    assert_eq!(text::<Node>(), ": struct .value: i64 .next: option .next?: the type 2 levels up");
    assert_eq!(text::<Tree>(), ": list []: the type 1 levels up");
    let sum = "::Sum: tuple ::Sum.0: the type 2 levels up ::Sum.1: the type 2 levels up";
    assert_eq!(text::<Term>(), format!(": enum {sum} ::Number: i64"));
    assert_eq!(text::<Even>(), ": option ?: tuple ?.0: the type 2 levels up ?.1: u8");
}

#[test]
fn what_postcard_tells_apart_has_another_fingerprint() {
    #[derive(Deserialize)]
    struct Turned {
        y: f64,
        x: f32,
    }
    #[derive(Deserialize)]
    struct Renamed {
        x: f32,
        z: f64,
    }
    #[derive(Deserialize)]
    enum Two {
        A,
        B,
    }
    #[derive(Deserialize)]
    enum Swapped {
        B,
        A,
    }
    let all = [
        fingerprint::<u8>(),
        fingerprint::<u16>(),
        fingerprint::<u64>(),
        fingerprint::<i64>(),
        fingerprint::<f32>(),
        fingerprint::<f64>(),
        fingerprint::<Option<u8>>(),
        fingerprint::<(u8,)>(),
        fingerprint::<(u8, u8)>(),
        fingerprint::<Vec<u16>>(),
        fingerprint::<Vec<u8>>(),
        fingerprint::<String>(),
        fingerprint::<()>(),
        fingerprint::<Point>(),
        fingerprint::<Turned>(),
        fingerprint::<Renamed>(),
        fingerprint::<Two>(),
        fingerprint::<Swapped>(),
        fingerprint::<BTreeMap<u8, u8>>(),
    ];

    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "{all:x?}");
    assert!(!all.contains(&0));
}

#[test]
fn what_is_the_same_on_the_wire_has_the_same_fingerprint() {
    #[derive(Deserialize)]
    struct Place {
        x: f32,
        y: f64,
    }
    #[derive(Deserialize)]
    struct Wrapped(Point);

    assert_eq!(fingerprint::<Point>(), fingerprint::<Place>());
    assert_eq!(fingerprint::<Point>(), fingerprint::<Wrapped>());
    assert_eq!(fingerprint::<Vec<u8>>(), fingerprint::<serde_bytes::ByteBuf>());
    assert_eq!(fingerprint::<&str>(), fingerprint::<Box<str>>());
    assert_eq!(fingerprint::<usize>(), fingerprint::<u64>());
}

/// A fingerprint that changes parts programs that were built before from those built after.
#[test]
fn fingerprints_stay_what_they_are() {
    assert_eq!(fingerprint::<i64>(), 0x10dd_add3_f473_61ee);
    assert_eq!(fingerprint::<Vec<Kind>>(), 0x0b4e_1d4f_8ff1_75a4);
}

/// Takes nothing but what it wants.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Picky(String);

impl TryFrom<String> for Picky {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "swordfish" { Ok(Self(text)) } else { Err("wrong".to_owned()) }
    }
}

#[test]
fn a_type_that_refuses_trial_values_hides_nothing_but_its_own_inside() {
    #[derive(Deserialize)]
    struct Login {
        word: Picky,
        kinds: Vec<Kind>,
        pair: (Picky, u8),
    }

    let seen = text::<Login>();

    assert!(seen.starts_with(": struct .word: str .kinds: list .kinds[]: enum"), "{seen}");
    assert!(seen.contains(".kinds[]::Text.width?: u16"), "{seen}");
    assert!(seen.ends_with(".pair: tuple .pair.0: str .pair.1: unknown"), "{seen}");
}

#[test]
fn fields_with_other_names_are_one_field() {
    #[derive(Deserialize)]
    struct Aliased {
        #[serde(alias = "breadth", alias = "zwidth")]
        width: u8,
        height: u16,
    }

    assert_eq!(text::<Aliased>(), ": struct .width: u8 .height: u16");
}

#[test]
fn types_that_ask_what_comes_are_anything() {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Left(u8),
        Right(String),
    }
    #[derive(Deserialize)]
    struct Flat {
        #[serde(flatten)]
        point: Point,
        more: u8,
    }
    #[derive(Deserialize)]
    struct Mixed {
        either: Either,
        after: i64,
    }

    assert_eq!(text::<serde_json::Value>(), ": any");
    assert_eq!(text::<Mixed>(), ": struct .either: any .after: i64");
    assert!(text::<Flat>().contains("unknown"), "{}", text::<Flat>());
}

#[test]
fn odd_types_end_in_unknown_and_not_in_a_panic_or_a_loop() {
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let number = u8::deserialize(deserializer)?;
            Err(de::Error::custom(100 / number))
        }
    }
    struct Endless;
    impl<'de> Deserialize<'de> for Endless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <(Self, Self)>::deserialize(deserializer).map(|_| Self)
        }
    }
    struct Fickle;
    impl<'de> Deserialize<'de> for Fickle {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            use std::sync::atomic::{AtomicU32, Ordering};
            static TURN: AtomicU32 = AtomicU32::new(0);
            match TURN.fetch_add(1, Ordering::Relaxed) % 2 {
                0 => u8::deserialize(deserializer).map(|_| Self),
                _ => String::deserialize(deserializer).map(|_| Self),
            }
        }
    }

    struct Mute;
    impl<'de> Deserialize<'de> for Mute {
        fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(de::Error::custom("not today"))
        }
    }

    assert_eq!(text::<Panics>(), ": u8");
    assert!(text::<Endless>().starts_with(": tuple"));
    assert!(text::<(Fickle, Kind)>().starts_with(": tuple .0: unknown .1: enum"));
    assert_eq!(text::<Mute>(), ": unknown");
    assert_eq!(fingerprint::<Mute>(), 0);
    assert!(text::<[u64; 32]>().ends_with(".31: u64"));
}

#[test]
fn a_type_with_more_places_than_a_schema_has_lines_is_cut_off() {
    type Four<T> = (T, T, T, T);
    type Huge = Four<Four<Four<Four<Four<Four<Four<u8>>>>>>>;

    let seen = Shape::of::<Huge>();

    assert_eq!(seen.schema_text().lines().count(), 4096);
    assert!(seen.schema_text().ends_with(": unknown\n"));
}

#[test]
fn a_difference_names_the_place_and_both_sides() {
    let lines = |lines: &[&str]| lines.join("\n");
    let ours =
        lines(&["argument: struct", "argument.a: i64", "argument.b: i64", "reply: option", "reply?: str"]);
    let cases = [
        (
            lines(&[
                "argument: struct",
                "argument.a: i64",
                "argument.b: i32",
                "reply: option",
                "reply?: str",
            ]),
            "argument.b is i64 here and i32 there",
        ),
        (
            lines(&["argument: struct", "argument.a: i64", "reply: option", "reply?: str"]),
            "argument.b is i64 here and missing there",
        ),
        (
            lines(&[
                "argument: struct",
                "argument.a: i64",
                "argument.b: i64",
                "argument.c: list",
                "argument.c[]: u8",
                "reply: option",
                "reply?: str",
            ]),
            "argument.c is missing here and list there",
        ),
        (
            lines(&[
                "argument: struct",
                "argument.b: i64",
                "argument.a: i64",
                "reply: option",
                "reply?: str",
            ]),
            "argument is in the order a, b here and b, a there",
        ),
        (
            lines(&["argument: u8", "reply: str"]),
            "argument is struct here and u8 there; reply is option here and str there",
        ),
        (String::new(), "argument is struct here and missing there; reply is option here and missing there"),
    ];

    for (theirs, expected) in cases {
        assert_eq!(difference(&ours, &theirs).as_deref(), Some(expected), "{theirs}");
    }
    assert_eq!(difference(&ours, &ours), None);
    let hidden = lines(&["argument: unknown", "reply: option", "reply?: str"]);
    assert_eq!(difference(&ours, &hidden), None);
    assert_eq!(difference(&hidden, &ours), None);
}

#[test]
fn a_difference_stays_short_whatever_a_peer_sends() {
    let ours = "argument: i64\nreply: i64\n";
    let theirs: String = (0..100_000).map(|at| format!("x{at}\x1b[31m: {}\n", "long".repeat(100))).collect();

    let told = difference(ours, &theirs).unwrap();

    assert!(told.len() < 2048, "{}", told.len());
    assert!(!told.contains('\x1b'), "{told}");
    assert!(told.ends_with("more"), "{told}");
}
