//! The echo over capnp-rpc, on one thread: its connections and clients cannot leave the one that made them.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use capnp::capability::Response;
use capnp_rpc::rpc_twoparty_capnp::Side;
use capnp_rpc::{RpcSystem, new_client, twoparty};
use futures_util::io::{AsyncReadExt, BufReader, BufWriter};
use peer_support::{Connection, Peer, Result, run_words};
use send_wrapper::SendWrapper;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::compat::TokioAsyncReadCompatExt;

use echo_capnp::echo;

mod echo_capnp;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if let [command, threads, ..] = &mut words[..]
        && matches!(command.as_str(), "server" | "client")
    {
        // More would leave nothing for the others to do.
        *threads = "1".to_owned();
    }
    match run_words::<CapnpRpc>(&words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

struct CapnpRpc;

impl Peer for CapnpRpc {
    type Connection = Client;

    fn new(_: &[&str]) -> Result<Self> {
        Ok(Self)
    }

    async fn serve(&self) -> Result<SocketAddr> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        tokio::spawn(SendWrapper::new(async move {
            let parrot: echo::Client = new_client(Parrot);
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(network) = network_over(stream, Side::Server) {
                    let serving = RpcSystem::new(network, Some(parrot.clone().client));
                    tokio::spawn(SendWrapper::new(serving));
                }
            }
        }));
        Ok(address)
    }

    async fn connect(&self, address: SocketAddr) -> Result<Client> {
        let network = network_over(TcpStream::connect(address).await?, Side::Client)?;
        let mut system = RpcSystem::new(network, None);
        let client = system.bootstrap(Side::Server);
        tokio::spawn(SendWrapper::new(system));
        Ok(Client(SendWrapper::new(client)))
    }
}

/// A thousand clients connect at once, more than a listener of tokio's takes by default.
fn listen() -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    Ok(socket.listen(4096)?)
}

/// As in the framework's own examples.
fn network_over(
    stream: TcpStream,
    side: Side,
) -> Result<Box<twoparty::VatNetwork<impl futures_util::AsyncRead + Unpin>>> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.compat().split();
    let (reader, writer) = (BufReader::new(reader), BufWriter::new(writer));
    Ok(Box::new(twoparty::VatNetwork::new(reader, writer, side, Default::default())))
}

struct Parrot;

impl echo::Server for Parrot {
    async fn say(
        self: Rc<Self>,
        params: echo::SayParams,
        mut results: echo::SayResults,
    ) -> capnp::Result<()> {
        results.get().set_payload(params.get()?.get_payload()?);
        Ok(())
    }
}

#[derive(Clone)]
struct Client(SendWrapper<echo::Client>);

impl Connection for Client {
    type Reply = Reply;

    fn call(&self, payload: &[u8]) -> impl Future<Output = Result<Reply>> + Send {
        let mut request = self.0.say_request();
        request.get().set_payload(payload);
        let response = request.send().promise;
        SendWrapper::new(async move { Ok(Reply(SendWrapper::new(response.await?))) })
    }
}

/// A reply, read where it lies.
struct Reply(SendWrapper<Response<echo::say_results::Owned>>);

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        self.0.get().and_then(|results| results.get_payload()).unwrap_or_default()
    }
}
