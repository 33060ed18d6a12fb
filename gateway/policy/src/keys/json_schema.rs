//! The tables of keys as JSON Schemas, for editors: names, words, forms and what each is for.
//!
//! Draft 7, which every YAML language server reads. A schema allows what the loader allows by
//! shape and refuses what it refuses by shape; what needs other files (names, conditions, types) it
//! does not know. Written by `backstop schema`, kept beside this crate (those of other rooms' files
//! too), held to the tables by a test.

use serde_json::{Map, Value as Json, json};

use super::{
    FRAGMENT, FileUse, GATEWAY, Key, Need, POLICY, PROMPT, Shape, TEST_FILE, Unit, Value, prose,
};
use crate::decode::Name;
use crate::path::Root;

/// A kind of file that has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name on the command line, and before `.schema.json`.
    pub name: &'static str,
    /// What it is called in an editor.
    title: &'static str,
    shape: &'static Shape,
}

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Shape {}

impl Kind {
    /// A kind of file whose root is `shape`, for the rooms that have files of their own.
    pub const fn new(name: &'static str, title: &'static str, shape: &'static Shape) -> Self {
        Self { name, title, shape }
    }
}

/// Every kind of rules file that has a schema.
pub const KINDS: [Kind; 5] = [
    Kind { name: "policy", title: "Backstop policy", shape: &POLICY },
    Kind { name: "fragment", title: "Backstop fragment", shape: &FRAGMENT },
    Kind { name: "gateway", title: "Backstop gateway file", shape: &GATEWAY },
    Kind { name: "prompt", title: "Front matter of a Backstop prompt", shape: &PROMPT },
    Kind { name: "test", title: "Tests of a Backstop policy", shape: &TEST_FILE },
];

/// The schema of that kind of file.
pub fn schema(kind: Kind) -> Json {
    let mut definitions = Map::new();
    let mut root = object(kind.shape, &mut definitions);
    let mut put = |key: &str, value: Json| {
        if let Json::Object(root) = &mut root {
            root.insert(key.to_owned(), value);
        }
    };
    put("$schema", json!("http://json-schema.org/draft-07/schema#"));
    put("title", json!(kind.title));
    put("definitions", Json::Object(definitions));
    root
}

/// The schema of that kind of file as it is kept: indented, with a line end at its end.
pub fn text(kind: Kind) -> String {
    format!("{:#}\n", schema(kind))
}

/// A map with known keys.
fn object(shape: &'static Shape, definitions: &mut Map<String, Json>) -> Json {
    let mut properties = Map::new();
    let (mut required, mut either, mut some) = (Vec::new(), Vec::new(), Vec::new());
    let mut belongs = Map::new();
    for key in shape.keys.iter().filter(|key| key.need != Need::Later) {
        properties.insert(key.name.to_owned(), property(key, definitions));
        match key.need {
            Need::Required if key.with.is_empty() => required.push(json!(key.name)),
            Need::Required => {
                for with in key.with {
                    belongs.insert((*with).to_owned(), json!([key.name]));
                }
            }
            Need::Either => either.push(json!({"required": [key.name]})),
            Need::Some => some.push(json!({"required": [key.name]})),
            Need::Optional | Need::Later => {}
        }
        if !key.with.is_empty() {
            let one = key.with.iter().map(|with| json!({"required": [with]}));
            belongs.insert(key.name.to_owned(), json!({"anyOf": one.collect::<Vec<_>>()}));
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": prose(shape.doc),
        "properties": properties,
        "additionalProperties": false,
    });
    let parts = [
        ("required", required.is_empty(), Json::Array(required)),
        ("oneOf", either.is_empty(), Json::Array(either)),
        ("anyOf", some.is_empty(), Json::Array(some)),
        ("dependencies", belongs.is_empty(), Json::Object(belongs)),
    ];
    if let Json::Object(schema) = &mut schema {
        let there = parts.into_iter().filter(|(_, empty, _)| !empty);
        schema.extend(there.map(|(name, _, value)| (name.to_owned(), value)));
    }
    schema
}

/// What stands under a key, with what it is for.
fn property(key: &'static Key, definitions: &mut Map<String, Json>) -> Json {
    let mut value = of(&key.value, definitions);
    if let Some(reference) = value.get("$ref").cloned() {
        // Beside `$ref` nothing else is read.
        value = json!({"allOf": [{"$ref": reference}]});
    }
    if let Json::Object(value) = &mut value {
        value.insert("description".to_owned(), json!(description(key)));
        if let Some(default) = constant(key) {
            value.insert("default".to_owned(), default);
        }
    }
    value
}

/// What a key is for and what holds without it, as an editor shows it.
pub fn description(key: &Key) -> String {
    let doc = prose(key.doc);
    match key.default {
        "" => doc,
        default => format!("{doc} Default: `{default}`."),
    }
}

