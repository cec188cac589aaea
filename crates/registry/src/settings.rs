//! Every bound of a registry, in one place: how long, how many, how much.

use std::time::Duration;

/// The bounds that a registry keeps to. Nothing means "no limit": who wants more writes a larger number.
///
/// ```
/// let mut settings = ferrywire_registry::Settings::default();
/// settings.entries_per_source_max = 1000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// For how long a server is listed after its last beat, unless it asks for another time; 30 s unless set.
    pub ttl: Duration,
    /// The shortest time that a server gets, whatever it asks for; 1 s unless set.
    pub ttl_min: Duration,
    /// The longest time that a server gets, whatever it asks for; 1 h unless set.
    pub ttl_max: Duration,
    /// For how long a server is listed that beats by the header protocol of WgRPC and GeeRPC; 5 min unless set, because those
    /// beat every 4 min.
    pub header_ttl: Duration,
    /// The most servers; 10,000 unless set.
    pub entries_max: usize,
    /// The most servers that one network address has registered; 64 unless set. Programs on the registry's own machine are not
    /// counted, unless [`bounds_loopback`](Self::bounds_loopback) is set.
    pub entries_per_source_max: usize,
    /// The most services of a server; 64 unless set.
    pub services_max: usize,
    /// The longest name of a service, of a zone and of a host, in bytes; 255 unless set.
    pub name_len_max: usize,
    /// The most bytes of all names of a server's services together; 4 KiB unless set.
    pub names_len_max: usize,
    /// The most bytes of a server's metadata, names and values together; 4 KiB unless set.
    pub metadata_len_max: usize,
    /// The longest body of a request, in bytes; 64 KiB unless set.
    pub body_len_max: usize,
    /// The longest time that a request may wait for a change; 60 s unless set.
    pub wait_max: Duration,
    /// The most requests a second of one network address, above [`requests_burst`](Self::requests_burst) of them; 10 unless set.
    /// Programs on the registry's own machine are not counted, unless [`bounds_loopback`](Self::bounds_loopback) is set.
    pub requests_per_second_max: u32,
    /// How many requests of one network address may come at once; 50 unless set.
    pub requests_burst: u32,
    /// How many network addresses are counted at once; 10,000 unless set. Others are refused until one of these has been silent
    /// for as long as its burst takes.
    pub sources_max: usize,
    /// Whether programs on the registry's own machine are bounded as all others are; not unless set.
    pub bounds_loopback: bool,
    /// Whether other machines may register themselves without a token, each under its own network address only; not unless set.
    ///
    /// Servers of WgRPC and GeeRPC know of no token. On a network on which all machines are trusted they are let in by this.
    pub trusts_network: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            ttl_min: Duration::from_secs(1),
            ttl_max: Duration::from_secs(3600),
            header_ttl: Duration::from_secs(5 * 60),
            entries_max: 10_000,
            entries_per_source_max: 64,
            services_max: 64,
            name_len_max: 255,
            names_len_max: 4096,
            metadata_len_max: 4096,
            body_len_max: 64 * 1024,
            wait_max: Duration::from_secs(60),
            requests_per_second_max: 10,
            requests_burst: 50,
            sources_max: 10_000,
            bounds_loopback: false,
            trusts_network: false,
        }
    }
}

impl Settings {
    /// The times of WgRPC and GeeRPC: servers are listed for 5 min. They beat [every](crate::Announcer::every) 4 min.
    pub fn slow() -> Self {
        Self { ttl: Duration::from_secs(5 * 60), ..Self::default() }
    }
}
