//! The floors of the library: who may name whom, read off the source and held against one table.
//!
//! A room uses only floors below its own, and what is in its own folder. Whoever climbs is named with the
//! line on which it does.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::{Path, PathBuf};

/// Every room of `src/`, from the ground up.
const FLOORS: [&[&str]; 9] = [
    &["error", "metadata", "limits", "peer", "timer", "input", "output", "window", "pause", "sync"],
    &["codec", "compression", "transport", "arrival", "ambient"],
    &["body", "context", "description", "discovery"],
    &["message"],
    &["service", "protocol", "balance"],
    &["slot", "duplex", "stage"],
    &["client", "server"],
    &["offered"],
    &["private"],
];

/// Folders of plug-ins: the contract that each opens with.
const CONTRACTS: [(&str, &str); 5] = [
    ("codec", "pub trait Codec"),
    ("transport", "pub trait Transport"),
    ("protocol", "pub trait Protocol"),
    ("balance", "pub trait Balance"),
    ("discovery", "pub trait Discover"),
];

/// Folders whose rooms are bytes in and values out: without a socket, a task or a clock.
const SANS_IO: [&str; 7] = ["codec", "compression", "protocol", "balance", "body", "message", "description"];

fn floor_of(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// What a file does that its floor forbids; `file` is its path below `src/`.
fn climbs(file: &str, source: &str) -> Vec<String> {
    let Some((room, depth)) = place_of(file) else { return Vec::new() };
    let Some(own) = floor_of(&room) else { return vec![format!("{file}: `{room}` stands on no floor")] };
    let mut found = Vec::new();
    for (line, path) in paths(source, depth) {
        let verdict = match floor_of(&path) {
            _ if path == room => continue,
            Some(floor) if floor < own => continue,
            Some(floor) if floor == own => format!("names `{path}`, which stands on its own floor"),
            Some(_) => format!("climbs to `{path}`"),
            None => format!("names `{path}` through lib.rs"),
        };
        found.push(format!("{file}:{line}: {verdict}"));
    }
    found
}

/// The room that a file belongs to, and how many `super` lead from it to the crate's root.
fn place_of(file: &str) -> Option<(String, usize)> {
    let path = file.strip_suffix(".rs")?;
    let mut names: Vec<&str> = path.split('/').collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    if names == ["lib"] { None } else { Some((names.first()?.to_string(), names.len())) }
}

/// What every path that begins at the crate's root names there, with its line.
fn paths(source: &str, depth: usize) -> Vec<(usize, String)> {
    let code = without_comments(source);
    let tests_at = code.find("#[cfg(test)]").unwrap_or(code.len());
    let mut found = Vec::new();
    let mut from = 0;
    while let Some((at, rest)) = next_root(&code, &mut from, |at| depth + usize::from(at > tests_at)) {
        let line = code[..at].matches('\n').count() + 1;
        found.extend(first_names(rest).into_iter().map(|name| (line, name)));
    }
    found
}

/// The next path from the root at or behind `from`: where it begins, and what stands behind the root.
fn next_root<'c>(
    code: &'c str,
    from: &mut usize,
    depth_at: impl Fn(usize) -> usize,
) -> Option<(usize, &'c str)> {
    loop {
        let rest = &code[*from..];
        let at = [rest.find("crate::"), rest.find("super::")].into_iter().flatten().min()? + *from;
        let begins_word = !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        if let Some(rest) = code[at..].strip_prefix("crate::") {
            *from = at + "crate::".len();
            if begins_word && !code[..at].ends_with("::") {
                return Some((at, rest));
            }
            continue;
        }
        let mut supers = 0;
        let mut rest = &code[at..];
        while let Some(behind) = rest.strip_prefix("super::") {
            supers += 1;
            rest = behind;
        }
        *from = code.len() - rest.len();
        if begins_word && supers >= depth_at(at) {
            return Some((at, rest));
        }
    }
}

/// The first names of a path or of a group of paths: `a::B` or `{a::B, c::{D, E}}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut names, mut depth, mut item) = (Vec::new(), 0, String::new());
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(name(&std::mem::take(&mut item))),
            _ => {}
        }
        if letter != ',' || depth > 0 {
            item.push(letter);
        }
    }
    names.push(name(&item));
    names.retain(|name| !name.is_empty());
    names
}

