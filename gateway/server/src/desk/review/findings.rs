//! What checks, rules and confidence said of the answer, for the person who decides.

use std::borrow::Cow;

use backstop_domain::{Finding, Scored, Status};

use super::{
    super::words,
    matter::Matter,
    plain::{Found, Piece, pieces},
};
use crate::tongue::say;

/// What one check or rule said.
pub struct Said {
    pub by: String,
    pub name: String,
    pub state: Cow<'static, str>,
    pub message: String,
    pub at: String,
    /// The words around what was found, with that marked.
    pub excerpt: Vec<Piece>,
}

/// How sure one source was.
pub struct Sure {
    pub name: String,
    pub at: String,
    pub value: String,
    pub accept: String,
    /// Both in percent, for the bar.
    pub percent: u64,
    pub mark: u64,
    pub missing: bool,
    pub enough: bool,
    pub note: String,
}

/// What objected or could not run, and how many said nothing against it.
pub fn said(matter: &Matter) -> (Vec<Said>, usize) {
    let all = of(matter);
    let passed = all.iter().filter(|one| one.status == Status::Pass).count();
    let loud = all.iter().filter(|one| matches!(one.status, Status::Fail | Status::Error));
    (loud.map(|finding| one(matter, finding)).collect(), passed)
}

fn of(matter: &Matter) -> &[Finding] {
    match &matter.call.state.judged {
        Some(judged) => &judged.findings,
        None => &matter.call.state.request_findings,
    }
}

fn one(matter: &Matter, finding: &Finding) -> Said {
    let at = finding.at.clone().unwrap_or_default();
    // What was found may itself be private.
    let evidence = finding.evidence.as_deref().filter(|_| matter.veil.is_lifted());
    let excerpt = evidence.map(|evidence| excerpt(matter, &at, evidence)).unwrap_or_default();
    Said {
        by: finding.by.clone(),
        name: words::because(&finding.by),
        state: match finding.status {
            Status::Error => say("could not run"),
            _ => say("objects"),
        },
        message: matter.words(&finding.message),
        at,
        excerpt,
    }
}

fn excerpt(matter: &Matter, at: &str, evidence: &str) -> Vec<Piece> {
    let text = matter.shown.as_ref().and_then(|answer| {
        let text = answer.first_text()?;
        let value: Option<serde_json::Value> = serde_json::from_str(text).ok();
        let place = value.as_ref().and_then(|value| value.pointer(at)?.as_str().map(str::to_owned));
        place.or_else(|| Some(text.to_owned()))
    });
    let text = text.filter(|text| text.contains(evidence)).unwrap_or_else(|| evidence.to_owned());
    let start = text.find(evidence).unwrap_or(0);
    let from = back(&text, start, 60);
    let to = forth(&text, start + evidence.len(), 60);
    let mut cut = pieces(text.get(from..to).unwrap_or(evidence), std::iter::once(evidence));
    if from > 0 {
        cut.insert(0, Piece { text: "\u{2026} ".to_owned(), found: false });
    }
    if to < text.len() {
        cut.push(Piece { text: " \u{2026}".to_owned(), found: false });
    }
    cut
}

fn back(text: &str, from: usize, letters: usize) -> usize {
    let before = text.get(..from).unwrap_or_default();
    before.char_indices().rev().take(letters).last().map_or(from, |(at, _)| at)
}

fn forth(text: &str, from: usize, letters: usize) -> usize {
    let after = text.get(from..).unwrap_or_default();
    after.char_indices().nth(letters).map_or(text.len(), |(at, _)| from + at)
}

/// What was found in the input, to be marked there.
pub fn in_input(matter: &Matter) -> Vec<Found> {
    if !matter.veil.is_lifted() {
        return Vec::new();
    }
    let findings = matter.call.state.request_findings.iter();
    findings.filter_map(|one| Some((one.at.clone()?, one.evidence.clone()?))).collect()
}

/// What was found in the answer, to be marked there.
pub fn in_answer(matter: &Matter) -> Vec<Found> {
    let lifted = matter.veil.is_lifted();
    let findings = of(matter).iter().filter(|_| lifted);
    findings.filter_map(|one| Some((one.at.clone()?, one.evidence.clone()?))).collect()
}

/// Words that the schema or a rule has about places of the output, by pointer.
pub fn at_places(matter: &Matter) -> Vec<(String, String)> {
    let loud = of(matter).iter().filter(|one| matches!(one.status, Status::Fail | Status::Error));
    // Doubt is no mistake: those places are marked as the ones to look at.
    loud.filter(|one| !one.by.starts_with("confidence"))
        .filter_map(|one| {
            let at = one.at.clone().filter(|at| !at.is_empty())?;
            let words = if one.message.is_empty() {
                words::because(&one.by)
            } else {
                matter.words(&one.message)
            };
            Some((at, words))
        })
        .collect()
}

/// How sure the answer was.
pub fn sure(matter: &Matter) -> Vec<Sure> {
    let judged = matter.call.state.judged.iter();
    judged.flat_map(|judged| &judged.signals).map(|scored| bar(matter, scored)).collect()
}

fn bar(matter: &Matter, scored: &Scored) -> Sure {
    let percent = |signal: backstop_domain::Signal| (signal.as_f64() * 100.0).round() as u64;
    let number = |signal: backstop_domain::Signal| format!("{:.3}", signal.as_f64());
    let note = if matter.veil.is_lifted() { scored.note.clone() } else { String::new() };
    Sure {
        name: scored.name.clone(),
        at: scored.at.clone().unwrap_or_default(),
        value: scored.value.map_or_else(|| say("missing").into_owned(), number),
        accept: scored.accept.map(number).unwrap_or_default(),
        percent: scored.value.map_or(0, percent),
        mark: scored.accept.map_or(0, percent),
        missing: scored.value.is_none(),
        enough: scored.value.is_some() && scored.value >= scored.accept,
        note,
    }
}

/// Places that were not sure enough.
pub fn weak(matter: &Matter) -> Vec<String> {
    let sure = sure(matter).into_iter().filter(|one| !one.enough && !one.accept.is_empty());
    sure.map(|one| one.at).filter(|at| !at.is_empty()).collect()
}
