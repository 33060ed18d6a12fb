//! The schemas that are kept are those of the tables, and they and the loader refuse the same.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use super::*;
use crate::diagnostics::{Code, Report};
use crate::source::Sources;

fn kind(name: &str) -> Kind {
    *KINDS.iter().find(|kind| kind.name == name).expect("a kind")
}

#[test]
fn the_schemas_that_are_kept_are_those_of_the_tables() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for kind in KINDS {
        let path = folder.join(format!("{}.schema.json", kind.name));
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let mend = "backstop schema --out gateway/policy";
        assert!(kept == text(kind), "{} is old; write it again: {mend}", path.display());
    }
}

/// The shortest map of that shape that has `key`.
fn shortest(shape: &'static Shape, key: Option<&'static Key>) -> Map<String, Json> {
    let mut map = Map::new();
    let needed = |key: &&Key| key.need == Need::Required && key.with.is_empty();
    let mut chosen: Vec<&'static Key> = shape.keys.iter().filter(needed).collect();
    let either = |name: &str| shape.key(name).expect("a key");
    let first = || shape.keys.iter().find(|key| key.need == Need::Either);
    let kind = match key {
        Some(key) if key.need == Need::Either => Some(either(key.name)),
        Some(Key { with: [with, ..], .. }) => Some(either(with)),
        _ => first(),
    };
    chosen.extend(kind);
    let with_kind = |key: &&Key| kind.is_some_and(|kind| key.with.contains(&kind.name));
    chosen.extend(shape.keys.iter().filter(with_kind).filter(|key| key.need == Need::Required));
    chosen.extend(shape.keys.iter().find(|key| key.need == Need::Some));
    if shape.name == "BLOCK" {
        chosen.extend(shape.key("at"));
    }
    for key in chosen {
        map.insert(key.name.to_owned(), sample(key));
    }
    if let Some(key) = key {
        map.insert(key.name.to_owned(), sample(key));
    }
    map
}

fn sample(key: &'static Key) -> Json {
    match key.name {
        "zone" => json!("UTC"),
        "policy" | "fragment" => json!("p"),
        _ => sample_of(&key.value),
    }
}

/// A value that is right.
fn sample_of(value: &'static Value) -> Json {
    match value {
        Value::Text | Value::Template | Value::Given => json!("text"),
        Value::Like(_, example) => json!(example),
        Value::Nothing => Json::Null,
        Value::Bool | Value::Expression => json!(true),
        Value::Marked => json!("= input"),
        Value::Pattern => json!("x+"),
        Value::Unit(Unit::Number | Unit::Temperature) => json!(0.2),
        Value::Unit(unit) => {
            let schema = quantity(*unit);
            let text = schema.get("anyOf").and_then(|forms| forms.get(0)).unwrap_or(&schema);
            text.get("examples").and_then(|all| all.get(0)).cloned().expect("an example")
        }
        Value::Words(words) => json!(words.first().expect("a word").name),
        Value::Name(_) => json!("name"),
        Value::File(FileUse::Schema | FileUse::Arguments) => json!("schemas/x.json"),
        Value::File(FileUse::Data) => json!("data/x.csv"),
        Value::File(FileUse::Draft) => json!("drafts/x.yaml"),
        Value::File(_) => json!("data/x.txt"),
        Value::Path => json!("output.a"),
        Value::Data => json!(1),
        Value::Map(shape) => Json::Object(shortest(shape, None)),
        Value::Named(_, inner) => json!({"name": sample_of(inner)}),
        Value::Changes => json!({"output.a": 1}),
        Value::Days => json!({"mon-fri": "08:00-17:00"}),
        Value::List(item) => json!([sample_of(item)]),
        Value::OneOrMany(one) => sample_of(one),
        Value::OneOf(forms) => sample_of(forms.first().expect("a form")),
    }
}

/// Where a value stands in a file: from the root, keys and elements.
type Way = Vec<String>;

