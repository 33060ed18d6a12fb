//! The example call and the tests that stand in a policy.

use backstop_domain::FailureClass;

use super::data::{Data, Given};
use crate::decode::{Decode, Decoder, Fields, Name, Named, OneOrMany, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::path::{Path, Root};
use crate::source::{Span, Spanned};
use crate::units::Share;
use crate::yaml::{Kind, Node};

words! {
    /// What a test says a check came to.
    pub enum CheckStatus: "what a check comes to" {
        /// Nothing found.
        Pass = "pass",
        /// It objects.
        Fail = "fail",
        /// It could not run.
        Error = "error",
    }
}

words! {
    /// What a test expects the policy to ask for.
    pub enum Verdict: "a verdict" {
        /// No objection.
        Accept = "accept",
        /// Ask the model again with the findings.
        Repair = "repair",
        /// Ask again.
        Retry = "retry",
        /// Ask the next model.
        NextModel = "next_model",
        /// Answer by the fallback.
        Fallback = "fallback",
        /// Ask a person.
        Escalate = "escalate",
        /// Refuse.
        Reject = "reject",
        /// Wait for a limiter or breaker.
        Wait = "wait",
    }
}

/// A signal of an example: `Some` share, or the word `missing`.
pub type Signals = Named<Spanned<Option<Share>>>;

impl Decode for Option<Share> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("missing") => Some(None),
            _ => Share::decode(node, d).map(Some),
        }
    }
}

/// A call that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Example {
    /// What the caller sends.
    pub input: Option<Given>,
    /// The conversation.
    pub messages: Option<Given>,
    /// What the model answers.
    pub output: Option<Given>,
    /// The tool call that the model makes: `{name, args}`.
    pub tool: Option<Given>,
    /// The signals of the answer, by name.
    pub signals: Signals,
    /// What paid checks come to.
    pub checks: Named<CheckStatus>,
}

impl Example {
    fn read(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Self {
        Self {
            input: fields.optional("input", d),
            messages: fields.optional("messages", d),
            output: fields.optional("output", d),
            tool: fields.optional("tool", d),
            signals: fields.all("signals", d),
            checks: fields.all("checks", d),
        }
    }
}

impl Decode for Example {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::EXAMPLE, d)?;
        let example = Self::read(&mut fields, d);
        fields.finish(d);
        Some(example)
    }
}

/// One place that a test changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub path: Spanned<Path>,
    /// Its new value.
    pub value: Data,
}

fn changes(node: &Node, d: &mut Decoder<'_>) -> Vec<Change> {
    let Kind::Map(entries) = &node.kind else {
        return d.expected("a map from paths to values", node, None).unwrap_or_default();
    };
    let one = |entry: &crate::yaml::Entry| match Path::parse(&entry.key.value, Root::CHANGES) {
        Ok(path) => {
            let path = Spanned::new(path, entry.key.span);
            Some(Change { path, value: Data::of(&entry.value) })
        }
        Err(error) => {
            let problem = Problem::error(Code::BadPath, entry.key.span, error.message);
            d.refuse(problem.help_if(error.help))
        }
    };
    entries.iter().filter_map(one).collect()
}

/// What one attempt of a test comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The model answers.
    Answer(Box<Example>),
    /// The attempt fails with that class.
    Fail(Spanned<FailureClass>),
}

impl Decode for FailureClass {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Some(word) = node.as_text() else {
            return d.expected("a failure class (a word)", node, None);
        };
        Self::parse(word).or_else(|| {
            let say = format!("`{word}` is not a failure class");
            let help = suggest::did_you_mean(word, Self::ALL.iter().map(|class| class.name()));
            d.refuse(Problem::error(Code::UnknownWord, node.span, say).help_if(help))
        })
    }
}

impl Decode for Reply {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::ANSWER, d)?;
        let fail = fields.optional("fail", d);
        let answer = Example::read(&mut fields, d);
        let others = ["input", "messages", "output", "tool", "signals", "checks"];
        let extra = others.iter().find(|key| fields.has("fail") && fields.has(key));
        if let Some(key) = extra {
            let span = fields.key_span(key).unwrap_or(node.span);
            let say = format!("an attempt that fails has no `{key}`");
            d.report.push(Problem::error(Code::Conflict, span, say));
        }
        let failed = fields.has("fail");
        fields.finish(d);
        match (failed, fail) {
            (true, fail) => fail.map(Self::Fail),
            (false, _) => Some(Self::Answer(Box::new(answer))),
        }
    }
}

/// What a reviewer does in a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewAct {
    /// Lets the answer go.
    Approve,
    /// Says no.
    Reject,
    /// Sends it back.
    Changes,
    /// Chooses the fallback.
    Fallback,
    /// Lets it go with these places changed.
    Edit(Vec<Change>),
}

