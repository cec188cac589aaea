//! The way to a connection, where it can go wrong.

use ferrywire::protocol::NetRpc;
use ferrywire::{Client, Code};
use ferrywire_interop::harness::Transport;

use crate::suite::{Case, Ground, case, holds, works};

pub(crate) fn cases(transport: Transport) -> Vec<Case> {
    let mut cases = vec![case("connect/100_connections_that_say_nothing", async |ground| {
        for _ in 0..100 {
            drop(ground.connect().await?);
        }
        works(&ground.connect().await?).await
    })];
    if transport.is_http() {
        cases.push(case("connect/a_wrong_path_is_refused", async |ground| {
            let error = Client::builder()
                .protocol(NetRpc)
                .connect(wrong(&ground))
                .await
                .err()
                .ok_or("got a connection at /wrong")?;
            let is_told = error.message().contains("404 Not Found") && !error.may_have_run();
            holds(is_told && error.code() == Code::Unavailable, || format!("got {error:?}"))
        }));
    }
    cases
}

/// The server's address with another path.
fn wrong(ground: &Ground) -> String {
    match ground.transport {
        Transport::Unix | Transport::ConnectUnix => format!("http+{}#/wrong", ground.place),
        _ => ground.place.replacen("tcp://", "http://", 1) + "/wrong",
    }
}
