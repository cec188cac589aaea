//! Plain values as protobuf messages, held against prost: what it writes is read here, and what is written here it reads.
#![cfg(feature = "protobuf")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferrywire::codec::{Format, Protobuf, Shape};
use ferrywire::{Code, Phase};
use proptest::prelude::*;
use prost::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

fn encode<T: Serialize + Deserialize<'static>>(value: &T) -> Vec<u8> {
    let mut body = b"before".to_vec();
    Format::Protobuf.encode(value, &Shape::of::<T>(), &mut body).unwrap();
    body.split_off(6)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    Format::Protobuf.decode(body, None).map_err(|error| {
        assert_eq!((error.code(), error.phase()), (Code::InvalidArgument, Some(Phase::Decode)));
        error.message().to_owned()
    })
}

#[track_caller]
fn is<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T, bytes: &[u8]) {
    assert_eq!(encode(value), bytes, "{value:?}");
    assert_eq!(decode::<T>(bytes).as_ref(), Ok(value));
}

/// What a `.proto` file can say, in plain Rust.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Plain {
    yes: bool,
    int: i32,
    long: i64,
    count: u32,
    total: u64,
    single: f32,
    double: f64,
    name: String,
    blob: Vec<u8>,
    home: Point,
    points: Vec<Point>,
    numbers: Vec<i64>,
    ratios: Vec<f64>,
    names: Vec<String>,
    blobs: Vec<ByteBuf>,
    ages: BTreeMap<String, u32>,
    spots: BTreeMap<i32, Point>,
    maybe: Option<i64>,
    note: Option<String>,
    inner: Option<Box<Plain>>,
    colour: Colour,
    colours: Vec<Colour>,
    shape: Option<Shaped>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Colour {
    #[default]
    Red,
    Green,
    Blue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shaped {
    Dot(Point),
    Circle(f64),
    Label(String),
}

/// The same, as prost has it.
#[derive(Clone, PartialEq, Message)]
struct Theirs {
    #[prost(bool, tag = "1")]
    yes: bool,
    #[prost(int32, tag = "2")]
    int: i32,
    #[prost(int64, tag = "3")]
    long: i64,
    #[prost(uint32, tag = "4")]
    count: u32,
    #[prost(uint64, tag = "5")]
    total: u64,
    #[prost(float, tag = "6")]
    single: f32,
    #[prost(double, tag = "7")]
    double: f64,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    blob: Vec<u8>,
    #[prost(message, optional, tag = "10")]
    home: Option<TheirPoint>,
    #[prost(message, repeated, tag = "11")]
    points: Vec<TheirPoint>,
    #[prost(int64, repeated, tag = "12")]
    numbers: Vec<i64>,
    #[prost(double, repeated, tag = "13")]
    ratios: Vec<f64>,
    #[prost(string, repeated, tag = "14")]
    names: Vec<String>,
    #[prost(bytes = "vec", repeated, tag = "15")]
    blobs: Vec<Vec<u8>>,
    #[prost(btree_map = "string, uint32", tag = "16")]
    ages: BTreeMap<String, u32>,
    #[prost(btree_map = "int32, message", tag = "17")]
    spots: BTreeMap<i32, TheirPoint>,
    #[prost(int64, optional, tag = "18")]
    maybe: Option<i64>,
    #[prost(string, optional, tag = "19")]
    note: Option<String>,
    #[prost(message, optional, boxed, tag = "20")]
    inner: Option<Box<Theirs>>,
    #[prost(enumeration = "TheirColour", tag = "21")]
    colour: i32,
    #[prost(enumeration = "TheirColour", repeated, tag = "22")]
    colours: Vec<i32>,
    #[prost(message, optional, tag = "23")]
    shape: Option<TheirShaped>,
}

#[derive(Clone, PartialEq, Message)]
struct TheirPoint {
    #[prost(int64, tag = "1")]
    x: i64,
    #[prost(int64, tag = "2")]
    y: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
enum TheirColour {
    Red = 0,
    Green = 1,
    Blue = 2,
}

#[derive(Clone, PartialEq, Message)]
struct TheirShaped {
    #[prost(oneof = "TheirOneof", tags = "1, 2, 3")]
    is: Option<TheirOneof>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum TheirOneof {
    #[prost(message, tag = "1")]
    Dot(TheirPoint),
    #[prost(double, tag = "2")]
    Circle(f64),
    #[prost(string, tag = "3")]
    Label(String),
}

impl From<Point> for TheirPoint {
    fn from(Point { x, y }: Point) -> Self {
        Self { x, y }
    }
}

impl From<Shaped> for TheirShaped {
    fn from(shape: Shaped) -> Self {
        Self {
            is: Some(match shape {
                Shaped::Dot(point) => TheirOneof::Dot(point.into()),
                Shaped::Circle(radius) => TheirOneof::Circle(radius),
                Shaped::Label(text) => TheirOneof::Label(text),
            }),
        }
    }
}

impl From<Plain> for Theirs {
    fn from(plain: Plain) -> Self {
        Self {
            yes: plain.yes,
            int: plain.int,
            long: plain.long,
            count: plain.count,
            total: plain.total,
            single: plain.single,
            double: plain.double,
            name: plain.name,
            blob: plain.blob,
            home: Some(plain.home.into()),
            points: plain.points.into_iter().map(TheirPoint::from).collect(),
            numbers: plain.numbers,
            ratios: plain.ratios,
            names: plain.names,
            blobs: plain.blobs.into_iter().map(ByteBuf::into_vec).collect(),
            ages: plain.ages,
            spots: plain.spots.into_iter().map(|(key, point)| (key, point.into())).collect(),
            maybe: plain.maybe,
            note: plain.note,
            inner: plain.inner.map(|inner| Box::new((*inner).into())),
            colour: plain.colour as i32,
            colours: plain.colours.into_iter().map(|colour| colour as i32).collect(),
            shape: plain.shape.map(TheirShaped::from),
        }
    }
}

fn point() -> impl Strategy<Value = Point> {
    any::<(i64, i64)>().prop_map(|(x, y)| Point { x, y })
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![Just(Colour::Red), Just(Colour::Green), Just(Colour::Blue)]
}

fn shaped() -> impl Strategy<Value = Shaped> {
    prop_oneof![
        point().prop_map(Shaped::Dot),
        proptest::num::f64::NORMAL.prop_map(Shaped::Circle),
        any::<String>().prop_map(Shaped::Label),
    ]
}

fn list<S: Strategy>(element: S) -> impl Strategy<Value = Vec<S::Value>>
where
    S::Value: Clone,
{
    proptest::collection::vec(element, 0..4)
}

prop_compose! {
    fn level()(
        scalars in any::<(bool, i32, i64, u32, u64)>(),
        floats in (proptest::num::f32::NORMAL | proptest::num::f32::ZERO, proptest::num::f64::NORMAL),
        texts in any::<(String, Vec<u8>, Option<String>, Option<i64>)>(),
        home in point(),
        points in list(point()),
        numbers in (list(any::<i64>()), list(proptest::num::f64::NORMAL)),
        names in (list(any::<String>()), list(any::<Vec<u8>>())),
        ages in proptest::collection::btree_map(any::<String>(), any::<u32>(), 0..3),
        spots in proptest::collection::btree_map(any::<i32>(), point(), 0..3),
        colours in (colour(), list(colour())),
        shape in proptest::option::of(shaped()),
    ) -> Plain {
        let (yes, int, long, count, total) = scalars;
        let (name, blob, note, maybe) = texts;
        Plain {
            yes, int, long, count, total, single: floats.0, double: floats.1, name, blob, home, points,
            numbers: numbers.0, ratios: numbers.1, names: names.0,
            blobs: names.1.into_iter().map(ByteBuf::from).collect(), ages, spots, maybe, note, inner: None,
            colour: colours.0, colours: colours.1, shape,
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    (level(), proptest::option::of(level()))
        .prop_map(|(outer, inner)| Plain { inner: inner.map(Box::new), ..outer })
}

/// What no `.proto` file says so, and comes back nevertheless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rich {
    pair: (u8, i8),
    array: [u16; 3],
    letter: char,
    nothing: (),
    nothings: Vec<()>,
    deep: Vec<Vec<Vec<i32>>>,
    bytes: Vec<Vec<u8>>,
    few: Option<Vec<u8>>,
    optional: Option<Vec<Option<bool>>>,
    twice: Option<Option<u8>>,
    maps: Vec<BTreeMap<u8, Vec<String>>>,
    map: Option<BTreeMap<(i32, bool), Option<String>>>,
    kinds: Vec<Kind>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Empty,
    One(String),
    Two(u8, i64),
    Many(Vec<u8>),
    Named { width: u32, inner: Option<Box<Kind>> },
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Empty),
        any::<String>().prop_map(Kind::One),
        any::<(u8, i64)>().prop_map(|(left, right)| Kind::Two(left, right)),
        any::<Vec<u8>>().prop_map(Kind::Many),
    ];
    leaf.prop_recursive(4, 8, 1, |inner| {
        (any::<u32>(), proptest::option::of(inner))
            .prop_map(|(width, inner)| Kind::Named { width, inner: inner.map(Box::new) })
    })
}

prop_compose! {
    fn rich()(
        pair in any::<(u8, i8)>(),
        array in any::<[u16; 3]>(),
        letter in any::<char>(),
        nothings in list(Just(())),
        deep in list(list(list(any::<i32>()))),
        bytes in list(any::<Vec<u8>>()),
        options in any::<(Option<Vec<u8>>, Option<Vec<Option<bool>>>, Option<Option<u8>>)>(),
        maps in list(proptest::collection::btree_map(any::<u8>(), list(any::<String>()), 0..3)),
        map in proptest::option::of(proptest::collection::btree_map(
            any::<(i32, bool)>(), any::<Option<String>>(), 0..3,
        )),
        kinds in list(kind()),
        kind in kind(),
    ) -> Rich {
        let (few, optional, twice) = options;
        Rich {
            pair, array, letter, nothing: (), nothings, deep, bytes, few, optional, twice, maps, map, kinds, kind,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_is_written_here_is_read_by_prost_and_what_prost_writes_is_read_here(plain in plain()) {
        let theirs = Theirs::from(plain.clone());

        prop_assert_eq!(&Theirs::decode(&encode(&plain)[..]).unwrap(), &theirs);
        prop_assert_eq!(decode::<Plain>(&theirs.encode_to_vec()), Ok(plain));
    }

    #[test]
    fn every_value_but_the_widest_integers_comes_back(rich in rich()) {
        let body = encode(&rich);

        prop_assert_eq!(decode::<Rich>(&body), Ok(rich.clone()));
        prop_assert_eq!(decode::<Vec<Rich>>(&encode(&vec![rich.clone(), rich.clone()])), Ok(vec![rich.clone(), rich.clone()]));
        prop_assert_eq!(decode::<Option<Rich>>(&encode(&Some(rich.clone()))), Ok(Some(rich)));
    }

    #[test]
    fn every_enum_comes_back_as_a_body(kind in kind(), colour in colour()) {
        prop_assert_eq!(decode::<Kind>(&encode(&kind)), Ok(kind));
        prop_assert_eq!(decode::<Colour>(&encode(&colour)), Ok(colour));
    }

    #[test]
    fn records_in_any_order_are_the_same_message(plain in plain(), seed in any::<u64>()) {
        let body = Theirs::from(plain.clone()).encode_to_vec();
        let mut records = records(&body);
        // Those of one number stay in their order, as they must.
        records.sort_by_key(|(number, _)| number.wrapping_mul(seed | 1));
        let shuffled: Vec<u8> = records.into_iter().flat_map(|(_, bytes)| bytes.to_vec()).collect();

        prop_assert_eq!(decode::<Plain>(&shuffled), Ok(plain));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = decode::<Plain>(&bytes);
        let _ = decode::<Rich>(&bytes);
        let _ = decode::<Kind>(&bytes);
        let _ = decode::<Vec<Kind>>(&bytes);
        let _ = decode::<BTreeMap<u32, Vec<Vec<u8>>>>(&bytes);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(rich in rich(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = encode(&rich);
        let at = at.index(body.len().max(1));
        let _ = decode::<Rich>(&body[..at]);
        if let Some(place) = body.get_mut(at) {
            *place = byte;
        }
        let _ = decode::<Rich>(&body);
    }
}

/// The records of a message whose numbers and lengths are below 2,048 and whose values are none but those of [`Theirs`].
fn records(body: &[u8]) -> Vec<(u64, &[u8])> {
    let (mut rest, mut found) = (body, Vec::new());
    while !rest.is_empty() {
        let mut ahead = rest;
        let key = prost::encoding::decode_varint(&mut ahead).unwrap();
        match key & 7 {
            0 => drop(prost::encoding::decode_varint(&mut ahead).unwrap()),
            1 => ahead = &ahead[8..],
            2 => {
                let len = prost::encoding::decode_varint(&mut ahead).unwrap() as usize;
                ahead = &ahead[len..];
            }
            _ => ahead = &ahead[4..],
        }
        found.push((key >> 3, &rest[..rest.len() - ahead.len()]));
        rest = ahead;
    }
    found
}

#[test]
fn a_struct_is_a_message_with_its_fields_in_their_order() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Args {
        a: i64,
        b: i64,
    }

    is(&Args { a: 6, b: 7 }, b"\x08\x06\x10\x07");
    is(&Args { a: 0, b: -1 }, b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    is(&Args { a: 0, b: 0 }, b"");
    is(&(6_i64, 7_i64), b"\x08\x06\x10\x07");
    is(&(), b"");
}

#[test]
fn what_is_no_struct_is_the_first_field_of_one_as_in_the_well_known_wrappers() {
    is(&42_i64, b"\x08\x2a");
    is(&0_i64, b"");
    is(&true, b"\x08\x01");
    is(&1.5_f32, b"\x0d\x00\x00\xc0\x3f");
    is(&1.5_f64, b"\x09\x00\x00\x00\x00\x00\x00\xf8\x3f");
    is(&-0.0_f64, b"\x09\x00\x00\x00\x00\x00\x00\x00\x80");
    is(&"six".to_owned(), b"\x0a\x03six");
    is(&vec![1_u8, 2], b"\x0a\x02\x01\x02");
    is(&vec![1_u32, 300], b"\x0a\x03\x01\xac\x02");
    is(&vec!["a".to_owned(), String::new()], b"\x0a\x01a\x0a\x00");
    is(&Some(0_i32), b"\x08\x00");
    is(&None::<i32>, b"");
    is(&BTreeMap::from([(6_u32, "six".to_owned())]), b"\x0a\x07\x08\x06\x12\x03six");
    assert_eq!(encode(&"six".to_owned()), encode(&Protobuf("six".to_owned())));
}

#[test]
fn bytes_are_the_message_as_it_stands() {
    is(&ByteBuf::from(b"\x08\x2a".to_vec()), b"\x08\x2a");
    assert_eq!(decode::<i64>(&encode(&ByteBuf::from(b"\x08\x2a".to_vec()))), Ok(42));
}

#[test]
fn a_field_left_out_by_serde_keeps_its_number() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sparse {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        list: Vec<u32>,
        number: u32,
    }

    is(&Sparse { list: Vec::new(), number: 5 }, b"\x10\x05");
    is(&Sparse { list: vec![1], number: 5 }, b"\x0a\x01\x01\x10\x05");
}

#[test]
fn a_type_may_grow_at_its_end() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Older {
        name: String,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newer {
        name: String,
        tags: Vec<String>,
        home: Point,
        limits: HashMap<String, u32>,
        inner: Option<Box<Newer>>,
    }

    let grown = decode::<Newer>(&encode(&Older { name: "six".to_owned() })).unwrap();
    assert_eq!(
        grown,
        Newer {
            name: "six".to_owned(),
            tags: Vec::new(),
            home: Point::default(),
            limits: HashMap::new(),
            inner: None
        }
    );
    assert_eq!(decode::<Older>(&encode(&grown)), Ok(Older { name: "six".to_owned() }));
}

#[test]
fn what_other_writers_write_otherwise_is_read() {
    // Of several values for one field the last counts.
    assert_eq!(decode::<i64>(b"\x08\x05\x08\x06"), Ok(6));
    // Integers of a fixed length, a float for a double.
    assert_eq!(
        decode::<(i64, i32)>(b"\x09\xff\xff\xff\xff\xff\xff\xff\xff\x15\xfe\xff\xff\xff"),
        Ok((-1, -2))
    );
    assert_eq!(decode::<f64>(b"\x0d\x00\x00\xc0\x3f"), Ok(1.5));
    // Numbers packed, one by one, and in several portions.
    assert_eq!(decode::<Vec<u32>>(b"\x08\x01\x08\x02"), Ok(vec![1, 2]));
    assert_eq!(decode::<Vec<u32>>(b"\x0a\x02\x01\x02\x08\x03\x0a\x01\x04"), Ok(vec![1, 2, 3, 4]));
    assert_eq!(
        decode::<Vec<Colour>>(b"\x0a\x03\x01\x02\x00"),
        Ok(vec![Colour::Green, Colour::Blue, Colour::Red])
    );
    // An entry of a map without what is zero.
    assert_eq!(decode::<BTreeMap<u32, String>>(b"\x0a\x00"), Ok(BTreeMap::from([(0, String::new())])));
    // Fields that the type has not, in every form, before and behind.
    let strange = b"\x78\x01\x79\x00\x00\x00\x00\x00\x00\x00\x00\x7a\x01x\x7d\x00\x00\x00\x00";
    assert_eq!(decode::<i64>(&[strange, &b"\x08\x06"[..], strange].concat()), Ok(6));
}

#[test]
fn wrong_bytes_say_in_which_field_and_what_was_expected() {
    type Nested = (i64, Vec<(String, u8)>);
    for (bytes, says) in [
        (&b"\x08"[..], "the bytes end inside a number, in 1 bytes of a protobuf body"),
        (b"\x0a\x05six", "the bytes end: expected 5 more, 3 are left, in 5 bytes of a protobuf body"),
        (
            b"\x0a\x03six",
            "field 1: expected an integer, found bytes with a length, in 5 bytes of a protobuf body",
        ),
        (
            b"\x12\x02\x08\x01",
            "field 2: field 1: expected text, found a varint, in 4 bytes of a protobuf body",
        ),
        (b"\x12\x03\x0a\x01\xff", "field 2: field 1: a string is not UTF-8"),
        (b"\x12\x03\x10\xac\x02", "field 2: field 2: 300 is no u8, in 5 bytes of a protobuf body"),
        (b"\x10\x01", "field 2: expected a message, found a varint"),
        (b"\x00\x01", "0 numbers no field"),
        (b"\x0b", "field 1 is of the unknown wire type 3"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a number has more than 64 bits"),
    ] {
        let error = decode::<Nested>(bytes).unwrap_err();
        assert!(error.contains(says), "{bytes:x?}: {error}");
    }
    let error = decode::<Shaped>(b"\x22\x00").unwrap_err();
    assert!(error.contains("expected one of 3 variants, found none of them"), "{error}");
    let error = decode::<(Kind,)>(b"\x08\x01").unwrap_err();
    assert!(error.contains("field 1: variant 1 is without its content"), "{error}");
}

#[test]
fn integers_of_128_bits_and_values_of_any_type_have_no_form() {
    let error = Format::Protobuf.encode(&(1_u128,), &Shape::of::<(u128,)>(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.message(), "an integer of 128 bits has no protobuf form: send it as bytes or text");
    let error = decode::<(i128,)>(b"\x08\x01").unwrap_err();
    assert!(error.contains("an integer of 128 bits has no protobuf form"), "{error}");
    let error = decode::<(serde_json::Value,)>(b"\x08\x01").unwrap_err();
    assert!(error.contains("protobuf does not say which type comes"), "{error}");
}

#[test]
fn values_nest_as_deep_as_in_other_codecs_and_no_deeper() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nest {
        inner: Vec<Nest>,
    }

    let nested =
        |depth: usize| (0..depth).fold(Nest { inner: Vec::new() }, |inner, _| Nest { inner: vec![inner] });
    is_read_back(&nested(31));
    let mut out = b"before".to_vec();
    let error = Format::Protobuf.encode(&nested(32), &Shape::of::<Nest>(), &mut out).unwrap_err();
    assert_eq!((error.message(), &out[..]), ("values nest deeper than 64", &b"before"[..]));
    let mut body = Vec::new();
    for _ in 0..200 {
        body = [b"\x0a\xff"[..1].to_vec(), varint(body.len()), body].concat();
    }
    assert!(decode::<Nest>(&body).unwrap_err().contains("values nest deeper than 64"));
}

#[track_caller]
fn is_read_back<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(value: &T) {
    assert_eq!(decode::<T>(&encode(value)).as_ref(), Ok(value));
}

fn varint(number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_varint(number as u64, &mut out);
    out
}

#[test]
fn lengths_of_every_width_are_filled_in() {
    for len in [0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152] {
        is_read_back(&(vec![vec![7_u8; len]], "behind".to_owned()));
        is_read_back(&vec![(String::from_utf8(vec![b'x'; len]).unwrap(), 5_u8)]);
    }
}

#[test]
fn text_and_bytes_are_borrowed_from_the_body() {
    #[derive(Serialize, Deserialize)]
    struct Lent<'b> {
        name: &'b str,
        #[serde(with = "serde_bytes")]
        blob: &'b [u8],
    }

    let body = b"\x0a\x03six\x12\x05seven";

    let lent: Lent<'_> = Format::Protobuf.decode(body, None).unwrap();

    assert_eq!((lent.name, lent.blob), ("six", &b"seven"[..]));
    assert!(body.as_ptr_range().contains(&lent.name.as_ptr()));
    assert!(body.as_ptr_range().contains(&lent.blob.as_ptr()));
}
