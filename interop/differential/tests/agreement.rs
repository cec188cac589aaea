//! Go and we agree about generated values, types and broken streams, but for what is listed.

use std::path::Path;

#[test]
fn go_and_we_agree_about_generated_streams() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));

    let summary = gob_differential::run(5_000, 1, folder).unwrap_or_else(|problem| panic!("{problem}"));

    let findings: Vec<String> = summary.unlisted.iter().take(5).map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{}\n{summary}", findings.join("\n\n"));
    assert!(summary.values >= 5_000, "{summary}");
}
