//! Lists of servers from registries: each is asked for itself, and what any of them says holds.
//!
//! A registry that is lost is asked again after a pause that grows. What it said last holds for one TTL if another one lives, and for
//! ever if none does.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use ferrywire::discovery::{self, Discover, Endpoint};
use ferrywire::pause::Pause;
use ferrywire::transport::BoxFuture;
use ferrywire::{Error, Result};
use http::Request;
use tokio::time::{Instant, Sleep};

use crate::address::Named;
use crate::api::{List, Told, has_control};
use crate::http_client::{ask, failed};
use crate::legacy::Family;
use crate::pages::{list_path, unescaped};
use crate::place::{Manner, Place, invalid};

/// For how long a change is waited for.
const WAIT: Duration = Duration::from_secs(30);

/// How long a registry has to answer, beside what it waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A registry is not asked for changes more often than so.
const PAUSE: Duration = Duration::from_millis(100);

/// One that cannot be waited at is asked so often.
const REFRESH: Duration = Duration::from_secs(10);

/// How long what a lost registry has said holds, if another one lives.
const TTL: Duration = Duration::from_secs(30);

/// Sources at registries, by URL:
///
/// | URL | is |
/// | --- | --- |
/// | `registry+http://host:port/Arith` | the servers of `Arith`, as they come and go |
/// | `registry+http://host:port` | all servers, those of WgRPC and GeeRPC too |
/// | `registry+http://a:9999,b:9999/Arith` | what any of several registries lists |
/// | `registry+http://host:port/wgrpc/registry` | the list of a registry of WgRPC, asked for every 10 s |
/// | `registry+http://host:port/_geerpc_/registry` | the same of GeeRPC |
///
/// Old servers do not say which services they have: they are in lists of all servers only.
///
/// A reply is believed only if it says 200 and is of the type that it should be, up to 16 MiB, which are ten thousand servers of 1.6 KiB each;
/// a list in a header up to 1 MiB. Redirects are not followed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheme;

impl discovery::Scheme for Scheme {
    fn open(&self, url: &str) -> Option<Result<Box<dyn Discover>>> {
        let rest = url.strip_prefix("registry+http://")?;
        Some(opened(url, rest).map(|registries| Box::new(registries) as Box<dyn Discover>))
    }
}

fn opened(url: &str, rest: &str) -> Result<Registries> {
    let (authorities, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let service = unescaped(path.strip_prefix('/').unwrap_or(path));
    let service = service.map_err(|refusal| invalid(refusal.message))?.into_owned();
    if service.len() > 255 || service.chars().any(char::is_control) {
        return Err(invalid(format!("`{}` is no service", service.escape_debug())));
    }
    let manner = match Manner::at(path) {
        Some(Manner::Headers(family)) => Manner::Headers(family),
        _ => Manner::Json,
    };
    let service = Some(service).filter(|service| !service.is_empty());
    let sources = authorities.split(',').map(|authority| {
        let place = Place::read(authority)?;
        Ok(Source {
            place,
            manner,
            service: service.clone(),
            seen: None,
            pause: Pause::default(),
            asking: None,
            known: None,
            lost_since: None,
        })
    });
    let sources = sources.collect::<Result<Vec<_>>>()?;
    Ok(Registries { url: url.to_owned(), sources, told: None, forgetting: None })
}

/// Registries that are asked for the same.
struct Registries {
    url: String,
    sources: Vec<Source>,
    /// The list that was told last.
    told: Option<Vec<Endpoint>>,
    /// Wakes when a lost registry has had its time.
    forgetting: Option<Pin<Box<Sleep>>>,
}

/// One registry, and what is known of it.
struct Source {
    place: Place,
    manner: Manner,
    service: Option<String>,
    /// Epoch and version of its last list.
    seen: Option<(String, u64)>,
    /// Between tries while it is lost.
    pause: Pause,
    /// The request that is under way, or the pause before it.
    asking: Option<BoxFuture<'static, Result<Answer>>>,
    /// What it has said last.
    known: Option<Vec<Endpoint>>,
    lost_since: Option<Instant>,
}

struct Answer {
    endpoints: Vec<Endpoint>,
    seen: Option<(String, u64)>,
}

impl Discover for Registries {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(poll_fn(|cx| self.poll_next(cx)))
    }

    fn ttl(&self) -> Duration {
        TTL
    }
}

impl Registries {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Endpoint>>> {
        let mut failure = None;
        for source in &mut self.sources {
            while let Poll::Ready(answered) = source.poll_answer(cx) {
                failure = answered.err().or(failure);
            }
        }
        self.poll_forget(cx);
        let union = self.union();
        if union.is_some() && union != self.told {
            self.told = union;
            return Poll::Ready(Ok(self.told.clone().unwrap_or_default()));
        }
        let is_lost = self.sources.iter().all(|source| source.lost_since.is_some());
        match failure.filter(|_| is_lost) {
            Some(failure) => Poll::Ready(Err(failure)),
            None => Poll::Pending,
        }
    }

