//! What every codec promises, held against all of them; and what each one's bytes are.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use ferrywire::codec::{Format, Json, Shape, Told};
use ferrywire::{Code, Phase, Result};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteBuf, Bytes};

/// The codecs that carry structs and tell a part of one from the whole. Protobuf, which cannot, has tests of its own.
const STRUCTURED: [Format; 4] = [Format::Postcard, Format::Gob, Format::Json, Format::MessagePack];

/// The codecs that carry whatever serde can say.
const FULL: [Format; 3] = [Format::Postcard, Format::Json, Format::MessagePack];

/// A body that stands alone.
fn encode<T: Serialize + Deserialize<'static>>(format: Format, value: &T) -> Result<Vec<u8>> {
    encode_as::<T, T>(format, value)
}

/// A body that stands alone, of a value that is written as `S` is.
fn encode_as<S: Deserialize<'static>, T: Serialize + ?Sized>(format: Format, value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let preamble = format.encode(value, &Shape::of::<S>(), &mut bytes)?;
    let mut body = Vec::new();
    if let Some(preamble) = preamble {
        Told::new().tell(preamble, &mut body);
    }
    body.extend_from_slice(&bytes);
    Ok(body)
}

#[track_caller]
fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug + 'static>(format: Format, value: &T) {
    let body = encode(format, value).unwrap();
    let read: T = format.decode(&body, None).unwrap_or_else(|error| panic!("{format:?}: {error}: {body:?}"));
    assert_eq!(read, *value, "{format:?}");
}

/// What every codec with structs carries, gob included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Plain {
    yes: bool,
    small: i8,
    large: u64,
    ratio: f64,
    name: String,
    #[serde(with = "serde_bytes")]
    blob: Vec<u8>,
    points: Vec<Point>,
    ages: BTreeMap<String, u32>,
    maybe: Option<Box<Plain>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: i64,
}

fn plain() -> Plain {
    let inner = Plain { name: "inner ß".to_owned(), ..Plain::default() };
    Plain {
        yes: true,
        small: -100,
        large: u64::MAX,
        ratio: -0.1,
        name: "a \"quoted\"\nname".to_owned(),
        blob: vec![0, 255, 128],
        points: vec![Point { x: 6, y: -7 }, Point { x: i64::MIN, y: i64::MAX }],
        ages: BTreeMap::from([("ada".to_owned(), 36), ("alan".to_owned(), 41)]),
        maybe: Some(Box::new(inner)),
    }
}

/// What serde can say beyond that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Rich {
    bytes: (u8, i8),
    shorts: (u16, i16),
    words: (u32, i32),
    longs: (u64, i64),
    longest: (u128, i128),
    floats: (f32, f64),
    letter: char,
    nothing: (),
    unit: Unit,
    meters: Meters,
    pair: Pair,
    shapes: Vec<Kind>,
    array: [u16; 3],
    optional: Option<Vec<Option<bool>>>,
    numbered: BTreeMap<i32, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(String, u8);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Empty,
    One(String),
    Two(u8, i64),
    Named { width: u32, inner: Option<Box<Kind>> },
}

fn kinds() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Empty),
        any::<String>().prop_map(Kind::One),
        any::<(u8, i64)>().prop_map(|(left, right)| Kind::Two(left, right)),
    ];
    leaf.prop_recursive(4, 8, 1, |inner| {
        (any::<u32>(), proptest::option::of(inner))
            .prop_map(|(width, inner)| Kind::Named { width, inner: inner.map(Box::new) })
    })
}

fn numbered() -> impl Strategy<Value = BTreeMap<i32, Vec<String>>> {
    proptest::collection::btree_map(any::<i32>(), proptest::collection::vec(any::<String>(), 0..3), 0..3)
}

