//! What fuzzing looks for holds for its corpora: every stream, head, beginning and address that it found
//! worth keeping.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

#[path = "../fuzz/promises.rs"]
mod promises;

fn replay(corpus: &str, promise: fn(&[u8])) {
    let path = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
    let entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() >= 20, "{corpus} has {} entries", entries.len());
    for entry in entries {
        promise(&std::fs::read(entry).unwrap());
    }
}

#[test]
fn requests_are_read_alike_however_they_are_cut() {
    replay("netrpc_requests", promises::netrpc_requests);
}

#[test]
fn replies_are_read_alike_however_they_are_cut() {
    replay("netrpc_replies", promises::netrpc_replies);
}

#[test]
fn the_head_of_a_request_is_judged_once() {
    replay("tunnel_request", promises::tunnel_request);
}

#[test]
fn the_head_of_a_reply_is_judged_once() {
    replay("tunnel_reply", promises::tunnel_reply);
}

#[test]
fn what_a_stream_speaks_is_found_once() {
    replay("recognise", promises::recognise);
}

#[test]
fn an_address_is_written_as_it_is_read() {
    replay("address", promises::address);
}
