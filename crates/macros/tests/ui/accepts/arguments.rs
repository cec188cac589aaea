//! A method takes no argument, one or several; each is owned, or borrows from the request.
#![deny(warnings, missing_docs, unreachable_pub, clippy::pedantic)]
#![allow(missing_debug_implementations)]

use std::borrow::Cow;
use std::collections::HashMap;

use ferrywire::{Client, Result};
use ferrywire_macros::service;
use serde::{Deserialize, Serialize};

/// What a file is looked up by.
#[derive(Serialize, Deserialize)]
pub struct View<'v> {
    #[serde(borrow)]
    name: Cow<'v, str>,
}

/// Files.
#[service]
pub trait Files {
    /// None.
    async fn count(&self) -> Result<u64>;
    /// One, owned.
    async fn put(&self, entries: HashMap<String, Vec<u8>>) -> Result<()>;
    /// One, text.
    async fn find(&self, name: &str) -> Result<bool>;
    /// One, bytes.
    async fn sum(&self, content: &[u8]) -> Result<u64>;
    /// One that borrows.
    async fn look(&self, view: View<'_>) -> Result<String>;
    /// One that borrows deeper.
    async fn maybe(&self, name: Option<&str>) -> Result<bool>;
    /// Several, owned.
    async fn copy(&self, from: String, to: String) -> Result<()>;
    /// Several of every kind.
    async fn write(
        &self,
        name: &str,
        content: &[u8],
        at: u64,
        view: View<'_>,
        note: Option<&str>,
    ) -> Result<()>;
    /// Named with words of Rust's own.
    async fn r#move(&self, r#type: u8, r#in: &str) -> Result<()>;
    /// At once, and borrowed.
    fn length(&self, content: &[u8], name: &str) -> usize;
}

#[allow(dead_code)]
async fn call(client: Client) -> Result<()> {
    let files = FilesClient::new(client);
    let name = String::from("a");
    files.count().await?;
    files.put(HashMap::new()).await?;
    files.find(&name).await?;
    files.sum(&[1, 2]).await?;
    files.look(View { name: Cow::Borrowed(&name) }).await?;
    files.maybe(Some(&name)).await?;
    files.copy(name.clone(), "b".into()).await?;
    files.write(&name, &[1], 0, View { name: Cow::Borrowed(&name) }, None).await?;
    files.r#move(1, &name).await?;
    let call = files.length(&[1], &name);
    call.await?;
    Ok(())
}

fn main() {
    let methods = FilesClient::description().methods;
    let shapes: Vec<_> = methods.iter().map(|method| method.argument.rust_name()).collect();
    assert_eq!(shapes[0], "()");
    assert!(shapes[2].contains("Text"), "{}", shapes[2]);
    assert!(shapes[6].ends_with("CopyArgs"));
    assert_eq!((methods[8].name, methods[8].rust_name), ("Move", "move"));
}
