//! What every source of servers must do, what its keeper makes of it, and what each source promises beyond.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ferrywire::discovery::{
    Discover, ENDPOINTS_MAX, Endpoint, File, Fixed, Health, Keeper, News, Resolve, Resolvers, Scheme,
    Sources, Status,
};
use ferrywire::transport::BoxFuture;
use ferrywire::{Code, Error, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

#[cfg(feature = "dns")]
#[path = "discovery/dns.rs"]
mod dns;

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
    kept.say(&[]).await;

    assert_eq!(kept.within(Duration::from_millis(29_999)).await, None);
    assert_eq!(kept.within(Duration::from_millis(2)).await, Some(vec![]));
}

#[tokio::test(start_paused = true)]
async fn servers_that_take_the_place_of_others_are_told_at_once_beside_them() {
    let mut kept = Kept::with(&[1, 2, 3, 4]).await;
    let began = Instant::now();

    kept.say(&[4, 5, 6, 7]).await;

    assert_eq!(kept.list().await, [4, 5, 6, 7, 1, 2, 3]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(kept.list().await, [4, 5, 6, 7]);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
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
struct Babbling(u8);

impl Discover for Babbling {
    fn name(&self) -> String {
        "babbling".to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        self.0 = self.0.saturating_sub(1);
        let servers = [server(1), server(2), server(3)];
        let list = if self.0 > 0 { servers.to_vec() } else { vec![server(1)] };
        Box::pin(async { Ok(list) })
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(10_000)
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_waits_does_not_spin() {
    let mut keeper = Keeper::new(Box::new(Babbling(100)), Arc::default());
    assert!(matches!(keeper.next().await, News::List(_)));

    // Whether its list is believed or distrusted.
    assert!(timeout(Duration::from_secs(1000), keeper.next()).await.is_err());
}

/// A source that takes a second for what it says.
struct Slow;

impl Discover for Slow {
    fn name(&self) -> String {
        "slow".to_owned()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async {
            sleep(Duration::from_secs(1)).await;
            Ok(vec![server(1)])
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_slower_than_whoever_asks_is_patient_gets_done() {
    let mut keeper = Keeper::new(Box::new(Slow), Arc::default());
    let began = Instant::now();

    while timeout(Duration::from_millis(10), keeper.next()).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

// ---- every source ----

/// A source whose servers can be changed, and which can be lost.
trait Rig: Sized {
    /// One that knows these servers.
    fn with(servers: &[u8]) -> Self;

    fn source(&self) -> Box<dyn Discover>;

    /// Other servers; the source is not lost any more.
    fn change(&mut self, servers: &[u8]);

    fn lose(&mut self);
}

/// The next list, in whatever order.
async fn sorted(keeper: &mut Keeper) -> Vec<u8> {
    for _ in 0..1000 {
        if let News::List(list) = keeper.next().await {
            let mut list: Vec<u8> = list.iter().map(number).collect();
            list.sort_unstable();
            return list;
        }
    }
    panic!("no list comes: {keeper:?}");
}

fn kept(rig: &impl Rig) -> (Keeper, Arc<Status>) {
    let status = Arc::new(Status::default());
    (Keeper::new(rig.source(), status.clone()), status)
}

async fn the_first_list_comes_and_then_none_that_is_the_same<R: Rig>() {
    let rig = R::with(&[1, 2, 3]);
    let (mut keeper, status) = kept(&rig);

    assert_eq!(sorted(&mut keeper).await, [1, 2, 3]);

    assert!(timeout(Duration::from_secs(100), keeper.next()).await.is_err());
    assert!(status.snapshot().lost_for.is_none());
}

async fn a_change_comes<R: Rig>() {
    let mut rig = R::with(&[1, 2, 3]);
    let (mut keeper, _) = kept(&rig);
    sorted(&mut keeper).await;

    rig.change(&[2, 3, 4]);
    assert_eq!(sorted(&mut keeper).await, [2, 3, 4]);

    rig.change(&[2, 3, 4, 5]);
    assert_eq!(sorted(&mut keeper).await, [2, 3, 4, 5]);
}

async fn a_source_that_is_lost_keeps_its_list_and_comes_back<R: Rig>() {
    let mut rig = R::with(&[1, 2, 3]);
    let (mut keeper, status) = kept(&rig);
    sorted(&mut keeper).await;

    rig.lose();
    for _ in 0..3 {
        assert!(matches!(keeper.next().await, News::Lost(_)));
    }
    assert_eq!(status.snapshot().servers, 3);
    assert!(status.snapshot().failures >= 3);

    rig.change(&[1, 2, 3, 4]);
    assert_eq!(sorted(&mut keeper).await, [1, 2, 3, 4]);
    assert_eq!(status.snapshot().failures, 0);
}

async fn a_source_that_comes_back_unchanged_says_so<R: Rig>() {
    let mut rig = R::with(&[1, 2, 3]);
    let (mut keeper, status) = kept(&rig);
    sorted(&mut keeper).await;
    rig.lose();
    assert!(matches!(keeper.next().await, News::Lost(_)));

    rig.change(&[1, 2, 3]);

    let is_back = async {
        while status.snapshot().lost_for.is_some() {
            let _ = timeout(Duration::from_millis(100), keeper.next()).await;
        }
    };
    assert!(timeout(Duration::from_secs(100), is_back).await.is_ok());
}

async fn a_source_that_was_not_there_at_first_is_found<R: Rig>() {
    let mut rig = R::with(&[1]);
    rig.lose();
    let (mut keeper, _) = kept(&rig);
    assert!(matches!(keeper.next().await, News::Lost(_)));

    rig.change(&[1, 2]);

    assert_eq!(sorted(&mut keeper).await, [1, 2]);
}

async fn a_source_that_is_asked_in_slices_says_the_same<R: Rig>() {
    let mut rig = R::with(&[1, 2, 3]);
    let mut source = rig.source();
    let mut told = Vec::new();

    for servers in [&[1, 2, 3][..], &[2, 3, 4], &[5]] {
        rig.change(servers);
        let list = loop {
            if let Ok(list) = timeout(Duration::from_millis(37), source.next()).await {
                break list.unwrap();
            }
        };
        told.push(list.len());
    }

    assert_eq!(told, [3, 3, 1]);
}

macro_rules! suite {
    ($($name:ident: $rig:ty;)*) => {
        $(mod $name {
            suite! { tests $rig;
                the_first_list_comes_and_then_none_that_is_the_same
                a_change_comes
                a_source_that_is_lost_keeps_its_list_and_comes_back
                a_source_that_comes_back_unchanged_says_so
                a_source_that_was_not_there_at_first_is_found
                a_source_that_is_asked_in_slices_says_the_same
            }
        })*
    };
    (tests $rig:ty; $($behaviour:ident)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $behaviour() {
            crate::$behaviour::<$rig>().await;
        })*
    };
}

suite! {
    file: crate::Listed;
    resolver: crate::Named;
}

#[cfg(feature = "dns")]
suite! {
    dns_host: crate::dns::Host;
    dns_service: crate::dns::Service;
}

// ---- a fixed list ----

#[tokio::test(start_paused = true)]
async fn a_fixed_list_is_told_once() {
    let mut source = Fixed::at(["tcp://10.0.0.1:7001", "unix:///run/a.sock"]).unwrap();

    let list = source.next().await.unwrap();

    assert_eq!((list.len(), list[1].address.to_string().as_str()), (2, "unix:///run/a.sock"));
    assert!(timeout(Duration::from_secs(100_000), source.next()).await.is_err());
    assert_eq!(source.name(), "fixed:tcp://10.0.0.1:7001,unix:///run/a.sock");
}

#[tokio::test]
async fn a_fixed_list_is_read_from_its_url() {
    let url = "fixed:tcp://a.example:1,b.example:2;weight=3;zone=eu, [::1]:3;health=draining;meta.version=7";

    let list = opened(url).next().await.unwrap();

    let addresses: Vec<String> = list.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(addresses, ["tcp://a.example:1", "tcp://b.example:2", "tcp://[::1]:3"]);
    assert_eq!((list[1].weight, list[1].zone.as_str()), (3, "eu"));
    assert_eq!((list[2].health, list[2].metadata["version"].as_str()), (Health::Draining, "7"));
}

fn opened(url: &str) -> Box<dyn Discover> {
    Sources::default().open(url).unwrap()
}

// ---- a file ----

/// A file that is replaced as a whole.
struct Listed(PathBuf);

impl Rig for Listed {
    fn with(servers: &[u8]) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("servers-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut listed = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        listed.change(servers);
        listed
    }

    fn source(&self) -> Box<dyn Discover> {
        opened(&format!("file://{}", self.0.display()))
    }

    fn change(&mut self, servers: &[u8]) {
        let lines: Vec<String> = servers.iter().map(|number| format!("10.0.0.{number}:7001\n")).collect();
        let new = self.0.with_extension("new");
        std::fs::write(&new, lines.concat()).unwrap();
        std::fs::rename(&new, &self.0).unwrap();
    }

    fn lose(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_written_in_place_is_read_again_though_its_length_is_the_same() {
    let listed = Listed::with(&[1, 2, 3]);
    let mut source = listed.source();
    source.next().await.unwrap();

    // All of them within one tick of the file system's clock.
    for number in 4..8 {
        std::fs::write(&listed.0, format!("10.0.0.{number}:7001\n")).unwrap();
        let list = source.next().await.unwrap();

        assert_eq!(list, [server(number)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_no_list_is_an_error_that_names_the_line() {
    let listed = Listed::with(&[1, 2, 3]);
    let mut source = listed.source();
    source.next().await.unwrap();

    for (text, words) in [
        (&b"10.0.0.1:7001\n# fine\n10.0.0.1"[..], "line 3: `tcp://10.0.0.1` is not an address"),
        (b"10.0.0.1:7001 wieght=3", "line 1: `wieght=3` is not an option"),
        (b"10.0.0.1:7001\x1b[2J", "line 1: `10.0.0.1:7001\\u{1b}[2J` holds control characters"),
        (b"10.0.0.1:7001\n\xff", "invalid utf-8"),
        (&[b'#'; (1 << 20) + 1], "is over the limit of 1048576 bytes"),
    ] {
        std::fs::write(&listed.0, text).unwrap();

        let error = source.next().await.unwrap_err();

        assert!(error.message().contains(words), "{error}");
        assert!(error.message().contains("servers-"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_file_is_not_waited_for() {
    let mut folder = File::new(env!("CARGO_TARGET_TMPDIR"));
    let mut nothing = File::new("/nowhere/servers");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pipe-{}", std::process::id()));
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
    let mut pipe = File::new(&path);

    assert!(folder.next().await.unwrap_err().message().ends_with("is not a file"));
    let error = nothing.next().await.unwrap_err();
    assert_eq!(
        (error.code(), error.message().contains("cannot read /nowhere/servers: ")),
        (Code::Unavailable, true)
    );
    assert!(pipe.next().await.unwrap_err().message().ends_with("is not a file"));
    std::fs::remove_file(path).unwrap();
}

// ---- resolvers ----

/// A resolver of the program's own, which may fail.
#[derive(Clone)]
struct Named(Arc<Mutex<Option<Vec<u8>>>>);

impl Resolve for Named {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<Endpoint>>>> {
        Box::pin(async move {
            match &*self.0.lock().unwrap() {
                Some(_) if name != "arith" => Ok(None),
                Some(servers) => Ok(Some(servers.iter().copied().map(server).collect())),
                None => Err(Error::new(Code::Unavailable, "the resolver is away")),
            }
        })
    }
}

impl Rig for Named {
    fn with(servers: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(Some(servers.to_vec()))))
    }

    fn source(&self) -> Box<dyn Discover> {
        let resolvers = Resolvers::new().known("other", ["tcp://10.0.0.99:1"]).unwrap().or(self.clone());
        Sources::default().with(resolvers).open("domain:arith").unwrap()
    }

    fn change(&mut self, servers: &[u8]) {
        *self.0.lock().unwrap() = Some(servers.to_vec());
    }

    fn lose(&mut self) {
        *self.0.lock().unwrap() = None;
    }
}

/// A resolver that does not answer.
struct Mute;

impl Resolve for Mute {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<Option<Vec<Endpoint>>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_resolver_that_knows_a_name_decides() {
    let resolvers = Resolvers::new()
        .known("hello", ["tcp://10.0.0.9:1"])
        .unwrap()
        .or(Named(Arc::new(Mutex::new(None))))
        .or(Mute)
        .or(Named::with(&[]))
        .or(Named::with(&[1]))
        .or(Named::with(&[2]));

    assert_eq!(number(&resolvers.resolve("hello").await.unwrap()[0]), 9);
    assert_eq!(number(&resolvers.resolve("arith").await.unwrap()[0]), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_knows_is_an_error_and_the_last_one_of_a_resolver_if_there_is_one() {
    let nobody = Resolvers::new().or(Named::with(&[1]));
    let away = Resolvers::new().or(Named(Arc::new(Mutex::new(None)))).or(Named::with(&[1]));

    let unknown = nobody.resolve("nothing").await.unwrap_err();
    let failed = away.resolve("nothing").await.unwrap_err();

    assert_eq!((unknown.code(), unknown.message()), (Code::NotFound, "no resolver knows `nothing`"));
    assert_eq!((failed.code(), failed.message()), (Code::Unavailable, "the resolver is away"));
}

// ---- URLs ----

#[test]
fn a_url_that_is_not_one_is_refused_with_words() {
    for (url, words) in [
        ("", "expected one of dns, dns+srv, domain, file, fixed"),
        ("arith", "is the URL of no source of servers"),
        ("http://a:1", "is the URL of no source of servers"),
        ("registry+http://a:1/arith", "add the scheme of the crate ferrywire-registry"),
        ("etcd://a:1/arith", "add the scheme of the crate ferrywire-etcd"),
        ("FIXED:a:1", "is the URL of no source of servers"),
        ("fixed:", "nothing where an address was expected"),
        ("fixed:a:1,", "nothing where an address was expected"),
        ("fixed:a:1,\u{0}", "holds control characters"),
        ("fixed://a", "is not an address"),
        ("file:", "expected file:///path"),
        ("file://a/b", "expected file:///path"),
        ("file:///a\nb", "expected file:///path"),
        ("domain:", "expected domain:name"),
        ("domain:\u{7f}", "expected domain:name"),
        ("\u{1b}[2J", "`\\u{1b}[2J` is the URL of no source"),
    ] {
        let error = Sources::default().open(url).err().unwrap();

        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains(words), "{url}: {error}");
        assert!(!error.may_have_run());
    }
    let long = format!("fixed:{}", "a".repeat(2 << 20));
    assert!(Sources::default().open(&long).err().unwrap().message().contains("over the limit"));
}

/// A scheme of the program's own.
struct Ours;

impl Scheme for Ours {
    fn open(&self, url: &str) -> Option<Result<Box<dyn Discover>>> {
        url.strip_prefix("ours:").map(|_| Ok(Box::new(Babbling(1)) as Box<dyn Discover>))
    }

    fn names(&self) -> Vec<String> {
        vec!["ours".to_owned()]
    }
}

#[test]
fn an_added_scheme_opens_its_urls_and_is_named() {
    let sources = Sources::default().with(Ours);

    assert_eq!(sources.open("ours:x").unwrap().name(), "babbling");
    assert!(sources.open("fixed:a:1").is_ok());
    assert!(sources.open("theirs:x").err().unwrap().message().contains("fixed, ours"));
}

#[cfg(not(feature = "dns"))]
#[test]
fn dns_names_the_feature_that_it_needs() {
    for url in ["dns://a:1", "dns+srv://_rpc._tcp.a"] {
        let error = Sources::default().open(url).err().unwrap();

        assert_eq!(error.code(), Code::Unimplemented);
        assert!(error.message().contains("feature `dns`"), "{error}");
    }
}
