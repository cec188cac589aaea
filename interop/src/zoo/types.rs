//! One type of each kind that gob knows, as plain serde types. Field order is the order on the wire.
//!
//! A type that must take what has fewer fields says `#[serde(default)]`.

use std::collections::BTreeMap;
use std::time::Duration;

use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, GobEncoded, RawString, Time};
use serde::{Deserialize, Serialize};

macro_rules! types {
    ($($(#[$about:meta])* $name:ident { $($(#[$how:meta])* $field:ident: $ty:ty,)* })*) => {
        $(#[derive(Debug, Clone, Default, Serialize, Deserialize)]
        $(#[$about])*
        pub struct $name {
            $($(#[$how])* #[allow(missing_docs, reason = "README.md has a table of them")] pub $field: $ty,)*
        })*
    };
}

types! {
    /// What Arith is asked about.
    #[serde(default)]
    Args { a: i64, b: i64, }

    /// What Arith.Divide answers.
    Quotient { quo: i64, rem: i64, }

    /// One field of every kind that is a single value, and the flat containers of them.
    Scalars {
        flag: bool,
        int8: i8,
        int16: i16,
        int32: i32,
        int64: i64,
        int: i64,
        uint8: u8,
        uint16: u16,
        uint32: u32,
        uint64: u64,
        uint: u64,
        uintptr: u64,
        float32: f32,
        float64: f64,
        complex64: Complex,
        complex128: Complex,
        text: String,
        bytes: Vec<u8>,
        quad: [u8; 4],
        triple: [i64; 3],
    }

    /// A string that is not UTF-8, between two fields that show where it went wrong.
    Raw { before: i64, text: RawString, after: i64, }

    /// The smallest struct with two fields.
    Point { x: i64, y: i64, }

    /// Structs within structs.
    Outer { name: String, centre: Point, corners: Vec<Point>, inner: Inner, }

    /// The middle one of Outer.
    Inner { depth: i64, core: Core, tags: Vec<String>, }

    /// The innermost one of Outer.
    Core { weight: f64, ids: [i64; 3], }

    /// A type that holds itself through a pointer.
    List { value: i64, next: Option<Box<List>>, }

    /// A type that holds itself through a slice.
    Tree { label: String, branches: Vec<Tree>, }

    /// Maps of every kind of key and element that the zoo needs.
    Maps {
        counts: BTreeMap<String, i64>,
        groups: BTreeMap<String, Vec<String>>,
        points: BTreeMap<String, Point>,
        names: BTreeMap<i64, String>,
        flags: BTreeMap<bool, u8>,
        nested: BTreeMap<String, BTreeMap<String, i64>>,
        empty: BTreeMap<String, i64>,
    }

    /// Pointers that are set, nil, double, and to a zero struct.
    Pointers {
        number: Option<i64>,
        word: Option<String>,
        place: Option<Point>,
        twice: Option<Option<i64>>,
        origin: Option<Point>,
        gone: Option<Point>,
    }

    /// Registered in Go by value, so its name there holds the whole import path.
    Circle { radius: f64, }

    /// Registered in Go by pointer, so its name there is `*zoo.Square`.
    Square { side: i64, }

    /// Registered in Go under a name of its own, `label`.
    Label { text: String, }

    /// Registered in Go by value; holds another interface value.
    Crate { content: Option<Any>, }

    /// Interface fields, one for each way in which a name is registered.
    Shapes {
        round: Option<Any>,
        angular: Option<Any>,
        named: Option<Any>,
        number: Option<Any>,
        word: Option<Any>,
        bytes: Option<Any>,
        nothing: Option<Any>,
        all: Vec<Option<Any>>,
        by_name: BTreeMap<String, Option<Any>>,
    }

    /// Moments with every kind of offset, and a length of time.
    Times { utc: Time, east: Time, odd: Time, zero: Time, list: Vec<Time>, pause: Duration, }

    /// Integers of any size.
    BigInts { negative: BigInt, zero: BigInt, large: BigInt, list: Vec<BigInt>, }

    /// Embedded in Dog.
    Animal { name: String, legs: i64, }

    /// Embeds a struct, which travels as a field of that struct's name.
    Dog { animal: Animal, breed: String, }

    /// No fields.
    Empty {}

    /// The account that a server knows.
    #[serde(default)]
    AccountV2 {
        id: i64,
        name: String,
        tags: Vec<String>,
        home: Point,
        limits: BTreeMap<String, i64>,
    }

    /// An older client's account: fewer fields, in another order, one of them narrower.
    AccountV1 { name: String, id: i32, }

    /// A newer client's account: fields of every kind that the server must pass over.
    #[serde(default)]
    AccountV3 {
        nickname: String,
        id: i64,
        history: Vec<Event>,
        name: String,
        matrix: [[f64; 2]; 2],
        tags: Vec<String>,
        home: Place,
        photo: Option<Any>,
        limits: BTreeMap<String, i64>,
        since: Time,
        balance: BigInt,
        previous: Option<Box<AccountV3>>,
    }

    /// In the history of AccountV3.
    Event { what: String, data: Vec<u8>, }

    /// A Point with one more field, in front.
    #[serde(default)]
    Place { z: i64, x: i64, y: i64, }

    /// Shares no field with any other type here.
    Stranger { hat: String, }

    /// Types that encode themselves, in every position.
    Marshalers {
        first: GobEncoded,
        second: BinaryMarshaled,
        pointer: Option<GobEncoded>,
        missing: Option<BinaryMarshaled>,
        list: Vec<BinaryMarshaled>,
        by_name: BTreeMap<String, GobEncoded>,
    }

    /// URLs, which marshal themselves as their text.
    Links { home: BinaryMarshaled, away: Option<BinaryMarshaled>, none: Option<BinaryMarshaled>, }

    /// Returned as it came, so that a reply that reached another caller is noticed.
    Nonce {
        worker: u64,
        number: u64,
        #[serde(with = "serde_bytes")]
        payload: Vec<u8>,
    }
}

/// What Go's interface values hold; None beside it is nil. The names are those that Go registers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Any {
    /// By value.
    #[serde(rename = "ferrywire.test/interop/zoo.Circle")]
    Circle(Circle),
    /// By pointer.
    #[serde(rename = "*zoo.Square")]
    Square(Square),
    /// Under a name of its own.
    #[serde(rename = "label")]
    Label(Label),
    /// With another interface value inside.
    #[serde(rename = "ferrywire.test/interop/zoo.Crate")]
    Crate(Box<Crate>),
    /// Known to every Go program.
    #[serde(rename = "int")]
    Int(i64),
    /// Known to every Go program.
    #[serde(rename = "float64")]
    Float(f64),
    /// Known to every Go program.
    #[serde(rename = "bool")]
    Bool(bool),
    /// Known to every Go program.
    #[serde(rename = "string")]
    Text(String),
    /// Known to every Go program.
    #[serde(rename = "[]uint8")]
    Bytes(Vec<u8>),
}
