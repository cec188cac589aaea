//! Each limit holds, and what is just within it is accepted. Rows B1 to B8 of the list of threats.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{Any, hex};
use ferrywire_gob::{
    Decoder, Error, ErrorKind, Limits, Messages, Next, Plan, SliceDecoder, Types, Value, from_slice, to_vec,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Deep {
    d: Option<Box<Deep>>,
}

/// So many structs inside each other.
/// The bytes of [`deep`] 64 times, made one level deeper than anybody writes.
fn one_deeper(bytes: &[u8]) -> Vec<u8> {
    let value = [vec![1; 63], vec![0; 64]].concat();
    let (head, tail) = bytes.split_at(bytes.len() - value.len());
    assert_eq!(tail, value);
    // In front stand the length, a marker and one byte, and the type's id.
    let is_length = |at: &usize| head[*at] == 0xff && usize::from(head[at + 1]) == bytes.len() - at - 2;
    let length_at = (0..head.len() - 1).rev().find(is_length).unwrap();
    let mut deeper = head.to_vec();
    deeper[length_at + 1] += 2;
    deeper.extend([vec![1; 64], vec![0; 65]].concat());
    deeper
}

fn deep(levels: usize) -> Deep {
    (1..levels).fold(Deep { d: None }, |inner, _| Deep { d: Some(Box::new(inner)) })
}

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

fn decode_within<'de, T: Deserialize<'de>>(bytes: &'de [u8], limits: Limits) -> Result<T, Error> {
    SliceDecoder::with_limits(bytes, limits).decode()
}

/// All ways to read a value that nobody has to have a type for.
fn every_way(bytes: &[u8], limits: &Limits) -> [Result<(), Error>; 2] {
    let ignored = SliceDecoder::with_limits(bytes, limits.clone()).decode::<IgnoredAny>().map(drop);
    let value = SliceDecoder::with_limits(bytes, limits.clone()).decode_value().map(drop);
    [ignored, value]
}

fn assert_limit<T: std::fmt::Debug>(result: Result<T, Error>, text: &str) {
    let error = result.expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains(text), "{error}");
}

fn put_uint(out: &mut Vec<u8>, value: u64) {
    if value < 128 {
        return out.push(value as u8);
    }
    let bytes = value.to_be_bytes();
    let skipped = value.leading_zeros() as usize / 8;
    out.push((8 - skipped as u8).wrapping_neg());
    out.extend_from_slice(&bytes[skipped..]);
}

fn put_int(out: &mut Vec<u8>, value: i64) {
    put_uint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn message(parts: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    parts(&mut body);
    let mut out = Vec::new();
    put_uint(&mut out, body.len() as u64);
    out.extend_from_slice(&body);
    out
}

/// `type id []element`
fn slice_of(id: i64, element: i64) -> Vec<u8> {
    message(|out| {
        put_int(out, -id);
        out.extend_from_slice(&[2, 2]);
        put_int(out, element);
        out.extend_from_slice(&[0, 0]);
    })
}

/// `type id struct { A, A, … field }`
fn struct_of(id: i64, fields: &[(&str, i64)]) -> Vec<u8> {
    message(|out| {
        put_int(out, -id);
        out.extend_from_slice(&[3, 2]);
        put_uint(out, fields.len() as u64);
        for (name, ty) in fields {
            out.push(1);
            put_uint(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
            out.push(1);
            put_int(out, *ty);
            out.push(0);
        }
        out.extend_from_slice(&[0, 0]);
    })
}

#[test]
fn message_len_max() {
    let text = "x".repeat(1000);
    let bytes = to_vec(&text).unwrap();
    let body = bytes.len() - 3;

    assert!(decode_within::<String>(&bytes, limits(|limits| limits.message_len_max = body)).is_ok());
    assert_limit(
        decode_within::<String>(&bytes, limits(|limits| limits.message_len_max = body - 1)),
        "over the limit of 1004",
    );
    // Refused by the prefix alone, before a byte of the message is there.
    for prefix in [&[0xfc, 0x00, 0x40, 0x00, 0x01][..], &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]] {
        assert_limit(Messages::new(Limits::default()).next(prefix).map(drop), "a message of");
    }
}

#[test]
fn value_depth_max() {
    let within = to_vec(&deep(64)).unwrap();
    let beyond = one_deeper(&within);

    assert_eq!(from_slice::<Deep>(&within).unwrap(), deep(64));
    assert_limit(from_slice::<Deep>(&beyond), "nests deeper than 64");
    let [ignored, value] = every_way(&within, &Limits::default());
    ignored.and(value).unwrap();
    for result in every_way(&beyond, &Limits::default()) {
        assert_limit(result, "nests deeper than 64");
    }
}

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}

