//! Thresholds that decide nothing, and patterns that probably say something else.

use backstop_checks::text;

use super::Compiler;
use crate::diagnostics::{Code, Problem};
use crate::raw::{Accept, Check, CheckKind, ConfidenceBlock, ConfidenceSource, Must, SourceKind};
use crate::source::{Span, Spanned};
use crate::units::Share;

/// A share of everything, in millionths.
const ALL: u32 = 1_000_000;

impl Compiler<'_> {
    /// Tells of a check that no score fails.
    pub(super) fn decides(&mut self, check: &Check) {
        let idle = match &check.kind {
            CheckKind::Judge { pass, .. } if pass.0 == 0 => {
                Some(("every score passes: none is below 0", "write a `pass` above 0"))
            }
            CheckKind::Service { fail_over, .. } if fail_over.0 >= ALL => {
                Some(("every score passes: none is above 1", "write a `fail_over` below 1"))
            }
            _ => None,
        };
        if let Some((say, help)) = idle {
            self.warn(Code::Threshold, check.span, say, Some(help.to_owned()));
        }
    }

    /// Tells of a threshold that every signal of a source reaches.
    pub(super) fn accepts(&mut self, block: &ConfidenceBlock) {
        match &block.accept {
            Accept::Every(share) => {
                for source in &block.from {
                    self.reached(source, share.value, share.span);
                }
            }
            Accept::ByModel(named) => {
                for (_, share) in named.iter() {
                    for source in &block.from {
                        self.reached(source, share.value, share.span);
                    }
                }
            }
            Accept::BySource(named) => {
                for source in &block.from {
                    if let Some(share) = named.get(source.signal()) {
                        self.reached(source, share.value, share.span);
                    }
                }
            }
        }
    }

    fn reached(&mut self, source: &ConfidenceSource, share: Share, span: Span) {
        if share.0 == 0 {
            let say = "every answer with a signal is sure: none is below 0";
            let help = "write a threshold above 0, such as 0.9".to_owned();
            self.warn(Code::Threshold, span, say, Some(help));
            return;
        }
        // A tie is missing, so the largest of several groups has two votes at least.
        let SourceKind::Votes { votes, .. } = &source.kind else { return };
        let count = votes.value.0.max(1);
        let reached = u64::from(share.0).saturating_mul(count) <= 2 * u64::from(ALL);
        // Two of three are a majority; two of more are not.
        if reached && count > 3 {
            let say = format!(
                "every vote is sure: where {count} answers do not tie, at least 2 of {count} agree"
            );
            let help = format!("for a majority write {}", majority(count));
            self.warn(Code::Threshold, span, say, Some(help));
        }
    }

    /// Tells of patterns that run and probably say something else.
    pub(super) fn doubtful(&mut self, pattern: &Spanned<String>, must: Must) {
        let loose = (must == Must::Match).then(|| text::unanchored(&pattern.value)).flatten();
        for doubt in text::doubts(&pattern.value).into_iter().chain(loose) {
            let place = self.sources.place_in(pattern.span, &pattern.value, doubt.range);
            let problem = Problem::warning(Code::PatternDoubt, place, doubt.message);
            self.report.push(problem.help(doubt.help));
        }
    }
}

/// The smallest share that more than half of `count` votes are, rounded down to hundredths.
fn majority(count: u64) -> String {
    let most = count / 2 + 1;
    format!("{:.2}", (most * 100 / count) as f64 / 100.0)
}
