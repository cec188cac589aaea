//! Five hundred clients lose a server: nobody notices who need not, and they do not come back all at once.
#![allow(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::time::Duration;

use ferrywire::Limits;
use ferrywire_simulation::{Layout, Outcome, Plan, World, address, for_each_seed};

const CLIENTS: usize = 500;

/// So many servers, and five hundred clients that call about once a second until then.
fn layout(servers: u32, until: Duration) -> Layout {
    Layout {
        servers,
        machines: 5,
        clients_each: CLIENTS / 5,
        limits: Limits::default(),
        plan: Plan {
            pause: Duration::from_millis(2000),
            work: Duration::from_millis(20),
            timeout: Duration::from_secs(1),
            until,
            limits: Limits::default(),
        },
    }
}

const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How long a client may not know that its server is dead.
const NEWS: Duration = Duration::from_millis(20);

/// S14, R14 and E5.
#[test]
fn five_hundred_clients_come_back_to_a_lost_server_within_ten_seconds_and_not_at_once() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(1, secs(20)));
        world.pass(secs(3));
        world.kill(0);
        world.pass(secs(5));

        world.start(0);
        let back = world.now();
        world.end();

        let mut arrivals = world.ledger().arrivals(0);
        arrivals.retain(|at| *at >= back);
        let most = (0..arrivals.len()).map(|first| {
            let end = arrivals[first] + Duration::from_millis(100);
            arrivals[first..].iter().take_while(|at| **at < end).count()
        });
        let (most, last) = (most.max().unwrap(), *arrivals.last().unwrap() - back);
        println!(
            "seed {seed}: {} arrivals, at most {most} in 100 ms, the last after {last:?}",
            arrivals.len()
        );
        assert_eq!(arrivals.len(), CLIENTS);
        assert!(most * 100 <= CLIENTS * 15, "{most} came within 100 ms");
        assert!(last <= secs(10), "the last came after {last:?}");
        let failed_later = world.ledger().failures().into_iter().find(|entry| entry.began > back + secs(10));
        assert!(failed_later.is_none(), "{failed_later:?}");
    });
}

/// S14: there are two others.
#[test]
fn five_hundred_clients_that_lose_one_of_three_servers_lose_what_was_on_its_wires_and_nothing_else() {
    for_each_seed(|seed| {
        let mut world = World::new(seed, layout(3, secs(10)));
        world.pass(secs(3));

        world.kill(1);
        let killed = world.now();
        world.pass(secs(5));
        world.start(1);
        world.end();

        let failures = world.ledger().failures();
        for entry in &failures {
            let Some((ended, Outcome::Unknown(error))) = &entry.ended else {
                panic!("a call failed that was on no wire: {entry:?}");
            };
            assert_eq!(error.peer(), Some(&*address(1)), "{entry:?}");
            assert!(entry.began <= killed + NEWS && *ended >= killed, "{entry:?} at {killed:?}");
        }
        let runs = world.ledger().runs(killed, killed + secs(5));
        println!("seed {seed}: {} failures, then {runs:?}", failures.len());
        let (one, other) = (runs[&0], runs[&2]);
        // Chance alone makes them differ by a tenth.
        assert!(one * 4 <= other * 5 && other * 4 <= one * 5, "{runs:?}");
    });
}