/// A long list of boxes overflowed the stack while it was written, and took the process with it.
#[test]
fn what_nests_deeper_than_any_reader_takes_is_not_written() {
    on_a_small_stack(|| {
        let mut out = b"before".to_vec();
        let plan = ferrywire_gob::Plan::of::<Deep>().unwrap();

        let error = plan.encode(&deep(65), &mut out).unwrap_err();

        assert!(error.to_string().ends_with("the value nests deeper than 64"), "{error}");
        assert_eq!(out, b"before");
        assert!(plan.encode(&deep(64), &mut out).is_ok());
    });
    let mut long = deep(5000);

    assert!(to_vec(&long).is_err());

    // Dropped from the outside in: this much nesting is too much for a drop of its own, too.
    while let Some(inner) = long.d.take() {
        long = *inner;
    }
}

#[test]
fn the_full_depth_of_structs_fits_a_stack_of_256_kib() {
    let bytes = to_vec(&deep(64)).unwrap();

    on_a_small_stack(move || assert_eq!(from_slice::<Deep>(&bytes).unwrap(), deep(64)));
}

#[test]
fn the_full_depth_of_interfaces_fits_a_stack_of_256_kib() {
    let wrapped = |_| |inner| Any::Wrap(Box::new(common::Wrap { z: Some(inner) }));
    let deepest = (0..31).map(wrapped).fold(Any::Int(1), |inner, wrap| wrap(inner));
    let bytes = to_vec(&deepest).unwrap();

    on_a_small_stack(move || assert!(from_slice::<Any>(&bytes).is_ok()));
}

#[test]
fn the_full_depth_fits_a_stack_of_256_kib_where_nobody_has_a_type_for_it() {
    let bytes = to_vec(&deep(64)).unwrap();

    on_a_small_stack(move || {
        assert!(every_way(&bytes, &Limits::default()).into_iter().all(|result| result.is_ok()))
    });
}

#[test]
fn an_absent_value_of_a_type_that_holds_itself_is_refused_not_made_without_end() {
    #[derive(Deserialize, Debug)]
    struct Endless {
        #[serde(rename = "A")]
        _a: Box<Endless>,
    }
    let mut bytes = struct_of(65, &[("A", 65)]);
    bytes.extend(message(|out| {
        put_int(out, 65);
        out.push(0);
    }));

    assert_limit(from_slice::<Endless>(&bytes), "nests deeper than 64");
}

#[test]
fn type_depth_max() {
    let chain = |len: i64| {
        let mut bytes = Vec::new();
        for id in 65..65 + len {
            bytes.extend(slice_of(id, if id == 64 + len { 2 } else { id + 1 }));
        }
        bytes.extend(message(|out| {
            put_int(out, 65);
            out.extend_from_slice(&[0, 0]);
        }));
        bytes
    };

    from_slice::<IgnoredAny>(&chain(64)).unwrap();
    assert!(
        from_slice::<IgnoredAny>(&chain(65)).unwrap_err().to_string().contains("types nest deeper than 64")
    );
}

#[test]
fn types_max() {
    let defined = |count: i64| (65..65 + count).flat_map(|id| slice_of(id, 2)).collect::<Vec<u8>>();
    let mut within = defined(1024);
    within.extend(to_vec(&7_i64).unwrap());

    assert_eq!(from_slice::<i64>(&within).unwrap(), 7);
    assert_limit(from_slice::<i64>(&defined(1025)), "may define 1024 types");
}

#[test]
fn definitions_len_max() {
    let bytes = slice_of(65, 2);

    let len = bytes.len() - 3;
    let result =
        |max| Messages::new(limits(|limits| limits.definitions_len_max = max)).next(&bytes).map(drop);
    result(len).unwrap();
    assert_limit(result(len - 1), "definitions of");
}

#[test]
fn fields_max() {
    let names: Vec<String> = (0..1025).map(|at| format!("F{at}")).collect();
    let fields: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 2)).collect();

    Messages::new(Limits::default()).next(&struct_of(65, &fields[..1024])).unwrap();
    assert_limit(
        Messages::new(Limits::default()).next(&struct_of(65, &fields)).map(drop),
        "a struct of 1025 fields",
    );
}

