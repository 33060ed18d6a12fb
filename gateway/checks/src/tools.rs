//! Judges a tool call: is the tool listed, are its arguments strict JSON, are they to its schema.
//!
//! Arguments are never mended: a call that acts must say exactly what it wants. Limits and tool
//! rules are judged elsewhere.

use std::collections::BTreeMap;

use backstop_domain::FailureClass;
use serde_json::{Map, Value};

use crate::json::read_strict;
use crate::schema::Schema;

/// Most characters of a tool's name that are repeated in a problem.
const NAME_CHARS: usize = 60;

/// The tools that may be called, each with the schema of its arguments.
#[derive(Debug, Clone, Default)]
pub struct Tools(BTreeMap<String, Schema>);

/// One thing that is wrong with a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolProblem {
    /// `ToolDenied` for a tool that is not listed, else `ToolInvalid`.
    pub class: FailureClass,
    /// RFC 6901 pointer into the arguments; empty for the whole.
    pub pointer: String,
    /// For people and for the model that is asked to repair it.
    pub message: String,
}

impl Tools {
    /// These tools, each with the schema of its arguments.
    pub fn of(tools: impl IntoIterator<Item = (String, Schema)>) -> Self {
        Self(tools.into_iter().collect())
    }

    /// The schema of a listed tool's arguments.
    pub fn get(&self, name: &str) -> Option<&Schema> {
        self.0.get(name)
    }

    /// Reads the arguments of a call to `name`. No text at all counts as no arguments: that is how
    /// providers send a call without any.
    ///
    /// # Errors
    /// Every [`ToolProblem`], at least one: not listed, not strict JSON (a key given twice counts),
    /// no object, or not to the schema.
    pub fn read(&self, name: &str, arguments: &str) -> Result<Value, Vec<ToolProblem>> {
        let Some(schema) = self.0.get(name) else {
            return Err(vec![self.not_listed(name)]);
        };
        let invalid = |pointer: &str, message: String| ToolProblem {
            class: FailureClass::ToolInvalid,
            pointer: pointer.to_owned(),
            message,
        };
        let value = if arguments.trim().is_empty() {
            Value::Object(Map::new())
        } else {
            let read = read_strict(arguments);
            let of = |fault| vec![invalid("", format!("the arguments are not JSON: {fault}"))];
            read.map_err(of)?.0
        };
        if !value.is_object() {
            return Err(vec![invalid("", "the arguments must be an object".to_owned())]);
        }
        let problems = schema.validate(&value);
        if problems.is_empty() {
            return Ok(value);
        }
        Err(problems.into_iter().map(|found| invalid(&found.pointer, found.message)).collect())
    }

    fn not_listed(&self, name: &str) -> ToolProblem {
        let known: Vec<_> = self.0.keys().take(20).map(|name| format!("`{name}`")).collect();
        let name: String = name.chars().take(NAME_CHARS).collect();
        let listed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        ToolProblem {
            class: FailureClass::ToolDenied,
            pointer: String::new(),
            message: format!("the tool `{name}` is not listed; listed: {listed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    #![expect(clippy::print_stdout, reason = "figures and skips are printed")]

    use backstop_domain::FailureClass;
    use serde_json::{Value, json};

    use super::Tools;
    use crate::schema::Schema;

    fn tools() -> Tools {
        let refund = json!({
            "type": "object",
            "required": ["order_id", "amount_cents"],
            "additionalProperties": false,
            "properties": {
                "order_id": {"type": "string"},
                "amount_cents": {"type": "integer", "minimum": 1},
            },
        });
        let ping = Schema::of_value("ping", &json!({"type": "object"})).unwrap();
        let refund = Schema::of_value("refund", &refund).unwrap();
        Tools::of([("refund".to_owned(), refund), ("ping".to_owned(), ping)])
    }

    #[test]
    fn arguments_to_the_schema_are_read() {
        let value = tools().read("refund", r#"{"order_id": "A1", "amount_cents": 250}"#).unwrap();
        assert_eq!(value, json!({"order_id": "A1", "amount_cents": 250}));
        assert_eq!(tools().read("ping", ""), Ok(json!({})));
    }

    #[test]
    fn a_tool_that_is_not_listed_is_denied() {
        let problems = tools().read("delete_all", "{}").unwrap_err();
        let problem = problems.first().unwrap();
        assert_eq!(problem.class, FailureClass::ToolDenied);
        assert_eq!(
            problem.message,
            "the tool `delete_all` is not listed; listed: `ping`, `refund`"
        );
    }

    #[test]
    fn every_fault_in_the_arguments_is_named_with_its_place() {
        let problems = tools().read("refund", r#"{"amount_cents": "2", "x": 1}"#).unwrap_err();
        let mut said: Vec<_> =
            problems.iter().map(|p| (p.pointer.as_str(), p.message.as_str())).collect();
        said.sort_unstable();
        assert_eq!(
            said,
            [
                ("", "the value has fields that the schema does not know: `x`"),
                ("", "the value lacks the field \"order_id\""),
                ("/amount_cents", "`/amount_cents` must be a whole number, is \"2\""),
            ]
        );
        assert!(problems.iter().all(|problem| problem.class == FailureClass::ToolInvalid));
    }

    #[test]
    fn arguments_are_never_mended() {
        for text in [
            "{\"order_id\": \"a\", \"amount_cents\": 1,}",
            "```json\n{\"order_id\": \"a\", \"amount_cents\": 1}\n```",
            "{\"order_id\": \"a\", \"amount_cents\": 1, \"amount_cents\": 900}",
            "[]",
            "null",
            "{\"order_id\": \"a\", \"amount_cents\": 1} ok",
        ] {
            assert!(tools().read("refund", text).is_err(), "{text}");
        }
    }

    /// 500 real requests with the calls that are right; ours must not stand in their way. The data
    /// says which calls another validator found to be to their schema.
    #[test]
    fn right_calls_of_real_tools_pass_their_schemas() {
        let data = "/../../../shared/data/toolcalls/bfcl_live_tools_truth.jsonl";
        let path = format!("{}{data}", env!("CARGO_MANIFEST_DIR"));
        let Ok(rows) = std::fs::read_to_string(&path) else {
            println!("skipped: {path} is absent");
            return;
        };
        let (mut passed, mut refused, mut stopped, mut wrong) = (0, Vec::new(), 0, Vec::new());
        for row in rows.lines() {
            let row: Value = serde_json::from_str(row).unwrap();
            let mut tools = Vec::new();
            for tool in row.get("tools").and_then(Value::as_array).unwrap() {
                let name = tool.get("name").and_then(Value::as_str).unwrap().to_owned();
                match Schema::of_value(&name, tool.get("parameters").unwrap()) {
                    Ok(schema) => tools.push((name, schema)),
                    Err(error) => refused.push(error.to_string()),
                }
            }
            let tools = Tools::of(tools);
            for call in row.get("expected_calls").and_then(Value::as_array).unwrap() {
                let name = call.get("name").and_then(Value::as_str).unwrap();
                let to_schema = call.get("schema_valid").and_then(Value::as_bool).unwrap();
                let read = tools.read(name, &call.get("arguments").unwrap().to_string());
                match (read, to_schema) {
                    (Ok(_), true) => passed += 1,
                    (Err(_), false) => stopped += 1,
                    (read, _) => wrong.push(format!("{name}: {read:?} {to_schema}")),
                }
            }
        }
        println!("{passed} right calls pass, {stopped} that are not to their schema are stopped");
        println!("schemas refused: {refused:#?}");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
