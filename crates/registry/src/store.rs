//! Who is registered, until when, and what has changed: pure, told the time by whoever asks.
//!
//! An entry stands under its address, in the order of its time to end, and under each of its services. What does not change what
//! is listed has no version: a beat costs a look and two moves in an order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ferrywire::discovery::Health;
use tokio::time::Instant;

/// A server as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) services: Vec<String>,
    pub(crate) weight: u32,
    pub(crate) zone: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) health: Health,
    pub(crate) ttl: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) listed: Listed,
    pub(crate) beat: Instant,
    /// Who has registered it, if that is counted.
    source: Option<IpAddr>,
}

impl Entry {
    fn due(&self) -> Instant {
        let far = Duration::from_secs(10 * 365 * 24 * 3600);
        self.beat + self.listed.ttl.min(far)
    }
}

/// All entries.
#[derive(Debug, Default)]
pub(crate) struct Store {
    entries: BTreeMap<Arc<str>, Entry>,
    due: BTreeSet<(Instant, Arc<str>)>,
    services: HashMap<String, Service>,
    by_source: HashMap<IpAddr, usize>,
    version: u64,
    /// The version at which a service was last forgotten: no list of a service that is not here has changed since.
    forgotten: u64,
}

#[derive(Debug, Default)]
struct Service {
    addresses: BTreeSet<Arc<str>>,
    changed: u64,
}

/// Which lists have changed: those of these services, and, if there is anything here at all, that of all servers.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) services: BTreeSet<String>,
    pub(crate) any: bool,
}

/// Which limit is in the way of a new entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Full {
    Entries,
    Source,
}

/// The bounds of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries_max: usize,
    pub(crate) entries_per_source_max: usize,
}

impl Store {
    /// Enters a server, or one more beat of it. `source` is who says so, if that is to be counted.
    ///
    /// # Errors
    ///
    /// The limit that is in the way; nothing has changed then.
    pub(crate) fn beat(
        &mut self,
        address: &str,
        listed: Listed,
        source: Option<IpAddr>,
        bounds: Bounds,
        now: Instant,
    ) -> Result<Changes, Full> {
        let before = self.entries.get(address);
        let has_same_source = before.is_some_and(|entry| entry.source == source);
        let is_same = before.is_some_and(|entry| entry.listed == listed);
        if before.is_none() && self.entries.len() >= bounds.entries_max {
            return Err(Full::Entries);
        }
        if let Some(source) = source.filter(|_| !has_same_source)
            && self.by_source.get(&source).is_some_and(|count| *count >= bounds.entries_per_source_max)
        {
            return Err(Full::Source);
        }
        if is_same
            && has_same_source
            && let Some(entry) = self.entries.get_mut(address)
        {
            let stood = self.due.take(&(entry.due(), address.into()));
            let (_, key) = stood.expect("every entry stands in the order of its time");
            entry.beat = now;
            self.due.insert((entry.due(), key));
            return Ok(Changes::default());
        }
        let mut changes = self.take_out(address);
        let key: Arc<str> = address.into();
        for service in &listed.services {
            self.services.entry(service.clone()).or_default().addresses.insert(key.clone());
            changes.services.insert(service.clone());
        }
        if let Some(source) = source {
            *self.by_source.entry(source).or_default() += 1;
        }
        let entry = Entry { listed, beat: now, source };
        self.due.insert((entry.due(), key.clone()));
        self.entries.insert(key, entry);
        if is_same {
            changes = Changes::default();
        } else {
            changes.any = true;
        }
        self.note(&changes);
        Ok(changes)
    }

    /// Takes a server out.
    pub(crate) fn remove(&mut self, address: &str) -> Changes {
        let changes = self.take_out(address);
        self.note(&changes);
        changes
    }

    /// Takes out all whose time has passed.
    pub(crate) fn sweep(&mut self, now: Instant) -> Changes {
        let mut all = Changes::default();
        while let Some((due, key)) = self.due.first()
            && *due <= now
        {
            let key = key.clone();
            let changes = self.take_out(&key);
            all.any |= changes.any;
            all.services.extend(changes.services);
        }
        self.note(&all);
        all
    }

