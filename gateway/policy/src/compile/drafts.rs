//! Drafts of a policy: compiled and checked like policies, beside them; never called by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_checks::expression::Want;

use super::includes::near_file;
use super::{Around, Compiler, Files, compile};
use crate::compiled::{Canary, Policy, ReturnIf, StickTo};
use crate::diagnostics::{Code, Problem, Report};
use crate::source::{Sources, Spanned};
use crate::{raw, revision};

/// Over how many calls a canary is held to its bounds if the file does not say.
const AFTER: u64 = 100;

impl Compiler<'_> {
    /// Path of the draft that is judged beside this policy.
    pub(super) fn shadow(&self) -> Option<String> {
        let shadow = self.raw.shadow.as_ref()?;
        Some(shadow.value.beside(self.sources.path(self.raw.file)))
    }

    /// The draft that answers a share of the calls.
    pub(super) fn canary(&mut self) -> Option<Canary> {
        let canary = self.raw.canary.as_ref()?.value.clone();
        let stick_to = match canary.stick_to.map(|stick| stick.value) {
            None => StickTo::Call,
            Some(raw::StickTo::Caller) => StickTo::Caller,
            Some(raw::StickTo::Expression(key)) => {
                let scope = self.scopes.before.clone();
                StickTo::Key(self.expression(&key, &scope, Want::Any)?)
            }
        };
        let share = |share: Option<Spanned<crate::units::Share>>| share.map(|share| share.value.0);
        let return_if = canary.return_if.map(|bounds| ReturnIf {
            escalated_over: share(bounds.escalated_over),
            failed_over: share(bounds.failed_over),
            after: bounds.after.map_or(AFTER, |after| after.value.0),
        });
        Some(Canary {
            to: canary.to.value.beside(self.sources.path(self.raw.file)),
            share_millionths: canary.share.value.0,
            stick_to,
            return_if,
            terms: revision::of_canary(self.sources, self.raw.file),
        })
    }
}

/// Every draft that `policy` names, by path. Problems of a draft stand in its own file.
pub(crate) fn drafts_of(
    policy: &raw::Policy,
    sources: &Sources,
    around: &Around,
    files: &mut Files,
    report: &mut Report,
) -> BTreeMap<String, Arc<Policy>> {
    let shadow = policy.shadow.as_ref();
    let canary = policy.canary.as_ref().map(|canary| &canary.value.to);
    let mut found = BTreeMap::new();
    let mut read: Vec<String> = Vec::new();
    for named in shadow.into_iter().chain(canary) {
        let path = named.value.beside(sources.path(policy.file));
        // The shadow may be the canary too: its problems are told once.
        if read.contains(&path) {
            continue;
        }
        read.push(path.clone());
        let Some(draft) = draft(policy, named, &path, sources, report) else { continue };
        if let Some(compiled) = compile(&draft, sources, around, files, report) {
            found.insert(path, Arc::new(compiled));
        }
    }
    found
}

/// A draft as it was written, if it is one of `policy`.
fn draft(
    policy: &raw::Policy,
    named: &Spanned<raw::FilePath>,
    path: &str,
    sources: &Sources,
    report: &mut Report,
) -> Option<raw::Policy> {
    let Some(id) = sources.find(path) else {
        let say = format!("there is no file `{path}`");
        let help = near_file(sources, path);
        report.push(Problem::error(Code::MissingFile, named.span, say).help(help));
        return None;
    };
    if !path.starts_with(raw::DRAFTS) {
        let say = "a draft stands in `policies/drafts/`, where no caller can name it";
        let own = path.rsplit('/').next().unwrap_or_default();
        let help = format!("move it there, and write `drafts/{own}`");
        report.push(Problem::error(Code::Refused, named.span, say).help(help));
        return None;
    }
    let draft = raw::load_draft(sources, id, report)?;
    if draft.policy.as_str() != policy.policy.as_str() {
        let (own, of) = (draft.policy.as_str(), policy.policy.as_str());
        let say = format!("a draft of `{of}` is named `{of}`, not `{own}`");
        let problem = Problem::error(Code::NameMismatch, draft.policy.span, say);
        let problem = problem.help(format!("write `policy: {of}`"));
        report.push(problem.related(named.span, "here it is named as a draft"));
        return None;
    }
    let shadow = draft.shadow.as_ref().map(|shadow| shadow.span);
    for span in shadow.into_iter().chain(draft.canary.as_ref().map(|canary| canary.span)) {
        let say = "a draft has no drafts of its own";
        report.push(Problem::error(Code::Refused, span, say).help("remove the key"));
    }
    Some(draft)
}