prop_compose! {
    fn rich()(
        numbers in any::<((u8, i8), (u16, i16), (u32, i32), (u64, i64), (u128, i128))>(),
        floats in (proptest::num::f32::NORMAL, proptest::num::f64::NORMAL),
        letter in any::<char>(),
        pair in any::<(String, u8)>(),
        shapes in proptest::collection::vec(kinds(), 0..4),
        array in any::<[u16; 3]>(),
        optional in any::<Option<Vec<Option<bool>>>>(),
        numbered in numbered(),
    ) -> Rich {
        let (bytes, shorts, words, longs, longest) = numbers;
        Rich {
            bytes, shorts, words, longs, longest, floats, letter, nothing: (), unit: Unit,
            meters: Meters(floats.1), pair: Pair(pair.0, pair.1), shapes, array, optional, numbered,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn every_value_comes_back_as_it_was(value in rich()) {
        for format in FULL {
            round_trips(format, &value);
        }
    }

    #[test]
    fn postcards_bytes_are_those_of_its_crate(value in rich()) {
        let theirs = postcard::to_stdvec(&value).unwrap();

        prop_assert_eq!(encode(Format::Postcard, &value).unwrap(), theirs);
    }

    #[test]
    fn message_packs_bytes_are_read_by_rmp_serde_and_its_bytes_are_read(value in rich()) {
        let read: Rich = rmp_serde::from_slice(&encode(Format::MessagePack, &value).unwrap()).unwrap();
        prop_assert_eq!(&read, &value);

        let theirs = rmp_serde::to_vec_named(&value).unwrap();
        let read: Rich = Format::MessagePack.decode(&theirs, None).unwrap();
        prop_assert_eq!(&read, &value);
    }

    #[test]
    fn jsons_bytes_are_those_of_serde_json(value in rich()) {
        prop_assert_eq!(encode(Format::Json, &value).unwrap(), serde_json::to_vec(&value).unwrap());
    }

    #[test]
    fn no_bytes_make_a_codec_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in Format::ALL {
            let _ = format.decode::<Rich>(&bytes, None);
            let _ = format.decode::<Plain>(&bytes, None);
            let _ = format.decode::<serde::de::IgnoredAny>(&bytes, None);
        }
    }

    #[test]
    fn numbers_of_any_length_are_those_of_postcards_crate(
        bytes in proptest::collection::vec(prop_oneof![Just(0xff), Just(0x80), Just(0), Just(1), any::<u8>()], 0..22),
        behind in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let whole = [&bytes[..], &behind].concat();
        same_number::<u16>(&whole);
        same_number::<u32>(&whole);
        same_number::<u64>(&whole);
        same_number::<u128>(&whole);
        same_number::<i16>(&whole);
        same_number::<i64>(&whole);
        same_number::<i128>(&whole);
    }

    #[test]
    fn whatever_postcard_reads_its_crate_reads_too(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        type Value = (bool, Option<u16>, i32, Vec<u64>, u128, char, String);
        let ours = Format::Postcard.decode::<Value>(&bytes, None).ok();
        let theirs = postcard::take_from_bytes::<Value>(&bytes).ok().filter(|(_, rest)| rest.is_empty());

        prop_assert_eq!(ours, theirs.map(|(value, _)| value));
    }
}

/// Reads a number and what follows it here and with postcard's crate.
#[track_caller]
fn same_number<T: DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    for len in 0..=bytes.len() {
        let bytes = &bytes[..len];
        let ours = Format::Postcard.decode::<T>(bytes, None).ok();
        let theirs = postcard::take_from_bytes::<T>(bytes).ok().filter(|(_, rest)| rest.is_empty());
        assert_eq!(ours, theirs.map(|(number, _)| number), "{bytes:x?}");
    }
}

#[test]
fn structs_lists_maps_and_options_come_back_from_every_codec_with_structs() {
    for format in [&STRUCTURED[..], &[Format::Protobuf]].concat() {
        round_trips(format, &plain());
        round_trips(format, &Plain::default());
        round_trips(format, &HashMap::from([(6_u32, "six".to_owned())]));
    }
}

#[test]
fn bytes_and_text_come_back_from_every_codec_that_carries_them_alone() {
    for format in [&STRUCTURED[..], &[Format::Raw]].concat() {
        for len in [0, 1, 31, 32, 255, 256, 65_535, 65_536] {
            round_trips(format, &ByteBuf::from(vec![0xfe; len]));
            round_trips(format, &"ä".repeat(len / 2));
        }
    }
    round_trips(Format::Raw, &vec![6_u8, 7]);
    round_trips(Format::Raw, &[6_u8, 7]);
    round_trips(Format::Protobuf, &ByteBuf::from(vec![8, 6]));
}

