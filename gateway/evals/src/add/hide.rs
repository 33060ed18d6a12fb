//! What a case must not hold: secrets, personal data, and what the policy calls private.

use std::collections::BTreeMap;

use backstop_checks::text::{Finds, PersonalData, Secrets};
use backstop_policy::Policy;
use backstop_policy::path::{Path, Root};
use serde_json::Value;

use crate::suite::Case;

/// Texts to hide, each with what stands in its place; the same text gets the same word everywhere.
#[derive(Default)]
pub(super) struct Hide(BTreeMap<String, String>);

impl Hide {
    /// How many different texts are hidden.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, text: &str, kind: &str) {
        // A text that short stands in too many others to be replaced everywhere.
        if text.chars().count() >= 4 && !self.0.contains_key(text) {
            let number = self.0.len() + 1;
            self.0.insert(text.to_owned(), format!("[{kind}-{number}]"));
        }
    }

    /// Whatever stands where the policy says `private`.
    pub(super) fn private(&mut self, policy: &Policy, case: &Case) {
        for path in &policy.private {
            let Ok(path) = Path::parse(path, &[Root::Input]) else { continue };
            for (_, value) in path.matches(&case.input) {
                self.leaves(value);
            }
        }
    }

    fn leaves(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text, "private"),
            Value::Array(items) => items.iter().for_each(|item| self.leaves(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.leaves(field)),
            _ => {}
        }
    }

    /// Secrets and personal data of every kind that can be found.
    pub(super) fn found_in(&mut self, value: &Value) {
        let judges: [&dyn Finds; 2] = [&Secrets::all(), &PersonalData::all()];
        for judge in judges {
            for found in judge.find(value) {
                // Of a secret only its ends are told: the whole stands at its place.
                let at = value.pointer(&found.path).and_then(Value::as_str);
                if let Some(whole) = at.and_then(|text| text.get(found.span.clone())) {
                    self.add(whole, found.kind);
                }
            }
        }
    }

    /// `json` with each text replaced, as it stands in JSON. Longer ones first: one may hold
    /// another.
    pub(super) fn apply(&self, json: &str) -> String {
        let mut order: Vec<(&String, &String)> = self.0.iter().collect();
        order.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let mut out = json.to_owned();
        for (text, by) in order {
            let quoted = Value::from(text.as_str()).to_string();
            let inside = quoted.trim_matches('"');
            let twice = Value::from(inside).to_string();
            out = out.replace(inside, by).replace(twice.trim_matches('"'), by);
        }
        out
    }
}
