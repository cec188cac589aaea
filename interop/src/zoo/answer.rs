//! What each method of Zoo answers to its argument.

use std::collections::BTreeMap;
use std::time::Duration;

use ferrywire_gob::{BigInt, BinaryMarshaled, Complex, GobEncoded, Time};

use super::types::*;

/// Everything turned round: complement, negation, reverse order.
pub fn scalars(of: Scalars) -> Scalars {
    let negative = |number: Complex| Complex { re: -number.re, im: -number.im };
    Scalars {
        flag: !of.flag,
        int8: !of.int8,
        int16: !of.int16,
        int32: !of.int32,
        int64: !of.int64,
        int: !of.int,
        uint8: !of.uint8,
        uint16: !of.uint16,
        uint32: !of.uint32,
        uint64: !of.uint64,
        uint: of.uint + 1,
        uintptr: of.uintptr + 1,
        float32: -of.float32,
        float64: -of.float64,
        complex64: negative(of.complex64),
        complex128: negative(of.complex128),
        text: of.text + "!",
        bytes: reversed(of.bytes),
        quad: quad(of.quad),
        triple: triple(of.triple),
    }
}

/// The argument itself.
pub fn zeros(of: Scalars) -> Scalars {
    of
}

/// One character more.
pub fn text(of: String) -> String {
    of + "!"
}

/// The numbers swapped, and one more byte that is not UTF-8.
pub fn raw(mut of: Raw) -> Raw {
    of.text.0.push(0x80);
    Raw { before: of.after, text: of.text, after: of.before }
}

/// The reverse.
pub fn bytes(of: Vec<u8>) -> Vec<u8> {
    reversed(of)
}

/// The reverse.
pub fn floats(of: Vec<f64>) -> Vec<f64> {
    reversed(of)
}

/// The other bool.
pub fn not(of: bool) -> bool {
    !of
}

/// The number below zero.
pub fn negate(of: i64) -> i64 {
    of.wrapping_neg()
}

/// Half, cut.
pub fn half(of: u64) -> u64 {
    of / 2
}

/// The complement.
pub fn narrow(of: i8) -> i8 {
    !of
}

/// The imaginary part negated.
pub fn conjugate(of: Complex) -> Complex {
    Complex { im: -of.im, ..of }
}

/// The reverse.
pub fn triple([first, second, third]: [i64; 3]) -> [i64; 3] {
    [third, second, first]
}

/// The reverse.
pub fn quad([first, second, third, fourth]: [u8; 4]) -> [u8; 4] {
    [fourth, third, second, first]
}

/// X and Y swapped everywhere, the lists reversed, one deeper.
pub fn nested(of: Outer) -> Outer {
    Outer {
        name: of.name + "!",
        centre: swapped(of.centre),
        corners: reversed(of.corners).into_iter().map(swapped).collect(),
        inner: Inner {
            depth: of.inner.depth + 1,
            core: Core { weight: -of.inner.core.weight, ids: triple(of.inner.core.ids) },
            tags: reversed(of.inner.tags),
        },
    }
}

/// The reverse.
pub fn list(of: List) -> List {
    let mut done = List { value: of.value, next: None };
    let mut left = of.next;
    while let Some(at) = left {
        done = List { value: at.value, next: Some(Box::new(done)) };
        left = at.next;
    }
    done
}

/// The mirror image.
pub fn tree(of: Tree) -> Tree {
    let branches = reversed(of.branches).into_iter().map(tree).collect();
    Tree { label: of.label + "!", branches }
}

/// Every list reversed.
pub fn groups(of: BTreeMap<String, Vec<i64>>) -> BTreeMap<String, Vec<i64>> {
    each(of, reversed)
}

/// Every map's elements changed, and one entry in Empty.
pub fn maps(of: Maps) -> Maps {
    let more = |number| number + 1;
    Maps {
        counts: each(of.counts, more),
        groups: each(of.groups, reversed),
        points: each(of.points, swapped),
        names: of.names.into_iter().map(|(key, name)| (-key, name + "!")).collect(),
        flags: of.flags.into_iter().map(|(key, number)| (!key, number)).collect(),
        nested: each(of.nested, |inner| each(inner, more)),
        empty: [("filled".to_owned(), 1)].into(),
    }
}

/// The rows reversed, not what is in them.
pub fn grid(of: Vec<Vec<i64>>) -> Vec<Vec<i64>> {
    reversed(of)
}

/// What was nil is set, what was set is cleared; Origin stays.
pub fn pointers(of: Pointers) -> Pointers {
    let twice = of.twice.flatten();
    Pointers {
        number: None,
        word: of.word.is_none().then(|| "was nil".to_owned()),
        place: None,
        twice: of.number.zip(twice).map(|(number, twice)| Some(number + twice)),
        origin: of.origin,
        gone: of.place.filter(|_| of.gone.is_none()).map(swapped),
    }
}

