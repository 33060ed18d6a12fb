//! The policies page: what is in force, under which revision, and what the last reload said.

use askama::Template;
use axum::{extract::State, response::Response};
use backstop_domain::Mode;
use backstop_policy::Policy as InForce;

use super::{
    frame::{Frame, shown, viewed},
    trouble::Trouble,
    visitor::Visitor,
};
use crate::{
    app::App,
    coverage::{Count, Uncovered},
    tongue::{say, tell},
};

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
    covered: Covered,
    private: String,
}

/// What a policy's tests cover, in words.
struct Covered {
    told: String,
    /// Tests that fail; empty if all pass.
    failing: String,
    open: Vec<Uncovered>,
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
    let count = app.coverage.now();
    // The words name files of this machine's workspace, and lines in them.
    let oversees = visitor.identity.oversees();
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
            models: names.join(&say(", then ")),
            prompt: policy.prompt.as_ref().map(|p| p.name().to_owned()).unwrap_or_default(),
            queue: policy.queue.clone().unwrap_or_default(),
            rules: policy.rules.len() + policy.before.len(),
            checks: policy.checks.len(),
            doubts: policy.confidence.len(),
            fallbacks: policy.fallback.len(),
            tests: policy.tests(),
            covered: covered(&count, policy, oversees),
            private: policy.private.join(", "),
        }
    });
    let policies = policies.collect();
    let reload = app.reload.lock().clone().filter(|_| oversees);
    let reload = reload.map(|why| why.split("; ").map(str::to_owned).collect());
    let frame = Frame::new(&app, &visitor, say("Policies"), "policies");
    let page = Page { frame, policies, reload };
    Ok(shown(&app, &visitor, &page, viewed("policies", None, false)))
}

/// What that policy's tests cover; places in files only for who may know them.
fn covered(count: &Count, policy: &InForce, places: bool) -> Covered {
    let only = |told: String| Covered { told, failing: String::new(), open: Vec::new() };
    let counted = match count {
        Count::Failed => {
            return only(say("could not be counted: the log says why").into_owned());
        }
        Count::Pending => None,
        Count::Done(all) => all.get(&policy.name),
    };
    // What was counted of another revision says nothing about this one.
    let counted = counted.filter(|counted| counted.revision == policy.plan.revision);
    let Some(counted) = counted else { return only(say("is being counted").into_owned()) };
    let (points, failing) = (counted.points.to_string(), counted.failing.to_string());
    let reached = (counted.points.saturating_sub(counted.open.len())).to_string();
    let open = counted.open.iter().cloned().map(|one| match places {
        true => one,
        false => Uncovered { place: String::new(), ..one },
    });
    Covered {
        told: match counted.points {
            0 => say("there is nothing to cover").into_owned(),
            _ => {
                tell("{covered} of {points} points", &[("covered", &reached), ("points", &points)])
            }
        },
        failing: match counted.failing {
            0 => String::new(),
            1 => say("1 test fails").into_owned(),
            _ => tell("{count} tests fail", &[("count", &failing)]),
        },
        open: open.collect(),
    }
}
