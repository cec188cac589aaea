//! A peer's `main`: the four commands, and the words that each takes.

use std::process::ExitCode;

use tokio::runtime::Runtime;

use crate::client::Client;
use crate::{Peer, Result, Shape, cpu_ns, heap_bytes, orders, runtime, say};

const USAGE: &str = "usage: [VARIANT] (server THREADS | client THREADS ADDRESS | both | \
                     alone PAYLOAD_LEN CONNECTIONS DEPTH CALLS)";

/// Does what the program's arguments ask of `P`.
pub fn run<P: Peer>() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run_words::<P>(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// As [`run`], for a program in which this is one command of several.
pub fn run_words<P: Peer>(words: &[&str]) -> Result<()> {
    let is_command = |word: &&str| matches!(*word, "server" | "client" | "both" | "alone");
    let (variant, command) = words.split_at(words.iter().position(is_command).ok_or(USAGE)?);
    let peer = match P::new(variant) {
        Ok(peer) => peer,
        Err(reason) => return say(&format!("unsupported {reason}")),
    };
    match command {
        ["server", threads] => serve(&peer, &runtime(threads.parse()?)?),
        ["client", threads, address] => {
            Client::new(peer, runtime(threads.parse()?)?, address.parse()?).take_orders()
        }
        ["both"] => alone(peer)?.take_orders(),
        ["alone", payload_len, connections, depth, calls] => {
            let shape = Shape::of(payload_len, connections, depth)?;
            say(&alone(peer)?.call_so_often(shape, calls.parse()?)?)
        }
        _ => Err(USAGE.into()),
    }
}

fn serve(peer: &impl Peer, runtime: &Runtime) -> Result<()> {
    let address = runtime.block_on(peer.serve())?;
    say(&address.to_string())?;
    // The runtime needs this thread, so orders are taken on another; with their end all ends.
    std::thread::spawn(|| {
        let answered = orders(|words| match words {
            ["cpu"] => Ok(cpu_ns().to_string()),
            ["memory"] => Ok(heap_bytes()?.to_string()),
            _ => Ok(format!("unsupported {words:?} is no order to a server")),
        });
        std::process::exit(answered.is_err().into());
    });
    runtime.block_on(std::future::pending())
}

/// A client with a server on its own thread.
fn alone<P: Peer>(peer: P) -> Result<Client<P>> {
    let runtime = runtime(1)?;
    let address = runtime.block_on(peer.serve())?;
    Ok(Client::new(peer, runtime, address))
}
