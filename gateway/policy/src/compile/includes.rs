//! A policy together with its fragments: they add, and a name used twice is an error.

use std::collections::BTreeMap;

use super::Around;
use crate::decode::Name;
use crate::diagnostics::{Code, Problem, Report};
use crate::raw;
use crate::source::{FileId, Sources, Span, Spanned};

/// The parts of a policy and of its fragments, in file order.
#[derive(Default)]
pub(crate) struct Parts<'a> {
    /// The policy's file, then those of its fragments.
    pub files: Vec<FileId>,
    pub before: Vec<&'a raw::Rule>,
    pub rules: Vec<&'a raw::Rule>,
    pub checks: Vec<(&'a Spanned<Name>, &'a raw::Check)>,
    pub tools: Vec<(&'a Spanned<Name>, &'a raw::Tool)>,
    pub tools_of_request: bool,
    pub values: Vec<(&'a Spanned<Name>, &'a raw::Data)>,
    pub data: Vec<(&'a Spanned<Name>, &'a raw::DataSource, FileId)>,
    pub limits: Vec<&'a raw::Limit>,
    pub on: Vec<&'a (Spanned<backstop_domain::FailureClass>, raw::Ladder)>,
}

/// Reads the fragments that a policy includes.
pub(crate) fn fragments(
    policy: &raw::Policy,
    sources: &Sources,
    report: &mut Report,
) -> Vec<raw::Fragment> {
    let mut found = Vec::new();
    for file in &policy.include {
        let path = file.beside(sources.path(policy.file));
        match sources.find(&path) {
            Some(id) => found.extend(raw::load_fragment(sources, id, report)),
            None => {
                let say = format!("there is no file `{path}`");
                let problem = Problem::error(Code::MissingFile, file.span, say);
                report.push(problem.help(near_file(sources, &path)));
            }
        }
    }
    found
}

/// What to do about a file that is not there: the file beside it that was probably meant.
pub(super) fn near_file(sources: &Sources, path: &str) -> String {
    let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let beside = sources.ids().map(|id| sources.path(id));
    let beside: Vec<&str> = beside.filter(|other| folder(other) == folder(path)).collect();
    match crate::diagnostics::suggest::nearest(path, beside) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write its path as seen from this file, or add the file".to_owned(),
    }
}

/// Joins a policy with its fragments, and with the gateway's default limits where it has none.
pub(crate) fn join<'a>(
    policy: &'a raw::Policy,
    fragments: &'a [raw::Fragment],
    around: &'a Around,
    report: &mut Report,
) -> Parts<'a> {
    let mut parts = Parts { files: vec![policy.file], ..Parts::default() };
    parts.before.extend(&policy.before);
    parts.rules.extend(&policy.rules);
    parts.checks.extend(policy.checks.iter().map(|(name, check)| (name, check)));
    parts.add_tools(&policy.tools);
    parts.values.extend(policy.values.iter().map(|(name, value)| (name, value)));
    parts.data.extend(policy.data.iter().map(|(name, data)| (name, data, policy.file)));
    let own = policy.limits.as_ref().or(around.defaults.limits.as_ref());
    parts.limits.extend(own.into_iter().flatten());
    parts.on.extend(&policy.on);
    for fragment in fragments {
        parts.files.push(fragment.file);
        parts.before.extend(&fragment.before);
        parts.rules.extend(&fragment.rules);
        parts.checks.extend(fragment.checks.iter().map(|(name, check)| (name, check)));
        parts.add_tools(&fragment.tools);
        parts.values.extend(fragment.values.iter().map(|(name, value)| (name, value)));
        parts.data.extend(fragment.data.iter().map(|(name, data)| (name, data, fragment.file)));
        parts.limits.extend(&fragment.limits);
        parts.on.extend(&fragment.on);
    }
    parts.refuse_doubles(report);
    let mine: Vec<_> = parts.on.iter().map(|(class, _)| class.value).collect();
    parts.on.extend(around.defaults.on.iter().filter(|(class, _)| !mine.contains(&class.value)));
    parts
}

impl<'a> Parts<'a> {
    fn add_tools(&mut self, tools: &'a raw::Tools) {
        match tools {
            raw::Tools::Request => self.tools_of_request = true,
            raw::Tools::Listed(tools) => {
                self.tools.extend(tools.iter().map(|(name, tool)| (name, tool)));
            }
        }
    }

    fn refuse_doubles(&self, report: &mut Report) {
        let name = |name: &Spanned<Name>| (name.value.as_str().to_owned(), name.span);
        let tool_rules = self.tools.iter().flat_map(|(_, tool)| &tool.rules);
        let rules = self.before.iter().chain(&self.rules).copied().chain(tool_rules);
        doubles("rules have the id", rules.map(|rule| name(&rule.id)), report);
        doubles("checks are named", self.checks.iter().map(|(n, _)| name(n)), report);
        doubles("tools are named", self.tools.iter().map(|(n, _)| name(n)), report);
        doubles("values are named", self.values.iter().map(|(n, _)| name(n)), report);
        doubles("data files are named", self.data.iter().map(|(n, _, _)| name(n)), report);
        let classes = self.on.iter().map(|(class, _)| (class.name().to_owned(), class.span));
        doubles("ladders are for", classes, report);
    }
}

fn doubles(what: &str, names: impl Iterator<Item = (String, Span)>, report: &mut Report) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for (name, span) in names {
        match seen.get(&name) {
            Some(first) => {
                let say = format!("two {what} `{name}`");
                let problem = Problem::error(Code::Duplicate, span, say);
                report.push(problem.related(*first, "the first one").help("rename one of them"));
            }
            None => {
                seen.insert(name, span);
            }
        }
    }
}