impl Decode for ReviewAct {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        const WORDS: [&str; 5] = ["approve", "reject", "changes", "fallback", "edit"];
        let (word, span, value) = match &node.kind {
            Kind::Scalar(scalar) => (scalar.text.as_str(), node.span, None),
            Kind::Map(entries) => match entries.as_slice() {
                [only] => {
                    let value = Some(&only.value).filter(|value| !value.is_null());
                    (only.key.value.as_str(), only.key.span, value)
                }
                _ => return d.expected("one act, such as `approve`", node, None),
            },
            Kind::List(_) => return d.expected("one act, such as `approve`", node, None),
        };
        match (word, value) {
            ("approve", None) => Some(Self::Approve),
            ("reject", _) => Some(Self::Reject),
            ("changes", _) => Some(Self::Changes),
            ("fallback", None) => Some(Self::Fallback),
            ("edit", Some(value)) => Some(Self::Edit(changes(value, d))),
            _ => {
                let say = format!("`{word}` is not what a reviewer can do");
                let help = suggest::did_you_mean(word, WORDS);
                d.refuse(Problem::error(Code::UnknownWord, span, say).help_if(help))
            }
        }
    }
}

/// What a test expects; what is absent is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expect {
    /// The first verdict.
    pub verdict: Option<Spanned<Verdict>>,
    /// A rule that fired.
    pub rule: Option<Spanned<Name>>,
    /// Exactly these rules fired.
    pub rules: Option<Vec<Spanned<Name>>>,
    /// Rules that did not fire.
    pub not_rule: Vec<Spanned<Name>>,
    /// The step that was taken, as written in the file.
    pub step: Option<Data>,
    /// The models that were asked and the verdicts that were reached, in order, and no others.
    pub way: Option<Vec<Spanned<String>>>,
    /// How the run ended.
    pub outcome: Option<Spanned<String>>,
    /// The queue.
    pub queue: Option<Spanned<Name>>,
    /// A part of the answer.
    pub answer: Option<Data>,
    /// A part of the text that the caller gets: of the answer, or of the refusal.
    pub text_has: Option<Spanned<String>>,
}

impl Decode for Expect {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::EXPECT, d)?;
        let expect = Self {
            verdict: fields.optional("verdict", d),
            rule: fields.optional("rule", d),
            rules: fields.optional("rules", d),
            not_rule: fields.all::<OneOrMany<_>>("not_rule", d).0,
            step: fields.optional("step", d),
            way: fields.optional("way", d),
            outcome: fields.optional("outcome", d),
            queue: fields.optional("queue", d),
            answer: fields.optional("answer", d),
            text_has: fields.optional("text_has", d),
        };
        fields.finish(d);
        if let Some(outcome) = &expect.outcome
            && !keys::OUTCOMES.iter().any(|word| word.name == outcome.as_str())
        {
            let words = keys::OUTCOMES.iter().map(|word| word.name);
            let say = format!("`{}` is not an outcome", outcome.value);
            let help = suggest::did_you_mean(&outcome.value, words);
            d.report.push(Problem::error(Code::UnknownWord, outcome.span, say).help_if(help));
        }
        Some(expect)
    }
}

/// A test as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Its name, in words.
    pub name: Spanned<String>,
    /// What differs from the example, whole values.
    pub given: Example,
    /// Reference data that replaces the file's, by name.
    pub data: Option<Given>,
    /// The caller: `{name, tenant, roles}`.
    pub caller: Option<Given>,
    /// The time received, as RFC 3339 text.
    pub now: Option<Spanned<String>>,
    /// Places that differ from the example.
    pub change: Vec<Change>,
    /// Every attempt fails with that class.
    pub fail: Option<Spanned<FailureClass>>,
    /// What each attempt comes to, in order.
    pub answers: Vec<Reply>,
    /// What reviewers do, in order.
    pub review: Vec<ReviewAct>,
    /// What is expected.
    pub expect: Expect,
    /// Where the test stands.
    pub span: Span,
}

impl Decode for Test {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::TEST, d)?;
        let name = fields.required("name", d);
        let given = Example::read(&mut fields, d);
        let data = fields.optional("data", d);
        let caller = fields.optional("caller", d);
        let now = fields.optional("now", d);
        let change = fields.node("change", d).map_or_else(Vec::new, |node| changes(node, d));
        let fail = fields.optional("fail", d);
        let answers = fields.all("answers", d);
        let review = fields.all("review", d);
        let expect = fields.required("expect", d);
        if let (Some(span), true) = (fields.key_span("answers"), fields.has("fail")) {
            let say = "`fail` is every attempt, `answers` is one after the other: not both";
            d.report.push(Problem::error(Code::Conflict, span, say));
        }
        fields.finish(d);
        let (name, expect, span) = (name?, expect?, node.span);
        Some(Self { name, given, data, caller, now, change, fail, answers, review, expect, span })
    }
}
