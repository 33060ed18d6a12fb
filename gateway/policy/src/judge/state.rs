//! One judgement in progress: the order of its steps (RULES.md section 2, steps 2 and 4 to 6).

use std::collections::BTreeMap;

use backstop_domain::{Basis, FailureClass, Finding, Judged, Scored, Source, Status, Verdict};
use serde_json::{Map, Value};

use super::paid::{Paid, PaidAsk, PaidResult};
use super::{Facts, Given, View, shape};
use crate::answer::Answer;
use crate::compiled::Policy;

/// One judgement in progress.
#[derive(Debug)]
pub struct Judging<'f> {
    pub(super) facts: &'f Facts,
    pub(super) policy: &'f Policy,
    /// `None` while a request is judged.
    pub(super) given: Option<Given<'f>>,
    pub(super) choices: Vec<ChoiceState<'f>>,
    pub(super) shape: Option<FailureClass>,
    pub(super) found: Vec<(u32, Finding)>,
    pub(super) signals: Vec<Scored>,
    pub(super) mended: Vec<String>,
    pub(super) writes: bool,
    pub(super) stage: Stage,
    /// Asked and not yet brought.
    pub(super) open: BTreeMap<u32, Paid>,
    pub(super) asked: u32,
    /// Where the confidence part stands.
    pub(super) doubt: super::confidence::Progress,
    /// What checks of the request said.
    pub(super) before: &'f [Finding],
    skipped: bool,
}

/// How far a judgement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The free part is done.
    Free,
    /// Services and judges were asked.
    Checks,
    /// Confidence sources are asked in turn.
    Confidence,
    /// Nothing is left to ask.
    Done,
}

/// One choice of the answer (or the request, as the only one).
#[derive(Debug)]
pub(super) struct ChoiceState<'f> {
    /// Its place in the answer.
    pub index: usize,
    /// Pointer of the choice; empty when it is the only one.
    pub prefix: String,
    /// The facts with this choice's own: its output, what checks said of it, its signals.
    pub view: View<'f>,
    /// Words beside tool calls that are no final output.
    pub aside: Option<Value>,
    /// Whether its output was read as JSON, and is no plain text.
    pub is_json: bool,
    /// Its tool calls whose arguments could be read.
    pub tools: Vec<ToolState>,
}

impl ChoiceState<'_> {
    /// Final output; `None` for an answer that only calls tools.
    pub fn output(&self) -> Option<&Value> {
        self.view.variable("output")
    }

    /// Everything in it that checks look at: the output, or words beside tool calls.
    pub fn words(&self) -> Option<&Value> {
        self.output().or(self.aside.as_ref())
    }
}

/// A tool call whose arguments could be read.
#[derive(Debug, Clone)]
pub(super) struct ToolState {
    /// Its place in the choice.
    pub index: usize,
    /// Name of the tool.
    pub name: String,
    /// Its arguments.
    pub args: Value,
    /// What the tool does.
    pub effect: &'static str,
    /// Whether arguments are to their schema and the tool is listed.
    pub sound: bool,
}

impl<'f> Judging<'f> {
    /// Starts on a request: checks of the request and `before` rules, the free ones at once.
    pub fn of_request(facts: &'f Facts) -> Self {
        let mut judging = Self::empty(facts, None);
        judging.choices.push(ChoiceState {
            index: 0,
            prefix: String::new(),
            view: facts.view(),
            aside: None,
            is_json: false,
            tools: Vec::new(),
        });
        judging.free_checks();
        judging.rules(false);
        judging
    }

    /// Starts on an answer: its shape, and the free part if the shape is right. `before` are the
    /// findings of the request, whose checks rules may speak of.
    pub fn of_answer(facts: &'f Facts, given: Given<'f>, before: &'f [Finding]) -> Self {
        let mut judging = Self::empty(facts, Some(given));
        judging.before = before;
        shape::read(&mut judging);
        if judging.shape.is_none() {
            judging.remember();
            judging.tools();
            judging.free_checks();
            judging.rules(false);
        } else {
            judging.stage = Stage::Done;
        }
        judging
    }

    fn empty(facts: &'f Facts, given: Option<Given<'f>>) -> Self {
        Self {
            facts,
            policy: facts.policy(),
            given,
            choices: Vec::new(),
            shape: None,
            found: Vec::new(),
            signals: Vec::new(),
            mended: Vec::new(),
            writes: false,
            stage: Stage::Free,
            open: BTreeMap::new(),
            asked: 0,
            doubt: super::confidence::Progress::default(),
            before: &[],
            skipped: false,
        }
    }

