//! A workspace: from its files to a checked gateway and compiled policies, all problems at once.
//!
//! A policy with an error is absent; the others load. Nothing is opened: files come as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::{Around, Files, compile, drafts_of};
use crate::compiled::Policy;
use crate::diagnostics::{Code, Problem, Report, suggest};
use crate::gateway_file::{self, Gateway, load_gateway};
use crate::raw;
use crate::source::{FileId, Sources, Span};
use crate::tried::check_names;
use crate::yaml;

/// A checked workspace.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    /// The gateway file; `None` if it is wrong, and then no policy is there either.
    pub gateway: Option<Arc<Gateway>>,
    /// Policies by name, those with errors left out. A test that names what is not there is an
    /// error of the workspace, but its policy is whole.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// Every test of each policy: those inside it, then those of its test files.
    pub tests: BTreeMap<String, Vec<raw::Test>>,
    /// Drafts that policies name, by path. Nobody calls them by name.
    pub drafts: BTreeMap<String, Arc<Policy>>,
}

/// A policy file or a fragment.
const FOLDER: &str = "policies/";
/// How the name of a test file ends.
const TESTS: &str = "_test.yaml";

impl Workspace {
    /// Loads a workspace. The report holds every problem of every file; a workspace is usable as a
    /// whole only if it has no error.
    pub fn load(sources: &Sources) -> (Self, Report) {
        Self::load_some(sources, &|_| true)
    }

    /// Loads the gateway file and one policy; the others are not looked at, nor their tests.
    pub fn load_one(sources: &Sources, name: &str) -> (Self, Report) {
        Self::load_some(sources, &|other| other == name)
    }

    fn load_some(sources: &Sources, wanted: &dyn Fn(&str) -> bool) -> (Self, Report) {
        let mut report = Report::new();
        let mut sources = sources.clone();
        let Some(file) = sources.find(gateway_file::PATH) else {
            let file = sources.absent(gateway_file::PATH);
            let say = format!("there is no `{}`", gateway_file::PATH);
            let help = "`backstop init` writes one";
            let problem = Problem::error(Code::MissingFile, Span::file_start(file), say);
            report.push(problem.help(help));
            return (Self::default(), report);
        };
        raw::find_secrets_beside(&sources, &mut report);
        let gateway = load_gateway(&sources, file, &mut report);
        // A broken gateway file is told once. Policies are then held to their own files only.
        let around = gateway.as_ref().map(|gateway| {
            let tree = yaml::parse(&sources, file, &mut Report::new());
            Around::of(gateway, tree)
        });
        let (mut policies, mut drafts) = (BTreeMap::new(), BTreeMap::new());
        let mut files = Files::default();
        let mut written = Vec::new();
        for id in policy_files(&sources) {
            written.push(policy_name(&sources, id).to_owned());
            if !wanted(policy_name(&sources, id)) {
                continue;
            }
            // Counted apart: two policies may share a broken prompt, which is told only once.
            let mut own = Report::new();
            let raw = raw::load_policy(&sources, id, &mut own);
            let policy = raw.zip(around.as_ref()).and_then(|(raw, around)| {
                drafts.extend(drafts_of(&raw, &sources, around, &mut files, &mut own));
                compile(&raw, &sources, around, &mut files, &mut own)
            });
            if let Some(policy) = policy.filter(|_| !own.has_errors()) {
                policies.insert(policy.name.clone(), Arc::new(policy));
            }
            report.extend(own);
        }
        let mut tests: BTreeMap<String, Vec<raw::Test>> = policies
            .iter()
            .map(|(name, policy)| (name.clone(), policy.written.tests.clone()))
            .collect();
        read_tests(&sources, &written, &mut tests, &mut report);
        let queues: Vec<&str> =
            gateway.iter().flat_map(|gateway| gateway.queues.keys()).map(String::as_str).collect();
        for (name, policy) in &policies {
            let tests = tests.get(name).map_or(&[][..], Vec::as_slice);
            check_names(policy, tests, &queues, &mut report);
        }
        for draft in drafts.values() {
            check_names(draft, &draft.written.tests, &queues, &mut report);
        }
        (Self { gateway: gateway.map(Arc::new), policies, drafts, tests }, report)
    }

    /// Every test of the policy of that name.
    pub fn tests_of(&self, name: &str) -> &[raw::Test] {
        self.tests.get(name).map_or(&[], Vec::as_slice)
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
        let plain = name.ends_with(".yaml") && !name.ends_with(TESTS) && !name.contains('/');
        plain && path != gateway_file::PATH && !is_fragment(sources.text(*id))
    };
    sources.ids().filter(policy).collect()
}

/// The name that a policy's file gives it.
fn policy_name(sources: &Sources, id: FileId) -> &str {
    let name = sources.path(id).strip_prefix(FOLDER).unwrap_or_default();
    name.strip_suffix(".yaml").unwrap_or(name)
}

/// Reads the test files beside the policies. `written` names every policy that has a file, in
/// order or not: tests of one with errors are only read.
fn read_tests(
    sources: &Sources,
    written: &[String],
    tests: &mut BTreeMap<String, Vec<raw::Test>>,
    report: &mut Report,
) {
    let of_tests = |id: &FileId| {
        let name = sources.path(*id).strip_prefix(FOLDER).unwrap_or_default();
        name.ends_with(TESTS) && !name.contains('/')
    };
    for id in sources.ids().filter(of_tests) {
        let Some(file) = raw::load_tests(sources, id, report) else { continue };
        let name = file.policy.as_str();
        if let Some(tests) = tests.get_mut(name) {
            tests.extend(file.tests);
        } else if !written.iter().any(|written| written == name) {
            let say = format!("there is no policy `{name}`");
            let help = suggest::did_you_mean(name, written.iter().map(String::as_str));
            let problem = Problem::error(Code::UnknownReference, file.policy.span, say);
            report.push(problem.help_if(help));
        }
    }
}

/// Whether a file says of itself that it is a fragment.
fn is_fragment(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("fragment:"))
        && !text.lines().any(|line| line.starts_with("policy:"))
}

#[cfg(test)]
mod tests;
