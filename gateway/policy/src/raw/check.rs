//! Checks: judges with a name, a kind and a place.

use super::data::FilePath;
use super::expression::Expression;
use super::shape::Mode;
use super::step::{Ladder, On};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany, words};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::path::{Path, Root};
use crate::source::{Span, Spanned};
use crate::units::{Count, Share, Time};
use crate::yaml::{Kind, Node};

words! {
    /// Whose answers a rule or check judges.
    pub enum Audience: "one of those who answer" {
        /// A model, or the cache of one.
        Model = "model",
        /// A person.
        Human = "human",
        /// The policy's fallback.
        Fallback = "fallback",
    }
}

words! {
    /// Whether a pattern must occur or must not.
    pub enum Must: "`match` or `not_match`" {
        /// It must occur.
        Match = "match",
        /// It must not occur.
        NotMatch = "not_match",
    }
}

words! {
    /// A kind of personal data.
    pub enum PersonalData: "a kind of personal data" {
        /// E-mail addresses.
        Email = "email",
        /// Telephone numbers.
        Phone = "phone",
        /// Bank accounts.
        Iban = "iban",
        /// Payment cards.
        Card = "card",
        /// Names of people.
        Name = "name",
        /// Postal addresses.
        Address = "address",
        /// National identity numbers.
        NationalId = "national_id",
        /// Network addresses.
        Ip = "ip",
    }
}

/// Which secrets are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretKinds {
    /// Every kind.
    All,
    /// These kinds.
    Some(Vec<Spanned<Name>>),
}

/// Where words stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WordSource {
    /// In the policy.
    List(Vec<Spanned<String>>),
    /// In a file, one a line.
    File(Spanned<FilePath>),
}

/// What a check looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// A regular expression.
    Pattern {
        /// The expression.
        pattern: Spanned<String>,
        /// Whether it must occur; default `not_match`.
        must: Must,
    },
    /// Words, case aside.
    Words {
        /// The words.
        words: WordSource,
        /// Whether only whole words count; default true.
        whole_words: bool,
    },
    /// Personal data.
    PersonalData {
        /// The kinds; `all` names every one.
        kinds: Vec<PersonalData>,
        /// Texts that are allowed.
        allow: Option<Expression>,
    },
    /// Keys, tokens and passwords.
    Secrets(SecretKinds),
    /// Sizes, each if given.
    Size {
        /// Most characters.
        chars: Option<Spanned<Count>>,
        /// Most tokens.
        tokens: Option<Spanned<Count>>,
        /// Most elements of a list.
        items: Option<Spanned<Count>>,
    },
    /// A prompt that answers `{score, reason}`; paid.
    Judge {
        /// The prompt.
        prompt: Spanned<Name>,
        /// The model that judges.
        model: Spanned<Name>,
        /// The lowest score that passes; default 0.5.
        pass: Share,
    },
    /// A service of the gateway file; paid.
    Service {
        /// The service.
        service: Spanned<Name>,
        /// A score above this fails; default 0.5.
        fail_over: Share,
    },
}

impl CheckKind {
    /// Whether it costs a request: such checks run last.
    pub const fn is_paid(&self) -> bool {
        matches!(self, Self::Judge { .. } | Self::Service { .. })
    }
}

/// A check as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it looks for.
    pub kind: CheckKind,
    /// Where it looks.
    pub at: Vec<Spanned<Path>>,
    /// What a failure asks for; default `otherwise`.
    pub then: Option<Ladder>,
    /// The ladder if it cannot be computed; default the policy's.
    pub on_error: Option<Ladder>,
    /// Else it does not apply.
    pub when: Option<Expression>,
    /// Whose answers it judges; empty means the default of its kind.
    pub audience: Vec<Spanned<Audience>>,
    /// `observe`: recorded, no say.
    pub mode: Option<Spanned<Mode>>,
    /// For paid checks; default 2 s.
    pub timeout: Option<Spanned<Time>>,
    /// Where the check stands.
    pub span: Span,
}

