//! Many servers as one: calls are spread, servers come and go, fail and recover, and no call fails that need not.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::BTreeSet;
use std::time::Duration;

use ferrywire::balance::{ConsistentHash, Random, RoundRobin, WeightedRoundRobin};
use ferrywire::client::FailMode;
use ferrywire::discovery::Health;
use ferrywire::transport::{Address, BoxFuture, Listen, Memory, Place, Stream, Transport};
use ferrywire::{Client, Code, Error};
use tokio::time::Instant;

use support::fleet::{Fleet, NodeClient, Teller, address, endpoint, limits, told};

mod support;

/// A client of all servers of the fleet, and whoever tells it of them.
async fn client_of(
    fleet: &Fleet,
    with: impl FnOnce(ferrywire::client::Builder) -> ferrywire::client::Builder,
) -> (Caller, Teller) {
    let (teller, source) = told();
    let discovering = with(fleet.builder()).discover_from(source);
    let (client, ()) = tokio::join!(discovering, teller.says(fleet.endpoints()));
    let client = client.unwrap();
    (Caller { node: NodeClient::new(client.clone()), client }, teller)
}

/// Calls the nodes by their methods, and by name.
struct Caller {
    node: NodeClient,
    client: Client,
}

impl Caller {
    fn client(&self) -> &Client {
        &self.client
    }
}

impl std::ops::Deref for Caller {
    type Target = NodeClient;

    fn deref(&self) -> &NodeClient {
        &self.node
    }
}

fn servers(node: &Caller) -> ferrywire::client::Servers {
    node.client().servers().unwrap()
}

// ---- whom calls go to ----

#[tokio::test(start_paused = true)]
async fn calls_are_spread_over_all_servers() {
    let fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;

    for _ in 0..30 {
        node.who().await.unwrap();
    }

    assert!(fleet.calls().iter().all(|calls| (8..=12).contains(calls)), "{:?}", fleet.calls());
}

#[tokio::test(start_paused = true)]
async fn weights_are_taken_from_the_list_and_change_with_it() {
    let fleet = Fleet::of(2).await;
    let (node, teller) = client_of(&fleet, |builder| builder.balance(WeightedRoundRobin)).await;
    let shares = async |calls: usize| {
        let mut share = 0;
        for _ in 0..calls {
            share += node.who().await.unwrap();
        }
        share
    };
    shares(2).await;
    teller.says([endpoint(0).with_weight(1), endpoint(1).with_weight(3)]).await;
    assert_eq!(shares(40).await, 30);

    teller.says([endpoint(0).with_weight(4), endpoint(1).with_weight(1)]).await;

    assert_eq!(shares(40).await, 8);
}

#[tokio::test(start_paused = true)]
async fn calls_with_one_key_go_to_one_server() {
    let fleet = Fleet::of(5).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(ConsistentHash)).await;
    let mut used = BTreeSet::new();

    for user in 0..40 {
        let key = format!("user/{user}");
        let first = node.who().key(&key).await.unwrap();
        for _ in 0..3 {
            assert_eq!(node.who().key(&key).await.unwrap(), first);
        }
        used.insert(first);
    }

    assert!(used.len() >= 4, "{used:?}");
}

