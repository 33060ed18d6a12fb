//! From what was written to what is enforced: every problem that crosses files is found here.
//!
//! A policy with an error yields nothing. Compiling opens nothing: files come as bytes.

mod around;
mod checks;
mod confidence;
mod data;
mod drafts;
mod expressions;
mod fallback;
mod files;
mod includes;
mod ladders;
mod models;
mod phases;
mod places;
mod policy;
mod prompts;
mod prove;
mod reach;
mod rules;
mod rungs;
mod scopes;
mod settings;
mod thresholds;
mod tools;

use std::collections::BTreeMap;

use backstop_checks::schema::Schema;
use backstop_domain::plan::Plan;

pub(crate) use around::Around;
pub(crate) use drafts::drafts_of;
pub(crate) use files::{Files, reached};
pub(crate) use phases::{Phases, phases};
pub(crate) use policy::compile;

use crate::compiled::LadderTexts;
use crate::diagnostics::{Code, Problem, Report};
use crate::raw;
use crate::source::{Sources, Span};
use includes::Parts;
use scopes::Scopes;

/// What compiling one policy has at hand.
pub(crate) struct Compiler<'a> {
    sources: &'a Sources,
    report: &'a mut Report,
    files: &'a mut Files,
    around: &'a Around,
    raw: &'a raw::Policy,
    parts: Parts<'a>,
    scopes: Scopes,
    input: Option<Schema>,
    output: Option<Schema>,
    /// Variables of which nothing is known, because their schema is broken.
    broken: Vec<&'static str>,
    /// Ladders and their texts, by name.
    ladders: BTreeMap<String, backstop_domain::Ladder>,
    texts: BTreeMap<String, LadderTexts>,
}

impl Compiler<'_> {
    fn error(&mut self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        self.report.push(Problem::error(code, span, message).help_if(help));
    }

    fn warn(&mut self, code: Code, span: Span, message: impl Into<String>, help: Option<String>) {
        self.report.push(Problem::warning(code, span, message).help_if(help));
    }

    /// Reports a name that refers to nothing.
    fn unknown<'k>(
        &mut self,
        what: &str,
        name: &str,
        span: Span,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) {
        let help = crate::diagnostics::suggest::did_you_mean(name, known);
        self.error(Code::UnknownReference, span, format!("there is no {what} `{name}`"), help);
    }

    /// Place of something in file order: the policy's own lines first, then its includes.
    fn order(&self, span: Span) -> u32 {
        let rank = self.parts.files.iter().position(|file| *file == span.file).unwrap_or(0);
        let rank = u32::try_from(rank).unwrap_or(u32::MAX).min(0xFFF);
        (rank << 20) | span.start.min(0xF_FFFF)
    }
}

/// Name of the ladder that everything takes which could not be computed.
pub(crate) const ON_ERROR: &str = "on_error";

/// The ladder of a failure class.
fn class_ladder(class: backstop_domain::FailureClass) -> String {
    Plan::class_ladder(class)
}
