//! A call as the calls API shows it, to whoever it is.

use backstop_domain::{AttemptResult, Effect, Ended, Leaving, Phase, call::Attempt, effect_key};
use backstop_engine::Snapshot;
use backstop_policy::Answer;
use serde_json::{Map, Value, json};

use crate::veil::{MASK, Veil};

/// The call as JSON; its output only if the recorded outcome lets it leave.
pub fn call(snapshot: &Snapshot) -> Value {
    veiled(snapshot, &Veil::Lifted)
}

/// As [`call`], without what is hidden from the viewer.
pub fn veiled(snapshot: &Snapshot, veil: &Veil) -> Value {
    let leaving = leaving(snapshot);
    let mut view = told(snapshot, veil, leaving.as_ref().is_some_and(|(_, unchecked)| *unchecked));
    let state = &snapshot.state;
    let mut set = |name: &str, value: Value| {
        view.insert(name.to_owned(), value);
    };
    set("run", state.run.into());
    set("seq", state.seq.into());
    set("received_at", state.received_at.0.into());
    set("deadline", state.deadline.0.into());
    if let Phase::Paused { paused, .. } = &state.phase {
        let (until, reason) = (paused.until.0, veil.words(&paused.reason));
        set("paused", json!({ "until": until, "then": paused.then, "reason": reason }));
    }
    if let Some(ended) = state.ended() {
        set("ended_at", state.at.0.into());
        output_of(snapshot, ended, leaving, veil, set);
    }
    Value::Object(view)
}

/// What is said of a call on either face: everything but its answer. `unchecked` is whether that
/// leaves unchecked by choice.
pub fn told(snapshot: &Snapshot, veil: &Veil, unchecked: bool) -> Map<String, Value> {
    let state = &snapshot.state;
    let mut view = Map::new();
    let mut set = |name: &str, value: Value| {
        view.insert(name.to_owned(), value);
    };
    set("id", snapshot.id.as_str().into());
    set("policy", state.received.policy.as_str().into());
    set("revision", state.received.revision.to_string().into());
    set("state", state.state_name().into());
    set("attempts", state.attempts.iter().map(|one| attempt(one, veil)).collect());
    set("cost_micro", state.cost().0.into());
    if !state.received.level.is_normal() {
        set("level", state.received.level.name().into());
    }
    if !state.received.tags.is_empty() {
        set("tags", json!(state.received.tags));
    }
    if let Some(judged) = &state.judged {
        set("findings", findings(&judged.findings, veil));
        set("signals", judged.signals.iter().map(|one| signal(one, veil)).collect());
        set("mended", json!(judged.mended));
    } else if !state.request_findings.is_empty() {
        set("findings", findings(&state.request_findings, veil));
    }
    if let Phase::InReview { review, queue, .. } | Phase::Releasing { review, queue, .. } =
        &state.phase
    {
        set("review", json!({ "id": review, "queue": queue }));
    }
    if state.run > 1 {
        set("runs", crate::runs::runs(state, veil).into());
    }
    if !state.effects.is_empty() {
        let effect = |one: &Effect| json!({ "effect_key": one.key, "tool": one.tool });
        set("effects", state.effects.iter().map(effect).collect());
    }
    if !snapshot.on_disk {
        set("durability", "relaxed".into());
    }
    if let Some(ended) = state.ended() {
        set("outcome", ended.outcome.name().into());
        set("answered_by", ended.answered_by.name().into());
        let mut cause = ended.cause.clone();
        cause.text = veil.words(&cause.text).to_owned();
        set("cause", json!(cause));
        if ended.unreviewed {
            set("unreviewed", true.into());
        }
        if unchecked {
            set("unchecked", true.into());
        }
    }
    view
}

