//! Times on the command line.

use std::time::Duration;

/// A time to hold still: an hour at most.
pub(super) fn settling(text: &str) -> Result<Duration, String> {
    parse(text, 0, 3600)
}

/// A time to wait: a second at least, a day at most.
pub(super) fn waiting(text: &str) -> Result<Duration, String> {
    parse(text, 1, 24 * 3600)
}

/// Seconds, or a number with `s`, `m` or `h` behind it.
fn parse(text: &str, least: u64, most: u64) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let factor = match unit {
        "m" => 60,
        "h" => 3600,
        _ => 1,
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    let seconds = seconds.ok_or("expected a number of seconds, or one with s, m or h behind it: 90, 10m")?;
    if (least..=most).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(format!("{seconds} seconds is not between {least} and {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        for (text, seconds) in
            [("20", Some(20)), ("0", Some(0)), ("90s", Some(90)), ("10m", Some(600)), ("1h", Some(3600))]
        {
            assert_eq!(settling(text).ok(), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["", "s", "m", "-1", "1.5m", "2h", "10 m", "10d", "99999999999999999999h", "m5", "é"] {
            assert!(settling(text).is_err(), "{text}");
        }
        assert!(waiting("0").is_err() && waiting("24h").is_ok());
    }
}
