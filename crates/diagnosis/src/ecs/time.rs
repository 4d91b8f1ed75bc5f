//! Times as the API gives them (epoch seconds) and as the AWS CLI saves them (ISO 8601).

use serde_json::Value;

/// Seconds since the epoch; 0 where there is no time.
pub(crate) fn seconds(time: &Value) -> f64 {
    time.as_f64().or_else(|| time.as_str().and_then(from_iso)).unwrap_or(0.0)
}

/// The time as text: epoch seconds as a date of UTC, other texts as they are.
pub(crate) fn shown(time: &Value) -> String {
    match (time.as_str(), time.as_f64()) {
        (Some(text), _) => text.chars().filter(|c| !c.is_control()).take(40).collect(),
        (None, Some(seconds)) if (0.0..2e11).contains(&seconds) => {
            let seconds = seconds as i64;
            let (year, month, day) = civil_from_days(seconds.div_euclid(86400));
            let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", seconds % 60)
        }
        _ => time.to_string().chars().take(40).collect(),
    }
}

/// The reverse of [`days_from_civil`], of the same source.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days - era * 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// `2026-11-22T10:20:30[.123][+01:00|Z]`
fn from_iso(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let seconds = parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next().flatten().unwrap_or(0.0);
    Some(days_from_civil(year, month, day)? as f64 * 86400.0 + seconds - zone_offset(zone)?)
}

fn zone_offset(zone: &str) -> Option<f64> {
    let Some(sign) = zone.chars().next().filter(|c| *c != 'Z') else { return Some(0.0) };
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let hours: f64 = digits.get(..2)?.parse().ok()?;
    let minutes: f64 = digits.get(2..4).unwrap_or("0").parse().ok()?;
    let offset = hours * 3600.0 + minutes * 60.0;
    Some(if sign == '-' { -offset } else { offset })
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, chrono-compatible date algorithms).
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_as_text() {
        assert_eq!(shown(&json!(1_790_000_000.5)), "2026-09-21T14:13:20Z");
        assert_eq!(shown(&json!(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(shown(&json!("2026-09-21T16:13:20+02:00")), "2026-09-21T16:13:20+02:00");
        assert_eq!(shown(&json!(-1)), "-1");
    }

    #[test]
    fn epoch_and_iso_times_are_the_same() {
        let epoch = 1_790_000_000.5;
        assert_eq!(seconds(&json!(epoch)), epoch);
        for text in
            ["2026-09-21T14:13:20.500Z", "2026-09-21T16:13:20.500+02:00", "2026-09-21T07:13:20.500000-07:00"]
        {
            assert_eq!(seconds(&json!(text)), epoch, "{text}");
        }
        for broken in [json!("yesterday"), json!("2026-13-01T00:00:00Z"), json!(null), json!("2026-01-01T")] {
            assert_eq!(seconds(&broken), 0.0, "{broken}");
        }
    }
}
