//! What a call is pinned to when it comes in, and starts from: the policy in force, or its canary.

use std::sync::Arc;

use backstop_domain::{CallId, Millis};
use backstop_ledger::Body;
use backstop_policy::{
    Policy,
    judge::{Asked, Caller, Facts},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    admit::{Refused, Submit},
    engine::Inner,
};

/// What a call is pinned to, and starts from.
pub(crate) struct Pinned {
    pub policy: Arc<Policy>,
    pub facts: Arc<Facts>,
    /// The request as it is kept.
    pub request: Body,
}

impl Inner {
    /// The call under the policy in force, and under its draft if the policy's canary draws it. The
    /// large parts of the request move there.
    pub(crate) fn pinned(
        &self,
        policy: Arc<Policy>,
        id: &CallId,
        submit: &mut Submit,
        now: Millis,
    ) -> Result<(Pinned, Option<Pinned>), Refused> {
        let draft = self.canary_of(&policy).map(|draft| (draft, submit.clone()));
        let own = self.under(policy, id, submit, now)?;
        let drawn = draft.filter(|_| self.draws(&own.policy, &own.facts));
        // A draft that does not take the input leaves the call with the policy.
        let drawn = drawn.and_then(|(draft, mut copy)| self.under(draft, id, &mut copy, now).ok());
        Ok((own, drawn))
    }

    fn under(
        &self,
        policy: Arc<Policy>,
        id: &CallId,
        submit: &mut Submit,
        now: Millis,
    ) -> Result<Pinned, Refused> {
        submit.input = read_input(&policy, std::mem::take(&mut submit.input))?;
        let request = stored_request(submit);
        let asked = Asked {
            input: std::mem::take(&mut submit.input),
            messages: std::mem::take(&mut submit.messages),
            body: submit.body.take(),
            caller: Caller {
                name: submit.caller.name.clone(),
                tenant: submit.caller.tenant.clone(),
                roles: submit.caller.roles.clone(),
            },
            id: id.0.clone(),
            key: submit.key.clone(),
            tags: submit.tags.clone(),
            received: now,
            salt: self.salt.clone(),
        };
        let facts = Arc::new(Facts::new(Arc::clone(&policy), asked));
        Ok(Pinned { policy, facts, request })
    }
}

fn read_input(policy: &Policy, input: Value) -> Result<Value, Refused> {
    policy.read_input(input).map_err(|problems| Refused::InvalidInput {
        policy: policy.name.clone(),
        problems: problems.into_iter().map(|p| (p.pointer, p.message)).collect(),
    })
}

/// The request as it is kept, so that a restart, a review and a replay see what this run saw.
fn stored_request(submit: &Submit) -> Body {
    let stored = StoredRequest {
        input: &submit.input,
        messages: &submit.messages,
        body: submit.body.as_ref(),
        roles: &submit.caller.roles,
        owner: submit.caller.owner.as_deref(),
    };
    // JSON values and texts: writing them to memory cannot fail.
    Body::new(serde_json::to_vec(&stored).unwrap_or_default(), true)
}

#[derive(Serialize)]
struct StoredRequest<'a> {
    input: &'a Value,
    messages: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
    roles: &'a [String],
    owner: Option<&'a str>,
}
