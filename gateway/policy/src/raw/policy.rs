//! The policy file: `policies/<name>.yaml`.

use backstop_domain::FailureClass;

use super::budget::{Budget, Conversation, Limit, Retain};
use super::canary::Canary;
use super::check::Check;
use super::confidence::ConfidenceBlock;
use super::data::{Data, DataSource, FilePath};
use super::ending::{Cache, FallbackRow, Pending, check_rows};
use super::example::{Example, Test};
use super::rule::Rule;
use super::secret::find_secrets;
use super::shape::{Criticality, Durability, InputShape, Mode, OnDisconnect, OutputShape};
use super::step::{Ladder, On};
use super::tool::Tools;
use crate::decode::{Decode, Decoder, Fields, Name, Named, OneOrMany, words};
use crate::diagnostics::{Code, Problem, Report, suggest};
use crate::keys;
use crate::path::Path;
use crate::source::{FileId, Sources, Span, Spanned};
use crate::units::Time;
use crate::yaml::{self, Kind, Node};

/// A policy as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its name, which is the file's.
    pub policy: Spanned<Name>,
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// The team that answers for it.
    pub owner: Spanned<String>,
    /// What goes first under load; default standard.
    pub criticality: Option<Spanned<Criticality>>,
    /// Default enforce.
    pub mode: Option<Spanned<Mode>>,
    /// Fragments.
    pub include: Vec<Spanned<FilePath>>,
    /// The models, in the order they are tried; never empty.
    pub models: Vec<Spanned<Name>>,
    /// The prompt; without it the policy passes through.
    pub prompt: Option<Spanned<Name>>,
    /// What callers send; default text.
    pub input: Option<Spanned<InputShape>>,
    /// How much of the caller's messages goes on.
    pub conversation: Option<Spanned<Conversation>>,
    /// What is answered.
    pub output: Spanned<OutputShape>,
    /// Reference data.
    pub data: Named<DataSource>,
    /// Named numbers and expressions.
    pub values: Named<Data>,
    /// Where a bare `escalate` goes.
    pub queue: Option<Spanned<Name>>,
    /// Whether the key stands there, readable or not.
    pub has_queue: bool,
    /// The automatic part, from received.
    pub deadline: Option<Spanned<Time>>,
    /// What the automatic part may use.
    pub budget: Option<Spanned<Budget>>,
    /// Limits; `None` if the key is absent, so that the gateway's defaults apply.
    pub limits: Option<Vec<Limit>>,
    /// Rules over the request.
    pub before: Vec<Rule>,
    /// Rules over the answer.
    pub rules: Vec<Rule>,
    /// Checks.
    pub checks: Named<Check>,
    /// Tools.
    pub tools: Tools,
    /// Confidence blocks.
    pub confidence: Vec<ConfidenceBlock>,
    /// Ladders by failure class, in the order of the file.
    pub on: Vec<(Spanned<FailureClass>, Ladder)>,
    /// The ladder for what could not be computed.
    pub on_error: Option<Ladder>,
    /// The last rung of every ladder: one step, `fallback`, `escalate` or `reject`.
    pub otherwise: Ladder,
    /// Rows of the fallback.
    pub fallback: Vec<FallbackRow>,
    /// Whether the key stands there, readable or not.
    pub has_fallback: bool,
    /// The OpenAI face while a person decides.
    pub pending: Option<Pending>,
    /// The answer cache.
    pub cache: Option<Spanned<Cache>>,
    /// Default strict.
    pub durability: Option<Spanned<Durability>>,
    /// Whether a model may be asked twice; default true.
    pub repeatable: Option<Spanned<bool>>,
    /// Default continue.
    pub on_disconnect: Option<Spanned<OnDisconnect>>,
    /// How long things are kept; default the gateway's.
    pub retain: Option<Retain>,
    /// Places that are masked in pages, logs and exports.
    pub private: Vec<Spanned<Path>>,
    /// A draft that is judged beside this one.
    pub shadow: Option<Spanned<FilePath>>,
    /// A draft that answers a share of the calls.
    pub canary: Option<Spanned<Canary>>,
    /// A call that is accepted.
    pub example: Option<Spanned<Example>>,
    /// Tests.
    pub tests: Vec<Test>,
    /// The file.
    pub file: FileId,
}

