//! `backstop fmt`: one way to write rules files, comments kept, meaning kept.
//!
//! Text to tree, tree and comments to `parts`, parts to lines. Keys are put in the order of
//! [`crate::keys`]; what was written in one line stays so while it fits. The result is read again
//! and compared with what was there; if it means anything else, nothing is returned. Opens nothing.

mod comments;
mod lines;
mod mend;
mod parts;
mod same;
mod scalar;

use crate::diagnostics::{Code, Problem, Report};
use crate::keys::{self, Value};
use crate::raw::front_matter;
use crate::source::{FileId, Sources, Span};
use crate::yaml;

/// Widest line, in characters, where a value can be broken.
pub const WIDTH: usize = 120;
/// Column (from 0) at which comments behind values stand, where the value ends before it.
const COMMENT_COLUMN: usize = 42;

/// What a file of a workspace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A policy.
    Policy,
    /// A fragment.
    Fragment,
    /// The gateway file.
    Gateway,
    /// Tests beside a policy.
    Tests,
    /// A prompt: only its front matter is laid out.
    Prompt,
}

impl FileKind {
    /// The kind of the file at `path` (from the root of the workspace) with that text, if it is one
    /// that we read the keys of.
    pub fn of(path: &str, text: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if path == crate::gateway_file::PATH || name == "gateway.yaml" {
            return Some(Self::Gateway);
        }
        if let Some(prompt) = name.strip_suffix(".md") {
            let prompts = path.starts_with("prompts/") || path.contains("/prompts/");
            return (prompts && prompt != "README").then_some(Self::Prompt);
        }
        let stem = name.strip_suffix(".yaml")?;
        if stem.ends_with("_test") {
            return Some(Self::Tests);
        }
        let has = |key: &str| text.lines().any(|line| line.starts_with(key));
        match (has("fragment:"), has("policy:")) {
            (true, false) => Some(Self::Fragment),
            (_, true) => Some(Self::Policy),
            // A policy that has lost its name, or a file of another kind altogether.
            (false, false) => {
                let beside = path.strip_prefix("policies/").is_some_and(|rest| !rest.contains('/'));
                beside.then_some(Self::Policy)
            }
        }
    }

    /// What stands at the root of such a file.
    pub fn root(self) -> &'static Value {
        static POLICY: Value = Value::Map(&keys::POLICY);
        static FRAGMENT: Value = Value::Map(&keys::FRAGMENT);
        static GATEWAY: Value = Value::Map(&keys::GATEWAY);
        static PROMPT: Value = Value::Map(&keys::PROMPT);
        static TESTS: Value = Value::Map(&keys::TEST_FILE);
        match self {
            Self::Policy => &POLICY,
            Self::Fragment => &FRAGMENT,
            Self::Gateway => &GATEWAY,
            Self::Prompt => &PROMPT,
            Self::Tests => &TESTS,
        }
    }
}

/// A file as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The whole text.
    pub text: String,
    /// How many conditions were put in quotes or blocks because YAML read them in its own way.
    pub mended: usize,
}

/// The text of `file` as it is written.
///
/// # Errors
/// Why it cannot be said: what is not YAML, or more YAML than these files allow. The file may hold
/// any other mistake.
pub fn format(sources: &Sources, file: FileId, kind: FileKind) -> Result<Formatted, Report> {
    let mut report = Report::new();
    if kind == FileKind::Prompt {
        return prompt(sources, file);
    }
    let tree = yaml::parse(sources, file, &mut report);
    let text = sources.text(file);
    let fine = tree.is_some() && !report.has_errors();
    let unreadable = report.sorted().iter().any(|problem| {
        matches!(problem.code, Code::NotText | Code::TooLarge | Code::Tab | Code::DuplicateKey)
    });
    if unreadable {
        return Err(report);
    }
    match layout(text, Some(kind.root())) {
        Some(done) => Ok(done),
        None if fine => Err(changed(file)),
        None => Err(report),
    }
}

fn prompt(sources: &Sources, file: FileId) -> Result<Formatted, Report> {
    let mut report = Report::new();
    let text = sources.text(file);
    if text.len() != sources.bytes(file).len() {
        let say = "a prompt is UTF-8 text";
        report.push(Problem::error(Code::NotText, Span::file_start(file), say));
        return Err(report);
    }
    let Some((front, body)) = front_matter(text, file, &mut report) else { return Err(report) };
    if front.text.trim().is_empty() {
        return Ok(Formatted { text: text.to_owned(), mended: 0 });
    }
    if yaml::parse_text(front.text, file, front.start, &mut report).is_none() || report.has_errors()
    {
        return Err(report);
    }
    let Some(done) = layout(front.text, Some(FileKind::Prompt.root())) else {
        return Err(changed(file));
    };
    let head = text.get(..front.start).unwrap_or("");
    let tail = text.get(front.start + front.text.len()..).unwrap_or("");
    debug_assert!(body >= front.start);
    Ok(Formatted { text: format!("{head}{}{tail}", done.text), mended: done.mended })
}

fn changed(file: FileId) -> Report {
    let mut report = Report::new();
    let say = "this file cannot be laid out without changing what it says";
    let problem = Problem::error(Code::Syntax, Span::file_start(file), say);
    report.push(problem.help("it was left as it is; please report it with the file"));
    report
}

/// Lays out one YAML text; `None` if it is not YAML, or would come to mean something else.
fn layout(text: &str, root: Option<&'static Value>) -> Option<Formatted> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let (text, mended) = mend::mend(text)?;
    let before = Read::of(&text)?;
    let document = parts::document(&before, root);
    let laid = lines::print(&document);
    let after = Read::of(&laid)?;
    let kept = same::same(&before.tree, &after.tree, root)
        && comments::texts(&before.comments) == comments::texts(&after.comments);
    kept.then_some(Formatted { text: laid, mended })
}

/// A text with its tree and its comments.
struct Read {
    sources: Sources,
    file: FileId,
    tree: yaml::Node,
    comments: Vec<comments::Comment>,
}

impl Read {
    fn of(text: &str) -> Option<Self> {
        let sources = Sources::single("text.yaml", text);
        let file = sources.ids().next()?;
        let mut report = Report::new();
        let tree = yaml::parse(&sources, file, &mut report)?;
        if report.has_errors() {
            return None;
        }
        let comments = comments::find(sources.text(file), &tree);
        Some(Self { sources, file, tree, comments })
    }

    fn text(&self) -> &str {
        self.sources.text(self.file)
    }
}

#[cfg(test)]
mod tests;
