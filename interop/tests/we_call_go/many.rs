//! Several calls, or several connections, at once.

use std::time::{Duration, Instant};

use ferrywire::{Client, Started};
use ferrywire_interop::harness::{Outcome, nonces};
use ferrywire_interop::zoo::*;

use crate::suite::{Case, alone, case, expect, holds, on, speaking, works};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        on("many/a_fast_reply_overtakes_a_slow_one", overtaking),
        on("many/10_slow_calls_run_side_by_side", side_by_side),
        on("many/1000_large_calls_at_once", large_calls),
        on("many/10000_small_calls_at_once", small_calls),
        on("many/errors_and_replies_mixed", mixed),
        alone("many/new_types_late_on_a_connection", late_types),
        case("many/50_connections", async |ground| {
            let connections: Vec<_> = (0..50)
                .map(|_| {
                    let address = ground.address.clone();
                    let builder = speaking(ground.transport);
                    tokio::spawn(async move {
                        let client = builder.connect(address).await.map_err(|error| error.to_string())?;
                        for _ in 0..10 {
                            works(&client).await?;
                        }
                        expect(&client, "Zoo.Tree", &value::tree(), answer::tree(value::tree())).await
                    })
                })
                .collect();
            for connection in connections {
                connection.await.expect("a case does not panic")?;
            }
            Ok(())
        }),
        alone("many/8_tasks_of_nonces", async |client| nonces(&client, 8, 100).await),
    ]
}

async fn overtaking(client: Client) -> Outcome {
    let slow = client.start::<_, i64>("Zoo.Slow", &300_i64);
    works(&client).await?;
    holds(!slow.is_done(), || "got the slow reply first".to_owned())?;
    same(&slow.await.map_err(|error| error.to_string())?, &300)
}

async fn side_by_side(client: Client) -> Outcome {
    let began = Instant::now();
    let slow: Vec<Started<i64>> = (0..10).map(|_| client.start("Zoo.Slow", &1000_i64)).collect();
    for call in slow {
        same(&call.await.map_err(|error| error.to_string())?, &1000)?;
    }
    // One after the other they would take ten seconds.
    let took = began.elapsed();
    holds(took < Duration::from_secs(6), || format!("took {took:?}, expected little more than 1 s"))
}

async fn large_calls(client: Client) -> Outcome {
    // 251 divides no power of two: a reply put together from parts of two is noticed.
    let payload = |number: u64| vec![(number % 251) as u8; 65536];
    let nonce = |number| Nonce { worker: 1, number, payload: payload(number) };
    let calls: Vec<(u64, Started<Nonce>)> =
        (0..1000).map(|number| (number, client.start("Zoo.Nonce", &nonce(number)))).collect();
    for (number, call) in calls {
        let found = call.await.map_err(|error| error.to_string())?;
        let is_own = found.number == number && found.payload == payload(number);
        holds(is_own, || {
            format!("got {} and {} bytes, expected {number}", found.number, found.payload.len())
        })?;
    }
    Ok(())
}

async fn small_calls(client: Client) -> Outcome {
    let calls: Vec<(i64, Started<i64>)> =
        (0..10_000).map(|a| (a, client.start("Arith.Multiply", &Args { a, b: 3 }))).collect();
    for (a, call) in calls {
        same(&call.await.map_err(|error| error.to_string())?, &(a * 3))?;
    }
    Ok(())
}

async fn mixed(client: Client) -> Outcome {
    let args = |number: i64| Args { a: number, b: number % 3 };
    let calls: Vec<(i64, Started<Quotient>)> =
        (0..300).map(|number| (number, client.start("Arith.Divide", &args(number)))).collect();
    for (number, call) in calls {
        let answered = call.await.map_err(|error| error.message().to_owned());
        let expected = match args(number) {
            Args { b: 0, .. } => Err("divide by zero".to_owned()),
            Args { a, b } => Ok(Quotient { quo: a / b, rem: a % b }),
        };
        same(&answered, &expected)?;
    }
    Ok(())
}

/// Meets types for the first time after many calls, in both directions, with a call in flight.
async fn late_types(client: Client) -> Outcome {
    for _ in 0..200 {
        works(&client).await?;
    }
    let waiting = client.start::<_, i64>("Zoo.Slow", &200_i64);
    let label = value::crated(Some(Any::Label(Label { text: "late".into() })));
    expect(&client, "Zoo.Any", &label, answer::any(label.clone())).await?;
    expect(&client, "Zoo.Maps", &value::maps(), answer::maps(value::maps())).await?;
    let square = value::crated(value::square(2));
    expect(&client, "Zoo.Any", &square, answer::any(square.clone())).await?;
    same(&waiting.await.map_err(|error| error.to_string())?, &200)?;
    works(&client).await
}
