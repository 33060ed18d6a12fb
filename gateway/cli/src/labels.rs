//! `backstop labels`: every verdict of a person as a label, with how the answer came before them.
//! JSON Lines or CSV, for calibration and for suites.

use std::{collections::BTreeMap, io::Write, process::ExitCode};

use anyhow::Result;
use backstop_domain::{
    CallEvent, CallId, Digest, Event, Millis, Opened, Resolution, ReviewEvent, ReviewId,
    ReviewKind, Sampled, Scored,
};
use backstop_ledger::{Offline, Recorded};
use serde_json::{Value, json};

use crate::args::Labels;

/// Events that are read at once.
const PAGE: usize = 1_000;

/// Prints them; 0.
pub fn run(args: &Labels) -> Result<ExitCode> {
    let ledger = Offline::open(&args.data)?;
    let mut book = Book::default();
    let mut after = 0;
    loop {
        let page = ledger.feed(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.envelope.position;
        page.iter().for_each(|recorded| book.take(recorded));
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut count = 0_u64;
    let csv = args.format == "csv";
    if csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
    }
    for label in book.labels(args.policy.as_deref()) {
        match csv {
            true => writeln!(out, "{}", row(&label))?,
            false => writeln!(out, "{label}")?,
        }
        count += 1;
    }
    out.flush()?;
    eprintln!("{count} labels");
    Ok(ExitCode::SUCCESS)
}

/// Every field of a label, in the order of the table.
const COLUMNS: [&str; 16] = [
    "review",
    "call",
    "run",
    "policy",
    "queue",
    "sampled",
    "of",
    "answer",
    "verdict",
    "right",
    "corrected",
    "by",
    "at",
    "because",
    "reason",
    "signals",
];

/// A label as a row of the table: lists by spaces, signals as `name=millionths`.
fn row(label: &Value) -> String {
    let cells = COLUMNS.map(|column| cell(&words(label.get(column).unwrap_or(&Value::Null))));
    cells.join(",")
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            let pairs = map.iter().map(|(name, value)| format!("{name}={}", words(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// Source: RFC 4180.
fn cell(text: &str) -> String {
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// What was read so far.
#[derive(Default)]
struct Book {
    /// The signals of each answer, by call and digest.
    signals: BTreeMap<(CallId, Digest), Vec<Scored>>,
    reviews: BTreeMap<ReviewId, (Opened, Option<Verdict>)>,
}

struct Verdict {
    at: Millis,
    position: u64,
    by: Vec<String>,
    resolution: Resolution,
    reason: Option<String>,
}

impl Book {
    fn take(&mut self, recorded: &Recorded) {
        let envelope = &recorded.envelope;
        match &recorded.event {
            Ok(Event::Call(CallEvent::AnswerJudged(judged))) if !judged.signals.is_empty() => {
                let Some(call) = envelope.stream.call_id() else { return };
                self.signals.insert((call, judged.subject.digest), judged.signals.clone());
            }
            Ok(Event::Review(event)) => {
                let Some(id) = envelope.stream.review_id() else { return };
                match event {
                    ReviewEvent::ReviewOpened(opened) => {
                        self.reviews.insert(id, (opened.clone(), None));
                    }
                    ReviewEvent::ReviewDecided { by, resolution, reason, .. } => {
                        let verdict = Verdict {
                            at: envelope.at,
                            position: envelope.position,
                            by: by.clone(),
                            resolution: resolution.clone(),
                            reason: reason.clone(),
                        };
                        if let Some((_, kept)) = self.reviews.get_mut(&id) {
                            *kept = Some(verdict);
                        }
                    }
                    ReviewEvent::ReviewUndone { .. } => {
                        if let Some((_, kept)) = self.reviews.get_mut(&id) {
                            *kept = None;
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Each verdict that stands, in the order in which they were given.
    fn labels(&self, policy: Option<&str>) -> Vec<Value> {
        let mut given: Vec<_> = self
            .reviews
            .iter()
            .filter(|(_, (opened, _))| policy.is_none_or(|policy| policy == opened.policy))
            .filter_map(|(id, (opened, verdict))| Some((id, opened, verdict.as_ref()?)))
            .collect();
        given.sort_by_key(|(_, _, verdict)| verdict.position);
        given.iter().map(|(id, opened, verdict)| self.label(id, opened, verdict)).collect()
    }

    fn label(&self, id: &ReviewId, opened: &Opened, verdict: &Verdict) -> Value {
        let signals = opened.subject.and_then(|subject| {
            let signals = self.signals.get(&(opened.call.clone(), subject))?;
            let pairs = signals.iter().map(|one| (one.name.clone(), json!(one.value)));
            Some(pairs.collect::<serde_json::Map<_, _>>())
        });
        let (word, corrected) = match &verdict.resolution {
            Resolution::Approved { .. } => ("approved", None),
            Resolution::Edited { subject } => ("edited", Some(subject.digest)),
            Resolution::Rejected => ("rejected", None),
            Resolution::ChangesRequested { .. } => ("changes_requested", None),
            Resolution::FallbackChosen => ("fallback_chosen", None),
            Resolution::Expired { .. } => ("expired", None),
        };
        let mut label = json!({
            "review": id, "call": opened.call, "run": opened.generation, "policy": opened.policy,
            "queue": opened.queue, "sampled": sampled(opened), "answer": opened.subject,
            "right": word == "approved", "verdict": word, "by": verdict.by, "at": verdict.at,
            "because": opened.reasons.iter().map(|reason| &reason.by).collect::<Vec<_>>(),
            "signals": signals.unwrap_or_default(),
        });
        if let Some(map) = label.as_object_mut() {
            if let Some(corrected) = corrected {
                map.insert("corrected".to_owned(), json!(corrected));
            }
            if let Some(reason) = &verdict.reason {
                map.insert("reason".to_owned(), reason.as_str().into());
            }
            match &opened.sampled {
                Some(Sampled::Overlap { of } | Sampled::Known { of }) => {
                    map.insert("of".to_owned(), json!(of))
                }
                Some(Sampled::Complaint) | None => None,
            };
        }
        label
    }
}

/// How the answer came before a person: the policy sent it (`queue`), chance did (`coin`), a second
/// person was asked (`overlap`), or its answer was known (`known`).
const fn sampled(opened: &Opened) -> &'static str {
    match (&opened.sampled, opened.kind) {
        (Some(Sampled::Known { .. }), _) => "known",
        (Some(Sampled::Complaint), _) => "complaint",
        (Some(Sampled::Overlap { .. }), ReviewKind::Audit) => "overlap",
        (_, ReviewKind::Audit) => "coin",
        (_, ReviewKind::Decision) => "queue",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_row_whatever_a_person_wrote() {
        let label = json!({
            "review": "rev_1", "by": ["ann", "bea"], "right": false, "at": 5,
            "reason": "wrong_sum: \"6\", not 7\nsee slip", "signals": { "logprobs": 970_000 },
        });
        let row = row(&label);
        assert!(row.starts_with("rev_1,,,"), "{row}");
        let end = ",false,,ann bea,5,,\"wrong_sum: \"\"6\"\", not 7\nsee slip\",logprobs=970000";
        assert!(row.ends_with(end), "{row}");
    }
}
