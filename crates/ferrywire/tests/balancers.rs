//! What every balancer must do, and what each of them promises beyond.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ferrywire::balance::{
    Ask, Balance, Choose, ConsistentHash, LeastLoaded, Load, Random, RoundRobin, WeightedRoundRobin, key_of,
};
use ferrywire::discovery::Endpoint;
use proptest::prelude::*;

fn endpoint(number: usize) -> Endpoint {
    Endpoint::new(format!("tcp://10.0.{}.{}:7001", number / 256, number % 256).parse().unwrap())
}

fn endpoints(count: usize) -> Vec<Endpoint> {
    (0..count).map(endpoint).collect()
}

fn weighted(weights: &[u32]) -> Vec<Endpoint> {
    weights.iter().enumerate().map(|(number, weight)| endpoint(number).with_weight(*weight)).collect()
}

/// How often each place is chosen.
fn shares(chooses: &dyn Choose, calls: usize, ask: impl Fn(usize) -> Option<u64>) -> HashMap<usize, usize> {
    let mut shares = HashMap::new();
    for call in 0..calls {
        *shares.entry(chooses.choose(&Ask { key: ask(call), ..Ask::ANY }).unwrap()).or_default() += 1;
    }
    shares
}

fn keyless(_: usize) -> Option<u64> {
    None
}

// ---- every balancer ----

fn nobody_is_chosen_of_nobody<B: Balance>(balance: B) {
    assert_eq!(balance.arrange(&[]).choose(&Ask::ANY), None);
}

fn the_only_one_is_chosen_whatever_it_is<B: Balance>(balance: B) {
    for weight in [0, 1, 7, u32::MAX] {
        let arranged = balance.arrange(&weighted(&[weight]));
        for avoided in [false, true] {
            for key in [None, Some(0), Some(u64::MAX)] {
                assert_eq!(arranged.choose(&Ask { key, avoid: &|_| avoided, ..Ask::ANY }), Some(0));
            }
        }
    }
}

fn everybody_gets_about_the_same<B: Balance>(balance: B) {
    let arranged = balance.arrange(&endpoints(10));

    let shares = shares(&*arranged, 20_000, |call| Some(key_of(&call.to_le_bytes())));

    for place in 0..10 {
        assert!((1_400..2_600).contains(&shares[&place]), "{place} of {shares:?}");
    }
}

fn who_has_no_weight_gets_nothing<B: Balance>(balance: B) {
    let arranged = balance.arrange(&weighted(&[1, 0, 3, 0]));

    let shares = shares(&*arranged, 1_000, keyless);

    assert_eq!(shares.len(), 2);
    assert!(shares.contains_key(&0) && shares.contains_key(&2), "{shares:?}");
}

fn nobody_has_weight_is_everybody_has<B: Balance>(balance: B) {
    let arranged = balance.arrange(&weighted(&[0, 0, 0]));

    assert_eq!(shares(&*arranged, 1_000, keyless).len(), 3);
}

fn who_is_to_be_avoided_is_passed_over_while_there_is_another<B: Balance>(balance: B) {
    let arranged = balance.arrange(&endpoints(5));
    for call in 0..200_u32 {
        let mut tried = Vec::new();
        for _ in 0..5 {
            let key = Some(key_of(&call.to_le_bytes()));
            let avoid = |place| tried.contains(&place);
            let next = arranged.choose(&Ask { key, avoid: &avoid, ..Ask::ANY }).unwrap();
            assert!(!tried.contains(&next), "{next} after {tried:?}");
            tried.push(next);
        }
        assert!(arranged.choose(&Ask { avoid: &|_| true, ..Ask::ANY }).unwrap() < 5);
    }
}

/// An order of magnitude above what it takes, so that a busy machine does not fail it; the benchmark measures.
fn choosing_among_a_thousand_is_quick<B: Balance>(balance: B) {
    const CALLS: u32 = 20_000;
    let arranged = balance.arrange(&endpoints(1_000));
    let quickest = (0..5).map(|_| {
        let began = Instant::now();
        for call in 0..CALLS {
            let ask = Ask { key: Some(key_of(&call.to_le_bytes())), ..Ask::ANY };
            assert!(arranged.choose(&ask).unwrap() < 1_000);
        }
        began.elapsed() / CALLS
    });
    let quickest = quickest.min().unwrap();
    assert!(quickest < Duration::from_micros(10), "{quickest:?}");
}