    /// When the next entry's time passes, if nobody beats until then.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The entry at an address.
    pub(crate) fn get(&self, address: &str) -> Option<&Entry> {
        self.entries.get(address)
    }

    /// All entries, or those of a service, in the order of their addresses.
    pub(crate) fn list<'s>(
        &'s self,
        service: Option<&str>,
    ) -> Box<dyn Iterator<Item = (&'s str, &'s Entry)> + 's> {
        let Some(service) = service else {
            return Box::new(self.entries.iter().map(|(address, entry)| (&**address, entry)));
        };
        let addresses = self.services.get(service).map(|service| &service.addresses);
        let found = addresses.into_iter().flatten().filter_map(|key| self.entries.get_key_value(key));
        Box::new(found.map(|(address, entry)| (&**address, entry)))
    }

    /// The version of which the list of a service, or that of all servers, is.
    pub(crate) fn changed(&self, service: Option<&str>) -> u64 {
        match service {
            None => self.version,
            Some(service) => self.services.get(service).map_or(self.forgotten, |service| service.changed),
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn take_out(&mut self, address: &str) -> Changes {
        let Some((key, entry)) = self.entries.remove_entry(address) else {
            return Changes::default();
        };
        self.due.remove(&(entry.due(), key.clone()));
        if let Some(source) = entry.source
            && let Some(count) = self.by_source.get_mut(&source)
        {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
        for service in &entry.listed.services {
            if let Some(service) = self.services.get_mut(service) {
                service.addresses.remove(&key);
            }
        }
        Changes { services: entry.listed.services.into_iter().collect(), any: true }
    }

    /// Gives changes their version, and forgets services that nobody offers any more.
    fn note(&mut self, changes: &Changes) {
        if changes.any {
            self.version += 1;
        }
        for name in changes.services.iter() {
            let Some(service) = self.services.get_mut(name) else {
                continue;
            };
            service.changed = self.version;
            if service.addresses.is_empty() {
                self.services.remove(name);
                self.forgotten = self.version;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { entries_max: 5, entries_per_source_max: 2 };

    fn listed(services: &[&str], weight: u32, ttl: u64) -> Listed {
        Listed {
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            weight,
            zone: String::new(),
            metadata: BTreeMap::new(),
            health: Health::Serving,
            ttl: Duration::from_secs(ttl),
        }
    }

    fn source(number: u8) -> Option<IpAddr> {
        (number > 0).then(|| IpAddr::from([10, 0, 0, number]))
    }

    #[derive(Clone, Debug)]
    enum Step {
        Beat { at: u8, services: Vec<u8>, weight: u32, ttl: u64, source: u8 },
        Remove { at: u8 },
        Wait { seconds: u64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        let beat = (0..8_u8, prop::collection::btree_set(0..3_u8, 0..3), 0..2_u32, 1..6_u64, 0..3_u8);
        prop_oneof![
            6 => beat.prop_map(|(at, services, weight, ttl, source)| Step::Beat {
                at,
                services: services.into_iter().collect(),
                weight,
                ttl,
                source
            }),
            1 => (0..8_u8).prop_map(|at| Step::Remove { at }),
            3 => (0..4_u64).prop_map(|seconds| Step::Wait { seconds }),
        ]
    }

    /// The same in the plainest way: everything is gone through each time.
    #[derive(Default)]
    struct Reference(BTreeMap<String, (Listed, Option<IpAddr>, Instant)>);

    impl Reference {
        fn beat(&mut self, at: &str, listed: &Listed, by: Option<IpAddr>, now: Instant) -> Result<(), Full> {
            let before = self.0.get(at);
            let of_source = self.0.values().filter(|(_, other, _)| *other == by).count();
            if before.is_none() && self.0.len() >= BOUNDS.entries_max {
                return Err(Full::Entries);
            }
            let is_more = before.is_none_or(|(_, other, _)| *other != by);
            if by.is_some() && is_more && of_source >= BOUNDS.entries_per_source_max {
                return Err(Full::Source);
            }
            self.0.insert(at.to_owned(), (listed.clone(), by, now));
            Ok(())
        }

        fn sweep(&mut self, now: Instant) {
            self.0.retain(|_, (listed, _, beat)| *beat + listed.ttl > now);
        }

        fn list(&self, service: Option<&str>) -> Vec<(String, Listed)> {
            let has =
                |listed: &Listed| service.is_none_or(|name| listed.services.iter().any(|it| it == name));
            let all = self.0.iter().filter(|(_, (listed, ..))| has(listed));
            all.map(|(at, (listed, ..))| (at.clone(), listed.clone())).collect()
        }
    }

    fn shown(store: &Store, service: Option<&str>) -> Vec<(String, Listed)> {
        store.list(service).map(|(at, entry)| (at.to_owned(), entry.listed.clone())).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_store_is_what_a_plain_map_is(steps in prop::collection::vec(step(), 0..60)) {
            let names = ["s0", "s1", "s2"];
            let lists = [None, Some("s0"), Some("s1"), Some("s2"), Some("nobody's")];
            let (mut store, mut reference, mut now) = (Store::default(), Reference::default(), Instant::now());
            for step in steps {
                let before: Vec<_> = lists.iter().map(|it| (shown(&store, *it), store.changed(*it))).collect();
                let changes;
                match step {
                    Step::Beat { at, services, weight, ttl, source: by } => {
                        let services: Vec<&str> = services.iter().map(|at| names[usize::from(*at)]).collect();
                        let (at, listed) = (format!("tcp://h:{at}"), listed(&services, weight, ttl));
                        let entered = store.beat(&at, listed.clone(), source(by), BOUNDS, now);
                        prop_assert_eq!(
                            entered.as_ref().map(|_| ()).map_err(|full| *full),
                            reference.beat(&at, &listed, source(by), now)
                        );
                        changes = entered.unwrap_or_default();
                    }
                    Step::Remove { at } => {
                        let at = format!("tcp://h:{at}");
                        changes = store.remove(&at);
                        reference.0.remove(&at);
                    }
                    Step::Wait { seconds } => {
                        now += Duration::from_secs(seconds);
                        changes = store.sweep(now);
                        reference.sweep(now);
                    }
                }
                for (list, (was, version)) in lists.iter().zip(before) {
                    let is = shown(&store, *list);
                    prop_assert_eq!(&is, &reference.list(*list));
                    let has_changed = is != was;
                    let is_told = match list {
                        None => changes.any,
                        Some(name) => changes.services.contains(*name),
                    };
                    prop_assert_eq!(is_told, has_changed, "{:?} of {:?}", changes, list);
                    prop_assert!(store.changed(*list) >= version);
                    // Of a service that nobody has, a list may be called changed that is empty as before.
                    prop_assert!(!has_changed || store.changed(*list) > version);
                    prop_assert!(has_changed || is.is_empty() || store.changed(*list) == version);
                }
                let due = reference.0.values().map(|(listed, _, beat)| *beat + listed.ttl).min();
                prop_assert_eq!(store.next_due(), due);
                prop_assert_eq!(store.due.len(), store.len());
                prop_assert_eq!(
                    store.by_source.values().sum::<usize>(),
                    reference.0.values().filter(|(_, by, _)| by.is_some()).count()
                );
                prop_assert!(store.services.values().all(|service| !service.addresses.is_empty()));
            }
        }
    }

    #[test]
    fn a_beat_that_changes_nothing_is_no_change() {
        let (mut store, now) = (Store::default(), Instant::now());
        store.beat("tcp://h:1", listed(&["Arith"], 1, 30), None, BOUNDS, now).unwrap();
        let version = store.changed(None);

        let later = now + Duration::from_secs(29);
        let changes = store.beat("tcp://h:1", listed(&["Arith"], 1, 30), None, BOUNDS, later).unwrap();

        assert_eq!((changes, store.changed(None)), (Changes::default(), version));
        assert_eq!(store.next_due(), Some(later + Duration::from_secs(30)));
        assert!(!store.sweep(later + Duration::from_millis(29_999)).any);
        assert!(store.sweep(later + Duration::from_secs(30)).any);
        assert_eq!(store.len(), 0);
    }
}
