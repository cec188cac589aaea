//! Where a registry is and which of the protocols it is asked in, and how long to wait before it is asked again.

use std::time::Duration;

use bytes::Bytes;
use ferrywire::{Code, Error, Result};
use http::{Response, StatusCode};

use crate::address::Named;
use crate::http_client::failed;
use crate::legacy::Family;
use crate::pages::is_json;

/// One registry.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `host:port`.
    pub(crate) authority: String,
    /// What a server is that is "everywhere" and known to a registry there.
    pub(crate) host: String,
}

/// Which API is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// The registry's own.
    Json,
    /// Addresses in headers.
    Headers(&'static Family),
}

impl Place {
    /// The registry at `host:port`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if that is none.
    pub(crate) fn read(authority: &str) -> Result<Self> {
        let named = Named::read(&format!("tcp://{authority}"), 255).map_err(|_| {
            invalid(format!("`{}` is no registry: expected host:port", authority.escape_debug()))
        })?;
        Ok(Self { authority: authority.to_owned(), host: named.host().to_owned() })
    }

    /// The body of a reply that is to be believed: 200, and JSON.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn believed(&self, response: &Response<Bytes>) -> Result<Bytes> {
        self.accepted(response)?;
        if !is_json(response.headers()) {
            return Err(failed(&self.authority, "expected application/json, it says something else"));
        }
        Ok(response.body().clone())
    }

    /// That a reply says 200.
    ///
    /// # Errors
    ///
    /// What it says, in the registry's own words if there are any.
    pub(crate) fn accepted(&self, response: &Response<Bytes>) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Said {
            message: String,
        }

        let status = response.status();
        if status == StatusCode::OK {
            return Ok(());
        }
        let said: Option<Said> = serde_json::from_slice(response.body()).ok();
        let words = said.map(|said| said.message).unwrap_or_default();
        Err(failed(&self.authority, format!("it says {status} {words}")))
    }
}

impl Manner {
    /// What is spoken at a path, which is none or one of the family's.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "" | "/" => Some(Self::Json),
            path => Family::at(path).map(Self::Headers),
        }
    }
}

pub(crate) fn invalid(text: String) -> Error {
    Error::new(Code::InvalidArgument, text).not_executed()
}

/// Pauses that grow with every failure: at random up to 100 ms, 160 ms and so on up to 10 s, so that many who have lost the same
/// registry do not come back together.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }

    /// How long to wait now.
    pub(crate) fn pause(&mut self) -> Duration {
        let longest = (0.1 * 1.6_f64.powi(self.0.min(100) as i32)).min(10.0);
        self.0 = self.0.saturating_add(1);
        Duration::from_secs_f64(longest * fastrand::f64())
    }

    /// Whether the last pause was the first.
    pub(crate) fn is_first(&self) -> bool {
        self.0 == 1
    }
}

/// A time, up to a tenth shorter or longer.
pub(crate) fn about(time: Duration) -> Duration {
    time.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_come_a_tenth_sooner_or_later() {
        let all: Vec<f64> = (0..1000).map(|_| about(Duration::from_secs(10)).as_secs_f64()).collect();

        assert!(all.iter().all(|time| (9.0..=11.0).contains(time)));
        assert!(all.iter().any(|time| *time < 9.2) && all.iter().any(|time| *time > 10.8));
    }

    #[test]
    fn pauses_grow_to_ten_seconds_and_no_further() {
        let longest = |failures: u32| {
            (0..1000).map(|_| Backoff(failures).pause()).max().unwrap_or_default().as_secs_f64()
        };
        for (failures, most) in [(0, 0.1), (1, 0.16), (5, 1.048_576), (10, 10.0), (u32::MAX, 10.0)] {
            let longest = longest(failures);

            assert!(longest <= most && longest > most * 0.9, "after {failures}: {longest}");
        }
    }
}
