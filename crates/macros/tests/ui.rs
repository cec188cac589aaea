//! What the attribute accepts compiles and runs without a warning; what it refuses is refused in these words.
//!
//! The words stand in `ui/refuses/*.stderr`; `TRYBUILD=overwrite` writes them anew.

#[test]
fn every_item_in_accepts_compiles_without_a_warning_and_runs() {
    trybuild::TestCases::new().pass("tests/ui/accepts/*.rs");
}

#[test]
fn every_item_in_refuses_is_told_what_is_wrong_and_the_way_out() {
    trybuild::TestCases::new().compile_fail("tests/ui/refuses/*.rs");
}
