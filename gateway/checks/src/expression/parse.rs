//! Text to tree: the `cel` crate reads the grammar, this file gives every node its range.
//!
//! The crate's macros are left off, so that `has` and `map` arrive as they were written.

mod build;
mod complaint;

use super::problem::Problem;
use super::scan::Outline;
use super::syntax::Syntax;
use build::Builder;

/// Longest source of one expression, in bytes.
pub(super) const SOURCE_BYTES_MAX: usize = 4096;
/// Deepest tree; keeps every recursive walk well within a small stack.
const DEPTH_MAX: usize = 64;
/// Most brackets inside brackets: in an unoptimized build the parser takes 200 kB of stack for
/// each, and a worker thread has 2 MB.
const BRACKETS_MAX: usize = 8;

/// Reads `source`.
///
/// # Errors
/// What the grammar does not allow, or a source that is too long or too deep.
pub(super) fn parse(source: &str) -> Result<Syntax, Vec<Problem>> {
    let whole = 0..source.len();
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!(
            "the expression is {} bytes long; at most {SOURCE_BYTES_MAX} are allowed",
            source.len()
        );
        return Err(vec![Problem::new(whole, message).help("move parts of it to `values`")]);
    }
    if source.trim().is_empty() {
        return Err(vec![Problem::new(whole, "the expression is empty")]);
    }
    let outline = Outline::of(source);
    // The parser's way out of each one goes deeper.
    if let Some(at) = outline.tag {
        let problem = Problem::new(at..at + 2, "`{% … %}` stands in prompts only");
        return Err(vec![problem.help("write a condition such as `a ? b : c`")]);
    }
    if outline.brackets > BRACKETS_MAX {
        let message = format!("brackets stand inside brackets, more than {BRACKETS_MAX} deep");
        return Err(vec![Problem::new(whole, message).help("move parts of it to `values`")]);
    }
    if outline.depth > DEPTH_MAX {
        let problem = Problem::new(whole, "the expression is nested too deeply");
        return Err(vec![problem.help("move parts of it to `values`")]);
    }
    let parser = cel::Env::default().parser().enable_optional_syntax(false);
    let (tree, places) = parser
        .parse_with_source_info(source)
        .map_err(|errors| vec![complaint::first(source, &errors)])?;
    let mut builder = Builder::new(source, &outline, &places);
    match builder.node(tree) {
        Some(syntax) if builder.problems.is_empty() => Ok(syntax),
        _ => Err(builder.problems),
    }
}