    /// What was found so far, in file order.
    pub fn findings(&self) -> Vec<Finding> {
        in_file_order(self.found.clone())
    }

    /// Whether the paid part is worth its price, given the verdict that the free findings ask for:
    /// an answer that will not be used is not judged further.
    pub const fn is_paid_due(verdict: Verdict) -> bool {
        matches!(verdict, Verdict::Accept | Verdict::Fallback | Verdict::Escalate)
    }

    /// What has to be asked now, side by side, services first. Empty when nothing is left to ask.
    pub fn next_paid(&mut self) -> Vec<PaidAsk> {
        let mut asks = Vec::new();
        if self.stage == Stage::Free {
            self.stage = Stage::Checks;
            asks = self.paid_checks();
            asks.sort_by_key(|ask| !ask.ask.is_service());
        }
        if self.stage == Stage::Checks && asks.is_empty() && self.open.is_empty() {
            self.stage = Stage::Confidence;
        }
        if self.stage == Stage::Confidence && asks.is_empty() && self.open.is_empty() {
            asks = self.doubts();
            if asks.is_empty() {
                self.stage = Stage::Done;
            }
        }
        asks
    }

    /// Brings what was asked. An id that was not asked is ignored.
    pub fn take(&mut self, id: u32, result: Result<PaidResult, String>) {
        let Some(paid) = self.open.remove(&id) else { return };
        self.settle(paid, result);
    }

    /// Leaves the paid part out: what it would have said is recorded as skipped.
    pub fn skip_paid(&mut self) {
        if self.stage == Stage::Free {
            self.skipped = self.mark_skipped();
        }
        self.stage = Stage::Done;
    }

    /// What it came to, and the answer as it would be released. Anything still unasked makes it
    /// incomplete, and an incomplete judgement accepts nothing.
    pub fn finish(mut self) -> (Judged, Answer) {
        let mut complete = !self.skipped && self.open.is_empty() && self.stage == Stage::Done;
        if self.shape.is_none() && complete {
            self.rules(true);
        }
        let findings = in_file_order(self.found);
        complete &= findings.iter().all(|finding| finding.status != Status::Skipped);
        let given =
            self.given.unwrap_or_else(|| Given::of(Answer::default(), Source::Model, None, None));
        let judged = Judged {
            subject: given.subject(),
            shape: self.shape,
            findings,
            signals: self.signals,
            mended: self.mended,
            complete,
            writes: self.writes,
            basis: Basis { drawn: self.facts.take_drawn(), ..Basis::default() },
        };
        (judged, given.answer)
    }

    /// What a judged request came to.
    pub fn finish_request(mut self) -> Vec<Finding> {
        if self.stage == Stage::Done && self.open.is_empty() {
            self.rules(true);
        }
        in_file_order(self.found)
    }

    /// The answer as it would be released: mended, or another vote's if that won.
    pub fn answer(&self) -> Option<&Answer> {
        self.given.as_ref().map(|given| &given.answer)
    }

    /// Whose answer is judged; a request counts as a model's.
    pub(super) fn source(&self) -> Source {
        self.given.as_ref().map_or(Source::Model, |given| given.source)
    }

    pub(super) const fn is_request(&self) -> bool {
        self.given.is_none()
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.given.as_ref().and_then(|given| given.model.as_deref())
    }

    pub(super) fn find(&mut self, order: u32, finding: Finding) {
        self.found.push((order, finding));
    }

    /// Lets rules of the answer see what checks of the request said.
    fn remember(&mut self) {
        for choice in &mut self.choices {
            choice.view.set("checks", Value::Object(Map::new()));
        }
        let checks = &self.policy.checks;
        for finding in self.before {
            let Some(check) = checks.iter().find(|check| check.by == finding.by) else { continue };
            let status = match finding.status {
                Status::Pass => "pass",
                Status::Fail => "fail",
                _ => continue,
            };
            let score = finding.evidence.as_deref().and_then(|text| text.parse::<f64>().ok());
            let seen = serde_json::json!({ "status": status, "score": score, "found": [] });
            for choice in &mut self.choices {
                choice.view.set_check(&check.name, seen.clone());
            }
        }
    }
}

/// Findings in the order of the file, each once.
fn in_file_order(mut found: Vec<(u32, Finding)>) -> Vec<Finding> {
    found.sort_by_key(|(order, _)| *order);
    let mut kept: Vec<Finding> = Vec::with_capacity(found.len());
    for (_, finding) in found {
        if !kept.contains(&finding) {
            kept.push(finding);
        }
    }
    kept
}