/// Reads the policy in `file`. Every problem that the file alone can show goes to `report`.
pub fn load_policy(sources: &Sources, file: FileId, report: &mut Report) -> Option<Policy> {
    let policy = load_draft(sources, file, report)?;
    check_name(&policy, &mut Decoder::new(sources, report));
    Some(policy)
}

/// Reads a draft, whose file may have any name.
pub fn load_draft(sources: &Sources, file: FileId, report: &mut Report) -> Option<Policy> {
    let node = yaml::parse(sources, file, report)?;
    let mut d = Decoder::new(sources, report);
    find_secrets(&node, &mut d);
    if node.is_null() {
        let say = "the file is empty";
        return d.refuse(Problem::error(Code::Empty, Span::file_start(file), say));
    }
    let policy = read(&node, file, &mut d)?;
    check_ids(&policy, &mut d);
    Some(policy)
}

fn read(node: &Node, file: FileId, d: &mut Decoder<'_>) -> Option<Policy> {
    let mut f = Fields::open(node, &keys::POLICY, d)?;
    let (policy, owner) = (f.required("policy", d), f.required("owner", d));
    let models: Option<OneOrMany<_>> = f.required("models", d);
    let output = f.required("output", d);
    let otherwise: Option<Ladder> = ladder(f.required("otherwise", d), On::Otherwise, d);
    if let Some(otherwise) = &otherwise {
        one_step(otherwise, d);
    }
    stream(&mut f, d);
    // The fields are read in the order they stand here. What is required comes last, when
    // everything else has been read and reported.
    Some(Policy {
        description: f.optional("description", d),
        criticality: f.optional("criticality", d),
        mode: f.optional("mode", d),
        include: f.all::<OneOrMany<_>>("include", d).0,
        prompt: f.optional("prompt", d),
        input: f.optional("input", d),
        conversation: f.optional("conversation", d),
        data: f.all("data", d),
        values: f.all("values", d),
        queue: f.optional("queue", d),
        has_queue: f.has("queue"),
        deadline: f.optional("deadline", d),
        budget: f.optional("budget", d),
        limits: f.optional("limits", d),
        before: rules(&mut f, "before", On::Before, d),
        rules: rules(&mut f, "rules", On::Then, d),
        checks: f.all("checks", d),
        tools: f.all("tools", d),
        confidence: f.all::<OneOrMany<_>>("confidence", d).0,
        on: f.node("on", d).map_or_else(Vec::new, |node| classes(node, d)),
        on_error: ladder(f.optional("on_error", d), On::Other, d),
        fallback: rows(&mut f, d),
        has_fallback: f.has("fallback"),
        pending: f.optional("pending", d),
        cache: f.optional("cache", d),
        durability: f.optional("durability", d),
        repeatable: f.optional("repeatable", d),
        on_disconnect: f.optional("on_disconnect", d),
        retain: f.optional("retain", d),
        private: f.all::<OneOrMany<_>>("private", d).0,
        shadow: f.optional("shadow", d),
        canary: f.optional("canary", d),
        example: f.optional("example", d),
        tests: f.all("tests", d),
        file: finished(f, file, d),
        policy: policy?,
        owner: owner?,
        models: models?.0,
        output: output?,
        otherwise: otherwise?,
    })
}

fn finished(fields: Fields<'_>, file: FileId, d: &mut Decoder<'_>) -> FileId {
    fields.finish(d);
    file
}