/// What may leave of its answer.
fn output_of(
    snapshot: &Snapshot,
    ended: &Ended,
    leaving: Option<(Answer, bool)>,
    veil: &Veil,
    mut set: impl FnMut(&str, Value),
) {
    if let Some((answer, _)) = leaving {
        let answer = veil.answer(answer);
        set("output", answer.as_ref().map_or_else(|| MASK.into(), output));
        let tools = answer.as_ref().map(|answer| tool_calls(snapshot, answer));
        let tools = tools.unwrap_or_default();
        if !tools.is_empty() {
            set("tool_calls", tools.into());
        }
    } else if ended.answer.is_some() {
        set("output_erased", true.into());
    }
}

fn findings(found: &[backstop_domain::Finding], veil: &Veil) -> Value {
    let shown = found.iter().map(|one| {
        let mut shown = crate::problem::finding(one);
        if !veil.is_lifted()
            && let Some(message) = shown.get_mut("message").filter(|message| message.is_string())
        {
            *message = MASK.into();
        }
        shown
    });
    shown.collect()
}

/// A signal as people read it: numbers in 0 to 1, where the ledger keeps millionths.
fn signal(scored: &backstop_domain::Scored, veil: &Veil) -> Value {
    json!({
        "name": scored.name, "value": scored.value.map(|value| value.as_f64()),
        "accept": scored.accept.map(|accept| accept.as_f64()), "at": scored.at,
        "note": veil.words(&scored.note),
    })
}

/// The answer that may leave an ended call, and whether it leaves unchecked by choice.
pub fn leaving(snapshot: &Snapshot) -> Option<(Answer, bool)> {
    snapshot.state.ended()?;
    let bytes = snapshot.answer.clone()?;
    let (bytes, unchecked) = match snapshot.state.release(bytes).ok()? {
        Leaving::Released(released) => (released.into_parts().0, false),
        Leaving::Unchecked(unchecked) => (unchecked.into_bytes(), true),
    };
    Some((Answer::from_bytes(&bytes).ok()?, unchecked))
}

/// The output as a value: JSON where the text is a JSON object or list, else the text.
fn output(answer: &Answer) -> Value {
    let values: Vec<Value> = answer
        .choices
        .iter()
        .map(|choice| match &choice.text {
            None => Value::Null,
            Some(text) => serde_json::from_str(text)
                .ok()
                .filter(|value: &Value| value.is_object() || value.is_array())
                .unwrap_or_else(|| Value::from(text.as_str())),
        })
        .collect();
    let mut values = values.into_iter();
    match (values.next(), values.len()) {
        (Some(only), 0) => only,
        (Some(first), _) => std::iter::once(first).chain(values).collect(),
        (None, _) => Value::Null,
    }
}

/// Each with the key by which its executor knows it again.
fn tool_calls(snapshot: &Snapshot, answer: &Answer) -> Vec<Value> {
    let calls = answer.choices.iter().flat_map(|choice| &choice.tool_calls).enumerate();
    calls
        .map(|(place, call)| {
            let key = effect_key(&snapshot.id, snapshot.state.run, place);
            let args: Value = serde_json::from_str(&call.arguments)
                .unwrap_or_else(|_| call.arguments.as_str().into());
            json!({ "id": call.id, "name": call.name, "arguments": args, "effect_key": key })
        })
        .collect()
}

fn attempt(attempt: &Attempt, veil: &Veil) -> Value {
    let started = &attempt.started;
    let mut view = json!({
        "attempt": started.attempt, "model": started.model, "purpose": started.purpose.name(),
    });
    let Some(map) = view.as_object_mut() else { return view };
    match &attempt.ended {
        None => {
            map.insert("result".to_owned(), "in_flight".into());
        }
        Some(ended) => {
            map.insert("took_ms".to_owned(), ended.took_ms.into());
            map.insert("usage".to_owned(), json!(ended.usage));
            match &ended.result {
                AttemptResult::Answered { finish, .. } => {
                    map.insert("result".to_owned(), "answered".into());
                    map.insert("finish".to_owned(), json!(finish));
                }
                AttemptResult::Failed { class, message, status, .. } => {
                    map.insert("result".to_owned(), class.name().into());
                    map.insert("message".to_owned(), veil.words(message).into());
                    map.insert("status".to_owned(), json!(status));
                }
            }
        }
    }
    view
}
