//! Quantities as people write them, read into exact integers.
//!
//! No floats on the way: a decimal is digits and a scale, multiplied by the unit, and refused
//! when it does not come out whole. Each unit says in its error which forms it takes.

mod amount;
mod clock;
pub(crate) mod decimal;
mod time;

pub use amount::{Bytes, Count, Money, MoneyRate, Period, Price, Rate, Share};
pub use clock::ClockRange;
pub use time::Time;

use crate::decode::{Decode, Decoder};
use crate::diagnostics::{Code, Problem};
use crate::yaml::Node;

/// Why a quantity was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// Which forms are read.
    pub help: String,
}

impl UnitError {
    fn new(text: &str, what: &str, help: &str) -> Self {
        Self { message: format!("`{text}` is not {what}"), help: help.to_owned() }
    }
}

/// Reads a quantity from a scalar.
fn decode_unit<T>(
    node: &Node,
    d: &mut Decoder<'_>,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, UnitError>,
) -> Option<T> {
    let Some(text) = node.as_text().filter(|_| !node.is_null()) else {
        return d.expected(what, node, None);
    };
    parse(text.trim()).map_err(|error| refuse(error, node, d)).ok()
}

fn refuse(error: UnitError, node: &Node, d: &mut Decoder<'_>) {
    d.report.push(Problem::error(Code::BadUnit, node.span, error.message).help(error.help));
}

macro_rules! decode_by_parse {
    ($($unit:ty => $what:literal,)+) => {
        $(impl Decode for $unit {
            fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
                decode_unit(node, d, $what, Self::parse)
            }
        })+
    };
}

decode_by_parse! {
    Time => "a time such as `20s`",
    Bytes => "a size such as `4MB`",
    Count => "a number such as `20k`",
    Rate => "a rate such as `600/min`",
    Share => "a share such as `2%` or `0.02`",
    Money => "an amount such as `$0.03`",
    MoneyRate => "an amount per time such as `$500/day`",
    Price => "a price such as `$0.15/M`",
    ClockRange => "clock times such as \"08:00-17:00\"",
}

#[cfg(test)]
mod tests;
