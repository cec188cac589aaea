//! What stands in the dependency tree: permissive licences, and nothing that needs a newer compiler than
//! the library promises.

use std::process::Command;

use serde_json::Value;

/// Every package that a user of the library gets, as cargo knows it.
fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs the tests");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"].as_array().expect("a list of packages").clone()
}

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let deny = include_str!("../../../deny.toml");
    let allow = deny.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    let is_allowed = |licence: &str| allow.contains(&format!("\"{licence}\""));

    let refused: Vec<_> = (packages().iter())
        .filter(|package| {
            let licence = package["license"].as_str().unwrap_or("none");
            let all_of = licence.split(" AND ").map(|part| part.trim_matches(['(', ')']));
            !all_of
                .into_iter()
                .all(|part| part.split(" OR ").flat_map(|it| it.split('/')).any(|it| is_allowed(it.trim())))
        })
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();

    assert!(refused.is_empty(), "not in deny.toml: {refused:?}");
}

#[test]
fn nothing_needs_a_newer_compiler_than_the_library_says() {
    let version = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let promised = version(env!("CARGO_PKG_RUST_VERSION"));

    let newer: Vec<_> = (packages().iter())
        .filter(|package| version(package["rust_version"].as_str().unwrap_or("1.0"))[..2] > promised[..2])
        .map(|package| format!("{} {}", package["name"], package["rust_version"]))
        .collect();

    assert!(newer.is_empty(), "newer than {promised:?}: {newer:?}");
}
