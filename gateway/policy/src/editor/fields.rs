//! Fields of values: by their types, and in the schema files that describe them.

use std::collections::BTreeMap;

use backstop_checks::expression::{Scope, Type};

use super::workspace::{Desk, entries};
use crate::diagnostics::Report;
use crate::source::{FileId, Sources, Span};
use crate::yaml::{self, Node};

/// Deepest chain of `$ref` that is followed.
const REFERENCES_MAX: usize = 16;

/// The fields of a value of that type: name, type, and whether it is always there.
pub(super) fn of_type(kind: &Type) -> Vec<(String, Type, bool)> {
    let mut found: BTreeMap<String, (Type, bool)> = BTreeMap::new();
    let several = kind.parts().len() > 1;
    for part in kind.parts() {
        if let Type::Object(fields) = part {
            for (name, field) in &fields.known {
                let always = field.required && !several;
                found.insert(name.clone(), (field.kind.clone(), always));
            }
        }
    }
    found.into_iter().map(|(name, (kind, always))| (name, kind, always)).collect()
}

/// The type at a path such as `output.lines.*.amount`.
pub(super) fn type_at(scope: &Scope, path: &str) -> Option<Type> {
    let mut parts = path.split('.');
    let mut kind = scope.kind_of(parts.next()?)?.clone();
    for part in parts {
        kind = step(&kind, part)?;
    }
    Some(kind)
}

fn step(kind: &Type, part: &str) -> Option<Type> {
    kind.parts().iter().find_map(|kind| match kind {
        Type::Object(fields) => fields.known.get(part).map(|field| field.kind.clone()),
        Type::List { item, .. } if part == "*" => Some((**item).clone()),
        Type::Map { value } => Some((**value).clone()),
        _ => None,
    })
}

/// A field in a schema file.
pub(super) struct Described {
    /// Where its name stands, or the start of the schema.
    pub span: Span,
    /// What the schema says it is for.
    pub description: Option<String>,
}

impl Desk<'_> {
    /// The field of a schema file that the path `output.lines.*.amount` names, in a condition that
    /// stands at `way`.
    pub(super) fn described(&self, path: &str, way: &[String]) -> Option<Described> {
        let tree = self.tree.as_ref()?;
        let (schema, rest) = match path.strip_prefix("tool.args") {
            Some(rest) => {
                let tool = way.get(1).filter(|_| way.first().is_some_and(|key| key == "tools"))?;
                (tree.get("tools")?.get(tool)?.get("args")?, rest)
            }
            None => {
                let (root, _) = path.split_once('.').unwrap_or((path, ""));
                let rest = path.get(root.len()..)?;
                (tree.get(root).filter(|_| matches!(root, "input" | "output"))?, rest)
            }
        };
        let file = self.file_beside(schema.as_text()?)?;
        let mut cache = Trees::default();
        let parts = rest.split('.').filter(|part| !part.is_empty());
        cache.field(self.sources, file, parts)
    }

    /// Whether the value of `root` is described by a schema file.
    pub(super) fn schema_of(&self, root: &str) -> Option<FileId> {
        self.file_beside(self.tree.as_ref()?.get(root)?.as_text()?)
    }
}

/// Schema files as trees; JSON is YAML.
#[derive(Default)]
struct Trees {
    known: BTreeMap<FileId, Option<Node>>,
}

/// A place in a schema file: the file, and the keys from its root.
type At = (FileId, Vec<String>);

impl Trees {
    fn field<'p>(
        &mut self,
        sources: &Sources,
        file: FileId,
        parts: impl Iterator<Item = &'p str>,
    ) -> Option<Described> {
        let mut at = self.resolve(sources, (file, Vec::new()))?;
        let mut name = None;
        for part in parts {
            let (file, way) = at;
            let mut below = way.clone();
            let keys = if part == "*" { vec!["items"] } else { vec!["properties", part] };
            below.extend(keys.into_iter().map(str::to_owned));
            if self.node(sources, file, &below).is_none() && part == "*" {
                below = way;
                below.push("additionalProperties".to_owned());
            }
            name = Some((file, below.clone()));
            at = self.resolve(sources, (file, below))?;
        }
        let described = |trees: &mut Self, at: &At| {
            let node = trees.node(sources, at.0, &at.1)?;
            node.get("description").and_then(Node::as_text).map(str::to_owned)
        };
        let own = name.as_ref().and_then(|at| described(self, at));
        let description = own.or_else(|| described(self, &at));
        let span = match name {
            Some((file, way)) => self.key(sources, file, &way)?,
            None => Span::file_start(at.0),
        };
        Some(Described { span, description })
    }

    /// Follows `$ref` from there.
    fn resolve(&mut self, sources: &Sources, mut at: At) -> Option<At> {
        for _ in 0..REFERENCES_MAX {
            let node = self.node(sources, at.0, &at.1)?;
            let Some(target) = node.get("$ref").and_then(Node::as_text) else { return Some(at) };
            let (path, pointer) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => at.0,
                path => {
                    let own = sources.path(at.0);
                    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
                    sources.find(&format!("{folder}/{}", path.trim_start_matches("./")))?
                }
            };
            let parts = pointer.split('/').filter(|part| !part.is_empty());
            let way = parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
            at = (file, way);
        }
        None
    }

    fn node(&mut self, sources: &Sources, file: FileId, way: &[String]) -> Option<&Node> {
        let tree = self
            .known
            .entry(file)
            .or_insert_with(|| yaml::parse(sources, file, &mut Report::new()))
            .as_ref()?;
        way.iter().try_fold(tree, |node, key| node.get(key))
    }

    /// Where the last key of `way` stands.
    fn key(&mut self, sources: &Sources, file: FileId, way: &[String]) -> Option<Span> {
        let (last, above) = way.split_last()?;
        let map = self.node(sources, file, above)?;
        let entry = entries(Some(map)).into_iter().find(|entry| entry.key.value == *last)?;
        Some(entry.key.span)
    }
}
