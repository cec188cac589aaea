//! How often each network address may ask: a burst, and then so many times a second.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio::time::Instant;

use crate::settings::Settings;

/// What every network address has left.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// How many requests each has used of its burst, as of when.
    used: HashMap<IpAddr, (f64, Instant)>,
}

impl Rate {
    /// Whether a request of `ip` may be answered now; it is counted if so.
    pub(crate) fn admits(&mut self, ip: IpAddr, settings: &Settings, now: Instant) -> bool {
        let (rate, burst) = (f64::from(settings.requests_per_second_max), f64::from(settings.requests_burst));
        let left = |used: f64, since: Instant| (used - (now - since).as_secs_f64() * rate).max(0.0);
        if !self.used.contains_key(&ip) && self.used.len() >= settings.sources_max {
            self.used.retain(|_, (used, since)| left(*used, *since) > 0.0);
            if self.used.len() >= settings.sources_max {
                return false;
            }
        }
        let (used, since) = self.used.entry(ip).or_insert((0.0, now));
        *used = left(*used, *since);
        *since = now;
        let is_admitted = *used + 1.0 <= burst;
        if is_admitted {
            *used += 1.0;
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let (mut rate, settings, now) = (Rate::default(), Settings::default(), Instant::now());
        let ip = IpAddr::from([10, 0, 0, 1]);

        assert_eq!((0..100).filter(|_| rate.admits(ip, &settings, now)).count(), 50);
        let later = now + Duration::from_secs(2);
        assert_eq!((0..100).filter(|_| rate.admits(ip, &settings, later)).count(), 20);
        assert!(rate.admits(IpAddr::from([10, 0, 0, 2]), &settings, later));
    }

    #[test]
    fn who_is_silent_makes_room_for_others() {
        let (mut rate, now) = (Rate::default(), Instant::now());
        let settings = Settings { sources_max: 2, ..Settings::default() };
        let ip = |number| IpAddr::from([10, 0, 0, number]);
        assert!(rate.admits(ip(1), &settings, now) && rate.admits(ip(2), &settings, now));

        assert!(!rate.admits(ip(3), &settings, now));

        assert!(rate.admits(ip(3), &settings, now + Duration::from_secs(1)));
    }
}
