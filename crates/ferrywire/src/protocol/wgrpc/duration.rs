//! A length of time in Go's words: `1.5ms`, `1m30s`.

/// What Go's `Duration` prints as.
pub(super) fn text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let length = nanos.unsigned_abs();
    match length {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{length}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(length, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(length, 1_000_000)),
        _ => {
            const SECOND: u64 = 1_000_000_000;
            let (hours, rest) = (length / (3600 * SECOND), length % (3600 * SECOND));
            let (minutes, rest) = (rest / (60 * SECOND), rest % (60 * SECOND));
            let seconds = decimal(rest, SECOND);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// How many times `unit` goes into `length`, with what is left behind a point.
fn decimal(length: u64, unit: u64) -> String {
    let (whole, rest) = (length / unit, length % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    format!("{whole}.{}", format!("{rest:0width$}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn times_are_spelled_as_go_spells_them() {
        for (nanos, spelled) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (1_500_000, "1.5ms"),
            (50_000_000, "50ms"),
            (100_000_000, "100ms"),
            (999_999_999, "999.999999ms"),
            (1_000_000_000, "1s"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
            (60_000_000_001, "1m0.000000001s"),
            (-1_500_000, "-1.5ms"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(text(nanos), spelled);
        }
    }
}