/// Row E11.
#[tokio::test(start_paused = true)]
async fn a_slow_server_gets_little() {
    let fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;
    for number in 0..3 {
        fleet.host(number).is_slow(Duration::from_millis(if number == 0 { 500 } else { 5 }));
    }

    for _ in 0..40 {
        let calls = (0..10).map(|_| node.who());
        for answer in futures_util::future::join_all(calls).await {
            answer.unwrap();
        }
    }

    let calls = fleet.calls();
    assert!(calls[0] * 8 < calls[1] + calls[2], "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn servers_of_the_same_zone_are_preferred_as_long_as_one_is_there() {
    let mut fleet = Fleet::of(4).await;
    let zones = ["eu", "us", "eu", "us"];
    let endpoints = || (0..4).map(|number| endpoint(number).in_zone(zones[number as usize]));
    let (node, teller) = client_of(&fleet, |builder| builder.balance(Random).zone("eu")).await;
    teller.says(endpoints()).await;

    for _ in 0..20 {
        assert!([0, 2].contains(&node.who().await.unwrap()));
    }
    fleet.kill(0).await;
    for _ in 0..20 {
        assert_eq!(node.who().await.unwrap(), 2);
    }
    fleet.kill(2).await;
    for _ in 0..20 {
        assert!([1, 3].contains(&node.who().await.unwrap()));
    }

    fleet.start(0).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    for _ in 0..20 {
        assert_eq!(node.who().await.unwrap(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_server_gets_nothing_new_and_finishes_what_it_has() {
    let fleet = Fleet::of(2).await;
    let (node, teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let held = [node.client().start::<(), u32>("Node.Hold", &()), node.client().start("Node.Hold", &())];
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(fleet.calls(), [1, 1]);

    teller.says([endpoint(0).with_health(Health::Draining), endpoint(1)]).await;
    for _ in 0..10 {
        assert_eq!(node.who().await.unwrap(), 1);
    }
    fleet.host(0).let_go();
    fleet.host(1).let_go();

    for call in held {
        call.await.unwrap();
    }
}

// ---- servers that come and go ----

#[tokio::test(start_paused = true)]
async fn a_server_that_leaves_the_list_gets_nothing_and_finishes_what_it_has() {
    let fleet = Fleet::of(2).await;
    let (node, teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let held = [node.client().start::<(), u32>("Node.Hold", &()), node.client().start("Node.Hold", &())];
    tokio::time::sleep(Duration::from_millis(10)).await;

    teller.says([endpoint(1)]).await;
    for _ in 0..10 {
        assert_eq!(node.who().await.unwrap(), 1);
    }
    fleet.host(0).let_go();
    fleet.host(1).let_go();

    for call in held {
        call.await.unwrap();
    }
    assert_eq!(servers(&node).servers.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_joins_the_list_gets_its_share() {
    let mut fleet = Fleet::of(1).await;
    let (node, teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    node.who().await.unwrap();
    fleet.start(1).await;

    teller.says(fleet.endpoints()).await;

    let answers = futures_util::future::join_all((0..10).map(|_| node.who())).await;
    assert_eq!(answers.into_iter().map(Result::unwrap).sum::<u32>(), 5);
}

/// Rows F5 and E4: nobody notices that a server is not there.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_costs_no_call() {
    let mut fleet = Fleet::of(3).await;
    fleet.kill(1).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;

    for _ in 0..30 {
        assert_ne!(node.who().await.unwrap(), 1);
    }

    let servers = servers(&node).servers;
    assert!(servers[1].is_down && !servers[1].is_connected && servers[1].failures >= 1, "{servers:?}");
    assert_eq!((servers[0].calls, servers[2].calls), (15, 15));
}

/// A memory whose dials take so long.
struct Slowly<F>(F, Memory);

impl<F: Fn(&Place) -> Duration + Send + Sync + 'static> Transport for Slowly<F> {
    fn reaches(&self, place: &Place) -> bool {
        self.1.reaches(place)
    }

    fn dial<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, std::io::Result<Stream>> {
        Box::pin(async move {
            tokio::time::sleep(self.0(place)).await;
            self.1.dial(place).await
        })
    }

    fn listen<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, std::io::Result<Box<dyn Listen>>> {
        self.1.listen(place)
    }
}

/// Row E8: a dial that hangs kept the call that waited for it for the three seconds that a dial may take.
#[tokio::test(start_paused = true)]
async fn a_dial_that_hangs_costs_a_call_a_quarter_of_a_second_at_most() {
    for hanging in 1..=3 {
        let fleet = Fleet::of(4).await;
        let hangs = move |place: &Place| {
            let hangs = (0..hanging).any(|number| *place == Place::Memory(format!("node-{number}")));
            Duration::from_secs(if hangs { 3600 } else { 0 })
        };
        let slowly = Slowly(hangs, fleet.memory.clone());
        let (node, _teller) =
            client_of(&fleet, |builder| builder.balance(RoundRobin).transport(slowly)).await;
        let (began, mut longest) = (Instant::now(), Duration::ZERO);

        for _ in 0..100 {
            let called = Instant::now();
            assert!(node.who().await.unwrap() >= hanging);
            longest = longest.max(called.elapsed());
        }

        let most = Duration::from_millis(255) * hanging;
        assert!(longest <= most && began.elapsed() <= most, "{longest:?} of {:?}", began.elapsed());
        let servers = servers(&node).servers;
        assert!(servers.iter().all(|server| server.is_down != server.is_connected), "{servers:?}");
    }
}

/// Where there is no other server, it is waited for.
#[tokio::test(start_paused = true)]
async fn a_dial_that_takes_its_time_is_waited_for_where_there_is_no_other_server() {
    let fleet = Fleet::of(1).await;
    let slowly = Slowly(|_: &Place| Duration::from_secs(2), fleet.memory.clone());
    let (node, _teller) = client_of(&fleet, |builder| builder.transport(slowly)).await;
    let began = Instant::now();

    assert_eq!(node.who().await.unwrap(), 0);

    assert_eq!(began.elapsed().as_secs(), 2, "the dial is not begun anew");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_used_again() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    node.who().await.unwrap();
    fleet.kill(1).await;
    for _ in 0..10 {
        assert_eq!(node.who().await.unwrap(), 0);
    }

    fleet.start(1).await;
    tokio::time::sleep(Duration::from_secs(12)).await;

    let answers = futures_util::future::join_all((0..10).map(|_| node.who())).await;
    assert_eq!(answers.into_iter().map(Result::unwrap).sum::<u32>(), 5);
}

/// What a call waited that was lost is not what its server takes: it had been out for as long as that counted, a minute and more.
#[tokio::test(start_paused = true)]
async fn a_server_that_was_lost_while_calls_waited_gets_its_share_as_soon_as_it_is_back() {
    let mut fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;
    fleet.hosts.values().for_each(|host| host.is_slow(Duration::from_millis(5)));
    for _ in 0..30 {
        node.who().await.unwrap();
    }
    let held = node.client().start::<u64, u32>("Node.Slowly", &9_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let holder = servers(&node).servers.iter().position(|server| server.pending == 1).unwrap() as u32;

    fleet.kill(holder).await;
    fleet.start(holder).await;
    assert!(held.await.unwrap_err().may_have_run());
    let before = fleet.host(holder).calls();
    for _ in 0..60 {
        node.who().await.unwrap();
    }

    let share = fleet.host(holder).calls() - before;
    assert!((8..=40).contains(&share), "{share}");
}

/// Such a server was not down, and the call that was sent there next sat out the pause before its next dial.
#[tokio::test(start_paused = true)]
async fn no_call_waits_for_a_server_that_is_lost_whenever_it_is_there() {
    let mut fleet = Fleet::of(2).await;
    fleet.kill(0).await;
    let place = address(0).parse::<Address>().unwrap();
    let mut listener = fleet.memory.listen(place.place()).await.unwrap();
    tokio::spawn(async move {
        loop {
            let stream = listener.accept().await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            drop(stream);
        }
    });
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;

    for _ in 0..500 {
        let began = Instant::now();
        assert_eq!(node.who().idempotent().await.unwrap(), 1);
        assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// A server that dies costs the calls that it was holding, whose fate nobody knows.
#[tokio::test(start_paused = true)]
async fn a_server_that_dies_costs_the_calls_that_it_was_holding() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let held = [node.client().start::<(), u32>("Node.Hold", &()), node.client().start("Node.Hold", &())];
    tokio::time::sleep(Duration::from_millis(10)).await;

    fleet.kill(0).await;
    fleet.host(1).let_go();

    let mut lost = 0;
    for call in held {
        match call.await {
            Ok(number) => assert_eq!(number, 1),
            Err(error) => {
                lost += 1;
                assert!(error.code() == Code::Unavailable && error.may_have_run(), "{error:?}");
                assert_eq!(error.peer(), Some("memory://node-0"), "{error:?}");
            }
        }
    }
    assert_eq!(lost, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idempotent_call_survives_the_server_that_holds_it() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let calls = async {
        let (one, other) = tokio::join!(node.slowly(100).idempotent(), node.slowly(100).idempotent());
        (one.unwrap(), other.unwrap())
    };
    let killing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fleet.kill(0).await;
    };

    let (answers, ()) = tokio::join!(calls, killing);

    assert_eq!(answers, (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_an_idempotent_method_survives_the_server_that_holds_it() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let calls = async { tokio::join!(node.again(100), node.again(100), node.slowly(100), node.slowly(100)) };
    let killing = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        fleet.kill(0).await;
    };

    let (answers, ()) = tokio::join!(calls, killing);

    assert_eq!((answers.0.unwrap(), answers.1.unwrap()), (1, 1));
    let others = [answers.2, answers.3];
    let lost = others.iter().filter_map(|other| other.as_ref().err()).map(Error::may_have_run);
    assert_eq!(lost.collect::<Vec<_>>(), [true], "{others:?}");
}

#[tokio::test(start_paused = true)]
async fn when_all_servers_are_gone_a_call_waits_for_the_first_that_comes_back() {
    let mut fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;
    for _ in 0..10 {
        node.who().await.unwrap();
    }
    for number in 0..3 {
        fleet.kill(number).await;
    }
    let error = node.who().await.unwrap_err();
    assert!(error.code() == Code::Unavailable && !error.may_have_run(), "{error:?}");

    let (answer, ()) = tokio::join!(node.who(), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        fleet.start(2).await;
    });

    assert!(answer.is_ok() || !answer.as_ref().unwrap_err().may_have_run(), "{answer:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(node.who().await.unwrap(), 2);
}

// ---- servers that fail ----

#[tokio::test(start_paused = true)]
async fn a_call_that_was_not_executed_is_made_at_another_server() {
    let mut fleet = Fleet::of(2).await;
    fleet.kill(0).await;
    // It is there, and another one.
    let other = ferrywire::Server::builder().memory(&fleet.memory).bind(address(0)).await.unwrap();
    tokio::spawn(other.run());
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;

    for _ in 0..20 {
        assert_eq!(node.who().await.unwrap(), 1);
    }

    // Row F6: it is known for what it is.
    assert!(servers(&node).servers[0].is_ejected);
}

/// V3: what may have run is not made again.
#[tokio::test(start_paused = true)]
async fn what_a_method_answers_is_an_answer() {
    let fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    for host in fleet.hosts.values() {
        host.fails_with(Some(Error::new(Code::Unavailable, "the disk is full")));
    }

    let error = node.maybe().await.unwrap_err();

    assert!(error.is_remote() && error.message() == "the disk is full", "{error:?}");
    assert_eq!(fleet.calls().iter().sum::<u64>(), 1);
    let error = node.maybe().idempotent().await.unwrap_err();
    assert!(error.is_remote(), "{error:?}");
    assert_eq!(fleet.calls().iter().sum::<u64>(), 4);
}

#[tokio::test(start_paused = true)]
async fn errors_of_callers_are_nobodys_fault() {
    let fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    for host in fleet.hosts.values() {
        host.fails_with(Some(Error::new(Code::NotFound, "no such user")));
    }

    for _ in 0..50 {
        assert_eq!(node.maybe().await.unwrap_err().code(), Code::NotFound);
    }

    assert!(servers(&node).servers.iter().all(|server| !server.is_ejected && server.failures == 0));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_ejected_and_forgiven() {
    let fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    fleet.host(1).is_slow(Duration::from_secs(60));
    let mut late = 0;
    for _ in 0..60 {
        late += usize::from(node.who().timeout(Duration::from_millis(20)).await.is_err());
    }
    assert_eq!(late, 5);
    assert!(servers(&node).servers[1].is_ejected);

    fleet.host(1).is_slow(Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(8)).await;

    let before = fleet.host(1).calls();
    for _ in 0..30 {
        node.who().timeout(Duration::from_millis(20)).await.unwrap();
    }
    assert_eq!(fleet.host(1).calls(), before + 10);
}

/// E11: at most half of the hosts, and if more are out, all are used.
#[tokio::test(start_paused = true)]
async fn no_more_than_half_of_the_servers_are_ejected() {
    let fleet = Fleet::of(5).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    for host in fleet.hosts.values() {
        host.fails_with(Some(Error::new(Code::Unavailable, "sick")));
    }

    for _ in 0..200 {
        node.maybe().await.unwrap_err();
    }

    assert_eq!(servers(&node).servers.iter().filter(|server| server.is_ejected).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn when_most_servers_are_out_those_that_were_ejected_are_used_again() {
    let mut fleet = Fleet::of(4).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    for number in [0, 1] {
        fleet.host(number).fails_with(Some(Error::new(Code::Unavailable, "sick")));
    }
    for _ in 0..40 {
        let _ = node.maybe().await;
    }
    assert_eq!(servers(&node).servers.iter().filter(|server| server.is_ejected).count(), 2);
    for number in [0, 1] {
        fleet.host(number).fails_with(None);
    }

    fleet.kill(2).await;
    for _ in 0..8 {
        node.maybe().await.unwrap();
    }

    let before = fleet.calls();
    for _ in 0..30 {
        node.maybe().await.unwrap();
    }
    assert!(fleet.calls()[0] > before[0] && fleet.calls()[1] > before[1], "{:?}", fleet.calls());
}

/// R13: all servers refuse everything for 30 s.
#[tokio::test(start_paused = true)]
async fn servers_that_all_fail_are_asked_a_tenth_more_and_three_times_a_second() {
    let mut fleet = Fleet::of(0).await;
    for number in 0..3 {
        // No call is admitted.
        fleet.start_with(number, |builder| builder.limits(limits(|limits| limits.calls_max = 0))).await;
    }
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    let began = Instant::now();
    let mut calls = 0_u64;
    while began.elapsed() < Duration::from_secs(30) {
        let error = node.who().await.unwrap_err();
        assert!(!error.may_have_run(), "{error:?}");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let attempts: u64 = servers(&node).servers.iter().map(|server| server.calls).sum();
    let most = calls as f64 * 1.1 + 3.0 * 30.0 + 30.0;
    assert!(attempts as f64 <= most && attempts > calls, "{attempts} for {calls}, at most {most}");
    for number in 0..3 {
        fleet.kill(number).await;
        fleet.start(number).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    for _ in 0..100 {
        node.who().await.unwrap();
    }
}

/// V2: attempts do not have a time each.
#[tokio::test(start_paused = true)]
async fn all_attempts_at_a_call_have_the_time_of_one() {
    let mut fleet = Fleet::of(3).await;
    for number in 0..3 {
        fleet.host(number).is_slow(Duration::from_secs(60));
    }
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    // All are connected to.
    for _ in 0..6 {
        let _ = node.who().timeout(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    let call =
        node.client().call::<(), u32>("Node.Who", &()).timeout(Duration::from_millis(900)).idempotent();
    let killing = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(290)).await;
            let holding = servers(&node).servers.iter().position(|server| server.pending > 0).unwrap();
            fleet.kill(holding as u32).await;
        }
    };

    let (answer, ()) = tokio::join!(call, killing);

    assert_eq!(answer.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(began.elapsed() <= Duration::from_millis(950), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_by_its_deadline_wherever_it_is() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;
    node.who().await.unwrap();
    for number in 0..2 {
        fleet.kill(number).await;
    }
    for mode in
        [FailMode::FailOver, FailMode::RetrySame, FailMode::Fork, FailMode::Backup(Duration::from_millis(20))]
    {
        for _ in 0..20 {
            let began = Instant::now();

            let error = node.who().fail_mode(mode).timeout(Duration::from_millis(300)).await.unwrap_err();

            assert!(!error.may_have_run(), "{error:?}");
            assert!(began.elapsed() <= Duration::from_millis(310), "{mode:?} {:?}", began.elapsed());
        }
    }
}

// ---- what calls do about it ----

#[tokio::test(start_paused = true)]
async fn who_fails_fast_asks_one_server_once() {
    let mut fleet = Fleet::of(2).await;
    fleet.kill(0).await;
    let (node, _teller) =
        client_of(&fleet, |builder| builder.balance(RoundRobin).fail_mode(FailMode::FailFast)).await;

    let (one, other) = (node.who().await, node.who().await);

    assert_eq!(usize::from(one.is_err()) + usize::from(other.is_err()), 1, "{one:?} {other:?}");
    let error = one.err().or(other.err()).unwrap();
    assert!(error.code() == Code::Unavailable && !error.may_have_run(), "{error:?}");
    assert_eq!(error.peer(), Some("memory://node-0"));
}

#[tokio::test(start_paused = true)]
async fn who_retries_the_same_server_waits_for_it() {
    let mut fleet = Fleet::of(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(ConsistentHash)).await;
    let home = node.who().key("home").await.unwrap();
    fleet.kill(home).await;

    let (answer, ()) = tokio::join!(node.who().key("home").fail_mode(FailMode::RetrySame), async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        fleet.start(home).await;
    });

    assert_eq!(answer.unwrap(), home);
}

#[tokio::test(start_paused = true)]
async fn a_backup_request_is_sent_when_the_first_takes_too_long_and_the_first_answer_counts() {
    let fleet = Fleet::of(2).await;
    let mode = FailMode::Backup(Duration::from_millis(30));
    let (node, _teller) = client_of(&fleet, |builder| builder.balance(RoundRobin).fail_mode(mode)).await;
    for _ in 0..4 {
        node.who().await.unwrap();
    }
    assert_eq!(fleet.calls(), [2, 2], "nobody was asked twice");
    fleet.host(0).is_slow(Duration::from_secs(5));

    for _ in 0..6 {
        let began = Instant::now();
        assert_eq!(node.who().await.unwrap(), 1);
        assert!(began.elapsed() <= Duration::from_millis(40), "{:?}", began.elapsed());
    }

    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(fleet.host(0).withdrawn() >= 3, "{}", fleet.host(0).withdrawn());
}

#[tokio::test(start_paused = true)]
async fn a_fork_asks_all_and_takes_the_first_answer() {
    let mut fleet = Fleet::of(4).await;
    for number in 0..3 {
        fleet.host(number).is_slow(Duration::from_secs(5));
    }
    fleet.kill(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder.fail_mode(FailMode::Fork)).await;

    assert_eq!(node.who().await.unwrap(), 3);

    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(fleet.calls(), [1, 1, 0, 1]);
    assert_eq!((fleet.host(0).withdrawn(), fleet.host(1).withdrawn()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fork_fails_when_all_have_failed() {
    let fleet = Fleet::of(3).await;
    for host in fleet.hosts.values() {
        host.fails_with(Some(Error::new(Code::NotFound, "nobody knows")));
    }
    let (node, _teller) = client_of(&fleet, |builder| builder.fail_mode(FailMode::Fork)).await;
    assert_eq!(node.maybe().await.unwrap_err().message(), "nobody knows");

    fleet.host(2).fails_with(None);

    assert_eq!(node.maybe().await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_answered_by_all() {
    let fleet = Fleet::of(3).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;

    let mut answers = node.double(21).broadcast().await.unwrap();

    answers.sort();
    let expected: Vec<_> = (0..3).map(|number| (address(number).into(), 42)).collect();
    assert_eq!(answers, expected);
    assert_eq!(fleet.calls(), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_first_error_ends_a_broadcast_and_withdraws_the_others() {
    let mut fleet = Fleet::of(3).await;
    fleet.host(0).is_slow(Duration::from_secs(5));
    let (node, _teller) = client_of(&fleet, |builder| builder).await;
    fleet.kill(2).await;
    let began = Instant::now();

    let error = node.who().broadcast().await.unwrap_err();

    assert_eq!(error.peer(), Some("memory://node-2"), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(fleet.host(0).withdrawn(), fleet.host(0).calls());
}

#[tokio::test(start_paused = true)]
async fn a_settled_broadcast_tells_what_became_of_each() {
    let mut fleet = Fleet::of(3).await;
    fleet.host(0).fails_with(Some(Error::new(Code::NotFound, "not here")));
    fleet.kill(2).await;
    let (node, _teller) = client_of(&fleet, |builder| builder).await;

    let mut answers = node.maybe().broadcast().settled().await.unwrap();

    answers.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(answers[0].1.as_ref().unwrap_err().code(), Code::NotFound);
    assert_eq!(answers[1].1.as_ref().unwrap(), &1);
    assert_eq!(answers[2].1.as_ref().unwrap_err().code(), Code::Unavailable);
}

// ---- the list ----

/// Row F1, at the start.
#[tokio::test(start_paused = true)]
async fn a_source_that_fails_at_the_start_is_an_error_that_says_so() {
    let (teller, source) = told();
    let fleet = Fleet::of(1).await;

    let (client, ()) =
        tokio::join!(fleet.builder().discover_from(source), teller.fails("the registry is down"));

    let error = client.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert_eq!(
        error.to_string(),
        "where the servers are is not known: the registry is down, while resolving told"
    );
}

/// Row F1, later.
#[tokio::test(start_paused = true)]
async fn a_source_that_is_lost_costs_no_call() {
    let fleet = Fleet::of(2).await;
    let (node, teller) = client_of(&fleet, |builder| builder).await;
    for _ in 0..50 {
        teller.fails("the registry is down").await;
        node.who().await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;

    node.who().await.unwrap();

    let source = servers(&node).source;
    assert!(source.lost_for.unwrap() > Duration::from_secs(24 * 3600) && source.failures > 0, "{source:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_lazy_waits_with_its_calls() {
    let fleet = Fleet::of(1).await;
    let (teller, source) = told();
    let node = NodeClient::new(fleet.builder().lazy_from(source).unwrap());

    let (answers, ()) = tokio::join!(
        async { tokio::join!(node.who(), node.who().fail_mode(FailMode::Fork), node.double(4).broadcast()) },
        async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            teller.says(fleet.endpoints()).await;
        }
    );

    assert_eq!((answers.0.unwrap(), answers.1.unwrap()), (0, 0));
    assert_eq!(answers.2.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_without_servers_is_an_error_that_says_so() {
    let fleet = Fleet::of(0).await;
    let (node, teller) = client_of(&fleet, |builder| builder).await;

    let error = node.who().await.unwrap_err();
    assert_eq!(error.to_string(), "there is no server, while resolving told");
    assert!(!error.may_have_run());

    teller.says([endpoint(0).with_health(Health::Draining)]).await;
    let error = node.who().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no server that takes calls; 1 finish what they have begun, while resolving told"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_leaves_nothing() {
    let fleet = Fleet::of(3).await;
    let (node, teller) = client_of(&fleet, |builder| builder.balance(RoundRobin)).await;
    for _ in 0..6 {
        node.who().await.unwrap();
    }

    drop(node);
    tokio::time::sleep(Duration::from_millis(10)).await;

    assert!(teller.is_unheard());
}

#[tokio::test(start_paused = true)]
async fn a_client_of_one_address_has_no_servers_to_show_and_can_broadcast() {
    let fleet = Fleet::of(1).await;
    let client = fleet.builder().connect(address(0)).await.unwrap();
    assert!(client.servers().is_none());
    let node = NodeClient::new(client);

    let answers = node.double(21).key("any").idempotent().broadcast().await.unwrap();

    assert_eq!(answers, [(address(0).into(), 42)]);
}

#[tokio::test]
async fn a_url_of_no_known_scheme_is_refused_with_words() {
    let error = Client::discover("gopher://somewhere").await.unwrap_err();

    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.to_string().contains("gopher://somewhere"), "{error}");
}
