//! What people said of answers: one JSON object a line in `labels/*.jsonl`.

use backstop_policy::diagnostics::{Code, Problem, Report};
use backstop_policy::source::{Sources, Span};
use serde::{Deserialize, Serialize};

/// One person's word on one score of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The case.
    pub case: String,
    /// The score.
    pub score: String,
    /// Whether the answer is right.
    pub right: bool,
    /// Who says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Every label of a suite.
pub(super) fn read(folder: &str, sources: &Sources, report: &mut Report) -> Vec<Label> {
    let place = format!("evals/{folder}/labels/");
    let mut labels = Vec::new();
    for file in sources.ids() {
        let name = sources.path(file).strip_prefix(&place).unwrap_or_default();
        if !name.ends_with(".jsonl") || name.contains('/') {
            continue;
        }
        let mut start = 0;
        for line in sources.text(file).split_inclusive('\n') {
            let span = Span::new(file, start, start + line.trim_end().len());
            start += line.len();
            match serde_json::from_str(line) {
                _ if line.trim().is_empty() => {}
                Ok(label) => labels.push(label),
                Err(fault) => {
                    let say = format!("the line is no label: {fault}");
                    let help = r#"write {"case": "a-1", "score": "tone", "right": true}"#;
                    report.push(Problem::error(Code::Case, span, say).help(help));
                }
            }
        }
    }
    labels
}