/// The source with the same lines, without what stands behind `//`.
fn without_comments(source: &str) -> String {
    source.lines().map(|line| line.split("//").next().unwrap_or("").to_owned() + "\n").collect()
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file of `src/` by its path there, with what it holds.
fn sources() -> Vec<(String, String)> {
    let mut folders = vec![source_folder()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(source_folder()).unwrap().to_str().unwrap().to_owned();
                files.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 30, "only {} files were found", files.len());
    files.sort();
    files
}

#[test]
fn nobody_climbs() {
    let climbers: Vec<String> = sources().iter().flat_map(|(file, source)| climbs(file, source)).collect();

    assert!(climbers.is_empty(), "{}", climbers.join("\n"));
}

#[test]
fn a_planted_climber_is_named_with_its_line() {
    for (file, source, expected) in [
        ("codec/gob.rs", "\nuse crate::message::Ask;\n", "codec/gob.rs:2: climbs to `message`"),
        ("client/call.rs", "use crate::server::Server;", "which stands on its own floor"),
        ("server/accept.rs", "fn f(c: crate::client::Client) {}", "which stands on its own floor"),
        (
            "protocol/netrpc/frame.rs",
            "use crate::{body::Body, client::{Call, Client}};",
            "climbs to `client`",
        ),
        ("protocol/tunnel.rs", "use super::super::server::Server;", "climbs to `server`"),
        ("service.rs", "use super::client::Client;", "climbs to `client`"),
        ("error.rs", "use crate::limits::Limits;", "which stands on its own floor"),
        ("server/router.rs", "use crate::{Code, error::Error};", "names `Code` through lib.rs"),
        ("message.rs", "fn f() -> crate::Result<()> {}", "names `Result` through lib.rs"),
        ("common.rs", "", "stands on no floor"),
        ("peer.rs", "#[cfg(test)]\nmod tests { use super::super::client::Client; }", "climbs to `client`"),
    ] {
        let found = climbs(file, source);

        assert!(found.len() == 1 && found[0].contains(expected), "{file}: {source}: {found:?}");
    }
}

#[test]
fn what_stands_where_it_may_is_not_named() {
    for (file, source) in [
        ("lib.rs", "pub use crate::client::Client;"),
        ("client/call.rs", "use super::pool::Pool;\nuse crate::client::link::Link;\nuse crate::body::Sink;"),
        ("protocol/netrpc/frame.rs", "use super::super::tunnel::Tunnel;\nuse crate::codec::{Format, Told};"),
        ("error.rs", "#[cfg(test)]\nmod tests { use super::*; }"),
        ("body.rs", "/// See [`Client`](crate::client::Client).\nuse crate::error::Result;"),
        ("peer.rs", "pub(crate) fn f() { mycrate::client::x() }"),
    ] {
        assert_eq!(climbs(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}

#[test]
fn every_room_of_the_table_exists() {
    for room in FLOORS.concat() {
        let folder = source_folder().join(room);

        assert!(folder.join("mod.rs").exists() || folder.with_extension("rs").exists(), "{room}");
    }
}

/// Whether a line of `lib.rs` does no more than name, show or describe.
fn is_no_code(line: &str) -> bool {
    let starts = ["//", "#", "mod ", "pub mod ", "use ", "pub use ", "}"];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

#[test]
fn lib_rs_holds_no_code() {
    assert!(!is_no_code("pub fn connect() {}") && !is_no_code("impl Client {"));
    let source = std::fs::read_to_string(source_folder().join("lib.rs")).unwrap();
    // A group of re-exports may take several lines; nothing else does.
    let mut is_in_group = false;

    for line in source.lines().map(str::trim) {
        assert!(is_in_group || is_no_code(line), "lib.rs holds code: {line}");

        is_in_group = (is_in_group || line.starts_with("pub use ")) && !line.ends_with(';');
    }
}

#[test]
fn every_folder_opens_with_its_contract_and_lists_its_rooms() {
    let files = sources();
    for (file, source) in files.iter().filter(|(file, _)| file.ends_with("/mod.rs")) {
        let folder = file.strip_suffix("mod.rs").unwrap();
        for (room, _) in &files {
            let Some(room) = room.strip_prefix(folder).filter(|room| *room != "mod.rs") else { continue };
            let name = room.split('/').next().unwrap().trim_end_matches(".rs");

            assert!(source.contains(&format!("mod {name};")), "{file} does not list {name}");
        }
        for (_, contract) in CONTRACTS.iter().filter(|(name, _)| folder.trim_end_matches('/') == *name) {
            assert!(source.contains(contract), "{file} does not hold `{contract}`");
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    for (file, source) in sources() {
        assert!(source.starts_with("//! "), "{file} does not open with a sentence");
    }
}

#[test]
fn frames_and_codecs_own_no_socket_no_task_and_no_clock() {
    for (file, source) in sources() {
        let (room, _) = place_of(&file).unwrap_or_default();
        if SANS_IO.contains(&room.as_str()) {
            let code = without_comments(&source);

            assert!(!code.contains("tokio"), "{file} names the runtime");
            assert!(
                !code.contains("std::net::Tcp") && !code.contains("Instant"),
                "{file} has a socket or a clock"
            );
        }
    }
}

#[test]
fn a_feature_stands_only_beside_a_mod_line() {
    for (file, source) in sources() {
        let code = without_comments(&source);
        let lines: Vec<&str> = code.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0].contains("cfg(feature")) {
            let is_listed = ["mod ", "pub mod ", "pub use "].iter().any(|start| pair[1].starts_with(start));

            assert!(is_listed, "{file}: {} {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn the_library_never_prints_and_never_exits() {
    for (file, source) in sources() {
        let code = without_comments(&source);
        for word in ["println!", "eprintln!", "process::exit", "process::abort", "unbounded_channel"] {
            assert!(!code.contains(word), "{file} holds `{word}`");
        }
    }
}

/// Row B11: maps whose keys come from a peer use the standard library's randomly keyed hasher.
#[test]
fn no_map_has_a_hasher_of_its_own() {
    for (file, source) in sources() {
        let code = without_comments(&source);
        for word in ["BuildHasher", "with_hasher", "FxHash", "ahash", "nohash", "fnv::"] {
            assert!(!code.contains(word), "{file} holds `{word}`");
        }
    }
}
