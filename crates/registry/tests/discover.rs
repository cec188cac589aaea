//! Lists from registries: what is told, how fast, and what is not believed.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::Result;
use ferrywire::discovery::{Discover, Endpoint, Health, Scheme as _};
use ferrywire_registry::{Registry, Scheme};
use http::Request;
use serde_json::json;

use support::fake::{Fake, reply, wrong_replies};
use support::{Stand, here};

mod support;

fn open(url: &str) -> Box<dyn Discover> {
    Scheme.open(url).unwrap().unwrap()
}

async fn next(source: &mut Box<dyn Discover>) -> Result<Vec<Endpoint>> {
    tokio::time::timeout(Duration::from_secs(20), source.next()).await.expect("the source says something")
}

async fn told(source: &mut Box<dyn Discover>) -> Vec<String> {
    addresses(&next(source).await.unwrap())
}

fn addresses(list: &[Endpoint]) -> Vec<String> {
    list.iter().map(|endpoint| endpoint.address.to_string()).collect()
}

#[tokio::test]
async fn a_list_comes_at_once_and_then_with_every_change() {
    let stand = Stand::new(Registry::builder().build()).await;
    let here = here(&stand.registry);
    let mut source = open(&format!("registry+http://{}/Arith", stand.place));
    assert_eq!(told(&mut source).await, [""; 0]);

    here.registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Echo"]})).await;
    here.registers(json!({"address": "tcp://127.0.0.1:2", "services": ["Arith"], "weight": 3, "zone": "eu", "metadata": {"a": "b"}})).await;
    let list = next(&mut source).await.unwrap();
    assert_eq!(addresses(&list), ["tcp://127.0.0.1:2"]);
    assert_eq!((list[0].weight, &*list[0].zone, &*list[0].metadata["a"]), (3, "eu", "b"));

    here.registers(json!({"address": "tcp://127.0.0.1:2", "services": ["Arith"], "health": "draining"}))
        .await;
    assert_eq!(next(&mut source).await.unwrap()[0].health, Health::Draining);
    here.delete("tcp://127.0.0.1:2").await;
    assert_eq!(told(&mut source).await, [""; 0]);
}

#[tokio::test]
async fn without_a_service_all_servers_are_listed() {
    let stand = Stand::new(Registry::builder().build()).await;
    let here = here(&stand.registry);
    here.registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    let beat = Request::post("/wgrpc/registry").header("x-wgrpc-server", "tcp@[::]:2");
    here.ask(beat, "").await;

    // Who listens everywhere on the registry's machine is where the registry is.
    for url in [format!("registry+http://{}", stand.place), format!("registry+http://{}/", stand.place)] {
        assert_eq!(told(&mut open(&url)).await, ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]);
    }
}

#[tokio::test]
async fn lists_of_the_family_are_read() {
    let stand = Stand::new(Registry::builder().build()).await;
    let beat = |address: &str| Request::post("/_geerpc_/registry").header("x-geerpc-server", address);
    here(&stand.registry).ask(beat("tcp@127.0.0.1:1"), "").await;
    here(&stand.registry).ask(beat("http@[::]:2"), "").await;

    for path in ["/wgrpc/registry", "/_geerpc_/registry"] {
        let mut source = open(&format!("registry+http://{}{path}", stand.place));
        assert_eq!(told(&mut source).await, ["http://127.0.0.1:2", "tcp://127.0.0.1:1"]);
    }
    // As others write them: with spaces, holes, and what nobody can dial.
    let list = "X-Geerpc-Servers: tcp@127.0.0.1:7 ,, nonsense,tcp@127.0.0.1:0, tcp@127.0.0.1:8\r\n";
    let fake = Fake::saying(reply("200 OK", list, "")).await;
    let mut source = open(&format!("registry+http://{}/_geerpc_/registry", fake.place));
    assert_eq!(told(&mut source).await, ["tcp://127.0.0.1:7", "tcp://127.0.0.1:8"]);
    // A reply without the header is no empty list.
    let mut source = open(&format!("registry+http://{}/wgrpc/registry", fake.place));
    assert!(next(&mut source).await.unwrap_err().message().contains("x-wgrpc-servers"));
}

#[tokio::test]
async fn a_full_registry_is_listed_whole() {
    let stand = Stand::new(Registry::builder().build()).await;
    let here = here(&stand.registry);
    let said = "x".repeat(200);
    for number in 0..10_000 {
        let address = format!("tcp://127.0.{}.{}:7000", number / 250, number % 250 + 1);
        here.registers(json!({"address": address, "services": ["Arith"], "metadata": {"said": said}})).await;
    }

    for url in [format!("registry+http://{}", stand.place), format!("registry+http://{}/Arith", stand.place)]
    {
        let list = next(&mut open(&url)).await.unwrap();
        assert_eq!((list.len(), list[9_999].metadata["said"].len()), (10_000, 200));
    }
    let mut source = open(&format!("registry+http://{}/wgrpc/registry", stand.place));
    assert_eq!(told(&mut source).await.len(), 10_000);
}

