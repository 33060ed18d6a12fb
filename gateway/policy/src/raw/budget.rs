//! What a call may use: budget, limits, conversation length, retention.

use backstop_domain::MicroMoney;

use super::expression::{Expression, marked};
use crate::decode::{Decode, Decoder, Fields, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::source::{Span, Spanned};
use crate::units::{Count, Money, MoneyRate, Period, Rate, Time};
use crate::yaml::Node;

/// The budget of a call's automatic part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Budget {
    /// Requests to models; default 4.
    pub attempts: Option<Spanned<Count>>,
    /// Tokens, in and out together.
    pub tokens: Option<Spanned<Count>>,
    /// Money.
    pub cost: Option<Spanned<Money>>,
    /// How often a person may send back; default 1.
    pub changes: Option<Spanned<Count>>,
}

impl Decode for Budget {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::BUDGET, d)?;
        let budget = Self {
            attempts: fields.optional("attempts", d),
            tokens: fields.optional("tokens", d),
            cost: fields.optional("cost", d),
            changes: fields.optional("changes", d),
        };
        fields.finish(d);
        if let Some(attempts) = budget.attempts.as_ref().filter(|n| !(1..=100).contains(&n.0)) {
            let say = format!("`attempts: {}` is not in 1 to 100", attempts.value.0);
            let help = "the first ask is one: write `attempts: 1` or more";
            d.report.push(Problem::error(Code::OutOfRange, attempts.span, say).help(help));
        }
        Some(budget)
    }
}

words! {
    /// The words of [`Per`].
    pub(crate) enum PerWord: "what a limit is kept for" {
        /// Each caller.
        Caller = "caller",
        /// Each tenant.
        Tenant = "tenant",
        /// The policy.
        Policy = "policy",
        /// Each model.
        Model = "model",
    }
}

/// What a limit is kept for: each has its own count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Per {
    /// Each caller.
    Caller,
    /// Each tenant.
    Tenant,
    /// The policy.
    Policy,
    /// Each model.
    Model,
    /// Each value of an expression.
    Expression(Expression),
}

impl Decode for Per {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Some(expression) = marked(node) {
            return Some(Self::Expression(expression));
        }
        let text = node.as_text().unwrap_or("");
        match PerWord::parse(text) {
            Some(PerWord::Caller) => Some(Self::Caller),
            Some(PerWord::Tenant) => Some(Self::Tenant),
            Some(PerWord::Policy) => Some(Self::Policy),
            Some(PerWord::Model) => Some(Self::Model),
            None => {
                let say = format!("a limit cannot be kept per `{text}`");
                let words = PerWord::ALL.iter().map(|word| word.name());
                let help = suggest::nearest(text, words).map_or_else(
                    || "write `caller`, `tenant`, `policy`, `model`, or \"= …\"".to_owned(),
                    |word| format!("did you mean `{word}`?"),
                );
                d.refuse(Problem::error(Code::UnknownWord, node.span, say).help(help))
            }
        }
    }
}

/// What a limit counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKind {
    /// Requests per time.
    Requests {
        /// The rate.
        rate: Rate,
        /// How many at once; default what comes in 10 s.
        burst: Option<Spanned<Count>>,
    },
    /// Tokens per time.
    Tokens {
        /// The rate.
        rate: Rate,
        /// How many at once; default what comes in 10 s.
        burst: Option<Spanned<Count>>,
    },
    /// Requests at one time.
    Concurrency {
        /// How many.
        most: u64,
    },
    /// Money per time.
    Cost {
        /// The amount per time.
        rate: MoneyRate,
        /// How much at once; default what comes in 10 s.
        burst: Option<Spanned<Money>>,
    },
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// What it counts.
    pub kind: LimitKind,
    /// What it is kept for; default the policy.
    pub per: Option<Spanned<Per>>,
    /// Where it stands.
    pub span: Span,
}

impl Limit {
    /// The most that may come at once: tokens, requests, or millionths of money; for a rate
    /// without `burst` what comes in ten seconds, at least one.
    pub fn burst(&self) -> u64 {
        let ten_seconds = |amount: u64, period: Period| {
            let most = u128::from(amount) * 10_000 / u128::from(period.ms());
            u64::try_from(most).unwrap_or(u64::MAX).max(1)
        };
        match &self.kind {
            LimitKind::Requests { rate, burst } | LimitKind::Tokens { rate, burst } => {
                burst.as_ref().map_or_else(|| ten_seconds(rate.amount, rate.period), |b| b.0)
            }
            LimitKind::Concurrency { most } => *most,
            LimitKind::Cost { rate, burst } => {
                let MicroMoney(amount) = rate.amount;
                burst.as_ref().map_or_else(|| ten_seconds(amount, rate.period), |b| b.value.0.0)
            }
        }
    }
}

impl Decode for Limit {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::LIMIT, d)?;
        let kind = fields.one_of(d).and_then(|word| limit_kind(word, &mut fields, d));
        let per = fields.optional("per", d);
        fields.finish(d);
        Some(Self { kind: kind?, per, span: node.span })
    }
}

fn limit_kind(word: &str, fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<LimitKind> {
    match word {
        "requests" => {
            let burst = fields.optional("burst", d);
            Some(LimitKind::Requests { rate: fields.optional("requests", d)?, burst })
        }
        "tokens" => {
            let burst = fields.optional("burst", d);
            Some(LimitKind::Tokens { rate: fields.optional("tokens", d)?, burst })
        }
        "cost" => {
            let burst = fields.optional("burst", d);
            Some(LimitKind::Cost { rate: fields.optional("cost", d)?, burst })
        }
        _ => {
            let most: Spanned<Count> = fields.optional("concurrency", d)?;
            if most.value.0 == 0 {
                let say = "a concurrency of 0 lets nothing through";
                return d.refuse(Problem::error(Code::OutOfRange, most.span, say));
            }
            Some(LimitKind::Concurrency { most: most.value.0 })
        }
    }
}

/// How much of the caller's own messages goes on to the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conversation {
    /// Most messages, newest kept.
    pub messages: Option<Spanned<Count>>,
    /// Most tokens, newest kept.
    pub tokens: Option<Spanned<Count>>,
}

impl Decode for Conversation {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::CONVERSATION, d)?;
        let conversation =
            Self { messages: fields.optional("messages", d), tokens: fields.optional("tokens", d) };
        fields.finish(d);
        Some(conversation)
    }
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retain {
    /// Inputs and answers; the gateway's default is 30 d.
    pub bodies: Option<Spanned<Time>>,
    /// Words of events; the gateway's default is 400 d.
    pub events: Option<Spanned<Time>>,
    /// Words of outcomes and decisions; the gateway's default is 7 y.
    pub labels: Option<Spanned<Time>>,
}

impl Decode for Retain {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::RETAIN, d)?;
        let retain = Self {
            bodies: fields.optional("bodies", d),
            events: fields.optional("events", d),
            labels: fields.optional("labels", d),
        };
        fields.finish(d);
        Some(retain)
    }
}
