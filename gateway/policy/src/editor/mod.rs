//! What an editor asks about a rules file: what stands here, what may stand here, where is it from.
//!
//! Pure questions over [`crate::source::Sources`], answered from the tables of [`crate::keys`], the
//! types of conditions, and the files that are named. A file may be half written. The protocol is
//! not here.

mod complete;
mod define;
mod expression;
mod fields;
mod hover;
mod outline;
mod place;
mod workspace;

pub use complete::{Completion, Offer};
pub use hover::Hover;
pub use outline::{Symbol, SymbolKind, outline};
pub use workspace::Editor;

use crate::diagnostics::Problem;

/// The text that mends a problem when it is put in its place, where the loader knows it.
pub fn fix(problem: &Problem) -> Option<&str> {
    let help = problem.help.as_deref()?;
    let rest = help.strip_prefix("did you mean `")?;
    rest.strip_suffix("`?").filter(|word| !word.contains('`'))
}

#[cfg(test)]
mod tests;
