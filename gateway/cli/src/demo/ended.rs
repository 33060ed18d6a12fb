//! What a call of the demo came to, as the HTTP faces tell it: read, compared, put into a line.

use backstop_domain::CallId;
use serde::Deserialize;
use serde_json::Value;

use crate::style;

/// Most characters of an answer that are shown.
const SHOWN_CHARS: usize = 80;

/// What a call must come to; whatever is left out may be anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    state: Option<String>,
    outcome: Option<String>,
    answered_by: Option<String>,
    queue: Option<String>,
    status: Option<u16>,
    /// The models asked, in order; one asked again at once stands once.
    models: Option<Vec<String>>,
}

/// An answer of the gateway.
pub struct Ended {
    status: u16,
    body: Value,
}

impl Ended {
    /// The answer with that HTTP status and body.
    pub const fn new(status: u16, body: Value) -> Self {
        Self { status, body }
    }

    /// The call; a request refused at the door became none.
    pub fn id(&self) -> Option<CallId> {
        self.told("/id").and_then(Value::as_str).map(CallId::from)
    }

    /// Whether it came to this.
    pub fn is(&self, expect: &Expect) -> bool {
        let same = |wanted: &Option<String>, pointer: &str| {
            wanted.is_none() || wanted.as_deref() == self.text(pointer)
        };
        same(&expect.state, "/state")
            && same(&expect.outcome, "/outcome")
            && same(&expect.answered_by, "/answered_by")
            && same(&expect.queue, "/review/queue")
            && expect.status.is_none_or(|status| status == self.status)
            && expect.models.as_ref().is_none_or(|models| *models == self.models())
    }

    /// Its end in a line.
    pub fn line(&self) -> String {
        let by = self.text("/answered_by").unwrap_or("nobody");
        match (self.text("/state"), self.text("/review/queue")) {
            (Some("in_review"), Some(queue)) => {
                style::warn(&format!("waits for a person in `{queue}`"))
            }
            (Some(state @ ("accepted" | "fallback")), _) => {
                let end = style::good(&format!("{state}, by the {by}"));
                format!("{end}  {}", self.answer())
            }
            (Some(state), _) => {
                let why = self.text("/cause/text").or(self.said()).unwrap_or_default();
                format!("{}  {}", style::warn(state), short(why))
            }
            (None, _) => {
                let why = self.said().unwrap_or_default();
                let end = format!("refused at the door (HTTP {})", self.status);
                format!("{}  {}", style::warn(&end), short(why))
            }
        }
    }

    fn answer(&self) -> String {
        if let Some(calls) = self.body.get("tool_calls") {
            return short(&calls.to_string());
        }
        let message = self.body.pointer("/choices/0/message/content");
        match message.or_else(|| self.body.get("output")) {
            Some(Value::String(text)) => short(text),
            Some(Value::Null) | None => String::new(),
            Some(other) => short(&other.to_string()),
        }
    }

    fn said(&self) -> Option<&str> {
        let said = self.body.get("detail").or_else(|| self.body.pointer("/error/message"));
        said.and_then(Value::as_str)
    }

    fn models(&self) -> Vec<&str> {
        let attempts = self.told("/attempts").and_then(Value::as_array);
        let asked = attempts.into_iter().flatten();
        let mut models: Vec<_> = asked.filter_map(|one| one.get("model")?.as_str()).collect();
        models.dedup();
        models
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.told(pointer).and_then(Value::as_str)
    }

    /// The call stands alone on the calls API, and in `backstop` on the OpenAI face.
    fn told(&self, pointer: &str) -> Option<&Value> {
        let places =
            [self.body.get("backstop"), self.body.pointer("/error/backstop"), Some(&self.body)];
        places.into_iter().flatten().find_map(|place| place.pointer(pointer))
    }
}

/// The beginning of a text, on one line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN_CHARS {
        return line;
    }
    let start: String = line.chars().take(SHOWN_CHARS).collect();
    format!("{start}…")
}
