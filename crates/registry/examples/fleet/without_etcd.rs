//! What stands in for etcd where it is not built in.

use ferrywire::{Code, Error, Result, client, server};

pub(crate) fn known(builder: client::Builder) -> client::Builder {
    builder
}

pub(crate) fn announced(_builder: server::Builder, url: &str) -> Result<server::Builder> {
    let text = format!("{url} needs etcd: build with `--features ferrywire-registry/etcd`");
    Err(Error::new(Code::Unimplemented, text))
}
