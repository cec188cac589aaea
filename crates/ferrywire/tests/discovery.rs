//! What every source of servers must do, what its keeper makes of it, and what each source promises beyond.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::sync::Arc;
use std::time::Duration;

use ferrywire::discovery::{Discover, ENDPOINTS_MAX, Endpoint, Keeper, News, Status};
use ferrywire::transport::BoxFuture;
use ferrywire::{Code, Error, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// A source that says what the test tells it to.
struct Scripted(mpsc::Receiver<Result<Vec<Endpoint>>>);

impl Discover for Scripted {
    fn name(&self) -> String {
        "scripted".to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            match self.0.recv().await {
                Some(said) => said,
                None => std::future::pending().await,
            }
        })
    }
}

/// A keeper, what its source says, and what is known of that.
struct Kept {
    keeper: Keeper,
    says: mpsc::Sender<Result<Vec<Endpoint>>>,
    status: Arc<Status>,
}

impl Kept {
    fn new() -> Self {
        let (says, heard) = mpsc::channel(16);
        let status = Arc::new(Status::default());
        Self { keeper: Keeper::new(Box::new(Scripted(heard)), status.clone()), says, status }
    }

    /// One whose source has said this and nothing else for a long time.
    async fn with(servers: &[u8]) -> Self {
        let mut kept = Self::new();
        kept.say(servers).await;
        assert_eq!(kept.list().await, servers);
        sleep(Duration::from_secs(100)).await;
        kept
    }

    async fn say(&self, servers: &[u8]) {
        self.says.send(Ok(servers.iter().copied().map(server).collect())).await.unwrap();
    }

    async fn fail(&self) {
        self.says.send(Err(Error::new(Code::Unavailable, "the source is away"))).await.unwrap();
    }

    /// The next news, which must be a list.
    async fn list(&mut self) -> Vec<u8> {
        match self.keeper.next().await {
            News::List(list) => list.iter().map(number).collect(),
            News::Lost(error) => panic!("{error}"),
        }
    }

    /// The next news, which must be a loss.
    async fn loss(&mut self) -> Error {
        match self.keeper.next().await {
            News::Lost(error) => error,
            News::List(list) => panic!("{list:?}"),
        }
    }

    /// What is told within `time`, if anything.
    async fn within(&mut self, time: Duration) -> Option<Vec<u8>> {
        timeout(time, self.list()).await.ok()
    }
}

fn server(number: u8) -> Endpoint {
    Endpoint::new(format!("tcp://10.0.0.{number}:7001").parse().unwrap())
}

fn number(server: &Endpoint) -> u8 {
    server.address.to_string().split(['.', ':']).nth_back(1).unwrap().parse().unwrap()
}

// ---- the keeper ----