/// The default, where it is one plain value.
fn constant(key: &Key) -> Option<Json> {
    let text = key.default;
    let words = text.contains([' ', '[', '.']) && serde_json::from_str::<Json>(text).is_err();
    let named = matches!(text, "" | "otherwise") || words;
    (!named).then(|| serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
}

/// The schema of what may stand somewhere.
fn of(value: &'static Value, definitions: &mut Map<String, Json>) -> Json {
    match value {
        Value::Text | Value::Template | Value::Pattern => json!({"type": "string"}),
        Value::Nothing => json!({"type": "null"}),
        Value::Like(pattern, example) => {
            json!({"type": "string", "pattern": pattern, "examples": [example]})
        }
        Value::Bool => json!({"type": "boolean"}),
        Value::Expression => json!({"type": ["string", "boolean", "number"]}),
        Value::Marked => json!({"type": "string", "pattern": "^=\\s+\\S"}),
        Value::Unit(unit) => quantity(*unit),
        Value::Words(words) => {
            let names: Vec<_> = words.iter().map(|word| word.name).collect();
            let docs: Vec<_> = words.iter().map(|word| prose(word.doc)).collect();
            json!({"enum": names, "enumDescriptions": docs})
        }
        Value::Name(_) => json!({"type": "string", "pattern": NAME, "maxLength": Name::BYTES_MAX}),
        Value::File(used) => file(*used),
        Value::Path => place(Root::PLACES),
        Value::Data | Value::Given => {
            json!({"type": ["string", "number", "boolean", "array", "object"]})
        }
        Value::Map(shape) => reference(shape, definitions),
        Value::Named(_, inner) => json!({
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": of(inner, definitions),
        }),
        Value::Changes => json!({"type": "object", "propertyNames": place(Root::CHANGES)}),
        Value::Days => {
            let clock = quantity(Unit::Clock);
            let times = json!({"anyOf": [clock, {"type": "array", "items": clock, "minItems": 1}]});
            json!({
                "type": "object",
                "propertyNames": {"pattern": format!("^({DAY})(-({DAY}))?$")},
                "additionalProperties": times,
                "minProperties": 1,
            })
        }
        Value::List(item) => json!({"type": "array", "items": of(item, definitions)}),
        Value::OneOrMany(one) => {
            let one = of(one, definitions);
            json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
        }
        Value::OneOf(forms) => {
            let forms: Vec<Json> = forms.iter().map(|form| of(form, definitions)).collect();
            json!({"anyOf": forms})
        }
    }
}

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";
const DAY: &str = "mon|tue|wed|thu|fri|sat|sun";

/// A map by its definition, which is written once.
fn reference(shape: &'static Shape, definitions: &mut Map<String, Json>) -> Json {
    let name = shape.name.to_lowercase();
    if !definitions.contains_key(&name) {
        // Set first: a shape may hold itself.
        definitions.insert(name.clone(), Json::Null);
        let schema = object(shape, definitions);
        definitions.insert(name.clone(), schema);
    }
    json!({"$ref": format!("#/definitions/{name}")})
}

fn quantity(unit: Unit) -> Json {
    const NUMBER: &str = "[0-9]+([.][0-9]+)?";
    let text = |rest: &str, example: &str| {
        let pattern = format!("^{rest}$");
        json!({"type": "string", "pattern": pattern, "examples": [example]})
    };
    let or_number = |text: Json, number: Json| json!({"anyOf": [text, number]});
    let period = "/ *(s|min|h|day)";
    match unit {
        Unit::Time => text(&format!("{NUMBER} *(ms|s|min|h|d|y)"), "20s"),
        Unit::Count => or_number(
            text(&format!("{NUMBER}(k|M)?"), "20k"),
            json!({"type": "integer", "minimum": 0}),
        ),
        Unit::Bytes => text(&format!("{NUMBER} *(B|kB|MB|GB)"), "4MB"),
        Unit::Rate => text(&format!("{NUMBER}(k|M)? *{period}"), "600/min"),
        Unit::Share => or_number(
            text(&format!("({NUMBER} *%|[01]([.][0-9]+)?)"), "2%"),
            json!({"type": "number", "minimum": 0, "maximum": 1}),
        ),
        Unit::Money => text(&format!("[$]{NUMBER}(k|M)?"), "$0.03"),
        Unit::MoneyRate => text(&format!("[$]{NUMBER}(k|M)? *{period}"), "$500/day"),
        Unit::Price => text(&format!("[$]{NUMBER}(k|M)? */M"), "$0.15/M"),
        Unit::Clock => text("[0-2][0-9]:[0-5][0-9] *- *[0-2][0-9]:[0-5][0-9]", "08:00-17:00"),
        Unit::Number => json!({"type": "number", "minimum": 0}),
        Unit::Temperature => json!({"type": "number", "minimum": 0, "maximum": 2}),
    }
}

/// A file of the workspace: relative, with `/`, without `.` and `..` parts.
fn file(used: FileUse) -> Json {
    let ending = match used {
        FileUse::Schema => "[.]json$",
        FileUse::Data => "[.](json|csv|txt)$",
        FileUse::Arguments | FileUse::Fragment | FileUse::Draft | FileUse::Lines => "",
    };
    let plain = r"^(?!.*(^|/)[.]{0,2}(/|$))[^\\:\n]+";
    json!({"type": "string", "pattern": format!("{plain}{ending}")})
}

/// A path such as `output.lines.*.amount`.
fn place(roots: &[Root]) -> Json {
    let roots: Vec<String> = roots.iter().map(|root| root.name().replace('.', "[.]")).collect();
    let part = r"([.]([*]|[^.\s\[\](){}]+))*";
    json!({"type": "string", "pattern": format!("^({}){part}$", roots.join("|"))})
}

#[cfg(test)]
mod tests;
