//! Checks that cost nothing: patterns, words, personal data, secrets, size.

use backstop_checks::text::{Found, Size, SizeLimit, texts};
use backstop_domain::{FailureClass, Finding, Status};
use serde_json::{Value, json};

use super::objection::Objects;
use super::places::{Place, places};
use super::state::{ChoiceState, Judging};
use super::{Scan, View, formula};
use crate::compiled::{Check, Kind};

/// What a check came to on one choice.
pub(super) struct Came {
    pub finding: Finding,
    /// `checks.<name>` for rules; `None` where it did not run.
    pub seen: Option<Value>,
}

/// What was found in the texts of some places.
#[derive(Default)]
pub(super) struct Scanned {
    pub found: Vec<Found>,
    /// Pointer of the first text that lacks what must be there.
    pub lacking: Option<String>,
}

/// Longest evidence that is recorded, in characters.
const EVIDENCE_MAX: usize = 120;

impl Judging<'_> {
    /// Runs every free check on every choice and lets rules see what it said.
    pub(super) fn free_checks(&mut self) {
        let checks = self.policy.checks.iter().filter(|check| !check.is_paid());
        let mut came = Vec::new();
        for check in checks.filter(|check| self.concerns(check)) {
            for (index, choice) in self.choices.iter().enumerate() {
                came.push((index, check, self.free_check(check, choice)));
            }
        }
        for (index, check, came) in came {
            self.see(index, check, came);
        }
    }

    /// Whether the check looks at what is judged here.
    pub(super) fn concerns(&self, check: &Check) -> bool {
        if self.is_request() { check.of_request() } else { check.of_answer() }
    }

    /// Records what a check came to, and shows it to rules.
    pub(super) fn see(&mut self, choice: usize, check: &Check, came: Came) {
        if let (Some(seen), Some(choice)) = (came.seen, self.choices.get_mut(choice)) {
            choice.view.set_check(&check.name, seen);
        }
        self.find(check.order, came.finding);
    }

    fn free_check(&self, check: &Check, choice: &ChoiceState<'_>) -> Came {
        if let Some(came) = self.pretended(check, choice) {
            return came;
        }
        match self.places_of(check, choice) {
            Ok(None) => not_applicable(check),
            Ok(Some(places)) => match look(check, &places, &choice.view) {
                Ok(scanned) => self.said(check, choice, &scanned),
                Err(message) => self.failed(check, choice, &message),
            },
            Err(message) => self.failed(check, choice, &message),
        }
    }

    /// What a policy's own test says that the check came to.
    pub(super) fn pretended(&self, check: &Check, choice: &ChoiceState<'_>) -> Option<Came> {
        let said = |status: &str| Some(json!({ "status": status, "score": 0.0, "found": [] }));
        match self.facts.pretended().checks.get(&check.name)? {
            Status::Pass => {
                Some(Came { finding: Finding::pass(check.by.as_str()), seen: said("pass") })
            }
            Status::Fail => {
                let message = format!("`{}` fails, as the test says", check.name);
                let finding = self.objects(check, choice, String::new(), message, None);
                Some(Came { finding, seen: said("fail") })
            }
            _ => Some(self.failed(check, choice, "the test says so")),
        }
    }

    /// Where the check looks; `None` if it does not apply.
    pub(super) fn places_of<'a>(
        &'a self,
        check: &Check,
        choice: &'a ChoiceState<'_>,
    ) -> Result<Option<Vec<Place<'a>>>, String> {
        if !check.sources.holds(self.source()) {
            return Ok(None);
        }
        if let Some(when) = &check.when
            && !formula::holds(when, &choice.view, &check.by)?
        {
            return Ok(None);
        }
        let places = places(&check.at, self.is_request(), self.facts, choice)?;
        Ok((!places.is_empty()).then_some(places))
    }

    /// A check that could not run.
    pub(super) fn failed(&self, check: &Check, choice: &ChoiceState<'_>, message: &str) -> Came {
        let message = format!("check `{}` could not run: {message}", check.name);
        let objects = Objects::error(&check.by, &check.on_error, message);
        let ladder = objects.ladder.filter(|_| !check.observe);
        let finding = objects.taking(ladder).finding(self.policy, &choice.view);
        Came { finding, seen: None }
    }

    /// A check that objects, with that message.
    pub(super) fn objects(
        &self,
        check: &Check,
        choice: &ChoiceState<'_>,
        at: String,
        message: String,
        evidence: Option<String>,
    ) -> Finding {
        let ladder = check.ladder.as_deref().filter(|_| !check.observe);
        let objects = Objects::fail(&check.by, FailureClass::Check, message);
        let objects = Objects { evidence, ..objects.taking(ladder).at(at) };
        let mut finding = objects.finding(self.policy, &choice.view);
        finding.also_review = check.also_review.clone().filter(|_| !check.observe);
        finding
    }

    fn said(&self, check: &Check, choice: &ChoiceState<'_>, scanned: &Scanned) -> Came {
        let found: Vec<Value> = scanned
            .found
            .iter()
            .map(|found| json!({ "kind": found.kind, "text": found.text, "path": found.path }))
            .collect();
        let fails = !scanned.found.is_empty() || scanned.lacking.is_some();
        let status = if fails { "fail" } else { "pass" };
        let seen = Some(json!({ "status": status, "found": found }));
        if !fails {
            return Came { finding: Finding::pass(check.by.as_str()), seen };
        }
        let first = scanned.found.first();
        let at = first.map(|found| found.path.clone()).or_else(|| scanned.lacking.clone());
        let message = what_was_found(check, scanned);
        let evidence = first.and_then(|found| evidence(check, found));
        let at = at.unwrap_or_default();
        Came { finding: self.objects(check, choice, at, message, evidence), seen }
    }
}

