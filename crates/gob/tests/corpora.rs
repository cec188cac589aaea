//! What fuzzing looks for holds for its corpora. Rows B1 to B8 of the list of threats.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../fuzz/promises.rs"]
mod promises;

fn replay(corpus: &str, promise: fn(&[u8])) {
    let path = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(path).unwrap() {
        promise(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 20, "{corpus} has {count} entries");
}

#[test]
fn no_bytes_of_the_corpus_break_a_typed_decode() {
    replay("decode_typed", promises::decode_typed);
}

#[test]
fn every_value_of_the_corpus_is_the_same_after_it_was_written_again() {
    replay("decode_value", promises::decode_value);
}

#[test]
fn the_streams_of_the_corpus_are_read_alike_however_they_are_cut() {
    replay("stream", promises::stream);
}
