//! The known value of each method: what both sides send, and what both expect.

use std::collections::BTreeMap;
use std::time::Duration;

use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, GobEncoded, RawString, Time};

use super::types::*;

/// The text of FailRaw's error, which is not UTF-8.
pub const RAW_FAILURE: &[u8] = b"byte \xff and \xc3( are not UTF-8";

/// What Fail leaves in its reply: seen only when the error's text is empty.
pub const FAILED_REPLY: i64 = 99;

/// The extremes of every width.
pub fn scalars() -> Scalars {
    Scalars {
        flag: true,
        int8: i8::MIN,
        int16: i16::MIN,
        int32: i32::MIN,
        int64: i64::MIN,
        int: -129,
        uint8: u8::MAX,
        uint16: u16::MAX,
        uint32: u32::MAX,
        uint64: u64::MAX,
        uint: 256,
        uintptr: 4096,
        float32: 0.1,
        float64: 1.0 / 3.0,
        complex64: Complex { re: 1.5, im: -2.5 },
        complex128: Complex { re: -1.0, im: 1e300 },
        text: "héllo, 世界\n\t\"quoted\" 100% \0 end".into(),
        bytes: vec![0, 1, 127, 128, 255],
        quad: [1, 127, 128, 255],
        triple: [1, 0, -2],
    }
}

/// Every kind of character that a careless codec would change.
pub fn text() -> String {
    "<&> \u{2028} é 世界 \u{1F980} \u{1}\r\n".into()
}

/// Not UTF-8.
pub fn raw() -> Raw {
    Raw { before: 1, text: RawString(b"a\xff\xc3(\xfe".into()), after: 2 }
}

/// Bytes of every range.
pub fn bytes() -> Vec<u8> {
    b"\x00\x01\x7f\x80\xffgob".into()
}

/// Every kind of float; inside a slice the zeros keep their sign.
pub fn floats() -> Vec<f64> {
    let smallest = f64::from_bits(1);
    vec![0.0, -0.0, 17.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, smallest, f64::MAX]
}

/// Zero structs inside, which are sent.
pub fn nested() -> Outer {
    Outer {
        name: "outer".into(),
        centre: point(22, 33),
        corners: vec![point(1, 2), point(0, 0), point(0, 3)],
        inner: Inner {
            depth: 7,
            core: Core { weight: 0.5, ids: [0, -1, 1 << 40] },
            tags: vec![String::new(), "tag".into()],
        },
    }
}

/// 1, 0, 3, -4.
pub fn list() -> List {
    let mut last = None;
    for value in [-4, 3, 0] {
        last = Some(Box::new(List { value, next: last }));
    }
    List { value: 1, next: last }
}

/// Leaves at three depths.
pub fn tree() -> Tree {
    let tree = |label: &str, branches| Tree { label: label.into(), branches };
    let deep = tree("", vec![tree("deep", vec![tree("deeper", vec![])])]);
    tree("root", vec![tree("left", vec![]), deep, tree("right", vec![])])
}

/// An empty list inside.
pub fn groups() -> BTreeMap<String, Vec<i64>> {
    [("few", vec![1, 0, -2]), ("none", vec![]), ("", vec![9])]
        .map(|(name, group)| (name.into(), group))
        .into()
}

/// A map of each kind.
pub fn maps() -> Maps {
    Maps {
        counts: [("one".into(), 1), ("zero".into(), 0)].into(),
        groups: [("ab".into(), vec!["a".into(), "b".into()]), ("none".into(), vec![])].into(),
        points: [("here".into(), point(1, 2)), ("origin".into(), point(0, 0))].into(),
        names: [(-1, "below".into()), (0, String::new()), (1 << 40, "far".into())].into(),
        flags: [(true, 255), (false, 0)].into(),
        nested: [("outer".into(), [("inner".into(), 5)].into()), ("empty".into(), [].into())].into(),
        empty: [].into(),
    }
}

/// Rows of different lengths, one of them empty.
pub fn grid() -> Vec<Vec<i64>> {
    vec![vec![1, 2, 3], vec![], vec![-4]]
}

/// Three that are set, two that are nil, and one to a zero struct.
pub fn pointers() -> Pointers {
    Pointers {
        number: Some(5),
        word: None,
        place: Some(point(3, 4)),
        twice: Some(Some(7)),
        origin: Some(point(0, 0)),
        gone: None,
    }
}

