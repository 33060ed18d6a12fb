//! Clock times: `"08:00-17:00"`.

use super::UnitError;

/// From a minute of the day to a later one. `24:00` is the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockRange {
    /// First minute that is inside, counted from midnight.
    pub from_minute: u16,
    /// First minute that is outside again.
    pub to_minute: u16,
}

const HELP: &str = "write two clock times, the earlier one first: \"08:00-17:00\"";

impl ClockRange {
    /// Reads a range.
    ///
    /// # Errors
    /// [`UnitError`] unless both are `HH:MM` within the day and the first is the earlier one.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        text.split_once('-')
            .and_then(|(from, to)| {
                let (from_minute, to_minute) = (minute(from.trim())?, minute(to.trim())?);
                (from_minute < to_minute).then_some(Self { from_minute, to_minute })
            })
            .ok_or_else(|| UnitError::new(text, "a range of clock times", HELP))
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |s: &str| s.len() == 2 && s.bytes().all(|byte| byte.is_ascii_digit());
    if !two(hour) || !two(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}
