//! How a side introduces itself: what it takes, and which methods have which numbers.

use std::time::Duration;

use super::header::malformed;
use super::parts::{Cursor, put_short_text};
use crate::error::Result;
use crate::limits::Limits;
use crate::protocol::Offer;

/// What a peer has said of itself.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The peer's features; see the preface.
    pub(super) features: u32,
    /// The longest body that the peer reads.
    pub message_len_max: u32,
    /// How many calls the peer runs at once.
    pub calls_max: u32,
    /// How long the peer waits for the answer to a request that does not say it, if it has said so here.
    pub(super) timeout: Option<Duration>,
    services: Box<[u8]>,
    service_count: u16,
}

/// A method in a peer's hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u16,
    pub(super) fingerprint: u64,
}

impl Hello {
    /// The body of a hello frame.
    ///
    /// # Errors
    ///
    /// If it does not hold what it says.
    pub(super) fn read(features: u32, body: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(body);
        let (message_len_max, calls_max) = (cursor.u32()?, cursor.u32()?);
        let timeout = cursor.u32()?;
        let timeout = (timeout != 0).then(|| Duration::from_millis(timeout.into()));
        let service_count = cursor.u16()?;
        let services = cursor.rest().into();
        let hello = Self { features, message_len_max, calls_max, timeout, services, service_count };
        hello.each(|_, _, _| {})?;
        Ok(hello)
    }

    /// Shows every method: its service, its name, its number and fingerprint.
    fn each(&self, mut show: impl FnMut(&[u8], &[u8], Numbered)) -> Result<()> {
        let mut cursor = Cursor::new(&self.services);
        let mut number = 0_u32;
        for _ in 0..self.service_count {
            let service = cursor.short_text()?;
            cursor.u64()?;
            for _ in 0..cursor.u16()? {
                let (name, fingerprint) = (cursor.short_text()?, cursor.u64()?);
                let Ok(small) = u16::try_from(number) else {
                    return Err(malformed("a hello with more than 65,536 methods"));
                };
                show(service, name, Numbered { number: small, fingerprint });
                number += 1;
            }
        }
        Ok(())
    }

    /// What the peer says of `Service.Method`, if it offers that.
    pub(super) fn find(&self, name: &str) -> Option<Numbered> {
        let (service, method) = crate::message::split_method(name.as_bytes())?;
        let mut found = None;
        let shown = self.each(|its_service, its_method, numbered| {
            if its_service == service && its_method == method {
                found = Some(numbered);
            }
        });
        shown.ok().and(found)
    }
}

/// A length of time as it stands on the wire, where none is zero.
pub(super) fn milliseconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// Appends the body of a hello. Services whose names or numbers do not fit are left out, and can be called by
/// name.
pub(super) fn put_hello(out: &mut Vec<u8>, limits: &Limits, offers: &mut dyn Iterator<Item = Offer<'_>>) {
    let saturated = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&saturated(limits.frame_len_max));
    out.extend_from_slice(&saturated(limits.calls_per_connection_max));
    out.extend_from_slice(&milliseconds(limits.call_timeout).to_le_bytes());
    let count_at = out.len();
    out.extend_from_slice(&[0; 2]);
    let (mut services, mut methods) = (0_u16, 0_usize);
    for offer in offers {
        let described = offer.description.methods;
        let names_fit = described.iter().all(|method| method.name.len() <= 255) && offer.name.len() <= 255;
        methods += described.len();
        // Numbers are places: behind a service that is left out no place would be right.
        if !names_fit || methods > usize::from(u16::MAX) || services == u16::MAX {
            break;
        }
        services += 1;
        put_short_text(out, offer.name.as_bytes());
        out.extend_from_slice(&offer.description.fingerprint().to_le_bytes());
        out.extend_from_slice(&(described.len() as u16).to_le_bytes());
        for method in described {
            put_short_text(out, method.name.as_bytes());
            out.extend_from_slice(&method.fingerprint().to_le_bytes());
        }
    }
    if let Some(count) = out.get_mut(count_at..count_at + 2) {
        count.copy_from_slice(&services.to_le_bytes());
    }
}
