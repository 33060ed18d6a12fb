//! Problems with the rules files: what, where, and how to mend it.
//!
//! All problems of a load are collected and sorted by place. A problem is plain data: how it is
//! shown (in colour, plainly, as JSON) is decided in [`render`], by whoever shows it.

mod codes;
mod github;
pub mod render;
mod sarif;
pub mod suggest;

pub use codes::Code;
pub use github::github;
pub use sarif::sarif;

use crate::source::Span;

/// Whether a problem stops the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The revision is refused.
    Error,
    /// The revision loads; somebody should look.
    Warning,
}

impl Severity {
    /// The word shown to people and put in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Another place that explains a problem, such as the first of two equal keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub span: Span,
    /// What is there, in a few words.
    pub message: String,
}

/// One thing that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable code; the table is [`Code::ALL`].
    pub code: Code,
    /// Whether it stops the load.
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// What is wrong: one sentence, lower case, no full stop.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Other places that explain it.
    pub related: Vec<Related>,
}

impl Problem {
    /// An error at `span`.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, severity: Severity::Error, span, message, help: None, related: Vec::new() }
    }

    /// A warning at `span`.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// With a sentence on how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a sentence on how to mend it, if there is one.
    #[must_use]
    pub fn help_if(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// With another place that explains it.
    #[must_use]
    pub fn related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { span, message: message.into() });
        self
    }
}

/// Every problem of one load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    problems: Vec<Problem>,
    left_out: usize,
    errors: usize,
}

impl Report {
    /// A report without problems.
    pub fn new() -> Self {
        Self::default()
    }

    /// Most problems that are kept; the rest is only counted.
    pub const PROBLEMS_MAX: usize = 1000;

    /// Adds a problem. The same words at the same place are kept once; an error counts even
    /// when there is no room for it.
    pub fn push(&mut self, problem: Problem) {
        if self.problems.contains(&problem) {
            return;
        }
        self.errors += usize::from(problem.severity == Severity::Error);
        if self.problems.len() < Self::PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.left_out += 1;
        }
    }

    /// Whether one of the kept problems is such.
    pub fn has(&self, such: impl Fn(&Problem) -> bool) -> bool {
        self.problems.iter().any(such)
    }

    /// How many problems were counted and not kept.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Adds every problem of `other`.
    pub fn extend(&mut self, other: Self) {
        let kept = other.problems.iter().filter(|p| p.severity == Severity::Error).count();
        self.errors += other.errors.saturating_sub(kept);
        self.left_out += other.left_out;
        for problem in other.problems {
            self.push(problem);
        }
    }

    /// The problems by file and place, errors before warnings at one place.
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut all: Vec<&Problem> = self.problems.iter().collect();
        all.sort_by(|a, b| {
            let key = |p: &Problem| (p.span.file, p.span.start, p.severity, p.code);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        all
    }

    /// Whether any problem stops the load.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many problems are errors: a caller that compares before and after knows whether a
    /// step of its own found any.
    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// Whether there is no problem at all.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests;
