//! The policies page: what is in force, under which revision, and what the last reload said.

use askama::Template;
use axum::{extract::State, response::Response};
use backstop_domain::Mode;

use super::{
    frame::{Frame, shown, viewed},
    trouble::Trouble,
    visitor::Visitor,
};
use crate::app::App;

struct Policy {
    name: String,
    description: String,
    owner: String,
    revision: String,
    whole_revision: String,
    observes: bool,
    criticality: &'static str,
    models: String,
    prompt: String,
    queue: String,
    rules: usize,
    checks: usize,
    doubts: usize,
    fallbacks: usize,
    tests: usize,
    private: String,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct Page {
    frame: Frame,
    policies: Vec<Policy>,
    reload: Option<Vec<String>>,
}

/// `GET /policies`.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Trouble> {
    let workspace = app.engine.workspace();
    let policies = workspace.policies.values().map(|policy| {
        let names: Vec<&str> = policy.plan.models.iter().map(|model| model.name.as_str()).collect();
        Policy {
            name: policy.name.clone(),
            description: policy.description.clone(),
            owner: policy.owner.clone(),
            revision: policy.plan.revision.short(),
            whole_revision: policy.plan.revision.to_string(),
            observes: policy.plan.mode == Mode::Observe,
            criticality: policy.plan.criticality.name(),
            models: names.join(&crate::tongue::say(", then ")),
            prompt: policy.prompt.as_ref().map(|p| p.name().to_owned()).unwrap_or_default(),
            queue: policy.queue.clone().unwrap_or_default(),
            rules: policy.rules.len() + policy.before.len(),
            checks: policy.checks.len(),
            doubts: policy.confidence.len(),
            fallbacks: policy.fallback.len(),
            tests: policy.tests(),
            private: policy.private.join(", "),
        }
    });
    let policies = policies.collect();
    // The words name files of this machine's workspace, and lines in them.
    let reload = app.reload.lock().clone().filter(|_| visitor.identity.oversees());
    let reload = reload.map(|why| why.split("; ").map(str::to_owned).collect());
    let frame = Frame::new(&app, &visitor, crate::tongue::say("Policies"), "policies");
    let page = Page { frame, policies, reload };
    Ok(shown(&app, &visitor, &page, viewed("policies", None, false)))
}
