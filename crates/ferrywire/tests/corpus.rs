//! What fuzzing looks for holds for its corpora: every stream, head, beginning, address and list that it found
//! worth keeping.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

#[path = "../fuzz/connections.rs"]
mod connections;
#[path = "../fuzz/discovery.rs"]
mod discovery;
#[path = "../fuzz/gomorpc.rs"]
mod gomorpc;
#[cfg(feature = "http")]
#[path = "../fuzz/http_replies.rs"]
mod http_replies;
#[cfg(feature = "http")]
#[path = "../fuzz/http_requests.rs"]
mod http_requests;
#[cfg(feature = "json")]
#[path = "../fuzz/jsonrpc.rs"]
mod jsonrpc;
#[path = "../fuzz/native.rs"]
mod native;
#[path = "../fuzz/promises.rs"]
mod promises;
#[path = "../fuzz/wgrpc.rs"]
mod wgrpc;

fn replay(corpus: &str, promise: impl Fn(&[u8])) {
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

#[test]
fn native_requests_are_read_alike_and_written_as_they_are_read() {
    replay("native_requests", native::native_requests);
}

#[test]
fn native_replies_are_read_alike_and_written_as_they_are_read() {
    replay("native_replies", native::native_replies);
}

/// V1 to V6, as far as one connection shows them.
#[test]
fn a_native_server_keeps_its_promises_whatever_its_client_does() {
    replay("native_server", |bytes| connections::native_server(bytes, |_| {}));
}

/// V1 to V6, as far as one connection shows them.
#[test]
fn a_native_client_keeps_its_promises_whatever_its_server_does() {
    replay("native_client", |bytes| connections::native_client(bytes, |_| {}));
}

#[cfg(feature = "json")]
#[test]
fn json_requests_are_read_alike_and_answered_in_lines() {
    replay("jsonrpc_requests", jsonrpc::jsonrpc_requests);
}

#[cfg(feature = "json")]
#[test]
fn json_replies_are_read_alike_and_as_serde_json_reads_them() {
    replay("jsonrpc_replies", jsonrpc::jsonrpc_replies);
}

#[test]
fn options_and_requests_are_read_alike_and_answered_one_by_one() {
    replay("wgrpc_requests", wgrpc::wgrpc_requests);
}

#[test]
fn the_familys_replies_are_read_alike_in_both_codecs() {
    replay("wgrpc_replies", wgrpc::wgrpc_replies);
}

#[test]
fn messages_behind_a_greeting_are_read_alike_and_answered_one_by_one() {
    replay("gomorpc_requests", gomorpc::gomorpc_requests);
}

#[test]
fn replies_behind_their_headers_are_read_alike() {
    replay("gomorpc_replies", gomorpc::gomorpc_replies);
}

#[cfg(feature = "http")]
#[test]
fn responses_are_read_alike_however_they_are_cut() {
    replay("http_replies", http_replies::http_replies);
}

#[cfg(feature = "http")]
#[test]
fn requests_of_http_are_answered_one_by_one_and_alike() {
    replay("http_requests", http_requests::http_requests);
}

#[test]
fn lists_of_servers_are_read_alike_from_urls_and_files() {
    replay("server_lists", discovery::server_lists);
}

#[test]
fn any_url_opens_a_source_or_is_refused_in_few_words() {
    replay("source_urls", discovery::source_urls);
}
