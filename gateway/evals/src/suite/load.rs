//! `suite.yaml`, and everything that hangs together across a suite's files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backstop_domain::Millis;
use backstop_policy::decode::{Decode, Decoder, Fields, Name, Named, OneOrMany};
use backstop_policy::diagnostics::{Code, Problem, Report, suggest};
use backstop_policy::source::{FileId, Sources, Span, Spanned};
use backstop_policy::units::{Share, Time};
use backstop_policy::yaml::{self, Node};
use backstop_policy::{Policy, Workspace};

use super::case::{self, Case};
use super::gate::{Gate, confident};
use super::label::{self, Label};
use super::metric::Metric;
use super::score::{Score, Scorer};
use super::size;
use super::tier::{Tier, TierName, Tiers};

/// A day, in UTC.
pub type Day = jiff::civil::Date;

/// The day of that time. A time outside the calendar is its last day, on which every quarantine is
/// over.
pub fn day(now: Millis) -> Day {
    let at = i64::try_from(now.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or(Day::MAX, |at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

/// A case that does not count for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// Its id.
    pub case: Spanned<String>,
    /// From this day on it counts again, as 2026-12-31.
    pub until: Day,
    /// Why.
    pub because: String,
}

/// A suite as it is run. Holding one means that every problem of its files was ruled out.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name: its folder's.
    pub name: String,
    /// `suite.yaml`.
    pub file: FileId,
    /// The policy that it holds to its cases.
    pub policy: Arc<Policy>,
    /// What it is for.
    pub description: String,
    /// The team that answers for it.
    pub owner: String,
    /// Its cases, in the order of the files.
    pub cases: Vec<Case>,
    /// How it is run.
    pub tiers: BTreeMap<TierName, Tier>,
    /// Cases that must come to their expected end every time: ids and `tag:TAG`.
    pub must_pass: Vec<Spanned<String>>,
    /// When an answer is right.
    pub scores: BTreeMap<String, Score>,
    /// Scores that must all be right for an answer to be right.
    pub correct: Vec<String>,
    /// What one review takes a person, in milliseconds.
    pub review_ms: u64,
    /// What must be shown.
    pub gates: Vec<Gate>,
    /// How sure a gate must be that says nothing itself.
    pub confidence: f64,
    /// Cases that do not count for now.
    pub quarantine: Vec<Quarantine>,
    /// What people said of answers, for judges to be held to.
    pub labels: Vec<Label>,
}

/// Every suite of a workspace, by name.
#[derive(Debug, Clone, Default)]
pub struct Suites(pub BTreeMap<String, Suite>);

impl Suites {
    /// Loads the suites under `evals/`, every problem of every file in the report. A suite with an
    /// error is absent.
    pub fn load(sources: &Sources, workspace: &Workspace) -> (Self, Report) {
        let mut report = Report::new();
        let mut suites = BTreeMap::new();
        for file in sources.ids() {
            let path = sources.path(file);
            let folder = path.strip_prefix("evals/").and_then(|rest| rest.split_once('/'));
            let Some((folder, "suite.yaml")) = folder else { continue };
            let mut own = Report::new();
            let suite = Suite::load(folder, sources, file, workspace, &mut own);
            if let Some(suite) = suite.filter(|_| !own.has_errors()) {
                suites.insert(suite.name.clone(), suite);
            }
            report.extend(own);
        }
        (Self(suites), report)
    }
}

/// A suite as written.
struct Raw {
    suite: Spanned<Name>,
    policy: Spanned<Name>,
    description: String,
    owner: String,
    tiers: BTreeMap<TierName, Tier>,
    must_pass: Vec<Spanned<String>>,
    scores: Named<Score>,
    correct: Option<Vec<Spanned<String>>>,
    review_ms: u64,
    gates: Vec<Gate>,
    confidence: f64,
    quarantine: Vec<Quarantine>,
}

impl Decode for Raw {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &super::keys::SUITE, d)?;
        let suite = fields.required("suite", d);
        let policy = fields.required("policy", d);
        let description = fields.or("description", String::new(), d);
        let owner = fields.required("owner", d);
        let tiers = fields.all::<Tiers>("tiers", d).0;
        let must_pass = fields.all::<OneOrMany<_>>("must_pass", d).0;
        let scores = fields.all("scores", d);
        let correct = fields.optional::<OneOrMany<_>>("correct", d).map(|names| names.0);
        let review = fields.or("review", Time(3 * 60_000), d);
        let gates = fields.all("gates", d);
        let confidence = fields.optional::<Spanned<Share>>("confidence", d);
        let quarantine = fields.all("quarantine", d);
        fields.finish(d);
        Some(Self {
            suite: suite?,
            policy: policy?,
            description,
            owner: owner?,
            tiers,
            must_pass,
            scores,
            correct,
            review_ms: review.ms(),
            gates,
            confidence: confidence.map_or(Some(0.95), |share| confident(&share, d))?,
            quarantine,
        })
    }
}