    /// Forgets what lost registries have said whose time is over, as long as another one lives.
    fn poll_forget(&mut self, cx: &mut Context<'_>) {
        loop {
            let is_alive = |source: &Source| source.known.is_some() && source.lost_since.is_none();
            let now = Instant::now();
            let has_living = self.sources.iter().any(is_alive);
            let mut next: Option<Instant> = None;
            for source in self.sources.iter_mut().filter(|source| has_living && source.known.is_some()) {
                match source.lost_since.map(|since| since + TTL) {
                    Some(due) if due <= now => source.known = None,
                    Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                    None => {}
                }
            }
            let Some(due) = next else {
                self.forgetting = None;
                return;
            };
            let timer = self.forgetting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
        }
    }

    /// What any of them lists; where they disagree of a server, the first that lives is right.
    fn union(&self) -> Option<Vec<Endpoint>> {
        let mut all = BTreeMap::new();
        let mut is_known = false;
        let by_life = [true, false]
            .into_iter()
            .flat_map(|alive| self.sources.iter().filter(move |source| source.lost_since.is_none() == alive));
        for endpoints in by_life.filter_map(|source| source.known.as_ref()) {
            is_known = true;
            for endpoint in endpoints {
                all.entry(endpoint.address.to_string()).or_insert_with(|| endpoint.clone());
            }
        }
        is_known.then(|| all.into_values().collect())
    }
}

impl Source {
    /// The next answer. It is pending for a moment at least before the next, however fast the registry is.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.asking.is_none() {
            self.asking = Some(self.ask(Duration::ZERO));
        }
        let Some(asking) = &mut self.asking else {
            return Poll::Pending;
        };
        let Poll::Ready(answered) = asking.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let registry = &self.place.authority;
        let (pause, answered) = match answered {
            Ok(answer) => {
                if self.lost_since.is_some() {
                    tracing::info!(registry, "the registry answers again");
                }
                self.pause.reset();
                (self.known, self.seen, self.lost_since) = (Some(answer.endpoints), answer.seen, None);
                let pause = if matches!(self.manner, Manner::Json) { PAUSE } else { REFRESH };
                (pause, Ok(()))
            }
            Err(error) => {
                let pause = self.pause.grow();
                match self.lost_since {
                    None => tracing::warn!(%error, "a registry is lost"),
                    Some(_) => tracing::debug!(%error, ?pause, "a registry is still lost"),
                }
                self.lost_since.get_or_insert_with(Instant::now);
                (pause, Err(error))
            }
        };
        self.asking = Some(self.ask(pause));
        Poll::Ready(answered)
    }

    fn ask(&self, pause: Duration) -> BoxFuture<'static, Result<Answer>> {
        let (place, manner) = (self.place.clone(), self.manner);
        // A registry that was lost is asked what is so, and not what has changed.
        let seen = self.seen.clone().filter(|_| self.lost_since.is_none());
        let service = self.service.clone();
        Box::pin(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            match manner {
                Manner::Json => watched(&place, service.as_deref(), seen).await,
                Manner::Headers(family) => fetched(&place, family).await,
            }
        })
    }
}

/// The list of a registry, once it is another than the one that was seen.
async fn watched(place: &Place, service: Option<&str>, seen: Option<(String, u64)>) -> Result<Answer> {
    let wait = if seen.is_some() { WAIT } else { Duration::ZERO };
    let seen = seen.as_ref().map(|(epoch, version)| (epoch.as_str(), *version));
    let request = Request::get(list_path(service, seen, wait));
    let response = ask(&place.authority, request, Bytes::new(), wait + TIMEOUT).await?;
    let body = place.believed(&response)?;
    let list: List<'_> = serde_json::from_slice(&body).map_err(|cause| failed(&place.authority, cause))?;
    let seen = Some((list.epoch.into_owned(), list.version));
    Ok(Answer {
        endpoints: list.servers.into_iter().filter_map(|told| endpoint(place, told)).collect(),
        seen,
    })
}

/// A server as it is told; nothing, if nobody could dial it, or if what is said of it would move a cursor where it is read.
fn endpoint(place: &Place, told: Told<'_>) -> Option<Endpoint> {
    let said = told.said;
    let words = said.metadata.iter().flat_map(|(name, value)| [name.as_str(), value]);
    if words.chain([&*said.zone]).any(has_control) {
        tracing::debug!(
            registry = place.authority,
            "a server is left out of whom control characters are said"
        );
        return None;
    }
    let endpoint = dialled(place, &said.address)?;
    let endpoint = endpoint.with_weight(said.weight.unwrap_or(1)).in_zone(said.zone);
    let endpoint = endpoint.with_health(said.health.into());
    Some(
        said.metadata
            .into_owned()
            .into_iter()
            .fold(endpoint, |endpoint, (name, value)| endpoint.with_metadata(name, value)),
    )
}

