//! A workspace: from its files to a checked gateway and compiled policies, all problems at once.
//!
//! A policy with an error is absent; the others load. Nothing is opened: files come as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::{Around, Files, compile};
use crate::compiled::Policy;
use crate::diagnostics::{Code, Problem, Report};
use crate::gateway_file::{self, Gateway, load_gateway};
use crate::raw;
use crate::source::{FileId, Sources, Span};
use crate::yaml;

/// A checked workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The gateway file; `None` if it is wrong, and then no policy is there either.
    pub gateway: Option<Arc<Gateway>>,
    /// Policies by name, those with errors left out.
    pub policies: BTreeMap<String, Arc<Policy>>,
}

/// A policy file or a fragment.
const FOLDER: &str = "policies/";

impl Workspace {
    /// Loads a workspace. The report holds every problem of every file; a workspace is usable as a
    /// whole only if it has no error.
    pub fn load(sources: &Sources) -> (Self, Report) {
        let mut report = Report::new();
        let mut sources = sources.clone();
        let Some(file) = sources.find(gateway_file::PATH) else {
            let file = sources.absent(gateway_file::PATH);
            let say = format!("there is no `{}`", gateway_file::PATH);
            let help = "`backstop init` writes one";
            let problem = Problem::error(Code::MissingFile, Span::file_start(file), say);
            report.push(problem.help(help));
            return (Self { gateway: None, policies: BTreeMap::new() }, report);
        };
        raw::find_secrets_beside(&sources, &mut report);
        let gateway = load_gateway(&sources, file, &mut report);
        // A broken gateway file is told once. Policies are then held to their own files only.
        let around = gateway.as_ref().map(|gateway| {
            let tree = yaml::parse(&sources, file, &mut Report::new());
            Around::of(gateway, tree)
        });
        let mut policies = BTreeMap::new();
        let mut files = Files::default();
        for id in policy_files(&sources) {
            // Counted apart: two policies may share a broken prompt, which is told only once.
            let mut own = Report::new();
            let raw = raw::load_policy(&sources, id, &mut own);
            let policy = raw
                .zip(around.as_ref())
                .and_then(|(raw, around)| compile(&raw, &sources, around, &mut files, &mut own));
            if let Some(policy) = policy.filter(|_| !own.has_errors()) {
                policies.insert(policy.name.clone(), Arc::new(policy));
            }
            report.extend(own);
        }
        (Self { gateway: gateway.map(Arc::new), policies }, report)
    }

    /// The policy of that name.
    pub fn policy(&self, name: &str) -> Option<&Arc<Policy>> {
        self.policies.get(name)
    }
}

/// Every file directly in `policies/` that is a policy: fragments are read where they are named.
fn policy_files(sources: &Sources) -> Vec<FileId> {
    let policy = |id: &FileId| {
        let path = sources.path(*id);
        let name = path.strip_prefix(FOLDER).unwrap_or_default();
        let plain = name.ends_with(".yaml") && !name.contains('/');
        plain && path != gateway_file::PATH && !is_fragment(sources.text(*id))
    };
    sources.ids().filter(policy).collect()
}

/// Whether a file says of itself that it is a fragment.
fn is_fragment(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("fragment:"))
        && !text.lines().any(|line| line.starts_with("policy:"))
}

#[cfg(test)]
mod tests;
