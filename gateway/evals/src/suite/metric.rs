//! What a gate can speak of. The gateway's own numbers come first; a mean of a score is one more.

use std::fmt;

use backstop_policy::diagnostics::suggest;

/// A number that a suite measures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Wrong answers among the accepted ones.
    WrongAccepted,
    /// Wrong answers among all that left without a person: accepted and fallback.
    WrongAutomatic,
    /// Cases that ended without a person and with an answer.
    Automatic,
    /// Cases that a person was asked about.
    Escalated,
    /// Escalations that were needed, among all: the answer on the table was wrong, or the case
    /// wants a person.
    EscalationPrecision,
    /// Right answers among those of the fallback.
    FallbackCorrect,
    /// Cases that came to the end that they expect.
    Expected,
    /// Cases that ended without any answer or decision: `failed`, or refused although they should
    /// not have been.
    Failed,
    /// Cases that could not be run.
    Errors,
    /// Repairs per case.
    Repairs,
    /// Requests to models per case.
    Attempts,
    /// Money per accepted answer.
    CostPerAccepted,
    /// Minutes of people per 1,000 cases, as `review:` of the suite says.
    ReviewMinutes,
    /// Milliseconds that 50 % of cases take at most.
    LatencyP50,
    /// Milliseconds that 95 % of cases take at most.
    LatencyP95,
    /// Answers that a score finds right.
    Score(String),
}

/// What values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hits of tries: exact bounds.
    Share,
    /// A number per case: bounds by resampling.
    Number,
    /// Money per case, in millionths.
    Money,
    /// Milliseconds.
    Time,
}

const PLAIN: [(&str, Metric); 15] = [
    ("wrong_accepted", Metric::WrongAccepted),
    ("wrong_automatic", Metric::WrongAutomatic),
    ("automatic", Metric::Automatic),
    ("escalated", Metric::Escalated),
    ("escalation_precision", Metric::EscalationPrecision),
    ("fallback_correct", Metric::FallbackCorrect),
    ("expected", Metric::Expected),
    ("failed", Metric::Failed),
    ("errors", Metric::Errors),
    ("repairs", Metric::Repairs),
    ("attempts", Metric::Attempts),
    ("cost_per_accepted", Metric::CostPerAccepted),
    ("review_minutes", Metric::ReviewMinutes),
    ("latency_p50", Metric::LatencyP50),
    ("latency_p95", Metric::LatencyP95),
];

impl Metric {
    /// The gateway's own metrics, in the order of reports.
    pub fn plain() -> impl Iterator<Item = (&'static str, Self)> {
        PLAIN.iter().cloned()
    }

    /// The metric of that name.
    ///
    /// # Errors
    /// What may have been meant, if anything is near.
    pub fn parse(text: &str) -> Result<Self, Option<String>> {
        if let Some(name) = text.strip_prefix("score.").filter(|name| !name.is_empty()) {
            return Ok(Self::Score(name.to_owned()));
        }
        let found = Self::plain().find(|(name, _)| *name == text).map(|(_, metric)| metric);
        found.ok_or_else(|| suggest::did_you_mean(text, PLAIN.iter().map(|(name, _)| *name)))
    }

    /// What its values are.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Repairs | Self::Attempts | Self::ReviewMinutes => Kind::Number,
            Self::CostPerAccepted => Kind::Money,
            Self::LatencyP50 | Self::LatencyP95 => Kind::Time,
            _ => Kind::Share,
        }
    }

    /// The share of cases that a time speaks of.
    pub const fn quantile(&self) -> Option<f64> {
        match self {
            Self::LatencyP50 => Some(0.5),
            Self::LatencyP95 => Some(0.95),
            _ => None,
        }
    }

    /// Whether a lower value is the better one.
    pub const fn lower_is_better(&self) -> bool {
        !matches!(
            self,
            Self::Automatic
                | Self::EscalationPrecision
                | Self::FallbackCorrect
                | Self::Expected
                | Self::Score(_)
        )
    }

    /// What it says, for people.
    pub fn words(&self) -> String {
        match self {
            Self::WrongAccepted => "wrong among accepted".to_owned(),
            Self::WrongAutomatic => "wrong among automatic".to_owned(),
            Self::Automatic => "answered without a person".to_owned(),
            Self::Escalated => "sent to a person".to_owned(),
            Self::EscalationPrecision => "escalations that were needed".to_owned(),
            Self::FallbackCorrect => "fallback answers that are right".to_owned(),
            Self::Expected => "came to the expected end".to_owned(),
            Self::Failed => "ended without answer or decision".to_owned(),
            Self::Errors => "could not be run".to_owned(),
            Self::Repairs => "repairs per case".to_owned(),
            Self::Attempts => "model requests per case".to_owned(),
            Self::CostPerAccepted => "cost per accepted answer".to_owned(),
            Self::ReviewMinutes => "review minutes per 1,000 cases".to_owned(),
            Self::LatencyP50 => "time of half of the cases".to_owned(),
            Self::LatencyP95 => "time of 95 % of the cases".to_owned(),
            Self::Score(name) => format!("right by `{name}`"),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Score(name) => write!(f, "score.{name}"),
            plain => {
                let name = PLAIN.iter().find(|(_, metric)| metric == plain);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}
