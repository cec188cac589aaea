//! Where a registry is and which of the protocols it is asked in.

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
