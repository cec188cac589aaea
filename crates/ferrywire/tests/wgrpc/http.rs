//! HTTP: tunnels at every path that the family's programs ask for, and the pages.

use ferrywire::protocol::{GeeRpc, WgRpc};
use ferrywire::{Limits, Server};

use crate::bytes::{MAGIC, first_reply, first_request, option};
use crate::support::{Args, Bench, End, ProbeClient, ProbeServer, Rig, pipe};

const GOB: &str = "application/gob";

/// Each path, and the status that its clients compare letter by letter.
const TUNNELS: [(&str, &str); 6] = [
    ("/wgrpc", "200 Connected to Wg RPC"),
    ("/_wgprc_", "200 Connected to Wg RPC"),
    ("/_wgrpc_", "200 Connected to Wg RPC"),
    ("/_geeprc_", "200 Connected to Gee RPC"),
    ("/_geerpc_", "200 Connected to Gee RPC"),
    ("/geeprc", "200 Connected to Gee RPC"),
];

#[tokio::test(start_paused = true)]
async fn a_tunnel_stands_at_every_path_of_the_family() {
    let rig = Rig::new().await;

    for (path, status) in TUNNELS {
        for ends in ["HTTP/1.0\n\n", "HTTP/1.0\r\n\r\n", "HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"] {
            for magic in MAGIC {
                let mut client = End::to(&rig).await;
                client.say(format!("CONNECT {path} {ends}").as_bytes()).await;
                client.hears(format!("HTTP/1.0 {status}\n\n").as_bytes()).await;

                client.say(&option(magic, GOB, 0)).await;
                client.say(&first_request()).await;

                client.hears(&first_reply()).await;
            }
        }
    }
}

/// Defect 14: bytes that were buffered behind a CONNECT were thrown away.
#[tokio::test(start_paused = true)]
async fn a_request_sent_right_behind_connect_is_answered() {
    let rig = Rig::new().await;
    let mut client = End::to(&rig).await;
    let connect = b"CONNECT /wgrpc HTTP/1.0\n\n".to_vec();

    client.say(&[connect, option(MAGIC[0], GOB, 0), first_request()].concat()).await;

    client.hears(&[&b"HTTP/1.0 200 Connected to Wg RPC\n\n"[..], &first_reply()].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn behind_a_tunnel_nothing_else_is_spoken() {
    let rig = Rig::new().await;

    for stranger in
        [&b"{\"method\":\"Probe.Twice\",\"params\":[1],\"id\":1}\n"[..], b"\x2e\x7f\x03\x01\x01\x07Request"]
    {
        let mut client = End::to(&rig).await;
        client.say(b"CONNECT /_geeprc_ HTTP/1.0\n\n").await;
        client.hears(b"HTTP/1.0 200 Connected to Gee RPC\n\n").await;

        client.say(stranger).await;
        client.half_close().await;

        assert!(client.rest().await.is_empty(), "{stranger:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_connect_is_told_so() {
    let rig = Rig::new().await;

    for (path, _) in TUNNELS {
        let mut client = End::to(&rig).await;
        client.say(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        client.half_close().await;

        let said = String::from_utf8(client.rest().await).unwrap();
        assert!(said.get(8..).is_some_and(|said| said.starts_with(" 405 ")), "{said}");
        assert!(said.ends_with("\r\n\r\n405 must CONNECT\n"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_is_shown_under_the_familys_title() {
    let rig = Rig::new().await;

    for (path, title) in [
        ("/debug/wgrpc", "GeeRPC Services"),
        ("/debug/geerpc", "GeeRPC Services"),
        ("/debug/rpc", "Services"),
    ] {
        let mut client = End::to(&rig).await;
        client.say(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        client.half_close().await;

        let said = String::from_utf8(client.rest().await).unwrap();
        assert!(said.get(8..).is_some_and(|said| said.starts_with(" 200 OK\r\n")), "{said}");
        assert!(said.contains(&format!("<title>{title}</title>")), "{said}");
        assert!(said.contains("Service Probe\n") && said.contains("Twice(int, *int) error"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hidden_page_is_hidden_everywhere() {
    let server =
        Server::builder().register(ProbeServer::new(Bench::new())).without_debug_page().build().unwrap();

    for path in ["/debug/wgrpc", "/debug/geerpc"] {
        let (ours, theirs) = pipe(1 << 16);
        tokio::spawn(server.serve(theirs));
        let mut client = End::over(ours);
        client.say(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await;
        client.half_close().await;

        assert!(client.rest().await.get(8..).is_some_and(|said| said.starts_with(b" 404 ")));
    }
}

/// The family's spelling of addresses: a network's name and a place.
#[tokio::test]
async fn a_protocol_and_a_place_are_an_address() {
    let rig = Rig::at("tcp://127.0.0.1:0", Limits::default()).await;
    let place = rig.address.to_string().replace("tcp://", "");

    for address in [format!("tcp@{place}"), format!("http@{place}"), format!("http@{place}/_wgrpc_")] {
        let client = rig.builder().protocol(WgRpc).connect(&address).await.unwrap();
        assert_eq!(ProbeClient::new(client).multiply(Args { a: 6, b: 7 }).await.unwrap(), 42);
    }
    let client = rig.builder().protocol(GeeRpc).connect(format!("http@{place}")).await.unwrap();
    assert_eq!(ProbeClient::new(client).twice(21).await.unwrap(), 42);
    let refused = rig.builder().protocol(GeeRpc).connect(format!("http@{place}/wgrpc")).await.unwrap_err();
    assert!(refused.message().contains("200 Connected to Wg RPC"), "{refused}");
}

#[tokio::test]
async fn a_unix_socket_is_an_address_too() {
    let socket = std::env::temp_dir().join(format!("ferrywire-wgrpc-{}", std::process::id()));
    let rig = Rig::at(&format!("unix@{}", socket.display()), Limits::default()).await;

    let client = rig.builder().protocol(GeeRpc).connect(format!("unix@{}", socket.display())).await.unwrap();

    assert_eq!(ProbeClient::new(client).twice(21).await.unwrap(), 42);
}