#[test]
fn nothing_comes_back_from_every_codec() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct NoFields {}

    for format in Format::ALL {
        round_trips(format, &NoFields {});
        round_trips(format, &());
        round_trips(format, &Unit);
    }
}

#[test]
fn text_and_bytes_can_be_borrowed_from_the_body() {
    #[derive(Serialize, Deserialize)]
    struct Lent<'b> {
        name: &'b str,
        #[serde(with = "serde_bytes")]
        blob: &'b [u8],
    }

    for format in [Format::Postcard, Format::Gob, Format::MessagePack] {
        let body = encode_as::<Lent<'static>, _>(format, &Lent { name: "six", blob: b"seven" }).unwrap();

        let lent: Lent<'_> = format.decode(&body, None).unwrap();

        assert_eq!((lent.name, lent.blob), ("six", &b"seven"[..]), "{format:?}");
        assert!(body.as_ptr_range().contains(&lent.name.as_ptr()), "{format:?}");
        assert!(body.as_ptr_range().contains(&lent.blob.as_ptr()), "{format:?}");
    }
    let text: &str = Format::Json.decode(b"\"six\"", None).unwrap();
    assert_eq!(text, "six");
    let bytes: &Bytes = Format::Raw.decode(b"\xffsix", None).unwrap();
    assert_eq!(&**bytes, b"\xffsix");
}

#[test]
fn a_body_cut_off_anywhere_is_an_error() {
    for format in STRUCTURED {
        let body = encode(format, &plain()).unwrap();
        for len in 0..body.len() {
            let error = format.decode::<Plain>(&body[..len], None).unwrap_err();

            assert_eq!(error.code(), Code::InvalidArgument, "{format:?} {len}: {error}");
            assert_eq!(error.phase(), Some(Phase::Decode), "{format:?} {len}: {error}");
        }
    }
}

#[test]
fn a_body_with_any_byte_changed_is_read_or_refused() {
    for format in STRUCTURED {
        let body = encode(format, &plain()).unwrap();
        for at in 0..body.len() {
            for change in [1, 0x40, 0x80, 0xff] {
                let mut body = body.clone();
                body[at] ^= change;
                // Whichever it is, it ends.
                let _ = format.decode::<Plain>(&body, None);
            }
        }
    }
}

#[test]
fn bytes_behind_a_value_are_an_error() {
    for format in STRUCTURED {
        let mut body = encode(format, &plain()).unwrap();
        body.extend_from_slice(b"xyz");

        let error = format.decode::<Plain>(&body, None).unwrap_err();

        let says = if format == Format::Json { "trailing characters" } else { "3 bytes are left" };
        assert!(error.message().contains(says), "{format:?}: {error}");
    }
}

#[test]
fn wrong_bytes_say_where_and_in_what() {
    let message = |format: Format, bytes: &[u8]| {
        format.decode::<Vec<(bool, String)>>(bytes, None).unwrap_err().message().to_owned()
    };

    assert_eq!(
        message(Format::Postcard, b"\x01\x07"),
        "expected a bool, which is 0 or 1, found 7, at byte 2 of 2 of a postcard body"
    );
    assert_eq!(
        message(Format::Postcard, b"\x02\x01\x01\xff"),
        "a string is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0, at byte 4 of 4 of a postcard body"
    );
    assert_eq!(
        message(Format::MessagePack, b"\x91\x92\xc3\x07"),
        "invalid type: integer `7`, expected a string, at byte 4 of 4 of a msgpack body"
    );
    assert_eq!(
        message(Format::Json, b"[[true, 7]]"),
        "invalid type: integer `7`, expected a string at line 1 column 9 of a json body of 11 bytes"
    );
}

/// Fails once a part of it has been written.
struct Broken;

impl Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeStruct};
        let mut point = serializer.serialize_struct("Point", 2)?;
        point.serialize_field("x", &6_i64)?;
        Err(S::Error::custom("out of order"))
    }
}

