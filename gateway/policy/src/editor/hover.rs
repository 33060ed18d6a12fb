//! What stands here, in words: keys, words, names, and the parts of conditions.

use backstop_checks::expression::{Type, known_functions};

use super::expression::inside;
use super::place::{What, find};
use super::workspace::{Desk, Editor};
use crate::keys::{self, Key, Names, Need, Value, Word, prose};
use crate::source::{FileId, Sources, Span};
use crate::yaml::Node;

/// What to show, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// Markdown.
    pub text: String,
    /// The part of the file that is explained.
    pub span: Span,
}

/// Most lines of another file that are shown.
const LINES_MAX: usize = 14;

impl Editor {
    /// What stands at byte `at` of `file`.
    pub fn hover(&mut self, sources: &Sources, file: FileId, at: u32) -> Option<Hover> {
        let desk = self.desk(sources, file)?;
        let tree = desk.tree.as_ref()?;
        let place = find(tree, Some(desk.kind.root()), at)?;
        match place.what {
            What::Key { entry, key, map, .. } => {
                let text = match (key, map) {
                    (Some(key), _) => of_key(key),
                    (None, Some(Value::Named(names, _))) => {
                        desk.of_name(*names, &entry.key.value)?
                    }
                    _ => return None,
                };
                Some(Hover { text, span: entry.key.span })
            }
            What::Scalar { node, value } => {
                let expression = inside(sources, node, value, at);
                match expression.and_then(|found| desk.of_part(&found, &place.way)) {
                    Some(hover) => Some(hover),
                    None => {
                        let text = desk.of_scalar(node, value?, &place.way)?;
                        Some(Hover { text, span: node.span })
                    }
                }
            }
        }
    }
}

fn of_key(key: &Key) -> String {
    let need = match key.need {
        Need::Required => "  \nRequired.",
        Need::Later => "  \nNot available yet in this version.",
        _ => "",
    };
    format!("**{}**: {}{need}", key.name, keys::json_schema::description(key))
}

fn of_word(word: &Word) -> String {
    format!("**{}**: {}", word.name, prose(word.doc))
}

impl Desk<'_> {
    /// A part of a condition.
    fn of_part(&self, found: &super::expression::Inside, way: &[String]) -> Option<Hover> {
        let scope = self.scope(way)?;
        let (word, range) = found.word();
        if let Some((_, written, _)) = known_functions().find(|(name, ..)| *name == word) {
            let called = found.source.get(found.at..).is_some_and(|rest| {
                rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').starts_with('(')
            });
            if called {
                let span = found.span(self.sources, &range);
                return Some(Hover { text: format!("`{written}`"), span });
            }
        }
        let part = found.part(scope)?;
        let source = found.source.get(part.range.clone())?.trim();
        let mut text = format!("`{source}`: {}", type_words(&part.kind));
        let described = part.place.as_deref().and_then(|place| self.described(place, way));
        if let Some(description) = described.and_then(|described| described.description) {
            text.push_str("\n\n");
            text.push_str(&description);
        }
        Some(Hover { text, span: found.span(self.sources, &part.range) })
    }

    /// A single value, by what may stand there.
    fn of_scalar(&self, node: &Node, value: &'static Value, way: &[String]) -> Option<String> {
        let text = node.as_text()?;
        match value.form(node)? {
            Value::Words(words) => {
                let word = words.iter().find(|word| word.name == text)?;
                match word.doc {
                    // Failure classes are told by the table of `on`.
                    "" => keys::ON.key(text).map(of_key),
                    _ => Some(of_word(word)),
                }
            }
            Value::Name(names) => self.of_name(*names, text),
            Value::Path => {
                let kind = super::fields::type_at(self.scope(way)?, text)?;
                let described = self.described(text, way).and_then(|d| d.description);
                let more = described.map_or_else(String::new, |text| format!("\n\n{text}"));
                Some(format!("`{text}`: {}{more}", type_words(&kind)))
            }
            _ => None,
        }
    }

    /// What a name names.
    fn of_name(&self, names: Names, name: &str) -> Option<String> {
        let what = match names {
            Names::Model => "model",
            Names::Queue => "queue",
            Names::Service => "service",
            Names::Provider => "provider",
            Names::Hours => "calendar",
            Names::Notify => "way to notify",
            Names::Check => "check",
            Names::Tool => "tool",
            Names::Value => "value",
            Names::Data => "data",
            Names::Prompt => return self.of_prompt(name),
            _ => return None,
        };
        let entry = self.named(names).into_iter().find(|entry| entry.key.value == name)?;
        let span = Span { start: entry.key.span.start, ..entry.value.span };
        let written = self.sources.slice(span);
        // The first line stands behind its indentation in the file.
        let own = self.sources.line_column(entry.key.span).column.saturating_sub(1);
        let shown: Vec<&str> = written
            .lines()
            .take(LINES_MAX)
            .enumerate()
            .map(|(at, line)| if at == 0 { line } else { line.get(own..).unwrap_or(line.trim()) })
            .collect();
        Some(format!("{what} `{name}`\n```yaml\n{}\n```", shown.join("\n")))
    }

    fn of_prompt(&self, name: &str) -> Option<String> {
        let file = self.sources.find(&format!("prompts/{name}.md"))?;
        let lines: Vec<&str> = self.sources.text(file).lines().take(LINES_MAX).collect();
        Some(format!("prompt `{name}`\n```markdown\n{}\n```", lines.join("\n")))
    }
}

/// A type in words; of an object its fields too.
pub(super) fn type_words(kind: &Type) -> String {
    let fields = super::fields::of_type(kind);
    let item = match kind {
        Type::List { item, .. } => super::fields::of_type(item),
        _ => Vec::new(),
    };
    let list = if fields.is_empty() { item } else { fields };
    let mut words = kind.to_string();
    for (name, kind, always) in list.iter().take(LINES_MAX) {
        let perhaps = if *always { "" } else { ", or absent" };
        words.push_str(&format!("\n- `{name}`: {kind}{perhaps}"));
    }
    words
}