/// Every value changed, the list reversed; Nothing stays nil.
pub fn shapes(of: Shapes) -> Shapes {
    Shapes {
        round: any(of.round),
        angular: any(of.angular),
        named: any(of.named),
        number: any(of.number),
        word: any(of.word),
        bytes: any(of.bytes),
        nothing: any(of.nothing),
        all: reversed(of.all).into_iter().map(any).collect(),
        by_name: each(of.by_name, any),
    }
}

/// The same type with another value; nil stays as it is.
pub fn any(of: Option<Any>) -> Option<Any> {
    Some(match of? {
        Any::Circle(Circle { radius }) => Any::Circle(Circle { radius: radius * 2.0 }),
        Any::Square(Square { side }) => Any::Square(Square { side: side + 1 }),
        Any::Label(Label { text }) => Any::Label(Label { text: text + "!" }),
        Any::Crate(inner) => Any::Crate(Box::new(Crate { content: any(inner.content) })),
        Any::Int(number) => Any::Int(number.wrapping_neg()),
        Any::Float(number) => Any::Float(-number),
        Any::Bool(flag) => Any::Bool(!flag),
        Any::Text(text) => Any::Text(text + "!"),
        Any::Bytes(bytes) => Any::Bytes(reversed(bytes)),
    })
}

/// 90 s later each, but for the zero moment; offsets stay. The pause doubled.
pub fn times(of: Times) -> Times {
    Times {
        utc: later(of.utc),
        east: later(of.east),
        odd: later(of.odd),
        zero: later(of.zero),
        list: of.list.into_iter().map(later).collect(),
        pause: pause(of.pause),
    }
}

/// Twice the length.
pub fn pause(of: Duration) -> Duration {
    of * 2
}

/// Every number negated.
pub fn big_ints(of: BigInts) -> BigInts {
    BigInts {
        negative: negated(of.negative),
        zero: negated(of.zero),
        large: negated(of.large),
        list: of.list.into_iter().map(negated).collect(),
    }
}

/// Name and breed swapped, one leg more.
pub fn embedded(of: Dog) -> Dog {
    Dog { animal: Animal { name: of.breed, legs: of.animal.legs + 1 }, breed: of.animal.name }
}

/// Nothing.
pub fn nothing(of: Empty) -> Empty {
    of
}

/// Every field changed; what was not sent counts as zero.
pub fn account(of: AccountV2) -> AccountV2 {
    AccountV2 {
        id: of.id + 1,
        name: of.name + "!",
        tags: reversed(of.tags),
        home: swapped(of.home),
        limits: each(of.limits, |number| number + 1),
    }
}

/// Every text twice.
pub fn marshalers(of: Marshalers) -> Marshalers {
    let gobbed = |GobEncoded(bytes)| GobEncoded(doubled(&bytes));
    let packed = |BinaryMarshaled(bytes)| BinaryMarshaled(doubled(&bytes));
    Marshalers {
        first: gobbed(of.first),
        second: packed(of.second),
        pointer: of.pointer.map(gobbed),
        missing: of.missing.map(packed),
        list: of.list.into_iter().map(packed).collect(),
        by_name: each(of.by_name, gobbed),
    }
}

/// `/answer` behind every path.
pub fn links(of: Links) -> Links {
    let answered = |BinaryMarshaled(link)| BinaryMarshaled([&link[..], b"/answer"].concat());
    Links { home: answered(of.home), away: of.away.map(answered), none: of.none.map(answered) }
}

/// So many bytes; the one at i is i % 251, so that no power of two is a period.
pub fn filled(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

fn reversed<T>(mut list: Vec<T>) -> Vec<T> {
    list.reverse();
    list
}

fn each<K: Ord, V>(map: BTreeMap<K, V>, change: impl Fn(V) -> V) -> BTreeMap<K, V> {
    map.into_iter().map(|(key, value)| (key, change(value))).collect()
}

fn swapped(Point { x, y }: Point) -> Point {
    Point { x: y, y: x }
}

fn later(moment: Time) -> Time {
    if moment == Time::default() {
        return moment;
    }
    Time { unix_secs: moment.unix_secs + 90, ..moment }
}

fn negated(number: BigInt) -> BigInt {
    let is_negative = !number.is_negative && !number.magnitude.is_empty();
    BigInt { is_negative, ..number }
}

/// The text between the first and the last byte, twice.
fn doubled(marshaled: &[u8]) -> Vec<u8> {
    match marshaled {
        [open, text @ .., close] => [&[*open], text, text, &[*close]].concat(),
        _ => marshaled.to_vec(),
    }
}
