//! Servers that DNS knows: all addresses of a name, or the servers that SRV records name.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{IntoName, Name, RData};
use tokio::time::{Instant, sleep_until, timeout};

use super::text::ill_formed;
use super::{Discover, Endpoint};
use crate::error::{Code, Error, Phase, Result, shown};
use crate::transport::{Address, BoxFuture};

/// Opens `dns:` and `dns+srv:`.
pub(super) fn open(url: &str) -> Option<Result<Box<dyn Discover>>> {
    let (scheme, rest) = url.split_once(':')?;
    let reads = match scheme {
        "dns" => host_and_port,
        "dns+srv" => service,
        _ => return None,
    };
    let refused = |why: &str| {
        let url = shown(url.as_bytes());
        ill_formed(format!("`{url}` is not the URL of a name: expected {why}"))
    };
    let source = || {
        let rest = rest.strip_prefix("//").ok_or_else(|| refused("// before the name"))?;
        let (server, asked) = rest.split_once('/').unwrap_or(("", rest));
        let server = if server.is_empty() {
            None
        } else {
            Some(server_at(server).ok_or_else(|| refused("the IP address of a DNS server before the name"))?)
        };
        let asked = reads(asked).map_err(refused)?;
        Ok(Box::new(Dns { url: url.to_owned(), server, asked, resolver: None, kept: Kept::default() })
            as Box<dyn Discover>)
    };
    Some(source())
}

/// A name, and who is asked for it.
struct Dns {
    url: String,
    /// The server to ask; `None` for those of the system.
    server: Option<SocketAddr>,
    asked: Asked,
    /// Made when it is first needed, and anew after an error: the system may know other servers by then.
    resolver: Option<TokioResolver>,
    kept: Kept,
}

/// What is asked for.
#[derive(Clone)]
enum Asked {
    /// All addresses of a host; the port is known.
    Host(String, u16),
    /// The servers of a service.
    Service(Name),
}

/// What was learnt from the last answers.
#[derive(Default)]
struct Kept {
    /// What was told last; `None` before the first time and after an error.
    told: Option<Vec<Endpoint>>,
    asks_at: Option<Instant>,
    ttl: Option<Duration>,
    /// The addresses of the servers of a service, by their names.
    targets: HashMap<Name, Vec<IpAddr>>,
}

/// An answer, and for how long it holds.
struct Answer {
    list: Vec<Endpoint>,
    ttl: Duration,
    targets: HashMap<Name, Vec<IpAddr>>,
}

impl Dns {
    async fn answer(&mut self) -> Result<Answer> {
        let resolver = match &self.resolver {
            Some(resolver) => resolver,
            None => self.resolver.insert(resolver_of(self.server)?),
        };
        let answering = async {
            match &self.asked {
                Asked::Host(host, port) => addresses_of_host(resolver, host, *port).await,
                Asked::Service(name) => servers_of_service(resolver, name, &self.kept.targets).await,
            }
        };
        match timeout(RESOLUTION_MAX, answering).await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable(format!("no answer within {RESOLUTION_MAX:?}"))),
        }
    }
}

impl Discover for Dns {
    fn name(&self) -> String {
        self.url.clone()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Endpoint>>> {
        Box::pin(async move {
            loop {
                if let Some(moment) = self.kept.asks_at {
                    sleep_until(moment).await;
                }
                let answer = match self.answer().await {
                    Ok(answer) => answer,
                    Err(error) => {
                        // It is the keeper who knows how long to wait.
                        (self.kept.told, self.kept.asks_at, self.resolver) = (None, None, None);
                        return Err(error);
                    }
                };
                self.kept.asks_at = Some(Instant::now() + answer.ttl);
                self.kept.ttl = Some(answer.ttl);
                self.kept.targets = answer.targets;
                if self.kept.told.as_ref() != Some(&answer.list) {
                    self.kept.told = Some(answer.list.clone());
                    return Ok(answer.list);
                }
            }
        })
    }

    /// That of the last answer.
    fn ttl(&self) -> Duration {
        self.kept.ttl.unwrap_or(TTL_MAX)
    }
}

/// `host:port`.
fn host_and_port(text: &str) -> std::result::Result<Asked, &'static str> {
    let (host, port) =
        text.rsplit_once(':').ok_or("a port behind the host, such as dns://arith.example:7001")?;
    let port = port.parse().map_err(|_| "a port behind the host, such as dns://arith.example:7001")?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.parse::<IpAddr>().is_err() {
        name_of(host)?;
    }
    Ok(Asked::Host(host.to_owned(), port))
}

/// `_rpc._tcp.domain`.
fn service(text: &str) -> std::result::Result<Asked, &'static str> {
    name_of(text).map(Asked::Service)
}

fn name_of(text: &str) -> std::result::Result<Name, &'static str> {
    let is_plain =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) || byte >= 0x80);
    if text.is_empty() || text == "." || !is_plain {
        return Err("a name of letters, digits, hyphens and dots");
    }
    Name::from_utf8(text).map_err(|_| "a name of labels of up to 63 bytes, and 255 bytes in all")
}

/// `127.0.0.1:15353`, and without a port 53.
fn server_at(text: &str) -> Option<SocketAddr> {
    let alone = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some(SocketAddr::new(alone.parse().ok()?, 53)))
}

