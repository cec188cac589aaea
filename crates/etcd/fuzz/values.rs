//! What must hold of a value in etcd, for any bytes whatever: it is a server, or it is said in few words why not.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

#[path = "../src/entry.rs"]
mod entry;

/// What is read is read alike when it is written again; nothing in it moves a cursor.
pub fn etcd_values(bytes: &[u8]) {
    match entry::read(bytes) {
        Ok(one) => {
            let address = one.address.to_string();
            let said =
                one.metadata.iter().flat_map(|(name, value)| [name, value]).chain([&one.zone, &address]);
            assert!(!said.into_iter().any(|text| text.contains(char::is_control)), "{one:?}");
            let written = serde_json::to_vec(&entry::Entry::of(&one)).unwrap();
            assert_eq!(entry::read(&written), Ok(one));
        }
        Err(why) => {
            assert!(!why.is_empty() && why.len() < 2000 && !why.contains(char::is_control), "{why:?}");
        }
    }
}
