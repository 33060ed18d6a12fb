//! A call as the calls API shows it, to whoever it is.

mod told;

use backstop_domain::{Leaving, PauseEnd, Phase, effect_key};
use backstop_engine::Snapshot;
use backstop_policy::Answer;
use serde::Serialize;
use serde_json::{Value, json};

use crate::veil::{MASK, Veil};

pub use told::{Found, Told, told};

use told::is_false;

/// The call as JSON; its output only if the recorded outcome lets it leave.
pub fn call(snapshot: &Snapshot) -> Value {
    json!(veiled(snapshot, &Veil::Lifted))
}

/// A call, as the calls API shows it.
#[derive(Serialize)]
pub struct View<'a> {
    #[serde(flatten)]
    told: Told<'a>,
    run: u32,
    seq: u64,
    received_at: u64,
    deadline: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Paused<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<u64>,
    /// What may leave of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
    #[serde(skip_serializing_if = "is_false")]
    output_erased: bool,
}

/// Who holds the call, and for how long.
#[derive(Serialize)]
struct Paused<'a> {
    until: u64,
    then: PauseEnd,
    reason: &'a str,
}

/// As [`call`], without what is hidden from the viewer.
pub fn veiled<'a>(snapshot: &'a Snapshot, veil: &Veil) -> View<'a> {
    let leaving = leaving(snapshot);
    let unchecked = leaving.as_ref().is_some_and(|(_, unchecked)| *unchecked);
    let state = &snapshot.state;
    let mut view = View {
        told: told(snapshot, veil, unchecked),
        run: state.run,
        seq: state.seq,
        received_at: state.received_at.0,
        deadline: state.deadline.0,
        paused: None,
        ended_at: None,
        output: None,
        tool_calls: Vec::new(),
        output_erased: false,
    };
    if let Phase::Paused { paused, .. } = &state.phase {
        let (until, reason) = (paused.until.0, veil.words(&paused.reason));
        view.paused = Some(Paused { until, then: paused.then, reason });
    }
    if let Some(ended) = state.ended() {
        view.ended_at = Some(state.at.0);
        view.output_erased = leaving.is_none() && ended.answer.is_some();
    }
    if let Some((answer, _)) = leaving {
        let answer = veil.answer(answer);
        view.output = Some(answer.as_ref().map_or_else(|| MASK.into(), output));
        view.tool_calls = answer.map(|answer| tool_calls(snapshot, &answer)).unwrap_or_default();
    }
    view
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
