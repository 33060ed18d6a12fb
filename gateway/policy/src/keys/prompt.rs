//! Keys of a prompt's front matter.

use super::{Unit, Value, shapes};

shapes! {
    /// The settings at the head of a prompt, between two lines `---`.
    PROMPT = "front matter" {
        /// What it is for.
        "description" => Value::Text,
        /// How freely the model chooses, from 0 to 2; left out, the provider decides.
        "temperature" => Value::Unit(Unit::Temperature),
        /// The share of likely tokens that it chooses from.
        "top_p" => Value::Unit(Unit::Share),
        /// Most tokens of an answer.
        "max_tokens" => Value::Unit(Unit::Count),
        /// For providers that can repeat themselves.
        "seed" => Value::Unit(Unit::Count),
        /// Texts that end an answer; at most four.
        "stop" => Value::OneOrMany(&Value::Text),
    }
}
