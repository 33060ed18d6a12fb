//! What stands around the file that is edited: names in other files, types in its conditions.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_checks::expression::Scope;

use crate::compile::{Around, Files, Phases, phases};
use crate::diagnostics::Report;
use crate::format::FileKind;
use crate::gateway_file::{self, load_gateway};
use crate::keys::Names;
use crate::raw;
use crate::source::{FileId, Sources};
use crate::yaml::{self, Entry, Kind, Node};

/// Answers an editor's questions. It remembers what was last known of a file, because a file that
/// is being written is wrong most of the time.
#[derive(Debug, Default)]
pub struct Editor {
    phases: BTreeMap<String, Arc<Phases>>,
    gateway: Option<Arc<Node>>,
}

/// Most policies whose types are remembered.
const REMEMBERED_MAX: usize = 500;

/// One file, as far as it can be read, with what stands around it.
pub(super) struct Desk<'a> {
    pub sources: &'a Sources,
    pub file: FileId,
    pub kind: FileKind,
    /// The file's tree; `None` if it is not YAML just now.
    pub tree: Option<Node>,
    /// The gateway file's tree.
    pub gateway: Option<Arc<Node>>,
    /// The types of the policy's conditions.
    pub phases: Option<Arc<Phases>>,
}

impl Editor {
    /// An editor that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The file with what stands around it; `None` if it is none of ours.
    pub(super) fn desk<'a>(&mut self, sources: &'a Sources, file: FileId) -> Option<Desk<'a>> {
        let path = sources.path(file);
        let kind = FileKind::of(path, sources.text(file))?;
        let tree = match kind {
            FileKind::Prompt => front(sources, file),
            _ => yaml::parse(sources, file, &mut Report::new()),
        };
        let of_gateway = sources.find(gateway_file::PATH);
        let parsed = of_gateway.and_then(|id| yaml::parse(sources, id, &mut Report::new()));
        if let Some(parsed) = parsed {
            self.gateway = Some(Arc::new(parsed));
        }
        if kind == FileKind::Policy {
            self.learn(sources, file);
        }
        let phases = self.phases.get(path).cloned();
        Some(Desk { sources, file, kind, tree, gateway: self.gateway.clone(), phases })
    }

    /// Takes in the types of a policy, if it can be read as far as that.
    fn learn(&mut self, sources: &Sources, file: FileId) {
        let mut report = Report::new();
        let Some(policy) = raw::load_policy(sources, file, &mut report) else { return };
        let gateway = sources.find(gateway_file::PATH);
        let gateway = gateway.and_then(|id| load_gateway(sources, id, &mut report));
        let around = gateway.map_or_else(Around::default, |gateway| Around::of(&gateway, None));
        let found = phases(&policy, sources, &around, &mut Files::default(), &mut report);
        if self.phases.len() >= REMEMBERED_MAX {
            self.phases.clear();
        }
        self.phases.insert(sources.path(file).to_owned(), Arc::new(found));
    }
}

fn front(sources: &Sources, file: FileId) -> Option<Node> {
    let mut report = Report::new();
    let (front, _) = raw::front_matter(sources.text(file), file, &mut report)?;
    yaml::parse_text(front.text, file, front.start, &mut report)
}

impl Desk<'_> {
    /// What a condition at `way` knows.
    pub(super) fn scope(&self, way: &[String]) -> Option<&Scope> {
        let phases = self.phases.as_deref()?;
        let part = |at: usize| way.get(at).map_or("", String::as_str);
        Some(match part(0) {
            "before" | "limits" | "cache" | "private" => &phases.scopes.before,
            "tools" => phases.tools.get(part(1)).unwrap_or(&phases.scopes.answer),
            "fallback" => &phases.scopes.fallback,
            "on" | "otherwise" | "on_error" => &phases.scopes.ladder,
            _ => &phases.scopes.answer,
        })
    }

    /// The entries that have a name of that kind, each with the file it stands in.
    pub(super) fn named(&self, names: Names) -> Vec<&Entry> {
        let own = |key: &str| entries(self.tree.as_ref().and_then(|tree| tree.get(key)));
        let gateway = |key: &str| entries(self.gateway.as_deref().and_then(|tree| tree.get(key)));
        match names {
            Names::Model => gateway("models"),
            Names::Queue => gateway("queues"),
            Names::Service => gateway("services"),
            Names::Provider => gateway("providers"),
            Names::Hours => gateway("hours"),
            Names::Notify => gateway("notify"),
            Names::Reviewer => gateway("reviewers"),
            Names::Caller => gateway("callers"),
            Names::Check => own("checks"),
            Names::Tool => own("tools"),
            Names::Value => own("values"),
            Names::Data => own("data"),
            _ => Vec::new(),
        }
    }

    /// The rules of the file, each by its id.
    pub(super) fn rules(&self) -> Vec<&Node> {
        let Some(tree) = &self.tree else { return Vec::new() };
        let own = ["before", "rules"].into_iter().filter_map(|key| tree.get(key));
        let tools = entries(tree.get("tools"));
        let of_tools = tools.iter().filter_map(|entry| entry.value.get("rules"));
        let items = own.chain(of_tools).flat_map(items);
        items.filter_map(|rule| rule.get("id")).filter(|id| id.as_text().is_some()).collect()
    }

    /// Every name of that kind that could stand here.
    pub(super) fn names(&self, names: Names) -> Vec<String> {
        match names {
            Names::Policy => self.files("policies/", ".yaml"),
            Names::Prompt => self.files("prompts/", ".md"),
            Names::Rule => {
                self.rules().iter().filter_map(|id| id.as_text()).map(str::to_owned).collect()
            }
            Names::Signal => self.signals(),
            other => self.named(other).iter().map(|entry| entry.key.value.clone()).collect(),
        }
    }

    fn signals(&self) -> Vec<String> {
        let kind = self.phases.as_deref().and_then(|p| p.scopes.answer.kind_of("signals"));
        let fields = kind.map(super::fields::of_type).unwrap_or_default();
        let names = fields.into_iter().map(|(name, _, _)| name);
        names.filter(|name| !matches!(name.as_str(), "weak" | "sure" | "confidence")).collect()
    }

    /// The names of the files directly in `folder` that end so.
    fn files(&self, folder: &str, ending: &str) -> Vec<String> {
        let name = |id| {
            let name = self.sources.path(id).strip_prefix(folder)?.strip_suffix(ending)?;
            let plain = !name.contains('/') && name != "gateway" && !name.ends_with("_test");
            plain.then(|| name.to_owned())
        };
        self.sources.ids().filter_map(name).collect()
    }

    /// Paths of the files below the file's own folder, as it would name them.
    pub(super) fn files_beside(&self) -> Vec<String> {
        let own = self.sources.path(self.file);
        let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = |id| {
            let path = self.sources.path(id);
            let rest = path.strip_prefix(folder)?.strip_prefix('/')?;
            (path != own && rest.contains('/')).then(|| rest.to_owned())
        };
        self.sources.ids().filter_map(name).collect()
    }

    /// The file that `path` names in this one.
    pub(super) fn file_beside(&self, path: &str) -> Option<FileId> {
        let path = raw::FilePath::parse(path)?.beside(self.sources.path(self.file));
        self.sources.find(&path)
    }
}

/// The entries of a map.
pub(super) fn entries(node: Option<&Node>) -> Vec<&Entry> {
    match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => entries.iter().collect(),
        _ => Vec::new(),
    }
}

/// The elements of a list, or the value itself.
pub(super) fn items(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(node),
    }
}