impl Decode for Check {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::CHECK, d)?;
        let kind = fields.one_of(d).and_then(|word| kind(word, &mut fields, d));
        let at = fields.required::<OneOrMany<Spanned<Path>>>("at", d);
        let then: Option<Ladder> = fields.optional("then", d);
        let on_error: Option<Ladder> = fields.optional("on_error", d);
        let when = fields.optional("when", d);
        let audience = fields.all::<OneOrMany<_>>("for", d).0;
        let mode = fields.optional("mode", d);
        let timeout = fields.optional("timeout", d);
        let early = at.as_ref().is_some_and(|at| !at.0.is_empty() && at.0.iter().all(is_early));
        if let Some(ladder) = &then {
            ladder.check(if early { On::Before } else { On::Then }, d);
        }
        if let Some(ladder) = &on_error {
            ladder.check(On::Other, d);
        }
        paid_timeout(kind.as_ref(), timeout.as_ref(), d);
        fields.finish(d);
        let (kind, at, span) = (kind?, at?.0, node.span);
        Some(Self { kind, at, then, on_error, when, audience, mode, timeout, span })
    }
}

/// Whether the place is known before any model is asked.
fn is_early(path: &Spanned<Path>) -> bool {
    !matches!(path.root, Root::Output | Root::ToolArgs)
}

fn paid_timeout(kind: Option<&CheckKind>, timeout: Option<&Spanned<Time>>, d: &mut Decoder<'_>) {
    if let (Some(kind), Some(timeout)) = (kind, timeout)
        && !kind.is_paid()
    {
        let say = "`timeout` belongs to a `judge` or `service` check";
        d.report.push(Problem::error(Code::Conflict, timeout.span, say).help("remove the key"));
    }
}

fn kind(word: &str, fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<CheckKind> {
    match word {
        "pattern" => {
            let must = fields.or("must", Must::NotMatch, d);
            Some(CheckKind::Pattern { pattern: fields.optional("pattern", d)?, must })
        }
        "words" => {
            let whole_words = fields.or("whole_words", true, d);
            Some(CheckKind::Words { words: fields.optional("words", d)?, whole_words })
        }
        "personal_data" => {
            let allow = fields.optional("allow", d);
            let kinds = personal_data(fields.node("personal_data", d)?, d)?;
            Some(CheckKind::PersonalData { kinds, allow })
        }
        "secrets" => fields.optional("secrets", d).map(CheckKind::Secrets),
        "size" => size(fields.node("size", d)?, d),
        "judge" => {
            let (model, pass) = (fields.required("model", d), fields.or("pass", HALF, d));
            Some(CheckKind::Judge { prompt: fields.optional("judge", d)?, model: model?, pass })
        }
        _ => {
            let fail_over = fields.or("fail_over", HALF, d);
            Some(CheckKind::Service { service: fields.optional("service", d)?, fail_over })
        }
    }
}

const HALF: Share = Share(500_000);

fn personal_data(node: &Node, d: &mut Decoder<'_>) -> Option<Vec<PersonalData>> {
    if node.as_text() == Some("all") {
        return Some(PersonalData::ALL.to_vec());
    }
    OneOrMany::decode(node, d).map(|kinds| kinds.0)
}

fn size(node: &Node, d: &mut Decoder<'_>) -> Option<CheckKind> {
    let mut fields = Fields::open(node, &keys::SIZE, d)?;
    let chars = fields.optional("chars", d);
    let tokens = fields.optional("tokens", d);
    let items = fields.optional("items", d);
    let any = fields.has("chars") || fields.has("tokens") || fields.has("items");
    fields.finish(d);
    if !any {
        let say = "`size` needs `chars`, `tokens` or `items`";
        return d.refuse(Problem::error(Code::MissingKey, node.span, say));
    }
    Some(CheckKind::Size { chars, tokens, items })
}

impl Decode for SecretKinds {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if node.as_text() == Some("all") {
            return Some(Self::All);
        }
        OneOrMany::decode(node, d).map(|kinds| Self::Some(kinds.0))
    }
}

impl Decode for WordSource {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(_) => Spanned::decode(node, d).map(Self::File),
            _ => OneOrMany::decode(node, d).map(|words| Self::List(words.0)),
        }
    }
}
