//! How a test's call opens: its input as read, the facts as asked, the event as received.

use std::collections::BTreeMap;

use backstop_domain::{AtDoor, Digest, Face, FailureClass, Received};
use serde_json::Value;

use super::given::Scene;
use crate::compiled::Policy;
use crate::judge::Asked;

pub(super) fn read(policy: &Policy, scene: &Scene) -> Result<Value, String> {
    let read = policy.read_input(scene.input.clone());
    read.map_err(|problems| {
        let told =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message));
        told.collect::<Vec<_>>().join("; ")
    })
}

pub(super) fn asked(scene: &Scene, input: Value) -> Asked {
    Asked {
        input,
        messages: scene.messages.clone(),
        body: scene.body.clone(),
        caller: scene.caller.clone(),
        id: "test".to_owned(),
        key: scene.key.clone(),
        tags: scene.tags.clone(),
        received: scene.received,
        salt: b"test".to_vec(),
    }
}

pub(super) fn received(policy: &Policy, scene: &Scene) -> Received {
    let digest = Digest::of_json(&scene.input);
    let door = scene.door.map(|class| AtDoor {
        class,
        reason: "the test says so".to_owned(),
        until: (class == FailureClass::Limit).then(|| scene.received.plus(super::world::HELD_MS)),
    });
    Received {
        policy: policy.name.clone(),
        revision: policy.revision(),
        caller: scene.caller.name.clone(),
        tenant: scene.caller.tenant.clone(),
        key: None,
        fingerprint: digest,
        request: digest,
        tags: BTreeMap::new(),
        traceparent: None,
        face: Face::Calls,
        criticality: policy.plan.criticality,
        mode: policy.plan.mode,
        deadline: scene.received.plus(policy.plan.deadline_ms),
        estimates: Vec::new(),
        canary_of: None,
        level: backstop_domain::guard::Level::Normal,
        held_at_door: door,
    }
}
