//! The proof that a fallback can never break the output's schema (DESIGN.md section 4): constants
//! are validated, copies of the input are contained, all else may stand only before the last row.

use backstop_checks::path::{Path, PathStep};
use backstop_checks::schema::{Proof, Schema, contains};
use serde_json::Value;

use super::Compiler;
use crate::compiled::Shape;
use crate::diagnostics::Code;
use crate::raw::{Data, DataKind, InputShape, OutputShape};
use crate::source::Span;

/// Keywords of an object schema that the proof, field by field, accounts for.
const ACCOUNTED: [&str; 14] = [
    "$schema",
    "$id",
    "$defs",
    "$comment",
    "title",
    "description",
    "examples",
    "default",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "definitions",
    "readOnly",
];

impl Compiler<'_> {
    /// Proves a row's answer, or says what is not proven. In a row before the last, what cannot be
    /// proven is left to the check when it is used.
    pub(super) fn prove(&mut self, data: &Data, shape: &Shape, last: bool) {
        match &self.raw.output.value {
            OutputShape::Schema(_) => {
                if let Some(schema) = self.output.clone() {
                    self.prove_at(data, shape, &schema, last);
                }
            }
            OutputShape::Text | OutputShape::Request => self.prove_text(data, shape, last),
        }
    }

    fn prove_text(&mut self, data: &Data, shape: &Shape, last: bool) {
        let fine = match shape {
            Shape::Constant(value) => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Shape::Text(_) => true,
            Shape::Formula(formula) => {
                let text = matches!(formula.kind(), backstop_checks::expression::Type::Text(_));
                text && (!last
                    || matches!(
                        self.raw.input.as_ref().map(|i| &i.value),
                        None | Some(InputShape::Text)
                    ))
            }
            Shape::List(_) | Shape::Object(_) => false,
        };
        if !fine {
            let say = "the output is a text, and this fallback is not certain to be one";
            self.error(Code::FallbackOff, data.span, say, None);
        }
    }

    fn prove_at(&mut self, data: &Data, shape: &Shape, schema: &Schema, last: bool) {
        match shape {
            Shape::Constant(value) => self.prove_constant(data, value, schema),
            Shape::Formula(formula) => {
                let copied = self.copied(formula.source());
                let inner = copied.zip(self.input.as_ref());
                let inner = inner.and_then(|(path, input)| input.subschema_at(&path));
                let proof = match inner {
                    Some(inner) => contains(schema, &inner),
                    None => Proof::NotProven("only `= input.place` can be proven".to_owned()),
                };
                if let (Proof::NotProven(why), true) = (proof, last) {
                    self.not_proven(data.span, &why);
                }
            }
            Shape::Text(_) if last => {
                let plain = schema.value().get("type") == Some(&Value::from("string"))
                    && schema
                        .value()
                        .as_object()
                        .is_some_and(|map| map.keys().all(|key| ACCOUNTED.contains(&key.as_str())));
                if !plain {
                    self.not_proven(data.span, "a text with `{{ }}` may be any text");
                }
            }
            Shape::Text(_) => {}
            Shape::Object(fields) => self.prove_object(data, fields, schema, last),
            Shape::List(items) => self.prove_list(data, items, schema, last),
        }
    }

    fn prove_constant(&mut self, data: &Data, value: &Value, schema: &Schema) {
        for problem in schema.validate(value) {
            let say = format!("this fallback breaks the output's schema: {}", problem.message);
            let help = "mend the answer: callers rely on the schema even when all else fails";
            let span = at_pointer(data, &problem.pointer);
            self.error(Code::FallbackOff, span, say, Some(help.to_owned()));
        }
    }

    fn prove_object(
        &mut self,
        data: &Data,
        fields: &[(String, Shape)],
        schema: &Schema,
        last: bool,
    ) {
        let DataKind::Map(entries) = &data.kind else { return };
        for ((key, value), (name, shape)) in entries.iter().zip(fields) {
            match schema.subschema_at(&Path::of([PathStep::Field(name.clone())])) {
                Some(inner) => self.prove_at(value, shape, &inner, last),
                None => {
                    let say = format!("the output's schema has no field `{name}`");
                    self.error(Code::FallbackOff, key.span, say, None);
                }
            }
        }
        let value = schema.value();
        let required = value.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.iter().any(|(field, _)| field == name) {
                let say = format!("the output's schema requires `{name}`, which is missing here");
                self.error(Code::FallbackOff, data.span, say, None);
            }
        }
        let known = |key: &String| ACCOUNTED.contains(&key.as_str());
        let plain = value.as_object().is_some_and(|map| map.keys().all(known));
        if last && !plain {
            self.not_proven(data.span, "its schema has more than fields: write a constant here");
        }
    }

    fn prove_list(&mut self, data: &Data, items: &[Shape], schema: &Schema, last: bool) {
        let DataKind::List(entries) = &data.kind else { return };
        for (index, (value, shape)) in entries.iter().zip(items).enumerate() {
            if let Some(inner) = schema.subschema_at(&Path::of([PathStep::Index(index)])) {
                self.prove_at(value, shape, &inner, last);
            }
        }
        if last {
            self.not_proven(data.span, "a list with expressions in it is not proven");
        }
    }

    fn not_proven(&mut self, span: Span, why: &str) {
        let say = format!("it is not certain that this fallback fits the output's schema: {why}");
        let help = "put this row before another one with a constant, or `= input.place` of the \
                    same schema";
        self.error(Code::FallbackOff, span, say, Some(help.to_owned()));
    }
}

/// Where the part of a written value stands that a pointer names; the whole where there is none.
fn at_pointer(data: &Data, pointer: &str) -> Span {
    let mut here = data;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let inner = match &here.kind {
            DataKind::Map(entries) => {
                entries.iter().find(|(key, _)| key.value == part).map(|(_, value)| value)
            }
            DataKind::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => None,
        };
        let Some(inner) = inner else { break };
        here = inner;
    }
    here.span
}