/// Every place of the tables, once per shape, with a file that is right and has it.
fn places(root: &'static Shape) -> Vec<(Way, Json)> {
    fn maps(value: &'static Value, way: &Way, into: &mut Vec<(Way, &'static Shape)>) {
        let below = |part: &str| way.iter().cloned().chain([part.to_owned()]).collect::<Way>();
        match value {
            Value::Map(shape) => into.push((way.clone(), shape)),
            Value::Named(_, inner) => maps(inner, &below("name"), into),
            Value::List(inner) => maps(inner, &below("0"), into),
            Value::OneOrMany(inner) => maps(inner, way, into),
            Value::OneOf(forms) => forms.iter().for_each(|form| maps(form, way, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut open = vec![(Way::new(), root, Json::Null)];
    let mut seen: Vec<&'static str> = vec![root.name];
    while let Some((way, shape, file)) = open.pop() {
        for key in shape.keys.iter().filter(|key| key.need != Need::Later) {
            let map = Json::Object(shortest(shape, Some(key)));
            let file = put(file.clone(), &way, map);
            let place: Way = way.iter().cloned().chain([key.name.to_owned()]).collect();
            let mut inner = Vec::new();
            maps(&key.value, &place, &mut inner);
            for (way, shape) in inner {
                if !seen.contains(&shape.name) {
                    seen.push(shape.name);
                    open.push((way, shape, file.clone()));
                }
            }
            found.push((place, file));
        }
    }
    found
}

/// `file` with `value` at `way`; lists and maps on the way are made.
fn put(file: Json, way: &[String], value: Json) -> Json {
    let Some((first, rest)) = way.split_first() else { return value };
    if first == "0" {
        let old = file.get(0).cloned().unwrap_or(Json::Null);
        return json!([put(old, rest, value)]);
    }
    let mut map = match file {
        Json::Object(map) => map,
        _ => Map::new(),
    };
    let old = map.remove(first).unwrap_or(Json::Null);
    map.insert(first.clone(), put(old, rest, value));
    Json::Object(map)
}

/// What the loader says of the shape of a file.
fn loader(kind: Kind, file: &Json) -> Vec<String> {
    let (path, text) = match kind.name {
        "prompt" => ("prompts/p.md", format!("---\n{file}\n---\nSay.\n")),
        "gateway" => ("policies/gateway.yaml", file.to_string()),
        _ => ("policies/p.yaml", file.to_string()),
    };
    let sources = Sources::single(path, text);
    let id = sources.find(path).expect("the file");
    let mut report = Report::new();
    match kind.name {
        "prompt" => drop(crate::raw::load_prompt(&sources, id, &mut report)),
        "gateway" => drop(crate::load_gateway(&sources, id, &mut report)),
        "fragment" => drop(crate::raw::load_fragment(&sources, id, &mut report)),
        _ => drop(crate::raw::load_policy(&sources, id, &mut report)),
    }
    let shape = [
        Code::UnknownKey,
        Code::MissingKey,
        Code::WrongKind,
        Code::UnknownWord,
        Code::BadUnit,
        Code::BadName,
        Code::BadPath,
        Code::Empty,
        Code::BadStep,
        Code::NotYet,
        Code::Secret,
    ];
    let problems = report.sorted();
    let own = problems.iter().filter(|problem| shape.contains(&problem.code));
    own.map(|problem| problem.message.clone()).collect()
}

fn loaded() -> impl Iterator<Item = (Kind, jsonschema::Validator)> {
    ["policy", "fragment", "gateway", "prompt"].into_iter().map(|name| {
        let kind = kind(name);
        (kind, jsonschema::draft7::new(&schema(kind)).expect("a schema"))
    })
}

#[test]
fn what_the_tables_allow_is_allowed_by_loader_and_schema_alike() {
    let mut tried = 0;
    for (kind, validator) in loaded() {
        for (way, file) in places(kind.shape) {
            tried += 1;
            let said = loader(kind, &file);
            assert!(said.is_empty(), "the loader refuses {way:?}: {said:?}\n{file}");
            let said: Vec<_> = validator.iter_errors(&file).map(|e| e.to_string()).collect();
            assert!(said.is_empty(), "the schema refuses {way:?}: {said:?}\n{file}");
        }
    }
    assert!(tried > 250, "{tried}");
}

/// Where the loader says it later, or by another code, than the schema: the end of the place, and
/// the value if not every one.
const ELSEWHERE: [(&str, Option<&str>); 7] = [
    // The file's ending is looked at when it is read.
    ("data.name.file", None),
    ("data.name", None),
    // A language that the workspace has no file of.
    ("notify.name.language", None),
    // A name that no entry can have.
    ("models.name.provider", None),
    // Types of events are many, and known to the ledger.
    ("subscriptions.name.events", None),
    ("confidence.accept", Some("{}")),
    // `by_model` could be the name of a source.
    ("accept.by_model", Some("\"1\"")),
];

#[test]
fn a_value_of_the_wrong_shape_is_refused_by_loader_and_schema_alike() {
    let wrong = [
        json!([]),
        json!([[1]]),
        json!({}),
        json!({"zz!": 1}),
        json!({"zz": 1}),
        json!("zz zz"),
        json!("zz"),
        json!("1"),
        json!(12.5),
        json!(7),
        json!(true),
        json!(null),
    ];
    let (mut refused, mut differ) = (0, Vec::new());
    for (kind, validator) in loaded() {
        for (way, file) in places(kind.shape) {
            for value in &wrong {
                let file = put(file.clone(), &way, value.clone());
                let by_loader = loader(kind, &file);
                let by_schema = !validator.is_valid(&file);
                refused += usize::from(by_schema);
                let (way_in, written) = (way.join("."), value.to_string());
                if ELSEWHERE.iter().any(|(end, only)| {
                    way_in.ends_with(end) && only.is_none_or(|only| written == only)
                }) {
                    continue;
                }
                if by_loader.is_empty() == by_schema {
                    differ.push(format!("{} {}: {value}: {by_loader:?}", kind.name, way.join(".")));
                }
            }
        }
    }
    if !differ.is_empty() {
        panic!("{} differ:\n{}", differ.len(), differ.join("\n"));
    }
    assert!(refused > 1500, "{refused}");
}