#[test]
fn name_len_max() {
    let name = "N".repeat(1025);
    let field = |name: &str| Messages::new(Limits::default()).next(&struct_of(65, &[(name, 2)])).map(drop);
    field(&name[..1024]).unwrap();
    assert_limit(field(&name), "a name of 1025 bytes");

    let interface = message(|out| {
        put_int(out, 8);
        out.push(0);
        put_uint(out, 1025);
        out.extend_from_slice(name.as_bytes());
    });
    for result in every_way(&interface, &Limits::default()) {
        assert_limit(result, "an interface's name of 1025 bytes");
    }
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Only {
    a: i64,
}

/// A collection of type 66 with `count` elements claimed, where the first struct takes all of the bytes: Go takes the
/// end of a message for the end of a struct. The message is so long that it could hold as many.
fn ends_inside_the_first(collection: Vec<u8>, count: u64) -> Vec<u8> {
    let mut bytes = struct_of(65, &[("A", 2)]);
    bytes.extend(collection);
    bytes.extend(message(|out| {
        put_int(out, 66);
        out.push(0);
        put_uint(out, count);
        out.extend_from_slice(&[1, 0xfe, 0, 14]);
    }));
    bytes
}

#[test]
fn zero_size_elements_max() {
    // `type 66 map[Only]Only`; the first key takes the bytes, two entries have none.
    let map = message(|out| {
        put_int(out, -66);
        out.extend_from_slice(&[4, 2, 0xff, 130, 1, 0xff, 130, 0, 0]);
    });
    let bytes = ends_inside_the_first(map, 3);
    let read = |max| {
        let limits = limits(|limits| limits.zero_size_elements_max = max);
        decode_within::<BTreeMap<Only, Only>>(&bytes, limits)
    };

    let zero = || Only { a: 0 };
    assert_eq!(read(2).unwrap(), BTreeMap::from([(Only { a: 7 }, zero()), (zero(), zero())]));
    assert_limit(read(1), "without a byte of their own");
    assert!(every_way(&bytes, &Limits::default()).into_iter().all(|result| result.is_ok()));
    for result in every_way(&bytes, &limits(|limits| limits.zero_size_elements_max = 1)) {
        assert_limit(result, "without a byte of their own");
    }
}

#[test]
fn an_element_behind_the_end_of_the_message_is_refused() {
    let slice = ends_inside_the_first(slice_of(66, 65), 3);
    let array = ends_inside_the_first(
        message(|out| {
            put_int(out, -66);
            out.extend_from_slice(&[1, 2, 0xff, 130, 1, 6, 0, 0]);
        }),
        3,
    );

    let mut results = vec![
        decode_within::<Vec<Only>>(&slice, Limits::default()).map(drop),
        decode_within::<[Only; 3]>(&array, Limits::default()).map(drop),
    ];
    results.extend(every_way(&slice, &Limits::default()));
    results.extend(every_way(&array, &Limits::default()));

    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("2 elements more are claimed where the message ends"), "{error}");
    }
}

#[test]
fn a_definition_of_two_kinds_is_refused() {
    // `type 65 []int`, and behind it `type 65 struct {}`.
    let bytes = message(|out| {
        put_int(out, -65);
        out.extend_from_slice(&[2, 2, 4, 0, 1, 0, 0]);
    });

    let error = from_slice::<Vec<i64>>(&bytes).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("the definition of type 65 says two kinds"), "{error}");
}

#[test]
fn first_capacity_max() {
    let bytes = to_vec(&vec![[7_u64; 16]; 4096]).unwrap();
    let mut decoder = SliceDecoder::with_limits(&bytes, limits(|limits| limits.first_capacity_max = 1 << 10));
    // The size of an element is learnt from the first, so it is the second decoding that reserves.
    decoder.decode::<Vec<[u64; 16]>>().unwrap();
    let types: Arc<Types> = Arc::clone(decoder.types());
    let mut body = Vec::new();
    Plan::of::<Vec<[u64; 16]>>().unwrap().encode(&vec![[7_u64; 16]; 4096], &mut body).unwrap();

    #[derive(Debug)]
    struct Hint(Option<usize>);
    impl<'de> Deserialize<'de> for Hint {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Ask;
            impl<'de> serde::de::Visitor<'de> for Ask {
                type Value = Hint;
                fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    out.write_str("a slice")
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Hint, A::Error> {
                    let hint = items.size_hint();
                    while items.next_element::<[u64; 16]>()?.is_some() {}
                    Ok(Hint(hint))
                }
            }
            deserializer.deserialize_seq(Ask)
        }
    }
    assert_eq!(types.decode::<Hint>(&body).unwrap().0, Some(0), "the size of an element is not known yet");
    assert_eq!(types.decode::<Hint>(&body).unwrap().0, Some(8), "8 elements of 128 bytes are 1 KiB");
}

#[test]
fn steps_base() {
    let bytes = to_vec(&vec![1_i64, 2, 3]).unwrap();
    let read = |base| {
        let limits = limits(|limits| (limits.steps_base, limits.steps_per_byte) = (base, 0));
        decode_within::<Vec<i64>>(&bytes, limits)
    };

    assert_eq!(read(3).unwrap(), [1, 2, 3]);
    assert_limit(read(2), "takes more steps");
}