fn rows(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Vec<FallbackRow> {
    let rows = fields.all::<OneOrMany<_>>("fallback", d).0;
    check_rows(&rows, d);
    rows
}

/// The rules under `key`, with their ladders checked for the place.
pub(super) fn rules(
    fields: &mut Fields<'_>,
    key: &'static str,
    place: On,
    d: &mut Decoder<'_>,
) -> Vec<Rule> {
    let rules: Vec<Rule> = fields.all(key, d);
    for rule in &rules {
        rule.then.check(place, d);
    }
    rules
}

fn ladder(ladder: Option<Ladder>, place: On, d: &mut Decoder<'_>) -> Option<Ladder> {
    if let Some(ladder) = &ladder {
        ladder.check(place, d);
    }
    ladder
}

fn one_step(otherwise: &Ladder, d: &mut Decoder<'_>) {
    if let Some(second) = otherwise.steps.get(1) {
        let say = "`otherwise` is one step: the last of every ladder";
        let help = "write one of `fallback`, `escalate`, `reject`";
        d.report.push(Problem::error(Code::BadStep, second.span, say).help(help));
    }
}

/// The ladders of `on:`.
pub(crate) fn classes(node: &Node, d: &mut Decoder<'_>) -> Vec<(Spanned<FailureClass>, Ladder)> {
    let Kind::Map(entries) = &node.kind else {
        return d.expected("a map from failure classes to ladders", node, None).unwrap_or_default();
    };
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let class = class(&entry.key, d);
        if entry.value.is_null() {
            let say = format!("`{}` has no ladder", entry.key.value);
            d.report.push(Problem::error(Code::Empty, entry.key.span, say));
            continue;
        }
        let steps = ladder(Ladder::decode(&entry.value, d), On::Class, d);
        if let (Some(class), Some(steps)) = (class, steps) {
            all.push((class, steps));
        }
    }
    all
}

fn class(key: &Spanned<String>, d: &mut Decoder<'_>) -> Option<Spanned<FailureClass>> {
    let span = key.span;
    let instead = match key.value.as_str() {
        "rule" | "rules" => Some("write it as `then:` of the rule"),
        "check" | "checks" => Some("write it as `then:` of the check"),
        "check_error" | "error" => Some("write it as `on_error:` of the policy, rule or check"),
        _ => None,
    };
    if let Some(help) = instead {
        let say = format!("`{}` does not belong under `on`", key.value);
        return d.refuse(Problem::error(Code::ClassPlace, span, say).help(help));
    }
    FailureClass::parse(&key.value).map(|class| Spanned::new(class, span)).or_else(|| {
        let say = format!("`{}` is not a failure class", key.value);
        let here = FailureClass::ALL.iter().map(|class| class.name());
        let help = suggest::did_you_mean(&key.value, here);
        d.refuse(Problem::error(Code::UnknownWord, span, say).help_if(help))
    })
}

words! {
    /// How text leaves.
    pub(crate) enum Stream: "a way to stream" {
        /// In one piece.
        Buffer = "buffer",
        /// In pieces that every check has cleared.
        Checked = "checked",
    }
}

/// Reads `stream`, of which only `buffer` can be carried out so far.
pub(crate) fn stream(fields: &mut Fields<'_>, d: &mut Decoder<'_>) {
    let stream: Option<Spanned<Stream>> = fields.optional("stream", d);
    if let Some(stream) = stream.filter(|stream| stream.value == Stream::Checked) {
        let say = "`stream: checked` is not available yet in this version";
        let problem = Problem::error(Code::NotYet, stream.span, say);
        d.report.push(problem.help("write `stream: buffer`, or remove the key"));
    }
}

fn check_name(policy: &Policy, d: &mut Decoder<'_>) {
    let path = d.sources.path(policy.file);
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.strip_suffix(".yaml").unwrap_or(file);
    if stem != policy.policy.as_str() {
        let say = format!("the policy is named `{}`, its file `{file}`", policy.policy.value);
        let help = format!("write `policy: {stem}`, or rename the file");
        d.report.push(Problem::error(Code::NameMismatch, policy.policy.span, say).help(help));
    }
}

fn check_ids(policy: &Policy, d: &mut Decoder<'_>) {
    let own = policy.before.iter().chain(&policy.rules);
    let tools: Vec<&Rule> = match &policy.tools {
        Tools::Listed(tools) => tools.iter().flat_map(|(_, tool)| &tool.rules).collect(),
        Tools::Request => Vec::new(),
    };
    let mut seen: std::collections::BTreeMap<&str, Span> = std::collections::BTreeMap::new();
    for rule in own.chain(tools) {
        match seen.get(rule.id.as_str()) {
            Some(first) => {
                let say = format!("two rules have the id `{}`", rule.id.value);
                let problem = Problem::error(Code::Duplicate, rule.id.span, say);
                d.report.push(problem.related(*first, "the first one").help("rename one of them"));
            }
            None => {
                seen.insert(rule.id.as_str(), rule.id.span);
            }
        }
    }
}
