//! What a person decided, read from the form: the verb, the edit, the reason; or what is wrong with
//! it, at which field.

use std::borrow::Cow;

use backstop_domain::{Digest, Finding};
use backstop_engine::{Edit, What};
use serde_json::Value;

use super::{
    super::typed::{Raw, Typed},
    act::Acting,
    matter::Matter,
};
use crate::tongue::{say, tell};

/// Longest comment or note, in bytes.
pub const WORDS_MAX: usize = 8_000;

/// Errors at fields (part, pointer, words), and what is wrong as a whole.
type Wrong = (Vec<(String, String, String)>, String);

impl Acting<'_> {
    /// Code and words of a reason.
    pub fn reason(&self) -> Option<String> {
        let words = self.fields.text("reason_text").map(|w| w.chars().take(WORDS_MAX).collect());
        match (self.fields.text("reason"), words) {
            (Some(code), Some::<String>(words)) => Some(format!("{code}: {words}")),
            (Some(code), None) => Some(code.to_owned()),
            (None, words) => words,
        }
    }

    /// What was decided, or what is wrong with it, at which place.
    pub fn what(&self, wanted: &str, matter: &Matter) -> Result<What, Wrong> {
        let plain = |words: Cow<'static, str>| (Vec::new(), words.into_owned());
        match wanted {
            "reject" => Ok(What::Reject),
            "fallback" => Ok(What::UseFallback),
            "changes" => match self.fields.text("tell") {
                Some(tell) => Ok(What::RequestChanges(tell.chars().take(WORDS_MAX).collect())),
                None => Err(plain(say("Say what the model shall change."))),
            },
            "approve" => match self.changes(matter)?.is_empty() {
                true => Ok(What::Approve),
                false => Err(plain(say(
                    "You have changed the answer, so it was not approved as it was. Approve your \
                     edit, or drop the draft.",
                ))),
            },
            _ => {
                let mut changes = self.changes(matter)?;
                match (changes.pop(), changes.is_empty()) {
                    (Some(edit), true) => Ok(What::Edit(edit)),
                    (Some(_), false) => {
                        Err(plain(say("Change the arguments of one tool call at a time.")))
                    }
                    (None, _) => Err(plain(say("Nothing is changed: approve it as it is."))),
                }
            }
        }
    }

    /// Every part of the answer that was changed.
    fn changes(&self, matter: &Matter) -> Result<Vec<Edit>, Wrong> {
        let mut edits = Vec::new();
        let mut errors = Vec::new();
        let mut changed = |typed: &Typed, edit: &dyn Fn(Value) -> Edit| {
            let raw = Raw::of(self.fields, &typed.part);
            if raw.is_empty() {
                return;
            }
            match typed.read(&raw) {
                Ok(value) if typed.original.as_ref() == Some(&value) => {}
                Ok(value) => edits.push(edit(value)),
                Err(wrong) => errors.extend(at_part(&typed.part, wrong)),
            }
        };
        if let Some(typed) = matter.output() {
            changed(&typed, &Edit::Output);
        }
        for (index, (_, typed)) in matter.tools().iter().enumerate() {
            changed(typed, &|args| Edit::ToolArgs { index, args });
        }
        if errors.is_empty() {
            return Ok(edits);
        }
        Err((errors, say("Some fields cannot be read: they are marked.").into_owned()))
    }
}

/// A digest, as the form carries it.
pub fn digest(text: &str) -> Option<Digest> {
    serde_json::from_value(Value::from(text)).ok()
}
/// Errors at places of that part of the form.
pub fn at_part(part: &str, wrong: Vec<(String, String)>) -> Vec<(String, String, String)> {
    wrong.into_iter().map(|(at, words)| (part.to_owned(), at, words)).collect()
}

/// A finding at the field that it is about.
pub fn at_field(finding: &Finding) -> (String, String, String) {
    let at = finding.at.clone().unwrap_or_default();
    let words =
        if finding.message.is_empty() { finding.by.clone() } else { finding.message.clone() };
    let tool =
        at.strip_prefix("/tool_calls/").and_then(|rest| rest.split_once("/function/arguments"));
    match tool {
        Some((index, at)) => (format!("t{index}"), at.to_owned(), words),
        None => ("o".to_owned(), at, words),
    }
}

/// Why an answer cannot be released.
pub fn blocked(findings: &[Finding]) -> String {
    let mut words: Vec<&str> = findings
        .iter()
        .map(|one| if one.message.is_empty() { one.by.as_str() } else { one.message.as_str() })
        .collect();
    words.dedup();
    tell("This answer cannot be released: {why}", &[("why", &words.join("; "))])
}

/// With a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
