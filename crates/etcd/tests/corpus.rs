//! What fuzzing looks for holds for its corpus: every value that it found worth keeping.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

#[path = "../fuzz/values.rs"]
mod values;

#[test]
fn a_value_is_a_server_or_it_is_said_in_few_words_why_not() {
    let path = format!("{}/fuzz/corpus/etcd_values", env!("CARGO_MANIFEST_DIR"));
    let entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() >= 20, "{} entries", entries.len());
    for entry in entries {
        values::etcd_values(&std::fs::read(entry).unwrap());
    }
}
