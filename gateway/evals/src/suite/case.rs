//! Cases: one JSON object a line, each with what is asked and what should come of it.

use std::collections::BTreeMap;

use backstop_policy::diagnostics::{Code, Problem, Report};
use backstop_policy::source::{FileId, Sources, Span};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Stable, unique in the suite.
    pub id: String,
    /// What the caller sends.
    pub input: Value,
    /// The conversation, for policies that take one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Value>,
    /// What should come of it.
    #[serde(default)]
    pub expect: Expected,
    /// Words to select cases by, such as `safety`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Cases of one cluster are not independent (the same thread, the same customer); by default
    /// each case is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The caller: `{name, tenant, roles}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Who>,
    /// Where it comes from, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it stands: file and line, from 1.
    #[serde(skip)]
    pub place: (String, usize),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// Name of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Its roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// What should come of a case. What is left out is not looked at.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// One of these ends: an outcome, or `in_review`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "one_or_many")]
    pub outcome: Vec<String>,
    /// The queue that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The right answer, or the part of it that scores look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// The right first tool call: `{name, args}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Value>,
    /// Parts that the answer's text has, case aside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub text_has: Vec<String>,
    /// Rules and checks that must have objected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<String>,
}

impl Expected {
    /// Whether it says anything of how the case should end.
    pub fn says_an_end(&self) -> bool {
        !self.outcome.is_empty()
            || self.queue.is_some()
            || !self.fired.is_empty()
            || !self.text_has.is_empty()
    }
}

mod one_or_many {
    //! A word, or a list of words.

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    pub fn serialize<S: Serializer>(words: &[String], to: S) -> Result<S::Ok, S::Error> {
        match words {
            [one] => one.serialize(to),
            many => many.serialize(to),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
        match Value::deserialize(from)? {
            Value::String(one) => Ok(vec![one]),
            other => serde_json::from_value(other).map_err(serde::de::Error::custom),
        }
    }
}

/// Ends that a case can expect.
pub const ENDS: [&str; 11] = [
    "accepted",
    "fallback",
    "approved",
    "edited",
    "rejected",
    "refused",
    "expired",
    "cancelled",
    "failed",
    "observed",
    "in_review",
];

impl Case {
    /// A case of that id that says nothing yet.
    pub fn blank(id: String) -> Self {
        Self {
            id,
            input: Value::Null,
            messages: Vec::new(),
            expect: Expected::default(),
            tags: Vec::new(),
            cluster: None,
            caller: None,
            note: None,
            place: (String::new(), 0),
        }
    }

    /// What is drawn as a whole when cases are resampled.
    pub fn cluster(&self) -> &str {
        self.cluster.as_deref().unwrap_or(&self.id)
    }

    /// Whether `word` selects it: its id, or `tag:TAG`.
    pub fn is_selected_by(&self, word: &str) -> bool {
        match word.strip_prefix("tag:") {
            Some(tag) => self.tags.iter().any(|own| own == tag),
            None => self.id == word,
        }
    }

    /// Whether it says what a right answer is.
    pub fn has_truth(&self) -> bool {
        self.expect.output.is_some() || self.expect.tool.is_some()
    }
}

/// Reads the cases of one file.
pub(super) fn read(
    sources: &Sources,
    file: FileId,
    known: &mut BTreeMap<String, Span>,
    report: &mut Report,
) -> Vec<Case> {
    let text = sources.text(file);
    let mut cases = Vec::new();
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let span = Span::new(file, start, start + line.trim_end().len());
        start += line.len();
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str::<Case>(line) {
            Ok(case) => {
                if let Some(first) = known.insert(case.id.clone(), span) {
                    let say = format!("the case `{}` stands twice", case.id);
                    let problem = Problem::error(Code::Duplicate, span, say);
                    report.push(problem.related(first, "first here"));
                }
                report_ends(&case, span, report);
                let place = (sources.path(file).to_owned(), number + 1);
                cases.push(Case { place, ..case });
            }
            Err(error) => {
                let at = span.start as usize + error.column().saturating_sub(1);
                let place = Span::new(file, at, at + 1);
                let say = format!("the line is no case: {}", without_place(&error.to_string()));
                let help = r#"write one JSON object a line, such as {"id": "a-1", "input": "…"}"#;
                report.push(Problem::error(Code::Case, place, say).help(help));
            }
        }
    }
    cases
}

fn report_ends(case: &Case, span: Span, report: &mut Report) {
    for word in &case.expect.outcome {
        if !ENDS.contains(&word.as_str()) {
            let say = format!("case `{}`: `{word}` is no end of a call", case.id);
            let meant = backstop_policy::diagnostics::suggest::did_you_mean(word, ENDS);
            report.push(Problem::error(Code::UnknownWord, span, say).help_if(meant));
        }
    }
}

/// The parser's words without `at line 1 column 7`: the place is shown.
fn without_place(words: &str) -> &str {
    words.split(" at line ").next().unwrap_or(words)
}
