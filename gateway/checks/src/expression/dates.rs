//! Days, read from texts and timestamps. Civil dates only: no clock and no local time zone.

use jiff::civil::Date;

/// The day that `text` names: `2026-11-22`, or the day written in a timestamp that starts with one.
pub(super) fn read(text: &str) -> Option<Date> {
    let text = text.trim();
    match text.split_once(['T', 't', ' ']) {
        None => exactly_ten(text)?.parse().ok(),
        Some((day, _)) => {
            let whole = text.parse::<jiff::Timestamp>().is_ok()
                || text.parse::<jiff::civil::DateTime>().is_ok();
            whole.then(|| exactly_ten(day)?.parse().ok())?
        }
    }
}

/// The day in UTC of a moment in milliseconds since the Unix epoch.
pub(super) fn of_unix_ms(at: i64) -> Option<Date> {
    let moment = jiff::Timestamp::from_millisecond(at).ok()?;
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// Milliseconds since the Unix epoch of a timestamp with offset, such as `2026-11-22T08:00:00Z`.
pub(super) fn unix_ms(text: &str) -> Option<i64> {
    text.trim().parse::<jiff::Timestamp>().ok().map(|moment| moment.as_millisecond())
}

/// Whole days from `a` to `b`; negative when `b` is earlier.
pub(super) fn days(a: Date, b: Date) -> i64 {
    i64::from((b - a).get_days())
}

/// The long form with dashes, and no other that a parser may know.
fn exactly_ten(text: &str) -> Option<&str> {
    (text.len() == 10 && text.is_ascii()).then_some(text)
}
