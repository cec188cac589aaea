//! A registry that starts again knows its fleet, and is none the worse for a damaged file.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ferrywire_registry::Registry;
use serde_json::{Value, json};

use support::here;

mod support;

/// A folder that is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ferrywire-registry-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn registry(path: &Path) -> Registry {
    Registry::builder().snapshot(path).build()
}

/// Waits until the file holds so many servers.
async fn holds(path: &Path, count: usize) {
    for _ in 0..1000 {
        let kept = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if kept.is_some_and(|kept| kept["servers"].as_array().is_some_and(|all| all.len() == count)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain until the snapshot holds {count} servers");
}

#[tokio::test]
async fn a_registry_that_starts_again_knows_its_fleet() {
    let folder = Folder::new("again");
    let path = folder.0.join("servers.json");
    let before = registry(&path);
    let server = json!({
        "address": "tcp://127.0.0.1:1", "services": ["Arith"], "weight": 3, "zone": "eu",
        "metadata": {"a": "b"}, "health": "draining", "ttl_ms": 60000,
    });
    here(&before).registers(server).await;
    here(&before).registers(json!({"address": "tcp://127.0.0.1:2"})).await;
    holds(&path, 2).await;
    here(&before).delete("tcp://127.0.0.1:2").await;
    holds(&path, 1).await;
    let (mut was, before_epoch) = (here(&before).list("").await, before);

    let after = registry(&path);

    let mut is = here(&after).list("").await;
    assert_ne!(was["epoch"], is["epoch"]);
    for list in [&mut was, &mut is] {
        list["servers"][0].as_object_mut().unwrap().remove("age_ms");
    }
    assert_eq!(was["servers"], is["servers"]);
    assert_eq!(before_epoch.len(), 1);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test(start_paused = true)]
async fn who_comes_out_of_a_snapshot_has_a_fresh_time() {
    let folder = Folder::new("fresh");
    let path = folder.0.join("servers.json");
    std::fs::write(&path, r#"{"servers":[{"address":"tcp://127.0.0.1:1","ttl_ms":5000}]}"#).unwrap();

    let registry = registry(&path);

    support::after(4.9).await;
    assert_eq!(registry.len(), 1);
    support::after(0.2).await;
    assert_eq!(registry.len(), 0);
}

#[tokio::test]
async fn a_damaged_snapshot_is_no_failure() {
    let folder = Folder::new("damaged");
    let path = folder.0.join("servers.json");
    for text in ["", "x", "{", "[]", "{\"servers\":1}", "\u{0}\u{1}"] {
        std::fs::write(&path, text).unwrap();

        assert!(registry(&path).is_empty(), "{text}");
    }
    assert!(registry(&folder.0).is_empty(), "a folder is none");
    assert!(registry(&folder.0.join("no/such/file")).is_empty());

    let some =
        r#"{"servers":[{"address":"tcp://127.0.0.1:1"},{"address":"nonsense"},{"address":"tcp://h:1,x"}]}"#;
    std::fs::write(&path, some).unwrap();
    assert_eq!(here(&registry(&path)).addresses("").await, ["tcp://127.0.0.1:1"]);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_hurts_nobody() {
    let folder = Folder::new("unwritable");
    let registry = registry(&folder.0.join("no/such/folder/servers.json"));

    here(&registry).registers(json!({"address": "tcp://127.0.0.1:1"})).await;

    assert_eq!(here(&registry).addresses("").await, ["tcp://127.0.0.1:1"]);
}