#[test]
fn steps_per_byte() {
    let bytes = to_vec(&vec![1_i64, 2, 3]).unwrap();
    let read = |per_byte| {
        let limits = limits(|limits| (limits.steps_base, limits.steps_per_byte) = (0, per_byte));
        decode_within::<Vec<i64>>(&bytes, limits)
    };

    assert_eq!(read(1).unwrap(), [1, 2, 3]);
    assert_limit(read(0), "takes more steps");
}

#[test]
fn a_count_that_the_bytes_cannot_hold_is_refused_before_anything_is_made() {
    for count in [1 << 20, 1 << 40, u64::MAX] {
        let mut bytes = slice_of(65, 2);
        bytes.extend(message(|out| {
            put_int(out, 65);
            out.push(0);
            put_uint(out, count);
            out.push(2);
        }));
        let error = from_slice::<Vec<i64>>(&bytes).unwrap_err();
        assert!(error.to_string().contains("elements are claimed"), "{error}");
        for result in every_way(&bytes, &Limits::default()).into_iter().skip(1) {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Damaged);
        }
    }
}

#[test]
fn a_value_split_over_a_thousand_messages_is_found_byte_by_byte() {
    let (stream, count) = split_value(1000);
    let mut messages = Messages::new(Limits::default());
    let mut used_total = 0;
    let mut found = None;
    for len in 1..=stream.len() {
        match messages.next(&stream[used_total..len]).unwrap() {
            Next::More { used, want } => {
                assert!(want > 0);
                used_total += used;
            }
            Next::Value { start, end, .. } => {
                assert_eq!(len, stream.len());
                found = Some((used_total + start, used_total + end));
            }
            other => panic!("{other:?}"),
        }
    }
    let (start, end) = found.unwrap();

    let value: Value = messages.types().decode_value(&stream[start..end]).unwrap();

    let ferrywire_gob::Data::List(elements) = value.data() else { panic!("{value:?}") };
    assert_eq!(elements.len(), count);
}

/// A `[]any` of so many elements, each of a type that is defined where it stands.
fn split_value(count: usize) -> (Vec<u8>, usize) {
    let mut stream = slice_of(65, 8);
    let mut body = Vec::new();
    put_int(&mut body, 65);
    body.push(0);
    put_uint(&mut body, count as u64);
    for at in 0..count {
        let id = 66 + at as i64;
        body.extend_from_slice(b"\x01t");
        put_int(&mut body, -id);
        body.extend_from_slice(&[2, 2, 4, 0, 0]);
        if at == 0 {
            // What is left of a message behind a definition goes on after a length.
            body.push(0);
            put_int(&mut body, id);
            body.extend_from_slice(&[2, 0, 0]);
            continue;
        }
        put_uint(&mut stream, body.len() as u64);
        stream.append(&mut body);
        put_int(&mut body, id);
        body.extend_from_slice(&[2, 0, 0]);
    }
    put_uint(&mut stream, body.len() as u64);
    stream.append(&mut body);
    (stream, count)
}

#[test]
fn a_stream_is_read_alike_however_it_is_cut() {
    for (name, written) in common::recorded(common::FILES[1]).0 {
        let stream = written.stream();
        let mut whole = SliceDecoder::new(&stream);
        let mut cut = Decoder::new(OneByOne(&stream));
        loop {
            match (whole.decode_value(), cut.decode_value()) {
                (Ok(left), Ok(right)) => assert_eq!(left, right, "{name}"),
                (Err(left), Err(right)) => {
                    assert_eq!(left.to_string(), right.to_string(), "{name}");
                    break;
                }
                (left, right) => panic!("{name}: {left:?}, {right:?}"),
            }
        }
    }
}

struct OneByOne<'b>(&'b [u8]);

impl std::io::Read for OneByOne<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let len = self.0.len().min(1).min(out.len());
        let (now, later) = self.0.split_at(len);
        out[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

#[test]
fn many_threads_decode_by_the_same_types() {
    #[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
    struct Entry {
        words: BTreeMap<String, Vec<i32>>,
    }
    let entry = Entry { words: BTreeMap::from([("six".to_owned(), vec![6, 7])]) };
    let bytes = to_vec(&entry).unwrap();
    let mut messages = Messages::new(Limits::default());
    let Next::Value { start, end, .. } = messages.next(&bytes).unwrap() else { panic!("{}", hex(&bytes)) };
    let types = messages.types();

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert_eq!(types.decode::<Entry>(&bytes[start..end]).unwrap(), entry);
                }
            });
        }
    });
}