impl Decode for Quarantine {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &super::keys::QUARANTINE, d)?;
        let case = fields.required("case", d);
        let until = fields.required::<Spanned<String>>("until", d);
        let because = fields.required("because", d);
        fields.finish(d);
        let until = until.and_then(|until| match until.value.parse() {
            Ok(day) => Some(day),
            Err(_) => {
                let say = format!("`{}` is not a day", until.value);
                let problem = Problem::error(Code::BadUnit, until.span, say);
                d.refuse(problem.help("write it as 2026-12-31"))
            }
        });
        Some(Self { case: case?, until: until?, because: because? })
    }
}

impl Suite {
    fn load(
        folder: &str,
        sources: &Sources,
        file: FileId,
        workspace: &Workspace,
        report: &mut Report,
    ) -> Option<Self> {
        let tree = yaml::parse(sources, file, report)?;
        let raw = Raw::decode(&tree, &mut Decoder::new(sources, report))?;
        if raw.suite.as_str() != folder {
            let say = format!("the suite `{}` stands in the folder `{folder}`", *raw.suite);
            let problem = Problem::error(Code::NameMismatch, raw.suite.span, say);
            report.push(problem.help(format!("write `suite: {folder}`")));
        }
        let cases = cases(folder, sources, file, report);
        let policy = workspace.policy(&raw.policy);
        if policy.is_none() {
            let say = format!("there is no policy `{}` in order", *raw.policy);
            let known = workspace.policies.keys().map(String::as_str);
            let meant = suggest::did_you_mean(raw.policy.as_str(), known);
            report
                .push(Problem::error(Code::UnknownReference, raw.policy.span, say).help_if(meant));
        }
        let scores: BTreeMap<String, Score> =
            raw.scores.iter().map(|(name, score)| (name.to_string(), score.clone())).collect();
        let names = raw.scores.names().map(str::to_owned).collect();
        let correct = raw
            .correct
            .as_ref()
            .map_or(names, |correct| correct.iter().map(|name| name.value.clone()).collect());
        let suite = Self {
            name: folder.to_owned(),
            file,
            policy: Arc::clone(policy?),
            description: raw.description.clone(),
            owner: raw.owner.clone(),
            cases,
            tiers: raw.tiers.clone(),
            must_pass: raw.must_pass.clone(),
            scores,
            correct,
            review_ms: raw.review_ms,
            gates: raw.gates.clone(),
            confidence: raw.confidence,
            quarantine: raw.quarantine.clone(),
            labels: label::read(folder, sources, report),
        };
        suite.hangs_together(&raw, workspace, report);
        if !report.has_errors() {
            size::report(&suite, report);
        }
        Some(suite)
    }

    /// How it is run in that tier.
    pub fn tier(&self, name: TierName) -> Tier {
        self.tiers.get(&name).copied().unwrap_or(Tier { repeats: 1, cost: None })
    }

