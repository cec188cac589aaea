//! Tasks that share a connection and check that each reply is their own.

use ferrywire::Client;

use super::Outcome;
use crate::zoo::{Nonce, ZooClient};

/// Makes so many calls on each of so many tasks, with payloads of every size up to 512 bytes.
///
/// # Errors
///
/// The first reply that was an error or another call's.
pub async fn nonces(client: &Client, tasks: u64, calls: usize) -> Outcome {
    let running: Vec<_> = (0..tasks)
        .map(|worker| tokio::spawn(one_task(ZooClient::new(client.clone()), worker, calls)))
        .collect();
    for task in running {
        task.await.expect("a task of nonces does not panic")?;
    }
    Ok(())
}

async fn one_task(zoo: ZooClient, worker: u64, calls: usize) -> Outcome {
    let mut random = fastrand::Rng::with_seed(worker);
    for _ in 0..calls {
        let mut payload = vec![0; random.usize(..512)];
        random.fill(&mut payload);
        let sent = Nonce { worker, number: random.u64(..), payload };
        let got = zoo.nonce(sent.clone()).await;
        let got = got.map_err(|error| format!("got {error:?}, expected nonce {worker}/{}", sent.number))?;
        if (got.worker, got.number, &got.payload) != (sent.worker, sent.number, &sent.payload) {
            return Err(format!(
                "got the nonce {}/{} and {} bytes, expected {worker}/{} and {} bytes",
                got.worker,
                got.number,
                got.payload.len(),
                sent.number,
                sent.payload.len()
            ));
        }
    }
    Ok(())
}
