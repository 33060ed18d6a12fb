//! Counts, rates, shares, money and prices.

use backstop_domain::MicroMoney;

use super::{UnitError, decimal};

/// A whole number: `20`, `20k`, `1.5M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Count(pub u64);

/// The time that a rate counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// `/s`
    Second,
    /// `/min`
    Minute,
    /// `/h`
    Hour,
    /// `/day`
    Day,
}

/// A number per time: `600/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub amount: u64,
    /// In which time.
    pub period: Period,
}

/// A share in millionths: `2%` and `0.02` are 20,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(pub u32);

/// An amount in millionths of the gateway's currency: `$0.03` is 30,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(pub MicroMoney);

/// An amount per time: `$500/day`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MoneyRate {
    /// How much.
    pub amount: MicroMoney,
    /// In which time.
    pub period: Period,
}

/// A price: millionths of the currency per million tokens. `$0.15/M` is 150,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub MicroMoney);

/// A number of bytes: `4MB` is 4,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

const BYTES: &str = "write a number and a unit: `64kB`, `4MB`, `1GB`";
const COUNT: &str = "write a whole number: `50`, `20k` (thousand) or `1.5M` (million)";
const RATE: &str = "write a number per time: `600/min`, also `/s`, `/h`, `/day`";
const SHARE: &str = "write a share between 0 and 1 as `2%` or `0.02`, with at most six decimals";
const MONEY: &str = "write `$` and an amount: `$0.03` (`$` is the gateway's currency)";
const MONEY_RATE: &str = "write an amount per time: `$500/day`, also `/s`, `/min`, `/h`";
const PRICE: &str = "write the price of a million tokens: `$0.15/M`";

impl Period {
    /// Its length in milliseconds.
    pub const fn ms(self) -> u64 {
        match self {
            Self::Second => 1000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "s" => Some(Self::Second),
            "min" => Some(Self::Minute),
            "h" => Some(Self::Hour),
            "day" => Some(Self::Day),
            _ => None,
        }
    }
}

impl Count {
    /// Reads a count.
    ///
    /// # Errors
    /// [`UnitError`] unless it is a whole number, with `k` or `M` behind it if at all.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = decimal::split(text);
        let factor = match unit {
            "" => Some(1),
            "k" => Some(1000),
            "M" => Some(1_000_000),
            _ => None,
        };
        factor.and_then(|factor| decimal::times(number, factor)).map(Self).ok_or_else(|| {
            let plain = text.replace([',', '_', ' '], "");
            let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
            let help = format!("write `{plain}`");
            UnitError::new(text, "a whole number", if digits { &help } else { COUNT })
        })
    }
}

impl Bytes {
    /// Reads a number of bytes.
    ///
    /// # Errors
    /// [`UnitError`] unless it is a number with `B`, `kB`, `MB` or `GB` that gives whole bytes.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = decimal::split(text);
        let factor = match unit.trim_start() {
            "B" => Some(1),
            "kB" => Some(1000),
            "MB" => Some(1_000_000),
            "GB" => Some(1_000_000_000),
            _ => None,
        };
        factor
            .and_then(|factor| decimal::times(number, factor))
            .map(Self)
            .ok_or_else(|| UnitError::new(text, "a number of bytes", BYTES))
    }
}

impl Rate {
    /// Reads a rate.
    ///
    /// # Errors
    /// [`UnitError`] unless it is a whole number above zero, `/` and a period.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let parts = text.split_once('/').and_then(|(amount, period)| {
            let amount = Count::parse(amount.trim()).ok().filter(|amount| amount.0 > 0)?;
            Some(Self { amount: amount.0, period: Period::parse(period)? })
        });
        parts.ok_or_else(|| UnitError::new(text, "a rate", &rate_help(text)))
    }
}

fn rate_help(text: &str) -> String {
    match text.split_once('/') {
        Some((amount, "m")) => format!("`/m` is not clear: write `{amount}/min`"),
        Some((amount, "d")) => format!("write `{amount}/day`"),
        _ => RATE.to_owned(),
    }
}

impl Share {
    /// Everything.
    pub const ONE: Self = Self(1_000_000);

    /// Reads a share.
    ///
    /// # Errors
    /// [`UnitError`] unless it lies in 0 to 1 (0% to 100%) and is a whole number of millionths.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let millionths = match text.strip_suffix('%') {
            Some(percent) => decimal::times(percent.trim_end(), 10_000),
            None => decimal::times(text, 1_000_000),
        };
        millionths
            .and_then(|millionths| u32::try_from(millionths).ok())
            .map(Self)
            .filter(|share| *share <= Self::ONE)
            .ok_or_else(|| match decimal::times(text, 1) {
                Some(percent @ 2..=100) => {
                    let help = format!("write {percent} percent as `{percent}%`");
                    UnitError::new(text, "a share", &help)
                }
                _ => UnitError::new(text, "a share", SHARE),
            })
    }
}

impl Money {
    /// Reads an amount.
    ///
    /// # Errors
    /// [`UnitError`] unless it is `$` and an amount of whole millionths.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        micro(text).map(Self).ok_or_else(|| UnitError::new(text, "an amount of money", MONEY))
    }
}

impl MoneyRate {
    /// Reads an amount per time.
    ///
    /// # Errors
    /// [`UnitError`] unless it is an amount, `/` and a period.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let parts = text.split_once('/').and_then(|(amount, period)| {
            Some(Self { amount: micro(amount.trim())?, period: Period::parse(period)? })
        });
        parts.ok_or_else(|| UnitError::new(text, "an amount per time", MONEY_RATE))
    }
}

impl Price {
    /// Reads a price.
    ///
    /// # Errors
    /// [`UnitError`] unless it is an amount followed by `/M`.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        text.strip_suffix("/M")
            .and_then(|amount| micro(amount.trim()))
            .map(Self)
            .ok_or_else(|| UnitError::new(text, "a price", PRICE))
    }
}

fn micro(text: &str) -> Option<MicroMoney> {
    let number = text.strip_prefix('$')?;
    let (digits, unit) = decimal::split(number);
    let factor = match unit {
        "" => 1_000_000,
        "k" => 1_000_000_000,
        "M" => 1_000_000_000_000,
        _ => return None,
    };
    decimal::times(digits, factor).map(MicroMoney)
}