    /// Whether a case does not count on that day, and why.
    pub fn is_quarantined(&self, case: &str, today: Day) -> Option<&Quarantine> {
        self.quarantine.iter().find(|one| one.case.value == case && today < one.until)
    }

    /// Whether the case must come to its expected end every time.
    pub fn must_pass(&self, case: &Case) -> bool {
        self.must_pass.iter().any(|word| case.is_selected_by(word))
    }

    /// Names that refer to nothing, and a suite that asserts nothing.
    fn hangs_together(&self, raw: &Raw, workspace: &Workspace, report: &mut Report) {
        let known = || self.scores.keys().map(String::as_str);
        let unknown_score = |name: &str, span: Span| {
            let say = format!("there is no score `{name}`");
            let meant = suggest::did_you_mean(name, known());
            Problem::error(Code::UnknownReference, span, say).help_if(meant)
        };
        for name in raw.correct.iter().flatten() {
            if !self.scores.contains_key(&name.value) {
                report.push(unknown_score(&name.value, name.span));
            }
        }
        for gate in &self.gates {
            match &*gate.of {
                Metric::Score(name) if !self.scores.contains_key(name) => {
                    report.push(unknown_score(name, gate.of.span));
                }
                Metric::WrongAccepted | Metric::WrongAutomatic | Metric::FallbackCorrect
                    if self.correct.is_empty() =>
                {
                    let say = format!("nothing says which answers are right for `{}`", *gate.of);
                    let help = "add `scores:`, such as `label: {exact: output.label}`";
                    report.push(Problem::error(Code::MissingKey, gate.of.span, say).help(help));
                }
                _ => {}
            }
        }
        for score in self.scores.values() {
            if let Scorer::Judge { policy, .. } = &score.scorer
                && workspace.policy(policy).is_none()
            {
                let say = format!("there is no policy `{policy}` to judge answers");
                report.push(Problem::error(Code::UnknownReference, score.span, say));
            }
        }
        for word in &self.must_pass {
            if !self.cases.iter().any(|case| case.is_selected_by(word)) {
                let say = format!("`{}` selects no case", word.value);
                let help = "write the id of a case, or `tag:` and a tag that a case has";
                report.push(Problem::error(Code::UnknownReference, word.span, say).help(help));
            }
        }
        let ids: BTreeSet<&str> = self.cases.iter().map(|case| case.id.as_str()).collect();
        for one in &self.quarantine {
            if !ids.contains(one.case.value.as_str()) {
                let say = format!("there is no case `{}`", one.case.value);
                let meant = suggest::did_you_mean(&one.case.value, ids.iter().copied());
                let problem = Problem::error(Code::UnknownReference, one.case.span, say);
                report.push(problem.help_if(meant));
            }
        }
        if self.gates.is_empty() && self.must_pass.is_empty() {
            let say = "the suite asserts nothing: it has neither `gates` nor `must_pass`";
            let help = "a run that cannot fail is no evidence; add a gate";
            let span = Span::file_start(self.file);
            report.push(Problem::error(Code::MissingKey, span, say).help(help));
        }
    }
}

/// Every case of `cases/*.jsonl`, in the order of the files.
fn cases(folder: &str, sources: &Sources, file: FileId, report: &mut Report) -> Vec<Case> {
    let place = format!("evals/{folder}/cases/");
    let mut known = BTreeMap::new();
    let mut cases = Vec::new();
    for id in sources.ids() {
        let name = sources.path(id).strip_prefix(&place).unwrap_or_default();
        if name.ends_with(".jsonl") && !name.contains('/') {
            cases.extend(case::read(sources, id, &mut known, report));
        }
    }
    if cases.is_empty() && !report.has_errors() {
        let say = format!("the suite has no cases: `{place}` holds no line");
        let problem = Problem::error(Code::MissingFile, Span::file_start(file), say);
        report.push(problem.help("write one JSON object a line into a `.jsonl` file there"));
    }
    cases
}