#[tokio::test(start_paused = true)]
async fn the_first_list_is_believed_even_if_it_is_empty() {
    let mut kept = Kept::new();

    kept.say(&[]).await;

    assert_eq!(kept.list().await, [0_u8; 0]);
    assert_eq!(kept.status.snapshot().told, 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_after_a_quiet_second_is_told_at_once() {
    let mut kept = Kept::with(&[1, 2]).await;
    let began = Instant::now();

    kept.say(&[1, 2, 3]).await;

    assert_eq!(kept.list().await, [1, 2, 3]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Row F10.
#[tokio::test(start_paused = true)]
async fn a_source_that_flaps_is_told_once_a_second() {
    let mut kept = Kept::with(&[1, 2, 3]).await;
    let says = kept.says.clone();
    tokio::spawn(async move {
        for turn in 0..35_u8 {
            let list = [1, 2, 3, 10 + turn].map(server).to_vec();
            says.send(Ok(list)).await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    });
    let began = Instant::now();

    let told: Vec<_> =
        [kept.list().await, kept.list().await, kept.list().await, kept.list().await, kept.list().await]
            .map(|list| list[3])
            .to_vec();

    assert_eq!(told[0], 10);
    assert_eq!(told[4], 44);
    assert_eq!(began.elapsed().as_millis(), 4000);
    assert_eq!(kept.within(Duration::from_secs(1000)).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_changes_and_changes_back_within_a_second_is_not_told() {
    let mut kept = Kept::with(&[1, 2]).await;
    kept.say(&[1, 2, 3]).await;
    assert_eq!(kept.list().await, [1, 2, 3]);

    kept.say(&[1, 2]).await;
    kept.say(&[3, 1, 2]).await;

    assert_eq!(kept.within(Duration::from_secs(1000)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_the_same_in_another_order_is_not_told() {
    let mut kept = Kept::with(&[1, 2, 3]).await;

    kept.say(&[3, 1, 2]).await;

    assert_eq!(kept.within(Duration::from_secs(1000)).await, None);
}

/// Row F1.
#[tokio::test(start_paused = true)]
async fn a_lost_source_keeps_its_last_list() {
    let mut kept = Kept::with(&[1, 2]).await;
    kept.fail().await;

    assert_eq!(kept.loss().await.message(), "the source is away");

    assert_eq!(kept.within(Duration::from_secs(100_000)).await, None);
    let known = kept.status.snapshot();
    assert_eq!((known.failures, known.servers, known.told), (1, 2, 1));
    assert_eq!(known.lost_for, Some(Duration::from_secs(100_000)));
    assert_eq!(known.age, Some(Duration::from_secs(100_100)));
    assert_eq!(known.error.unwrap().message(), "the source is away");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_comes_back_with_the_same_list_is_not_lost_any_more() {
    let mut kept = Kept::with(&[1, 2]).await;
    kept.fail().await;
    kept.loss().await;

    kept.say(&[1, 2]).await;

    assert_eq!(kept.within(Duration::from_secs(100)).await, None);
    let known = kept.status.snapshot();
    assert!(known.lost_for.is_none() && known.error.is_none() && known.failures == 0, "{known:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_asked_again_after_pauses_that_grow_to_ten_seconds() {
    let mut kept = Kept::new();
    let says = kept.says.clone();
    tokio::spawn(async move { while says.send(Err(Error::new(Code::Unavailable, "away"))).await.is_ok() {} });
    let mut pauses = Vec::new();

    for _ in 0..200 {
        let began = Instant::now();
        kept.loss().await;
        pauses.push(began.elapsed());
    }

    assert_eq!(pauses[0], Duration::ZERO);
    assert!(pauses[1] <= Duration::from_millis(101), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(10_001)), "{pauses:?}");
    assert!(pauses[20..].iter().any(|pause| *pause > Duration::from_secs(7)), "{pauses:?}");
    assert_eq!(kept.status.snapshot().failures, 200);
}

/// Row F2.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_suddenly_empty_is_believed_only_after_a_ttl() {
    let mut kept = Kept::with(&[1, 2]).await;
    let began = Instant::now();

    kept.say(&[]).await;

    assert_eq!(kept.list().await, [0_u8; 0]);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
    assert_eq!(kept.status.snapshot().distrusted, 1);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_restarts_empty_and_fills_again_costs_nobody_a_server() {
    let mut kept = Kept::with(&[1, 2, 3, 4]).await;
    kept.say(&[]).await;
    kept.say(&[1]).await;
    assert_eq!(kept.within(Duration::from_secs(10)).await, None);

    kept.say(&[1, 2, 3]).await;

    assert_eq!(kept.list().await, [1, 2, 3]);
    kept.say(&[1, 2, 3, 4]).await;
    assert_eq!(kept.list().await, [1, 2, 3, 4]);
    assert_eq!(kept.within(Duration::from_secs(1000)).await, None);
}

#[tokio::test(start_paused = true)]
async fn losing_half_is_believed_and_losing_more_is_not() {
    let mut kept = Kept::with(&[1, 2, 3, 4]).await;

    kept.say(&[3, 4]).await;
    assert_eq!(kept.within(Duration::from_millis(1)).await, Some(vec![3, 4]));
    kept.say(&[5, 6]).await;

    assert_eq!(kept.within(Duration::from_millis(29_999)).await, None);
    assert_eq!(kept.within(Duration::from_millis(2)).await, Some(vec![5, 6]));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_still_suspicious_does_not_wait_anew() {
    let mut kept = Kept::with(&[1, 2, 3, 4]).await;
    let began = Instant::now();
    kept.say(&[]).await;
    assert_eq!(kept.within(Duration::from_secs(20)).await, None);

    kept.say(&[4]).await;

    assert_eq!(kept.list().await, [4]);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_suspected_list_is_not_believed_while_the_source_is_lost() {
    let mut kept = Kept::with(&[1, 2]).await;
    kept.say(&[]).await;
    assert_eq!(kept.within(Duration::from_secs(1)).await, None);
    kept.fail().await;
    kept.loss().await;

    assert_eq!(kept.within(Duration::from_secs(1000)).await, None);

    kept.say(&[]).await;
    assert_eq!(kept.list().await, [0_u8; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_yet_told_is_told_though_the_source_is_lost() {
    let mut kept = Kept::with(&[1, 2]).await;
    kept.say(&[1, 2, 3]).await;
    assert_eq!(kept.list().await, [1, 2, 3]);
    kept.say(&[1, 2, 3, 4]).await;
    kept.fail().await;
    kept.loss().await;

    assert_eq!(kept.list().await, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn asking_in_slices_loses_nothing() {
    let mut kept = Kept::with(&[1, 2]).await;
    let says = kept.says.clone();
    tokio::spawn(async move {
        for last in 3..60 {
            says.send(Ok((1..=last).map(server).collect())).await.unwrap();
            sleep(Duration::from_millis(777)).await;
        }
    });
    let mut told = Vec::new();

    for _ in 0..10_000 {
        told.extend(kept.within(Duration::from_millis(13)).await);
    }

    assert!((35..=46).contains(&told.len()), "{}", told.len());
    assert_eq!(told.last().unwrap().len(), 59);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_in_a_list_once_and_a_list_has_an_end() {
    let mut kept = Kept::new();
    let many = (0..=u16::MAX).map(|port| Endpoint::new(format!("tcp://10.0.0.1:{port}").parse().unwrap()));
    let twice = [server(1), server(1).with_weight(7)];

    kept.says.send(Ok(twice.into_iter().chain(many).collect())).await.unwrap();

    let News::List(list) = kept.keeper.next().await else { panic!("lost") };
    assert_eq!(list.len(), ENDPOINTS_MAX);
    assert_eq!((list[0].weight, number(&list[0])), (1, 1));
    assert_ne!(list[0].address, list[1].address);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_listens_everywhere_is_on_this_machine() {
    let mut kept = Kept::new();
    let everywhere = ["tcp://[::]:7001", "tcp@0.0.0.0:7002"].map(|text| Endpoint::new(text.parse().unwrap()));

    kept.says.send(Ok(everywhere.to_vec())).await.unwrap();

    let News::List(list) = kept.keeper.next().await else { panic!("lost") };
    assert_eq!(list[0].address.to_string(), "tcp://[::1]:7001");
    assert_eq!(list[1].address.to_string(), "tcp://127.0.0.1:7002");
}

/// A source that never waits.
struct Babbling;

impl Discover for Babbling {
    fn name(&self) -> String {
        "babbling".to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async { Ok(vec![server(1)]) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_waits_does_not_spin() {
    let mut keeper = Keeper::new(Box::new(Babbling), Arc::default());
    assert!(matches!(keeper.next().await, News::List(_)));

    assert!(timeout(Duration::from_secs(1000), keeper.next()).await.is_err());
}
