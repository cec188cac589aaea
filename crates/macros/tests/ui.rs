//! What the attribute refuses is refused in these words. What it accepts are the programs in `ui/accepts`, each a test.
//!
//! The words stand in `ui/refuses/*.stderr`; `TRYBUILD=overwrite` writes them anew.

#[test]
fn every_item_in_refuses_is_told_what_is_wrong_and_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/ui/refuses/*.rs");
}

/// A program that nobody names in the manifest would be no test.
#[test]
fn every_item_in_accepts_is_a_test() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .expect("it was built by it");
    let accepts = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui/accepts"))
        .expect("it stands beside this");

    let named: Vec<bool> = accepts
        .map(|file| file.expect("it can be listed").path())
        .map(|path| {
            manifest.contains(&format!(
                "path = \"tests/ui/accepts/{}\"",
                path.file_name().expect("a file").display()
            ))
        })
        .collect();

    assert!(named.len() >= 16 && named.iter().all(|is_named| *is_named), "{named:?}");
}