#[test]
fn a_value_that_cannot_be_written_leaves_what_was_there() {
    for format in Format::ALL {
        let mut out = b"before".to_vec();

        let error = format.encode(&Broken, &Shape::of::<Point>(), &mut out).unwrap_err();

        assert_eq!(out, b"before", "{format:?}");
        assert_eq!(error.code(), Code::InvalidArgument, "{format:?}");
    }
}

/// A list of boxes, each a level down.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

fn chain(links: usize) -> Chain {
    (0..links).fold(Chain::End, |chain, _| Chain::Link(Box::new(chain)))
}

fn tree(levels: usize) -> Tree {
    (1..levels).fold(Tree(Vec::new()), |tree, _| Tree(vec![tree]))
}

#[test]
fn values_are_written_and_read_64_levels_deep_and_no_deeper() {
    for format in FULL {
        round_trips(format, &chain(64));
        round_trips(format, &tree(64));
        for error in [encode(format, &chain(65)).unwrap_err(), encode(format, &tree(65)).unwrap_err()] {
            assert_eq!(error.message(), "values nest deeper than 64", "{format:?}");
        }
    }
}

#[test]
fn bytes_that_nest_a_million_deep_are_an_error_on_a_small_stack() {
    const DEEP: usize = 1 << 20;
    let nested = |open: &str, close: &str| [open.repeat(DEEP), close.repeat(DEEP)].concat().into_bytes();
    let work = move || {
        let mut errors = vec![
            Format::Postcard.decode::<Chain>(&[1; DEEP], None).unwrap_err(),
            Format::Postcard.decode::<Tree>(&[1; DEEP], None).unwrap_err(),
            Format::Postcard.decode::<Node>(&[1; DEEP], None).unwrap_err(),
            Format::MessagePack.decode::<Chain>(&b"\x81\xa4Link".repeat(DEEP), None).unwrap_err(),
            Format::MessagePack.decode::<Tree>(&[0x91; DEEP], None).unwrap_err(),
            Format::MessagePack.decode::<Node>(&b"\x81\xa4next".repeat(DEEP), None).unwrap_err(),
            Format::Json.decode::<Chain>(&nested("{\"Link\":", "}"), None).unwrap_err(),
            Format::Json.decode::<Tree>(&nested("[", "]"), None).unwrap_err(),
            Format::Json.decode::<Node>(&nested("{\"next\":", "}"), None).unwrap_err(),
        ];
        for format in [Format::Json, Format::MessagePack] {
            let bytes = if format == Format::Json { nested("[", "]") } else { vec![0x91; DEEP] };
            errors.push(format.decode::<serde_json::Value>(&bytes, None).unwrap_err());
        }
        for error in errors {
            assert!(error.message().contains("values nest deeper than 64"), "{error}");
        }
        // What nobody reads is walked over without going down.
        assert!(Format::MessagePack.decode::<serde::de::IgnoredAny>(&[0x91; DEEP], None).is_err());
        assert!(Format::Json.decode::<serde::de::IgnoredAny>(&nested("[", "]"), None).is_ok());
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn elements_without_bytes_are_not_counted_for_ever() {
    let claimed = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";

    let error = Format::Postcard.decode::<Vec<()>>(claimed, None).unwrap_err();

    assert!(error.message().starts_with("more than 65536 elements without a byte"), "{error}");
    round_trips(Format::Postcard, &vec![(); 65_536]);
}

#[test]
fn a_field_that_is_left_out_is_an_error_where_the_next_would_be_taken_for_it() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        first: Option<u8>,
        second: u8,
    }
    let sparse = Sparse { first: None, second: 7 };

    let error = encode(Format::Postcard, &sparse).unwrap_err();

    assert!(error.message().starts_with("field first is left out"), "{error}");
    round_trips(Format::Json, &sparse);
    round_trips(Format::MessagePack, &sparse);
}

#[test]
fn a_list_of_unknown_length_is_written_where_the_codec_can() {
    struct Evens;

    impl Serialize for Evens {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            serializer.collect_seq((0..7_u8).filter(|number| number % 2 == 0))
        }
    }

    for format in [Format::Json, Format::MessagePack] {
        let body = encode_as::<Vec<u8>, _>(format, &Evens).unwrap();
        assert_eq!(format.decode::<Vec<u8>>(&body, None).unwrap(), [0, 2, 4, 6], "{format:?}");
    }
    let error = encode_as::<Vec<u8>, _>(Format::Postcard, &Evens).unwrap_err();
    assert!(error.message().contains("unknown length"), "{error}");
}

