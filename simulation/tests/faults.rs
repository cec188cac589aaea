//! Calls while servers die, return and are cut off: every call ends in time, and what its caller is told is true.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::Limits;
use ferrywire_simulation::{Entry, Layout, Outcome, Plan, World, address, for_each_seed};

/// Three servers, and forty clients that call as often as they can until then.
fn layout(until: Duration) -> Layout {
    Layout {
        servers: 3,
        machines: 4,
        clients_each: 10,
        limits: Limits::default(),
        plan: Plan {
            pause: Duration::from_millis(30),
            work: Duration::from_millis(20),
            timeout: Duration::from_millis(400),
            until,
            limits: Limits::default(),
        },
    }
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A moment within the next second that nothing else depends on.
fn a_while() -> Duration {
    Duration::from_micros(fastrand::u64(1..1_000_000))
}

/// How long a client may not know that its server is dead.
const NEWS: Duration = Duration::from_millis(20);

/// Whether the call was on the wires of this server between these moments, and nobody knows whether it ran.
fn is_lost_at(entry: &Entry, number: u32, from: Duration, to: Duration) -> bool {
    match &entry.ended {
        Some((ended, Outcome::Unknown(error))) => {
            error.peer() == Some(&*address(number)) && entry.began <= to && *ended >= from
        }
        _ => false,
    }
}

/// S5: V1, V2 and V3.
#[test]
fn a_server_that_is_killed_costs_the_calls_on_its_wires_and_no_other() {
    let (mut calls, mut lost) = (0, 0);
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(secs(8)));
        world.pass(secs(1) + a_while());

        world.kill(1);
        let killed = world.now();
        world.pass(secs(1) + a_while());
        world.start(1);
        let started = world.now();
        world.end();

        let failures = world.ledger().failures();
        for entry in &failures {
            assert!(is_lost_at(entry, 1, killed, killed + NEWS), "{entry:?}, killed at {killed:?}");
            let (ended, _) = entry.ended.as_ref().unwrap();
            assert!(*ended <= killed + NEWS * 2, "{entry:?}, killed at {killed:?}");
        }
        let later = world.ledger().runs(started + secs(3), secs(8));
        assert!(later.get(&1).is_some_and(|runs| *runs > 100), "it is not used again: {later:?}");
        calls += world.ledger().entries().len();
        lost += failures.len();
    });
    println!("{calls} calls, of {lost} nobody knows");
}

/// S3: what is held for less than a call's time only comes later, whatever the order.
#[test]
fn links_that_stall_and_go_on_in_any_order_cost_no_call() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(secs(6)));
        world.pass(secs(1));
        let mut order = [0, 1, 2];

        for _ in 0..10 {
            fastrand::shuffle(&mut order);
            for number in order {
                world.hold(number);
                world.pass(Duration::from_millis(fastrand::u64(1..40)));
            }
            fastrand::shuffle(&mut order);
            for number in order {
                world.pass(Duration::from_millis(fastrand::u64(1..40)));
                world.release(number);
            }
            world.pass(Duration::from_millis(fastrand::u64(50..200)));
        }
        world.end();

        let failures = world.ledger().failures();
        assert!(
            failures.is_empty(),
            "{} of {}, {:?}",
            failures.len(),
            world.ledger().entries().len(),
            failures[0]
        );
    });
}

/// V1: an answer that comes when nobody waits for it any more is nobody's.
#[test]
fn answers_that_were_held_for_longer_than_their_calls_lived_reach_nobody() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(secs(8)));
        world.pass(secs(1) + a_while());

        for number in 0..3 {
            world.hold(number);
        }
        let from = world.now();
        world.pass(Duration::from_millis(600));
        for number in 0..3 {
            world.release(number);
        }
        let released = world.now();
        world.end();

        let failures = world.ledger().failures();
        assert!(failures.len() >= 40, "{}", failures.len());
        let wrong = failures.iter().find(|entry| !(0..3).any(|at| is_lost_at(entry, at, from, released)));
        assert!(wrong.is_none(), "{wrong:?}, held from {from:?} to {released:?}");
    });
}

/// S6.
#[test]
fn servers_that_are_shut_down_and_started_one_after_the_other_cost_no_call() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(secs(10)));
        world.pass(secs(1) + a_while());

        for number in 0..3 {
            world.shut_down(number);
            world.pass(Duration::from_millis(200) + a_while());
            world.start(number);
            world.pass(secs(1));
        }
        world.end();

        let failures = world.ledger().failures();
        let calls = world.ledger().entries().len();
        assert!(failures.is_empty(), "{} of {calls}, {:?}", failures.len(), failures[0]);
        println!("seed {seed}: {calls} calls");
    });
}
