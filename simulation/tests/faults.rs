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

/// The same, where a stream that has lost something is given up within 300 ms. It goes on no further here, and nobody ends it, as TCP
/// would.
fn impatient(until: Duration) -> Layout {
    let mut layout = layout(until);
    layout.plan.pause = Duration::from_millis(120);
    layout.plan.limits.ping_interval = Duration::from_millis(100);
    layout.plan.limits.ping_timeout = Duration::from_millis(100);
    layout.limits.pings_max = 1000;
    layout
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

/// S1 and S2: a partition both ways, one that no request passes, and one that no answer passes.
#[test]
fn a_server_that_is_cut_off_costs_the_calls_that_it_was_sent_and_nothing_five_seconds_later() {
    const CUTS: [fn(&World, u32); 3] = [World::part, World::deafen, World::mute];
    for_each_seed(|seed| {
        for cut in CUTS {
            let mut world = World::new(seed, impatient(secs(14)));
            world.pass(secs(1) + a_while());

            cut(&world, 1);
            let from = world.now();
            world.pass(secs(2) + a_while());
            world.heal(1);
            let live = world.now() + secs(5);
            world.end();

            let failures = world.ledger().failures();
            let wrong = failures.iter().find(|entry| !is_lost_at(entry, 1, from, live));
            assert!(wrong.is_none(), "{wrong:?}, cut off from {from:?}, live from {live:?}");
            // It may have been ejected for up to 7.5 s.
            let runs = world.ledger().runs(secs(12), secs(14));
            assert!(runs.get(&1).is_some_and(|runs| *runs > 50), "it is not used again: {runs:?}");
            println!("seed {seed}: {} of {} lost, {runs:?}", failures.len(), world.ledger().entries().len());
        }
    });
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

/// S25: whatever comes, and then nothing.
#[test]
fn whatever_happens_all_are_live_again_within_five_seconds_of_its_end() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, impatient(secs(30)));
        world.pass(secs(1));

        for _ in 0..12 {
            let number = fastrand::u32(0..3);
            match fastrand::u8(0..5) {
                0 => world.kill(number),
                1 => world.shut_down(number),
                2 => world.part(number),
                3 => world.deafen(number),
                _ => world.mute(number),
            }
            world.pass(a_while() / 2);
            world.heal(number);
            world.start(number);
        }
        let live = world.now() + secs(5);
        world.end();

        let late = world.ledger().failures().into_iter().find(|entry| entry.began >= live);
        assert!(late.is_none(), "{late:?}, live since {live:?}");
        // Some have been ejected, twice perhaps.
        let runs = world.ledger().runs(secs(26), secs(30));
        assert!((0..3).all(|number| runs.get(&number).is_some_and(|runs| *runs > 50)), "{runs:?}");
    });
}
