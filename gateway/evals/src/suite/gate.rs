//! What must be shown: a bound that holds with confidence, or no drop against the baseline.

use backstop_policy::decode::{Decode, Decoder, Fields};
use backstop_policy::diagnostics::{Code, Problem};
use backstop_policy::source::{Span, Spanned};
use backstop_policy::units::{Money, Share, Time};
use backstop_policy::yaml::Node;

use super::metric::{Kind, Metric};
use super::tier::TierName;

/// One thing that must be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Of what.
    pub of: Spanned<Metric>,
    /// The bound.
    pub limit: Limit,
    /// How sure, in [0, 1); `None`: as the suite says.
    pub confidence: Option<f64>,
    /// In this tier only.
    pub tier: Option<TierName>,
    /// Where it stands.
    pub span: Span,
    /// The line of that, from 1.
    pub line: usize,
}

/// The bound of a gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// On the value itself.
    Value(Bound),
    /// Against the baseline, case by case: worse by at most this share.
    NoWorseBy(f64),
}

/// On which side the value must stay. Shares in [0, 1], money in millionths, times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// At most.
    AtMost(f64),
    /// At least.
    AtLeast(f64),
}

impl Gate {
    /// The gate in words, such as `wrong_accepted at most 5 %`.
    pub fn words(&self) -> String {
        let value = |value: f64| shown(self.of.kind(), value);
        match self.limit {
            Limit::Value(Bound::AtMost(most)) => format!("{} at most {}", *self.of, value(most)),
            Limit::Value(Bound::AtLeast(least)) => {
                format!("{} at least {}", *self.of, value(least))
            }
            Limit::NoWorseBy(0.0) => {
                format!("{} no worse than the baseline", *self.of)
            }
            Limit::NoWorseBy(margin) => {
                format!("{} no worse by more than {}", *self.of, shown(Kind::Share, margin))
            }
        }
    }
}

/// A value as people read it.
pub fn shown(kind: Kind, value: f64) -> String {
    match kind {
        _ if value == f64::MAX => "anything".to_owned(),
        Kind::Share => format!("{} %", trimmed(value * 100.0, 2)),
        Kind::Number => trimmed(value, 2),
        Kind::Money => format!("${}", trimmed(value / 1e6, 6)),
        Kind::Time if value < 1_000.0 => format!("{value:.0} ms"),
        Kind::Time => format!("{} s", trimmed(value / 1_000.0, 2)),
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

impl Decode for Gate {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &super::keys::GATE, d)?;
        let of = fields.required::<Spanned<String>>("of", d).and_then(|name| metric(name, d));
        let side = fields.one_of(d);
        let kind = of.as_ref().map_or(Kind::Share, |of| of.kind());
        let limit = side.and_then(|side| {
            let read = if side == "no_worse_by" { Kind::Share } else { kind };
            let value = amount(fields.node(side, d)?, read, d)?;
            Some(match side {
                "at_most" => Limit::Value(Bound::AtMost(value)),
                "at_least" => Limit::Value(Bound::AtLeast(value)),
                _ => Limit::NoWorseBy(value),
            })
        });
        let confidence = fields.optional::<Spanned<Share>>("confidence", d);
        let confidence = confidence.and_then(|share| confident(&share, d));
        let tier = fields.optional("tier", d);
        fields.finish(d);
        let (span, line) = (node.span, d.sources.line_column(node.span).line);
        let gate = Self { of: of?, limit: limit?, confidence, tier, span, line };
        gate.fits(d).then_some(gate)
    }
}

impl Gate {
    /// Some bounds mean nothing for some metrics.
    fn fits(&self, d: &mut Decoder<'_>) -> bool {
        let live = matches!(self.of.kind(), Kind::Time) && self.tier != Some(TierName::Live);
        let say = match self.limit {
            _ if live => Some((
                "time is measured in the live tier only",
                "add `tier: live`: a recorded answer says nothing about how fast a model is today",
            )),
            Limit::NoWorseBy(_) if !matches!(*self.of, Metric::Score(_) | Metric::Expected) => {
                Some((
                    "only scores and `expected` are compared case by case",
                    "write `at_most` or `at_least` for this metric",
                ))
            }
            _ => None,
        };
        match say {
            Some((say, help)) => {
                d.report.push(Problem::error(Code::Refused, self.span, say).help(help));
                false
            }
            None => true,
        }
    }
}

fn metric(name: Spanned<String>, d: &mut Decoder<'_>) -> Option<Spanned<Metric>> {
    match Metric::parse(&name.value) {
        Ok(metric) => Some(Spanned::new(metric, name.span)),
        Err(meant) => {
            let say = format!("`{}` is nothing that a suite measures", name.value);
            d.refuse(Problem::error(Code::UnknownWord, name.span, say).help_if(meant))
        }
    }
}

fn amount(node: &Node, kind: Kind, d: &mut Decoder<'_>) -> Option<f64> {
    Some(match kind {
        Kind::Share => f64::from(Share::decode(node, d)?.0) / 1e6,
        Kind::Money => Money::decode(node, d)?.0.0 as f64,
        Kind::Time => Time::decode(node, d)?.ms() as f64,
        Kind::Number => match node.as_number().and_then(|number| number.as_f64()) {
            Some(number) if number >= 0.0 => number,
            _ => return d.expected("a number", node, None),
        },
    })
}

/// A confidence must leave some doubt, and be worth the word.
pub(super) fn confident(share: &Spanned<Share>, d: &mut Decoder<'_>) -> Option<f64> {
    let value = f64::from(share.value.0) / 1e6;
    if (0.5..1.0).contains(&value) {
        return Some(value);
    }
    let say = "a confidence lies between 50 % and 100 %, and is not 100 %";
    d.refuse(Problem::error(Code::OutOfRange, share.span, say).help("95% is usual"))
}