macro_rules! behaviours {
    ($balance:expr) => {
        tests! { $balance;
            nobody_is_chosen_of_nobody
            the_only_one_is_chosen_whatever_it_is
            everybody_gets_about_the_same
            who_has_no_weight_gets_nothing
            nobody_has_weight_is_everybody_has
            who_is_to_be_avoided_is_passed_over_while_there_is_another
            choosing_among_a_thousand_is_quick
        }
    };
}

macro_rules! tests {
    ($balance:expr; $($behaviour:ident)*) => {
        $(#[test]
        fn $behaviour() {
            crate::$behaviour($balance);
        })*
    };
}

macro_rules! suite {
    ($($name:ident: $balance:expr;)*) => {
        $(mod $name {
            behaviours! { $balance }
        })*
    };
}

suite! {
    random: crate::Random;
    round_robin: crate::RoundRobin;
    weighted_round_robin: crate::WeightedRoundRobin;
    consistent_hash: crate::ConsistentHash;
    least_loaded: crate::LeastLoaded;
}

// ---- each for itself ----

#[test]
fn round_robin_goes_round() {
    let arranged = RoundRobin.arrange(&endpoints(3));
    let first = arranged.choose(&Ask::ANY).unwrap();

    for step in 1..10 {
        assert_eq!(arranged.choose(&Ask::ANY), Some((first + step) % 3));
    }
}

/// Of those that take turns, and of those that are drawn: none has to do the work of all that are dead.
#[test]
fn what_the_dead_would_get_is_shared_by_all_that_live() {
    fn most(balance: &impl Balance) -> usize {
        let arranged = balance.arrange(&endpoints(10));
        let avoid = |place| place < 3;
        let mut shares = HashMap::<_, usize>::new();
        for _ in 0..7_000 {
            *shares.entry(arranged.choose(&Ask { avoid: &avoid, ..Ask::ANY }).unwrap()).or_default() += 1;
        }
        assert!(shares.keys().all(|place| *place >= 3), "{shares:?}");
        shares.into_values().max().unwrap()
    }

    assert!(most(&RoundRobin) < 1_050);
    assert!(most(&WeightedRoundRobin) < 1_050);
    assert!(most(&Random) < 1_150);
    assert!(most(&LeastLoaded) < 1_150);
}

#[test]
fn clients_that_start_together_do_not_begin_with_the_same() {
    fn firsts(balance: &impl Balance) -> usize {
        let firsts = (0..200).map(|_| balance.arrange(&endpoints(10)).choose(&Ask::ANY).unwrap());
        firsts.collect::<std::collections::HashSet<_>>().len()
    }

    assert!(firsts(&RoundRobin) > 5 && firsts(&WeightedRoundRobin) > 5);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn in_a_cycle_every_server_has_just_its_weight(
        weights in proptest::collection::vec(0_u32..40, 1..20),
        before in 0..500_usize,
    ) {
        let arranged = WeightedRoundRobin.arrange(&weighted(&weights));
        let weight = |place: usize| if weights.iter().all(|weight| *weight == 0) { 1 } else { weights[place] };
        let cycle = (0..weights.len()).map(|place| weight(place) as usize).sum();
        // From wherever it is looked at.
        shares(&*arranged, before, keyless);

        let shares = shares(&*arranged, cycle, keyless);

        for place in 0..weights.len() {
            prop_assert_eq!(shares.get(&place).copied().unwrap_or(0), weight(place) as usize);
        }
    }

    #[test]
    fn no_server_is_asked_much_more_often_than_is_its_turn(
        weights in proptest::collection::vec(1_u32..40, 2..12),
    ) {
        let arranged = WeightedRoundRobin.arrange(&weighted(&weights));
        let cycle: u32 = weights.iter().sum();
        let mut had = vec![0_f64; weights.len()];
        for call in 1..=cycle {
            had[arranged.choose(&Ask::ANY).unwrap()] += 1.0;
            for (had, weight) in had.iter().zip(&weights) {
                let due = f64::from(call) * f64::from(*weight) / f64::from(cycle);
                prop_assert!((had - due).abs() < 2.0, "{had} of {due}");
            }
        }
    }

    #[test]
    fn few_keys_move_when_a_server_comes_or_goes(count in 2..40_usize, lost in any::<prop::sample::Index>()) {
        let all = endpoints(count);
        let mut fewer = all.clone();
        let gone = fewer.remove(lost.index(count));
        let (all_arranged, fewer_arranged) = (ConsistentHash.arrange(&all), ConsistentHash.arrange(&fewer));
        let keys = 4_000;
        let mut moved = 0;
        for key in 0..keys {
            let ask = Ask { key: Some(key_of(format!("user/{key}").as_bytes())), ..Ask::ANY };
            let before = &all[all_arranged.choose(&ask).unwrap()];
            let after = &fewer[fewer_arranged.choose(&ask).unwrap()];
            moved += usize::from(before != after);
            // Only those of the server that is gone.
            prop_assert!(before == after || *before == gone);
        }
        prop_assert!(moved as f64 / f64::from(keys) <= 1.0 / count as f64 + 0.05, "{moved} of {keys} moved of {count}");
    }

    #[test]
    fn clients_that_know_the_servers_in_another_order_agree(seed in any::<u64>(), key in any::<u64>()) {
        let all = weighted(&[1, 3, 2, 1, 5]);
        let mut other = all.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut other);
        let ask = Ask { key: Some(key), ..Ask::ANY };

        let one = &all[ConsistentHash.arrange(&all).choose(&ask).unwrap()];

        prop_assert_eq!(one, &other[ConsistentHash.arrange(&other).choose(&ask).unwrap()]);
    }
}

