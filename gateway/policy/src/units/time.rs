//! Spans of time: `300ms 20s 2min 4h 30d 7y`.

use super::{UnitError, decimal};

/// A span of time, in milliseconds. A day has 24 hours, a year 365 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

const HELP: &str = "write a number and a unit: `300ms`, `20s`, `2min`, `4h`, `30d`, `7y`";
const DAY_MS: u128 = 24 * 60 * 60 * 1000;

impl Time {
    /// The longest time, in milliseconds: a hundred years.
    pub const MAX: Self = Self(100 * 365 * 24 * 60 * 60 * 1000);

    /// Milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// Reads a time.
    ///
    /// # Errors
    /// [`UnitError`] if the unit is missing or unknown (`m` among them), if the time is not a
    /// whole number of milliseconds, or longer than [`Time::MAX`].
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = decimal::split(text);
        let factor = match unit.trim_start() {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            "h" => 3_600_000,
            "d" => DAY_MS,
            "y" => 365 * DAY_MS,
            other => return Err(unknown_unit(text, number, other)),
        };
        decimal::times(number, factor)
            .map(Self)
            .filter(|time| *time <= Self::MAX)
            .ok_or_else(|| UnitError::new(text, "a time", HELP))
    }
}

fn unknown_unit(text: &str, number: &str, unit: &str) -> UnitError {
    let help = match unit {
        _ if decimal::times(number, 1_000_000).is_none() => HELP.to_owned(),
        "" => format!("a time needs a unit: `{number}s` or `{number}ms`?"),
        "m" => format!("`m` could mean minutes or months: write `{number}min` for minutes"),
        "sec" | "secs" | "second" | "seconds" => format!("write `{number}s`"),
        "mins" | "minute" | "minutes" => format!("write `{number}min`"),
        "hr" | "hrs" | "hour" | "hours" => format!("write `{number}h`"),
        "day" | "days" => format!("write `{number}d`"),
        "year" | "years" => format!("write `{number}y`"),
        _ => HELP.to_owned(),
    };
    UnitError { message: format!("`{text}` is not a time"), help }
}