#[test]
fn json_has_bytes_as_go_has_them() {
    let body = encode(Format::Json, &ByteBuf::from(b"six\xff".to_vec())).unwrap();

    assert_eq!(body, b"\"c2l4/w==\"");
    for bytes in [&b"\"c2l4/w==\""[..], b"[115, 105, 120, 255]"] {
        assert_eq!(Format::Json.decode::<ByteBuf>(bytes, None).unwrap(), b"six\xff");
        assert_eq!(Format::Json.decode::<Vec<u8>>(bytes, None).unwrap(), b"six\xff");
    }
    let error = Format::Json.decode::<ByteBuf>(b"\"no base64!\"", None).unwrap_err();
    assert!(error.message().starts_with("no standard base64: Invalid symbol 32, offset 2."), "{error}");
}

#[test]
fn what_is_nil_in_go_is_empty() {
    assert!(Format::Json.decode::<ByteBuf>(b"null", None).unwrap().is_empty());
    assert!(Format::Json.decode::<Vec<String>>(b"null", None).unwrap().is_empty());
    assert!(Format::Json.decode::<HashMap<String, u8>>(b"null", None).unwrap().is_empty());
    assert_eq!(Format::Json.decode::<Option<Vec<u8>>>(b"null", None).unwrap(), None);

    let error = Format::Json.decode::<HashMap<String, u8>>(b"\"AAAA\"", None).unwrap_err();
    assert!(error.message().starts_with("invalid type: string \"AAAA\", expected a map"), "{error}");
    let error = Format::Json.decode::<Vec<String>>(b"\"six\"", None).unwrap_err();
    assert!(error.message().starts_with("invalid type: string \"six\", expected a sequence"), "{error}");
    assert!(Format::Json.decode::<Point>(b"null", None).is_err());
}

#[test]
fn json_reads_keys_in_any_case_as_go_does() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Account {
        user_name: String,
        id: u8,
    }
    let account = Account { user_name: "Ada".to_owned(), id: 7 };

    for body in [
        &br#"{"user_name":"Ada","id":7}"#[..],
        br#"{"UserName":"Ada","Id":7}"#,
        br#"{"ID":7,"other":[{}],"userName":"Ada"}"#,
        br#"{"\u0055serName":"Ada","id":7}"#,
    ] {
        assert_eq!(Format::Json.decode::<Account>(body, None).unwrap(), account);
    }
    assert_eq!(encode(Format::Json, &account).unwrap(), br#"{"user_name":"Ada","id":7}"#);
    let twice = Format::Json.decode::<Account>(br#"{"Id":7,"id":7,"user_name":""}"#, None).unwrap_err();
    assert!(twice.message().contains("duplicate field `id`"), "{twice}");
}

#[test]
fn json_reads_nothing_from_whatever_holds_nothing() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Empty {}
    for body in [&b"null"[..], b"{}", b"[]", b" "] {
        Format::Json.decode::<()>(body, None).unwrap();
    }
    for body in [&b"{}"[..], b"[]", b" "] {
        assert_eq!(Format::Json.decode::<Empty>(body, None).unwrap(), Empty {});
    }
    for body in [&b"[1]"[..], b"{\"a\":1}", b"0", b"\"\""] {
        assert!(Format::Json.decode::<()>(body, None).is_err(), "{body:?}");
    }
}

#[test]
fn json_reads_zeros_where_no_value_is() {
    type Parts = (u8, [f64; 2], Option<u8>, bool, Vec<Point>, HashMap<String, u8>);

    assert_eq!(Format::Json.decode::<Point>(Json::ZERO, None).unwrap(), Point { x: 0, y: 0 });
    assert_eq!(Format::Json.decode::<String>(Json::ZERO, None).unwrap(), "");
    assert_eq!(
        Format::Json.decode::<Parts>(Json::ZERO, None).unwrap(),
        (0, [0.0; 2], None, false, Vec::new(), HashMap::new())
    );
    assert!(Format::Json.decode::<Result<u8, u8>>(Json::ZERO, None).is_err());
}