/// Row F1: the loss is said, and the list comes back with the registry, as it is then.
#[tokio::test]
async fn a_registry_that_is_lost_is_asked_until_it_is_back() {
    let stand = Stand::new(Registry::builder().build()).await;
    here(&stand.registry).registers(json!({"address": "tcp://127.0.0.1:1", "services": ["Arith"]})).await;
    let mut source = open(&format!("registry+http://{}/Arith", stand.place));
    assert_eq!(told(&mut source).await, ["tcp://127.0.0.1:1"]);

    let place = stand.dies().await;
    assert!(next(&mut source).await.unwrap_err().message().contains(&place));
    assert!(next(&mut source).await.is_err());
    let stand = Stand::at(&place, Registry::builder().build()).await;
    here(&stand.registry).registers(json!({"address": "tcp://127.0.0.1:2", "services": ["Arith"]})).await;

    let list = loop {
        if let Ok(list) = next(&mut source).await {
            break list;
        }
    };
    assert_eq!(addresses(&list), ["tcp://127.0.0.1:2"]);
}

/// Row F4: the union of all registries, and losing one costs nothing.
#[tokio::test]
async fn several_registries_are_one() {
    let (first, second) = (Registry::builder().build(), Registry::builder().build());
    let (first, second) = (Stand::new(first).await, Stand::new(second).await);
    let server = |port: u16| json!({"address": format!("tcp://127.0.0.1:{port}"), "services": ["Arith"]});
    here(&first.registry).registers(server(1)).await;
    here(&second.registry).registers(server(2)).await;
    let mut source = open(&format!("registry+http://{},127.0.0.1:1,{}/Arith", first.place, second.place));

    let mut list = told(&mut source).await;
    if list.len() < 2 {
        list = told(&mut source).await;
    }
    assert_eq!(list, ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2"]);
    first.dies().await;
    here(&second.registry).registers(server(3)).await;

    assert_eq!(told(&mut source).await, ["tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "tcp://127.0.0.1:3"]);
}

/// Row F11.
#[tokio::test]
async fn what_no_registry_says_is_not_believed() {
    for (wrong, why) in wrong_replies() {
        let fake = Fake::saying(wrong.clone()).await;
        let mut source = open(&format!("registry+http://{}/Arith", fake.place));

        let error = next(&mut source).await.unwrap_err();

        let said = wrong.map(|wrong| String::from_utf8_lossy(&wrong[..wrong.len().min(80)]).into_owned());
        assert!(error.message().contains(why), "{error} is not about {why}: {said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_never_answers_is_lost() {
    let fake = Fake::saying(None).await;
    let mut source = open(&format!("registry+http://{}/Arith", fake.place));

    let error = source.next().await.unwrap_err();

    assert!(error.message().contains("no answer within 5s"), "{error}");
}

/// A registry that does not wait, however it is asked to, is not asked without a pause.
#[tokio::test]
async fn a_registry_that_answers_at_once_is_not_asked_at_once() {
    let list = r#"{"epoch":"e","version":1,"servers":[]}"#;
    let fake = Fake::saying(reply("200 OK", "Content-Type: application/json\r\n", list)).await;
    let mut source = open(&format!("registry+http://{}/Arith", fake.place));
    assert_eq!(told(&mut source).await, [""; 0]);

    assert!(tokio::time::timeout(Duration::from_millis(450), source.next()).await.is_err());

    assert!((2..=6).contains(&fake.asked()), "{}", fake.asked());
}

#[test]
fn urls_of_others_are_left_to_them_and_wrong_ones_are_refused_with_words() {
    for url in ["", "http://127.0.0.1:1", "etcd://127.0.0.1:1", "registry+https://127.0.0.1:1"] {
        assert!(Scheme.open(url).is_none(), "{url}");
    }
    for url in [
        "registry+http://",
        "registry+http:///Arith",
        "registry+http://127.0.0.1",
        "registry+http://127.0.0.1:0/Arith",
        "registry+http://127.0.0.1:1,/Arith",
        "registry+http://127.0.0.1:1,,127.0.0.1:2/Arith",
        "registry+http://a b:1/Arith",
        "registry+http://127.0.0.1:1/A%0ab",
        "registry+http://127.0.0.1:1/%ff",
    ] {
        let error = Scheme.open(url).unwrap().map(drop).unwrap_err();

        assert_eq!(error.code(), ferrywire::Code::InvalidArgument, "{url}");
    }
    assert_eq!(
        open("registry+http://a.test:1,[::1]:2/Arith").name(),
        "registry+http://a.test:1,[::1]:2/Arith"
    );
}
