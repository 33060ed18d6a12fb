//! Turns a validator's errors into sentences for people: place, what it must be, what it is.
//!
//! It quotes at most a short piece of the value, so that a report stays small.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::types::JsonType;
use serde_json::Value;

use super::SchemaProblem;

/// Most characters of a value that are quoted.
const QUOTE_CHARS: usize = 60;
/// Most characters of a message that came from elsewhere.
const MESSAGE_CHARS: usize = 300;
/// Most allowed values that are listed.
const LISTED: usize = 12;

pub(super) fn problem(error: &ValidationError<'_>) -> SchemaProblem {
    let pointer = error.instance_path().to_string();
    let place = if pointer.is_empty() { "the value".to_owned() } else { format!("`{pointer}`") };
    let message = format!("{place} {}", says(error));
    SchemaProblem { pointer, schema_pointer: error.evaluation_path().to_string(), message }
}

/// What is wrong with a schema itself, in words.
pub(super) fn of_schema(error: &ValidationError<'_>) -> String {
    let keyword = error.instance_path().to_string();
    let text = error.to_string();
    if keyword.ends_with("/pattern") || keyword.contains("/patternProperties") {
        let linear =
            "it must run in linear time: no look-around, no back-references, not too large";
        return format!("{} is no pattern that can be taken; {linear}", quoted(error.instance()));
    }
    if keyword.ends_with("/format") && text.starts_with("Unknown format") {
        let other = "leave it out, or use a `pattern`";
        return format!("the format {} is not known; {other}", quoted(error.instance()));
    }
    clip(&text)
}

/// The value is not valid, but the validator names no error. Still a problem, never a pass.
pub(super) fn unexplained() -> SchemaProblem {
    SchemaProblem {
        pointer: String::new(),
        schema_pointer: String::new(),
        message: "the value is not to its schema".to_owned(),
    }
}

fn says(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    let must = |what: String| format!("must {what}, is {}", quoted(value));
    match error.kind() {
        Kind::Type { kind } => must(format!("be {}", types(kind))),
        Kind::Enum { options } => must(format!("be one of {}", listed(options))),
        Kind::Constant { expected_value } => must(format!("be {}", quoted(expected_value))),
        Kind::Required { property } => format!("lacks the field {}", quoted(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("has fields that the schema does not know: {}", names(unexpected))
        }
        Kind::Minimum { limit } => must(format!("be at least {limit}")),
        Kind::Maximum { limit } => must(format!("be at most {limit}")),
        Kind::ExclusiveMinimum { limit } => must(format!("be more than {limit}")),
        Kind::ExclusiveMaximum { limit } => must(format!("be less than {limit}")),
        Kind::MultipleOf { multiple_of } => must(format!("be a multiple of {multiple_of}")),
        Kind::MinLength { limit } => must(format!("have at least {limit} characters")),
        Kind::MaxLength { limit } => must(format!("have at most {limit} characters")),
        Kind::Pattern { pattern } => must(format!("match the pattern `{}`", clip(pattern))),
        Kind::Format { format } => must(format!("be written as `{format}`")),
        other => says_of_parts(other, value, error),
    }
}

fn says_of_parts(kind: &Kind, value: &Value, error: &ValidationError<'_>) -> String {
    let has = value
        .as_array()
        .map_or_else(|| value.as_object().map_or(0, serde_json::Map::len), Vec::len);
    match kind {
        Kind::MinItems { limit } => format!("must have at least {limit} elements, has {has}"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements, has {has}"),
        Kind::AdditionalItems { limit } => {
            format!("must have at most {limit} elements, has {has}")
        }
        Kind::MinProperties { limit } => format!("must have at least {limit} fields, has {has}"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} fields, has {has}"),
        Kind::UniqueItems => "must not hold the same element twice".to_owned(),
        Kind::Contains => "lacks an element that the schema asks for".to_owned(),
        Kind::UnevaluatedItems { .. } => "has elements that the schema does not know".to_owned(),
        Kind::FalseSchema => "must not be there".to_owned(),
        Kind::Not { .. } => format!("must not be {}", quoted(value)),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("has none of the allowed forms, is {}", quoted(value))
        }
        Kind::OneOfMultipleValid { .. } => {
            format!("has more than one of the allowed forms, is {}", quoted(value))
        }
        Kind::PropertyNames { error } => {
            format!("has a field with a name that is not allowed: {}", quoted(error.instance()))
        }
        _ => format!("is not to the schema: {}", clip(&error.to_string())),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => type_name(*one).to_owned(),
        TypeKind::Multiple(several) => {
            several.iter().map(type_name).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn type_name(one: JsonType) -> &'static str {
    match one {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a text",
    }
}

fn listed(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut texts: Vec<_> = options.iter().take(LISTED).map(quoted).collect();
    if options.len() > LISTED {
        texts.push(format!("and {} more", options.len() - LISTED));
    }
    texts.join(", ")
}

fn names(unexpected: &[String]) -> String {
    let names: Vec<_> = unexpected
        .iter()
        .take(LISTED)
        .map(|name| format!("`{}`", cut(name, QUOTE_CHARS)))
        .collect();
    names.join(", ")
}

fn quoted(value: &Value) -> String {
    match value {
        Value::Array(items) if items.len() > 3 => format!("a list of {}", items.len()),
        Value::Object(fields) if !fields.is_empty() => "an object".to_owned(),
        other => cut(&other.to_string(), QUOTE_CHARS),
    }
}

/// A message from elsewhere, cut to a bearable length.
pub(super) fn clip(text: &str) -> String {
    cut(text, MESSAGE_CHARS)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
