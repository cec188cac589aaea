//! What fuzzing looks for holds for its corpora: every series of requests and every reply that it found worth keeping.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

#[path = "../fuzz/replies.rs"]
mod replies;
#[path = "../fuzz/requests.rs"]
mod requests;

fn replay(corpus: &str, promise: impl Fn(&[u8])) {
    let path = format!("{}/fuzz/corpus/{corpus}", env!("CARGO_MANIFEST_DIR"));
    let entries: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() >= 20, "{corpus} has {} entries", entries.len());
    for entry in entries {
        promise(&std::fs::read(entry).unwrap());
    }
}

/// Row F7.
#[test]
fn whatever_is_asked_is_answered_and_lists_stay_lists() {
    replay("registry_requests", requests::registry_requests);
}

/// Row F11.
#[test]
fn a_reply_is_a_list_of_servers_or_an_error_in_few_words() {
    replay("registry_replies", replies::registry_replies);
}