#[test]
fn json_has_no_infinity() {
    for number in [f64::INFINITY, f64::NAN] {
        let error = encode(Format::Json, &vec![number]).unwrap_err();

        assert_eq!(error.message(), format!("{number} has no JSON form"));
    }
}

#[test]
fn a_raw_body_is_the_bytes_and_nothing_else_is_one() {
    assert_eq!(encode(Format::Raw, &"six".to_owned()).unwrap(), b"six");
    assert_eq!(encode(Format::Raw, &ByteBuf::from(vec![6])).unwrap(), [6]);

    let error = encode(Format::Raw, &plain()).unwrap_err();
    let wanted = "a raw body is bytes or a string, not a struct: choose another codec, such as postcard";
    assert_eq!(error.message(), wanted);
    let error = encode(Format::Raw, &vec!["six".to_owned()]).unwrap_err();
    assert!(error.message().contains("not a list with a string in it"), "{error}");
    let error = Format::Raw.decode::<u64>(b"12345678", None).unwrap_err();
    assert!(error.message().contains("not a number"), "{error}");
    assert!(Format::Raw.decode::<()>(b"x", None).is_err());
    assert!(Format::Raw.decode::<[u8; 2]>(b"xyz", None).is_err());
}

#[test]
fn message_packs_bytes_are_those_of_its_page() {
    let value = BTreeMap::from([("compact", true), ("schema", false)]);
    let body = encode_as::<BTreeMap<String, bool>, _>(Format::MessagePack, &value).unwrap();
    assert_eq!(body, b"\x82\xa7compact\xc3\xa6schema\xc2");

    let point = encode(Format::MessagePack, &Point { x: -1, y: 300 }).unwrap();
    assert_eq!(point, b"\x82\xa1x\xff\xa1y\xcd\x01\x2c");
    for (number, expected) in [
        (0_i64, &b"\x00"[..]),
        (127, b"\x7f"),
        (128, b"\xcc\x80"),
        (65_536, b"\xce\x00\x01\x00\x00"),
        (-32, b"\xe0"),
        (-33, b"\xd0\xdf"),
        (-32_769, b"\xd2\xff\xff\x7f\xff"),
    ] {
        assert_eq!(encode(Format::MessagePack, &number).unwrap(), expected, "{number}");
        round_trips(Format::MessagePack, &number);
    }
}

#[test]
fn extension_types_of_message_pack_are_skipped_where_nobody_reads_them() {
    let stamped = b"\x83\xa1x\x06\xa2at\xd6\xff\x00\x00\x00\x01\xa1y\x07";

    assert_eq!(Format::MessagePack.decode::<Point>(stamped, None).unwrap(), Point { x: 6, y: 7 });
    let error = Format::MessagePack.decode::<BTreeMap<String, i64>>(stamped, None).unwrap_err();
    assert!(error.message().starts_with("extension type -1 of MessagePack"), "{error}");
}

#[test]
fn fields_may_come_in_any_order_and_number_where_bodies_describe_themselves() {
    let body = b"{\"y\": 7, \"more\": [{\"deep\": null}], \"x\": 6}";
    let value: serde_json::Value = serde_json::from_slice(body).unwrap();
    let packed = rmp_serde::to_vec(&value).unwrap();

    assert_eq!(Format::Json.decode::<Point>(body, None).unwrap(), Point { x: 6, y: 7 });
    assert_eq!(Format::MessagePack.decode::<Point>(&packed, None).unwrap(), Point { x: 6, y: 7 });
}

#[test]
fn formats_are_known_by_id_name_and_content_type() {
    for (id, format) in (0..).zip(Format::ALL) {
        assert_eq!(format.id(), id);
        assert_eq!(Format::from_id(id), Some(format));
        assert_eq!(Format::from_name(format.name()), Some(format));
        assert_eq!(Format::from_content_type(format.content_type()), Some(format));
    }
    assert_eq!(Format::from_id(6), None);
    assert_eq!(Format::from_name("bincode"), None);
    assert_eq!(Format::from_content_type("Application/JSON; charset=utf-8"), Some(Format::Json));
    assert_eq!(Format::from_content_type("text/html"), None);
}