/// An interface value of every kind.
pub fn shapes() -> Shapes {
    let text = |text: &str| Some(Any::Text(text.into()));
    let label = |text: &str| Any::Label(Label { text: text.into() });
    Shapes {
        round: circle(1.5),
        angular: square(3),
        named: Some(label("tag")),
        number: Some(Any::Int(42)),
        word: text("word"),
        bytes: Some(Any::Bytes(vec![9, 200])),
        nothing: None,
        all: vec![
            circle(0.0),
            square(0),
            None,
            Some(Any::Int(0)),
            text(""),
            Some(Any::Bytes(vec![])),
            crated(crated(square(8))),
            Some(Any::Bool(true)),
            Some(Any::Float(2.5)),
        ],
        by_name: [("crate".into(), crated(Some(label("inside")))), ("empty".into(), crated(None))].into(),
    }
}

/// A moment at every kind of offset; east of Greenwich only, because Go reads the seconds of a western one
/// wrongly.
pub fn times() -> Times {
    let moment = |offset_secs| Time { unix_secs: 1_709_251_199, nanos: 123_456_789, offset_secs };
    let east = moment(Some(3600));
    let before_1970 = Time { unix_secs: -1, nanos: 5, offset_secs: None };
    Times {
        utc: moment(None),
        east,
        odd: moment(Some(5 * 3600 + 7)),
        zero: Time::default(),
        list: vec![Time::default(), before_1970, east],
        pause: Duration::from_millis(1500),
    }
}

/// Numbers beyond every machine integer.
pub fn big_ints() -> BigInts {
    let beyond = |is_negative| BigInt { is_negative, magnitude: [&[1][..], &[0; 25]].concat() };
    BigInts {
        negative: BigInt::from(-258),
        zero: BigInt::from(0),
        large: beyond(false),
        list: vec![BigInt::from(0), BigInt::from(i128::from(i64::MIN)), beyond(true)],
    }
}

/// A dog.
pub fn embedded() -> Dog {
    Dog { animal: Animal { name: "Rex".into(), legs: 4 }, breed: "collie".into() }
}

/// The account that both sides know whole.
pub fn account_v2() -> AccountV2 {
    AccountV2 {
        id: 1 << 33,
        name: "Ada".into(),
        tags: vec!["a".into(), "b".into()],
        home: point(1, 2),
        limits: [("day".into(), 5)].into(),
    }
}

/// What an older client sends.
pub fn account_v1() -> AccountV1 {
    AccountV1 { name: "Bob".into(), id: 7 }
}

/// What a newer client sends.
pub fn account_v3() -> AccountV3 {
    AccountV3 {
        nickname: "ady".into(),
        id: 9,
        history: vec![Event { what: "born".into(), data: vec![1] }, Event::default()],
        name: "Ada".into(),
        matrix: [[1.0, 0.0], [0.0, -1.0]],
        tags: vec!["x".into(), "y".into()],
        home: Place { z: 9, x: 3, y: 4 },
        photo: Some(Any::Int(5)),
        limits: [("day".into(), 1)].into(),
        since: times().east,
        balance: BigInt::from(-100),
        previous: Some(Box::new(AccountV3 { id: 8, ..AccountV3::default() })),
    }
}

/// One in every position.
pub fn marshalers() -> Marshalers {
    Marshalers {
        first: gobbed("g"),
        second: packed("b"),
        pointer: Some(gobbed("p")),
        missing: None,
        list: vec![packed("one"), packed("")],
        by_name: [("k".into(), gobbed("v"))].into(),
    }
}

/// One URL by value, one by pointer, and none.
pub fn links() -> Links {
    Links {
        home: BinaryMarshaled(b"https://user@example.org:8080/zoo".into()),
        away: Some(BinaryMarshaled(b"http://[::1]/a%20b".into())),
        none: None,
    }
}

/// A Point.
pub fn point(x: i64, y: i64) -> Point {
    Point { x, y }
}

/// An interface that holds a Circle.
pub fn circle(radius: f64) -> Option<Any> {
    Some(Any::Circle(Circle { radius }))
}

/// An interface that holds a pointer to a Square.
pub fn square(side: i64) -> Option<Any> {
    Some(Any::Square(Square { side }))
}

/// An interface that holds a Crate.
pub fn crated(content: Option<Any>) -> Option<Any> {
    Some(Any::Crate(Box::new(Crate { content })))
}

/// What Go's `Gobbed` writes of itself.
pub fn gobbed(text: &str) -> GobEncoded {
    GobEncoded(format!("<{text}>").into_bytes())
}

/// What Go's `Packed` writes of itself.
pub fn packed(text: &str) -> BinaryMarshaled {
    BinaryMarshaled(format!("[{text}]").into_bytes())
}
