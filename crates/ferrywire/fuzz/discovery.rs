//! What must hold of lists of servers and of the URLs of their sources, for any bytes whatever.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use ferrywire::discovery::{Discover, ENDPOINTS_MAX, Endpoint, File, Sources};
use ferrywire::transport::Address;
use ferrywire::{Error, Result};
use tokio::runtime::{Builder, Runtime};

/// A file that is there for as long as the thread that writes it.
struct Written(PathBuf);

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
    static WRITTEN: Written =
        Written(std::env::temp_dir().join(format!("ferrywire-fuzz-{}-servers", std::process::id())));
}

/// What a source says first, and at once.
fn first(mut source: impl Discover) -> Result<Vec<Endpoint>> {
    let first = async { tokio::time::timeout(Duration::from_secs(5), source.next()).await };
    RUNTIME.with(|runtime| runtime.block_on(first)).expect("a list that lies here is told at once")
}

/// A list that is written in a URL or a file holds nothing that moves a cursor, or is refused in few words.
fn is_clean(said: &Result<Vec<Endpoint>>) {
    let list = match said {
        Ok(list) => list,
        Err(error) => return is_in_few_words(error),
    };
    assert!(list.len() <= ENDPOINTS_MAX);
    for one in list {
        let address = one.address.to_string();
        assert_eq!(address.parse::<Address>().unwrap(), one.address);
        let said = one.metadata.iter().flat_map(|(name, value)| [name, value]);
        assert!(!said.chain([&address, &one.zone]).any(|text| text.contains(char::is_control)), "{one:?}");
    }
}

fn is_in_few_words(error: &Error) {
    let message = error.message();
    assert!(
        !message.is_empty() && message.len() < 2000 && !message.contains(char::is_control),
        "{message:?}"
    );
    assert!(!error.may_have_run());
}

/// A list is read alike from a URL and from a file.
pub fn server_lists(bytes: &[u8]) {
    let in_file = WRITTEN.with(|written| {
        std::fs::write(&written.0, bytes).unwrap();
        first(File::new(&written.0))
    });
    is_clean(&in_file);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let in_url = Sources::default().open(&format!("fixed:{text}")).and_then(first);
    is_clean(&in_url);

    let Ok(list) = in_url else { return };
    // In a file a comment may follow.
    if !text.contains('#') {
        let in_lines = WRITTEN.with(|written| {
            std::fs::write(&written.0, text.replace(',', "\n")).unwrap();
            first(File::new(&written.0))
        });
        assert_eq!(in_lines.unwrap(), list);
    }
}

/// Any text opens a source that has a name and says for how long its lists hold, or is refused in few words.
pub fn source_urls(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let url = match text.split_once('|') {
        // Of schemes few would be found by chance.
        Some((scheme, rest)) if scheme.len() == 1 => {
            let known =
                ["fixed:", "file:", "domain:", "dns://", "dns+srv://", "etcd://", "registry+http://", ""];
            format!("{}{rest}", known[usize::from(scheme.as_bytes()[0]) % known.len()])
        }
        _ => text.into_owned(),
    };
    match Sources::default().open(&url) {
        Ok(source) => {
            let name = source.name();
            assert!(!name.contains(char::is_control) && name.len() <= url.len() + 100, "{name:?}");
            assert!(!source.ttl().is_zero());
            if url.starts_with("fixed:") || url.starts_with("domain:") {
                is_clean(&first(source));
            }
        }
        Err(error) => is_in_few_words(&error),
    }
}