#[test]
fn a_heavier_server_gets_more_keys() {
    let arranged = ConsistentHash.arrange(&weighted(&[1, 4, 1, 1, 1]));

    let shares = shares(&*arranged, 16_000, |call| Some(key_of(&call.to_le_bytes())));

    assert!((6_500..9_500).contains(&shares[&1]), "{shares:?}");
}

/// Where a key goes is the same in every program and release: a cache is not emptied by an update.
#[test]
fn a_key_is_hashed_alike_everywhere() {
    assert_eq!(key_of(b""), 17_665_956_581_633_026_203);
    let arranged = ConsistentHash.arrange(&endpoints(5));
    let places = ["ada", "alan", "grace", "edsger", "barbara"]
        .map(|key| arranged.choose(&Ask { key: Some(key_of(key.as_bytes())), ..Ask::ANY }).unwrap());
    assert_eq!(places, [2, 3, 0, 2, 3]);
}

#[test]
fn the_busiest_of_many_is_hardly_asked() {
    let load = |place: usize| match place {
        0 => Load { pending: 50, latency: Duration::from_millis(5) },
        _ => Load { pending: 1, latency: Duration::from_millis(5) },
    };
    let arranged = LeastLoaded.arrange(&endpoints(10));
    let chosen = |place| {
        (0..10_000).filter(|_| arranged.choose(&Ask { load: &load, ..Ask::ANY }) == Some(place)).count()
    };

    assert_eq!(chosen(0), 0);
    assert!(chosen(1) > 800);
}

#[test]
fn a_slow_server_and_one_of_little_weight_get_less() {
    let load =
        |place: usize| Load { pending: 3, latency: Duration::from_millis(if place == 0 { 50 } else { 5 }) };
    let arranged = LeastLoaded.arrange(&weighted(&[10, 1, 2]));
    let mut shares = HashMap::<_, usize>::new();
    for _ in 0..9_000 {
        *shares.entry(arranged.choose(&Ask { load: &load, ..Ask::ANY }).unwrap()).or_default() += 1;
    }

    // 50 ms for 10 are as much as 5 ms for 1, and of two that are alike the first drawn is taken.
    assert!(shares[&2] > 5_000 && shares[&0] > 1_000 && shares[&1] > 1_000, "{shares:?}");
}

/// A server that has just come is asked once, and not by all at once.
#[test]
fn a_server_of_which_nothing_is_known_is_asked_once() {
    let pending = Mutex::new(0);
    let load = |place: usize| match place {
        0 => Load { pending: *pending.lock().unwrap(), latency: Duration::ZERO },
        _ => Load { pending: 2, latency: Duration::from_millis(5) },
    };
    let arranged = LeastLoaded.arrange(&endpoints(2));

    for _ in 0..100 {
        if arranged.choose(&Ask { load: &load, ..Ask::ANY }) == Some(0) {
            *pending.lock().unwrap() += 1;
        }
    }

    assert_eq!(*pending.lock().unwrap(), 1);
}
