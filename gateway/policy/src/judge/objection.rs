//! From "this objects" to a finding with the ladder that it takes and the texts of its rungs.

use backstop_domain::{FailureClass, Finding, Objection, Plan, Status};
use serde_json::Value;

use super::View;
use super::formula;
use crate::compiled::Policy;

/// What objects.
pub(super) struct Objects<'a> {
    /// Name in findings.
    pub by: &'a str,
    pub status: Status,
    pub class: FailureClass,
    /// Name of the ladder; `None` for one that has no say.
    pub ladder: Option<&'a str>,
    pub at: Option<String>,
    pub message: String,
    pub evidence: Option<String>,
}

impl<'a> Objects<'a> {
    /// A failure of that class, by whoever `by` is.
    pub fn fail(by: &'a str, class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            by,
            status: Status::Fail,
            class,
            ladder: None,
            at: None,
            message: message.into(),
            evidence: None,
        }
    }

    /// Something that could not be computed; it takes that ladder.
    pub fn error(by: &'a str, ladder: &'a str, message: impl Into<String>) -> Self {
        let class = FailureClass::CheckError;
        let fail = Self::fail(by, class, message);
        Self { status: Status::Error, ladder: Some(ladder), ..fail }
    }

    /// With its ladder.
    pub fn taking(self, ladder: Option<&'a str>) -> Self {
        Self { ladder, ..self }
    }

    /// With its place.
    pub fn at(self, at: String) -> Self {
        Self { at: Some(at).filter(|at| !at.is_empty()), ..self }
    }

    /// The finding, its texts rendered with what is known now.
    pub fn finding(self, policy: &Policy, view: &View<'_>) -> Finding {
        let objection = self.ladder.map(|ladder| Objection {
            ladder: ladder.to_owned(),
            texts: texts(policy, view, self.by, ladder),
            excluded: excluded(policy, view, self.by, ladder),
        });
        Finding {
            by: self.by.to_owned(),
            status: self.status,
            class: Some(self.class),
            at: self.at,
            message: self.message,
            evidence: self.evidence,
            objection,
            also_review: None,
        }
    }
}

/// Name of the ladder of a class.
pub(super) fn class_ladder(class: FailureClass) -> String {
    Plan::class_ladder(class)
}

/// The texts of a ladder's rungs. One that cannot be rendered is left out: the finding's own
/// message then stands in its place.
fn texts(policy: &Policy, view: &View<'_>, by: &str, ladder: &str) -> Vec<Option<String>> {
    let rungs = policy.texts.get(ladder).map_or(&[][..], Vec::as_slice);
    let rendered: Vec<Option<String>> = rungs
        .iter()
        .map(|rung| rung.text.as_ref().and_then(|text| formula::text(text, view, by).ok()))
        .collect();
    if rendered.iter().all(Option::is_none) { Vec::new() } else { rendered }
}

/// Reviewers that the ladder's escalations exclude.
fn excluded(policy: &Policy, view: &View<'_>, by: &str, ladder: &str) -> Vec<String> {
    let rungs = policy.texts.get(ladder).map_or(&[][..], Vec::as_slice);
    let mut names = Vec::new();
    for not in rungs.iter().filter_map(|rung| rung.not.as_ref()) {
        let Ok(Value::Array(items)) = formula::value(not, view, by) else { continue };
        names.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    names
}
