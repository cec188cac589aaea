//! From a URL to a source of servers.

use std::sync::Arc;

use super::text::ill_formed;
use super::{Discover, Resolvers, Scheme, dns, file, fixed};
use crate::error::{Result, shown};

/// What opens the source of a URL: the schemes that are built in, and those that were added.
///
/// | URL | is |
/// | --- | --- |
/// | `fixed:10.0.0.1:7001,10.0.0.2:7001;weight=3` | a list that never changes: [`Fixed`](super::Fixed) |
/// | `file:///etc/arith/servers` | a list in a file, which is watched: [`File`](super::File) |
/// | `domain:arith` | a name that [`Resolvers`] know |
/// | `dns://arith.example:7001` | all addresses of a name; needs the feature `dns` |
/// | `dns+srv://_rpc._tcp.arith.example` | all servers of a service; needs the feature `dns` |
///
/// Of a name all addresses are told, up to 1,000, and of a service the servers of the lowest priority with their weights, all of
/// them again for each address that they have. They are asked for again when they have run out: after a second at least, and five minutes at
/// most. The system's DNS servers are asked, unless one stands before the name: `dns+srv://10.0.0.53/_rpc._tcp.arith.example`, with a port
/// where it is not 53.
///
/// `registry+http://` is a scheme of the crate `ferrywire-registry`, and `etcd://` one of `ferrywire-etcd`.
///
/// ```
/// use ferrywire::discovery::Sources;
///
/// # fn main() -> ferrywire::Result<()> {
/// let source = Sources::default().open("fixed:10.0.0.1:7001,10.0.0.2:7001;weight=3")?;
/// # drop(source);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Sources {
    /// The last that was added is the first that is asked.
    added: Vec<Arc<dyn Scheme>>,
}

impl Sources {
    /// These, and another scheme, which comes before them.
    #[must_use]
    pub fn with(mut self, scheme: impl Scheme) -> Self {
        self.added.insert(0, Arc::new(scheme));
        self
    }

    /// The source of this URL. Nothing is asked of the network yet.
    ///
    /// # Errors
    ///
    /// - [`Code::InvalidArgument`](crate::Code::InvalidArgument) if nobody knows its scheme, with those that are known; or if the rest of the
    ///   URL is ill-formed.
    /// - [`Code::Unimplemented`](crate::Code::Unimplemented) if the program was built without it.
    pub fn open(&self, url: &str) -> Result<Box<dyn Discover>> {
        if url.len() > URL_LEN_MAX {
            return Err(ill_formed(format!(
                "a URL of {} bytes is over the limit of {URL_LEN_MAX}",
                url.len()
            )));
        }
        let added = self.added.iter().find_map(|scheme| scheme.open(url));
        let opened = added.or_else(|| BUILT_IN.iter().find_map(|(_, open)| open(url)));
        opened.or_else(|| Resolvers::new().open(url)).unwrap_or_else(|| Err(self.unknown(url)))
    }

    fn unknown(&self, url: &str) -> crate::error::Error {
        let mut known: Vec<String> = BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).collect();
        known.extend(Resolvers::new().names());
        known.extend(self.added.iter().flat_map(|scheme| scheme.names()));
        known.sort();
        known.dedup();
        let scheme = url.split(':').next().unwrap_or(url);
        let crate_of_it = match scheme {
            "registry+http" | "registry+https" => "; add the scheme of the crate ferrywire-registry",
            "etcd" | "etcds" => "; add the scheme of the crate ferrywire-etcd",
            _ => "",
        };
        ill_formed(format!(
            "`{}` is the URL of no source of servers: expected one of {}{crate_of_it}",
            shown(url.as_bytes()),
            known.join(", ")
        ))
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let added: Vec<String> = self.added.iter().flat_map(|scheme| scheme.names()).collect();
        f.debug_struct("Sources").field("added", &added).finish_non_exhaustive()
    }
}

type Open = fn(&str) -> Option<Result<Box<dyn Discover>>>;

const BUILT_IN: [(&str, Open); 4] =
    [("fixed", fixed::open), ("file", file::open), ("dns", dns::open), ("dns+srv", dns::open)];

/// The longest URL, in bytes: as much as a list of so many servers may take.
const URL_LEN_MAX: usize = 1 << 20;
