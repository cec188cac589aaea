//! Calls that are withdrawn, and servers that go away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ferrywire::protocol::NetRpc;
use ferrywire::{Client, Code};
use ferrywire_interop::harness::{GoServer, Outcome};
use ferrywire_interop::zoo::*;
use tokio::time::{sleep, timeout};

use crate::suite::{Case, Ground, alone, case, expect, holds, works};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        alone("end/a_dropped_call_leaves_the_connection_usable", async |client| {
            let slow = client.call::<_, i64>("Zoo.Slow", &300_i64);
            let early = timeout(Duration::from_millis(50), slow).await;
            holds(early.is_err(), || format!("got {early:?} after 50 ms, expected to wait"))?;
            works(&client).await?;
            // Its late reply, and Go's refusal of the withdrawal, find nobody.
            running_becomes(&client, 0).await?;
            works(&client).await
        }),
        alone("end/a_dropped_start_leaves_others_alone", async |client| {
            let kept = client.start::<_, i64>("Zoo.Slow", &300_i64);
            let dropped = client.start::<_, i64>("Zoo.Slow", &100_i64);
            running_becomes(&client, 2).await?;
            drop(dropped);
            same(&kept.await.map_err(|error| error.to_string())?, &300)?;
            works(&client).await
        }),
        alone("end/a_call_past_its_time_leaves_the_connection_usable", async |client| {
            let slow = client.call::<_, i64>("Zoo.Slow", &400_i64).timeout(Duration::from_millis(50)).await;
            let error = slow.err().ok_or("got a reply after 50 ms, expected an error")?;
            let is_late = error.code() == Code::DeadlineExceeded && error.may_have_run();
            holds(is_late, || format!("got {error:?}"))?;
            works(&client).await?;
            running_becomes(&client, 0).await
        }),
        alone("end/1000_dropped_calls_leave_the_connection_usable", async |client| {
            for number in 0..1000 {
                let dropped = client.call::<_, i64>("Zoo.Slow", &1_i64);
                // Some before they are written, some on their way, some with their reply at the door.
                let _ = timeout(Duration::from_millis(number % 3), dropped).await;
            }
            running_becomes(&client, 0).await?;
            works(&client).await
        }),
        case("end/a_killed_server_fails_the_calls_that_wait", async |ground| {
            let mut server = GoServer::start(ground.go, ground.transport).await;
            let client = Client::builder()
                .protocol(NetRpc)
                .connect(server.address())
                .await
                .map_err(|error| error.to_string())?;
            let waiting = client.start::<_, i64>("Zoo.Slow", &60_000_i64);
            running_becomes(&client, 1).await?;

            server.kill().await;

            let error = waiting.await.err().ok_or("got a reply from a killed server")?;
            holds(error.code() == Code::Unavailable && error.may_have_run(), || format!("got {error:?}"))
        }),
        case("end/a_restarted_server_is_found_again", restarted),
        case("end/16_tasks_find_a_restarted_server_again", async |ground| {
            let mut server = GoServer::start(ground.go, ground.transport).await;
            let client = Client::builder()
                .protocol(NetRpc)
                .connect(server.address())
                .await
                .map_err(|error| error.to_string())?;
            let is_back = Arc::new(AtomicBool::new(false));
            let through = |a| tokio::spawn(through_a_restart(client.clone(), a, is_back.clone()));
            let tasks: Vec<_> = (0..16).map(through).collect();
            sleep(Duration::from_millis(100)).await;

            server.kill().await;
            sleep(Duration::from_millis(100)).await;
            server.restart(ground.go).await;
            is_back.store(true, Ordering::Relaxed);

            for task in tasks {
                task.await.expect("a case does not panic")?;
            }
            works(&client).await
        }),
    ]
}

async fn restarted(ground: Ground) -> Outcome {
    let mut server = GoServer::start(ground.go, ground.transport).await;
    let client = Client::builder()
        .protocol(NetRpc)
        .connect(server.address())
        .await
        .map_err(|error| error.to_string())?;
    works(&client).await?;
    expect(&client, "Zoo.Nested", &value::nested(), answer::nested(value::nested())).await?;

    server.kill().await;
    let down =
        client.call::<_, i64>("Arith.Multiply", &Args { a: 6, b: 7 }).timeout(Duration::from_secs(1)).await;
    holds(down.is_err(), || format!("got {down:?} from a killed server"))?;
    server.restart(ground.go).await;

    // The new connection knows no type: all definitions go out again.
    expect(&client, "Zoo.Nested", &value::nested(), answer::nested(value::nested())).await?;
    works(&client).await
}

/// Calls without end until the server is back, and then once more; every reply must be the call's own.
async fn through_a_restart(client: Client, a: i64, is_back: Arc<AtomicBool>) -> Outcome {
    let arith = ArithClient::new(client);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        let was_back = is_back.load(Ordering::Relaxed);
        match arith.multiply(Args { a, b: 7 }).await {
            Ok(product) => {
                same(&product, &(a * 7))?;
                if was_back {
                    return Ok(());
                }
            }
            Err(error) => holds(error.code() == Code::Unavailable, || format!("got {error:?}"))?,
        }
        sleep(Duration::from_millis(1)).await;
    }
    Err("no reply 15 s after the server was killed".to_owned())
}

/// Asks until so many calls of Slow run, for at most ten seconds.
async fn running_becomes(client: &Client, expected: i64) -> Outcome {
    let zoo = ZooClient::new(client.clone());
    let mut running = -1;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        running = zoo.running(0).await.map_err(|error| error.to_string())?;
        if running == expected {
            return Ok(());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Err(format!("got {running} calls of Slow running, expected {expected}"))
}