fn resolver_of(server: Option<SocketAddr>) -> Result<TokioResolver> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio().map_err(|cause| failed("the system's DNS servers", &cause))?,
        Some(server) => {
            let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
            (udp.port, tcp.port) = (server.port(), server.port());
            let server = NameServerConfig::new(server.ip(), true, vec![udp, tcp]);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            // Who names a server wants to know what that one says.
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        }
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // Answers are asked for when they have run out.
    options.cache_size = 0;
    // A lost packet is sent again while there is time.
    options.timeout = options.timeout.min(RESOLUTION_MAX * 2 / 5);
    builder.build().map_err(|cause| failed("a resolver", &cause))
}

async fn addresses_of_host(resolver: &TokioResolver, host: &str, port: u16) -> Result<Answer> {
    let (addresses, ttl) = addresses_of(resolver, host).await.map_err(|cause| failed(host, &cause))?;
    let list = addresses.into_iter().map(|ip| endpoint_at(ip, port)).collect();
    Ok(Answer { list, ttl, targets: HashMap::new() })
}

/// The servers of the lowest priority that is there. One whose address cannot be found keeps the one that it had, if it is still named.
async fn servers_of_service(
    resolver: &TokioResolver,
    name: &Name,
    known: &HashMap<Name, Vec<IpAddr>>,
) -> Result<Answer> {
    let lookup =
        resolver.srv_lookup(name.clone()).await.map_err(|cause| failed(&name.to_string(), &cause))?;
    let records = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(server) => Some(server),
        _ => None,
    });
    let priority = records.clone().map(|server| server.priority).min();
    // A root for a name says that there is no such service.
    let mut servers: Vec<_> =
        records.filter(|server| Some(server.priority) == priority && !server.target.is_root()).collect();
    servers.sort_by(|one, other| (&one.target, one.port).cmp(&(&other.target, other.port)));
    servers.truncate(ADDRESSES_MAX);
    let mut names: Vec<Name> = servers.iter().map(|server| server.target.clone()).collect();
    names.dedup();
    let found = stream::iter(names).map(async |name| {
        let found = addresses_of(resolver, name.clone()).await;
        (name, found)
    });
    let found: Vec<_> = found.buffer_unordered(AT_ONCE).collect().await;
    let (mut targets, mut ttl, mut error) = (HashMap::new(), ttl_of(&lookup), None);
    for (target, found) in found {
        match found {
            Ok((addresses, for_so_long)) => {
                ttl = ttl.min(for_so_long);
                targets.insert(target, addresses);
            }
            Err(cause) => {
                tracing::debug!(%target, %cause, "a server of a service has no address");
                error.get_or_insert_with(|| failed(&target.to_string(), &cause));
                if let Some(addresses) = known.get(&target) {
                    targets.insert(target, addresses.clone());
                }
            }
        }
    }
    let mut list = Vec::new();
    for server in servers {
        for ip in targets.get(&server.target).into_iter().flatten() {
            list.push(endpoint_at(*ip, server.port).with_weight(server.weight.into()));
        }
    }
    match error {
        Some(error) if list.is_empty() => Err(error),
        _ => {
            list.truncate(ADDRESSES_MAX);
            Ok(Answer { list, ttl, targets })
        }
    }
}

/// All addresses of a host, in an order that does not change with every answer, and for how long they hold.
async fn addresses_of(
    resolver: &TokioResolver,
    host: impl IntoName,
) -> std::result::Result<(Vec<IpAddr>, Duration), NetError> {
    let lookup = resolver.lookup_ip(host).await?;
    let mut addresses: Vec<IpAddr> = lookup.iter().collect();
    addresses.sort_unstable();
    addresses.dedup();
    if addresses.len() > ADDRESSES_MAX {
        tracing::warn!(name = %lookup.query().name(), limit = ADDRESSES_MAX, "addresses are left out: too many");
        addresses.truncate(ADDRESSES_MAX);
    }
    Ok((addresses, ttl_of(lookup.as_lookup())))
}

fn endpoint_at(ip: IpAddr, port: u16) -> Endpoint {
    Endpoint::new(Address::tcp(SocketAddr::new(ip, port)))
}

/// For how long an answer holds, but not so short that the server is flooded, nor so long that a change is never seen.
fn ttl_of(lookup: &Lookup) -> Duration {
    let seconds = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
    Duration::from_secs(seconds.into()).clamp(TTL_MIN, TTL_MAX)
}

fn failed(name: &str, cause: &NetError) -> Error {
    let name = shown(name.as_bytes());
    let error = if cause.is_nx_domain() {
        Error::new(Code::NotFound, format!("DNS knows no `{name}`"))
    } else if cause.is_no_records_found() {
        Error::new(Code::NotFound, format!("DNS knows nothing of this kind of `{name}`"))
    } else {
        unavailable(format!("DNS does not say what `{name}` is: {}", shown(cause.to_string().as_bytes())))
    };
    error.in_phase(Phase::Resolve).not_executed().caused_by(cause.clone())
}

fn unavailable(why: String) -> Error {
    Error::new(Code::Unavailable, why).in_phase(Phase::Resolve).not_executed()
}

/// How long one resolution may take.
const RESOLUTION_MAX: Duration = Duration::from_secs(5);

/// How soon an answer is asked for again.
const TTL_MIN: Duration = Duration::from_secs(1);

/// How late it is.
const TTL_MAX: Duration = Duration::from_secs(300);

/// The most addresses of a name.
const ADDRESSES_MAX: usize = 1000;

/// How many names of servers are asked for at once.
const AT_ONCE: usize = 16;
