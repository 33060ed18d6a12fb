//! A JSON value as a form typed by its schema, and back: numbers stay numbers, what was not touched
//! stays byte for byte what it was, and what may not be changed or seen is taken from the original.
//!
//! The form's texts stand in a [`Raw`] by place. Pages are built from it and values read from it,
//! so that a half-typed number survives a round trip through the browser.

mod build;
mod locks;
mod raw;
mod read;
mod shape;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use build::{Around, Field};
pub use locks::Locks;
pub use raw::Raw;

/// One value that a form is about.
pub struct Typed {
    /// Which part of the page: `o` for the output, `t0` for the arguments of the first tool call.
    pub part: String,
    /// What the value must be; `None`: a text.
    pub schema: Option<Value>,
    /// As it is; `None`: the person writes it.
    pub original: Option<Value>,
    /// As the person may see it.
    pub shown: Option<Value>,
    /// What may not be changed.
    pub locks: Locks,
}

/// Something that is wrong with what was typed: a pointer, and words.
pub type Wrong = (String, String);

impl Typed {
    fn root(&self) -> &Value {
        self.schema.as_ref().unwrap_or(&Value::Null)
    }
}

/// The last step of a pointer, unescaped.
fn last_step(pointer: &str) -> String {
    let last = pointer.rsplit_once('/').map_or("", |(_, last)| last);
    last.replace("~1", "/").replace("~0", "~")
}

/// A pointer with one more step.
fn below(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}
