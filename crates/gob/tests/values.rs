//! Values without a Rust type: read, looked at, and written again.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{FILES, Iface, inner, point, recorded};
use ferrywire_gob::{Data, SliceDecoder, Value, from_slice, to_vec};

fn value_of(bytes: &[u8]) -> Value {
    SliceDecoder::new(bytes).decode_value().unwrap()
}

#[test]
fn every_recorded_value_is_the_same_after_it_was_written_again() {
    let mut count = 0;
    for file in FILES {
        for (name, written) in recorded(file).0 {
            let stream = written.stream();
            let mut decoder = SliceDecoder::new(&stream);
            while let Ok(value) = decoder.decode_value() {
                let mut again = Vec::new();
                value.encode(&mut again);
                assert_eq!(value_of(&again), value, "{file} {name}");
                count += 1;
            }
            assert!(decoder.rest().is_empty(), "{file} {name}");
        }
    }
    assert_eq!(count, 2 * 106);
}

#[test]
fn a_value_is_looked_at_by_the_senders_names() {
    let value = value_of(&to_vec(&point(6, 7)).unwrap());

    assert_eq!(value.go_type(), "Point");
    assert_eq!(value.field("Y"), Some(&Data::Int(7)));
    assert_eq!(value.field("Z"), None);
}

#[test]
fn a_value_is_json_by_the_senders_names() {
    let value = value_of(&to_vec(&Iface { a: 1, v: Some(inner("q")), b: 0 }).unwrap());

    assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"A":1,"V":{"Q":"q"}}"#);
}

#[test]
fn a_value_written_again_is_what_its_rust_type_reads() {
    let original = Iface { a: 1, v: Some(inner("q")), b: 2 };
    let mut again = Vec::new();

    value_of(&to_vec(&original).unwrap()).encode(&mut again);

    assert_eq!(from_slice::<Iface>(&again).unwrap(), original);
}
