//! Where something is from: the entry, file or field that a name, path or condition names.

use super::expression::inside;
use super::place::{What, find};
use super::workspace::{Desk, Editor};
use crate::keys::{Names, Value};
use crate::source::{FileId, Sources, Span};
use crate::yaml::Node;

impl Editor {
    /// Where what stands at byte `at` of `file` is from.
    pub fn definition(&mut self, sources: &Sources, file: FileId, at: u32) -> Option<Span> {
        let desk = self.desk(sources, file)?;
        let tree = desk.tree.as_ref()?;
        let place = find(tree, Some(desk.kind.root()), at)?;
        match place.what {
            What::Key { entry, map, .. } => match map? {
                Value::Named(names, _) => desk.origin(*names, &entry.key.value),
                Value::Changes => desk.described(&entry.key.value, &place.way).map(|d| d.span),
                _ => None,
            },
            What::Scalar { node, value } => {
                if let Some(found) = inside(sources, node, value, at) {
                    return desk.of_condition(&found, &place.way);
                }
                desk.of_value(node, value?, &place.way)
            }
        }
    }
}

impl Desk<'_> {
    fn of_value(&self, node: &Node, value: &'static Value, way: &[String]) -> Option<Span> {
        let text = node.as_text()?;
        match value.form(node)? {
            Value::Name(names) => self.origin(*names, text),
            Value::File(_) | Value::Given | Value::Data => {
                self.file_beside(text).map(Span::file_start)
            }
            Value::Path => self.described(text, way).map(|described| described.span),
            // A bare `escalate` goes where the policy says.
            Value::Words(_) if text == "escalate" => {
                let queue = self.tree.as_ref()?.get("queue")?.as_text()?;
                self.origin(Names::Queue, queue)
            }
            Value::Words(_) if text == "fallback" => {
                self.tree.as_ref()?.get("fallback").map(|node| node.span)
            }
            _ => None,
        }
    }

    /// Where a name of that kind is declared.
    fn origin(&self, names: Names, name: &str) -> Option<Span> {
        let file = |path: String| self.sources.find(&path).map(Span::file_start);
        match names {
            Names::Prompt => file(format!("prompts/{name}.md")),
            Names::Policy => file(format!("policies/{name}.yaml")),
            Names::Rule => {
                self.rules().into_iter().find(|id| id.as_text() == Some(name)).map(|id| id.span)
            }
            names => {
                let entry = self.named(names).into_iter().find(|entry| entry.key.value == name)?;
                Some(entry.key.span)
            }
        }
    }

    /// What the name at the cursor of a condition is from.
    fn of_condition(&self, found: &super::expression::Inside, way: &[String]) -> Option<Span> {
        let chain = found.chain();
        let mut parts = chain.split('.');
        let (root, name) = (parts.next()?, parts.next());
        match (root, name) {
            ("values", Some(name)) => return self.origin(Names::Value, name),
            ("checks", Some(name)) => return self.origin(Names::Check, name),
            ("data", Some(name)) => {
                let entry = self.named(Names::Data);
                let entry = entry.into_iter().find(|entry| entry.key.value == name)?;
                let file = entry.value.get("file").unwrap_or(&entry.value);
                return self.file_beside(file.as_text()?).map(Span::file_start);
            }
            ("input" | "output", None) => return self.schema_of(root).map(Span::file_start),
            _ => {}
        }
        let place = found.part(self.scope(way)?)?.place?;
        self.described(&place, way).map(|described| described.span)
    }
}