/// The list of a registry of the family.
async fn fetched(place: &Place, family: &Family) -> Result<Answer> {
    let response = ask(&place.authority, Request::get(family.path), Bytes::new(), TIMEOUT).await?;
    place.accepted(&response)?;
    let list = response.headers().get(&family.servers).ok_or_else(|| {
        failed(&place.authority, format!("its reply has no {}, which holds the list", family.servers))
    })?;
    let list = list.to_str().map_err(|cause| failed(&place.authority, cause))?;
    let addresses = list.split(',').map(str::trim).filter(|address| !address.is_empty());
    let endpoints = addresses.filter_map(|address| dialled(place, address)).collect();
    Ok(Answer { endpoints, seen: None })
}

fn dialled(place: &Place, address: &str) -> Option<Endpoint> {
    let named = Named::read(address, 255).and_then(|named| {
        // Whoever listens everywhere and is known under that has registered from the registry's own machine.
        if named.is_everywhere() { named.moved_to_host(&place.host) } else { Ok(named) }
    });
    match named {
        Ok(named) => Some(Endpoint::new(named.into_address())),
        Err(why) => {
            tracing::debug!(registry = place.authority, why, "an address of the list is left out");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A registry that has said these, and says nothing more.
    fn source(ports: &[u16], is_lost: bool) -> Source {
        let endpoint = |port: &u16| Endpoint::new(format!("tcp://127.0.0.1:{port}").parse().unwrap());
        Source {
            place: Place::read("127.0.0.1:1").unwrap(),
            manner: Manner::Json,
            service: None,
            seen: None,
            pause: Pause::default(),
            asking: Some(Box::pin(std::future::pending())),
            known: Some(ports.iter().map(endpoint).collect()),
            lost_since: is_lost.then(Instant::now),
        }
    }

    async fn told(sources: Vec<Source>) -> (Registries, Vec<String>) {
        let mut registries = Registries { url: String::new(), sources, told: None, forgetting: None };
        let list = ports(&registries.next().await.unwrap());
        (registries, list)
    }

    fn ports(list: &[Endpoint]) -> Vec<String> {
        list.iter().map(|endpoint| endpoint.address.to_string().replace("tcp://127.0.0.1:", "")).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_lost_registry_has_said_holds_for_one_ttl_if_another_lives() {
        let began = Instant::now();
        let (mut registries, list) = told(vec![source(&[1, 2], true), source(&[2, 3], false)]).await;
        assert_eq!(list, ["1", "2", "3"]);

        let list = registries.next().await.unwrap();

        assert_eq!((ports(&list), began.elapsed()), (vec!["2".to_owned(), "3".to_owned()], TTL));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_holds_for_ever_if_no_registry_lives() {
        let (mut registries, list) = told(vec![source(&[1], true), source(&[2], true)]).await;
        assert_eq!(list, ["1", "2"]);

        let day = Duration::from_secs(24 * 3600);
        assert!(tokio::time::timeout(day, registries.next()).await.is_err());

        assert_eq!(ports(&registries.union().unwrap()), ["1", "2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_lives_is_right_where_two_disagree() {
        let (mut lost, mut alive) = (source(&[1], true), source(&[1], false));
        lost.known = lost.known.map(|all| all.into_iter().map(|it| it.with_weight(2)).collect());
        alive.known = alive.known.map(|all| all.into_iter().map(|it| it.with_weight(3)).collect());

        let mut registries =
            Registries { url: String::new(), sources: vec![lost, alive], told: None, forgetting: None };

        assert_eq!(registries.next().await.unwrap()[0].weight, 3);
    }

    /// A future that is dropped has told nothing.
    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_took_is_not_lost() {
        let mut answers: VecDeque<u16> = [1, 2].into();
        let (mut registries, _) = told(vec![source(&[], false)]).await;
        let mut answer = || -> BoxFuture<'static, Result<Answer>> {
            let port = answers.pop_front().unwrap();
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let endpoints = source(&[port], false).known.unwrap();
                Ok(Answer { endpoints, seen: None })
            })
        };
        registries.sources[0].asking = Some(answer());

        for _ in 0..3 {
            assert!(tokio::time::timeout(Duration::from_millis(3), registries.next()).await.is_err());
        }

        assert_eq!(ports(&registries.next().await.unwrap()), ["1"]);
        registries.sources[0].asking = Some(answer());
        assert_eq!(ports(&registries.next().await.unwrap()), ["2"]);
    }
}