pub(super) fn not_applicable(check: &Check) -> Came {
    let finding = Finding::plain(check.by.as_str(), Status::NotApplicable);
    Came { finding, seen: None }
}

/// What a check finds at these places. Also what a mask goes by.
pub(super) fn look(
    check: &Check,
    places: &[Place<'_>],
    view: &View<'_>,
) -> Result<Scanned, String> {
    match &check.kind {
        Kind::Text { scan, allow } => {
            let allowed = match allow {
                Some(allow) => texts_of(&formula::value(allow, view, &check.by)?),
                None => Vec::new(),
            };
            Ok(scan_all(scan, &allowed, places))
        }
        Kind::Size(limit) => Ok(too_large(*limit, places)),
        Kind::Judge { .. } | Kind::Service { .. } => Ok(Scanned::default()),
    }
}

fn scan_all(scan: &Scan, allowed: &[String], places: &[Place<'_>]) -> Scanned {
    let mut scanned = Scanned::default();
    for place in places {
        for text in texts(&place.value) {
            let text = text.below(&place.pointer);
            if !text.is_name && scan.misses(&text.text) {
                scanned.lacking.get_or_insert_with(|| text.path.clone());
            }
            scan.find(&text, &mut scanned.found);
        }
    }
    scanned.found.retain(|found| !allowed.contains(&bare(&found.text)));
    scanned
}

fn too_large(limit: SizeLimit, places: &[Place<'_>]) -> Scanned {
    let over = places.iter().find(|place| limit.exceeded(&Size::of(&place.value)).is_some());
    Scanned { found: Vec::new(), lacking: over.map(|place| place.pointer.clone()) }
}

/// Every text in a value that an `allow` gave, bare of case and punctuation.
fn texts_of(value: &Value) -> Vec<String> {
    let texts = texts(value);
    texts.iter().filter(|text| !text.is_name).map(|text| bare(&text.text)).collect()
}

/// A text as it is compared with an allowed one: `+49 30 1234` is `+49301234`.
fn bare(text: &str) -> String {
    let signs = |letter: &char| !letter.is_whitespace() && !matches!(letter, '-' | '(' | ')' | '/');
    text.chars().filter(signs).flat_map(char::to_lowercase).collect()
}

fn what_was_found(check: &Check, scanned: &Scanned) -> String {
    match (&check.kind, scanned.found.first()) {
        (Kind::Size(_), _) => format!("`{}`: it is larger than allowed", check.name),
        (Kind::Text { scan, .. }, Some(first)) if matches!(scan, Scan::PersonalData(_)) => {
            format!("`{}` found {} ({})", check.name, scan.what(), first.kind)
        }
        (Kind::Text { scan, .. }, Some(_)) => format!("`{}` found {}", check.name, scan.what()),
        _ => format!("`{}`: the text is not as it must be", check.name),
    }
}

/// What is recorded of a find. Never personal data: events outlive it.
fn evidence(check: &Check, found: &Found) -> Option<String> {
    match &check.kind {
        Kind::Text { scan: Scan::PersonalData(_), .. } => Some(found.kind.to_owned()),
        Kind::Text { .. } => Some(found.text.chars().take(EVIDENCE_MAX).collect()),
        _ => None,
    }
}
