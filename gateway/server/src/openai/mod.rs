//! The OpenAI face: chat completions and models, as an unmodified SDK expects them.

mod chat;
mod completion;
mod logprobs;
mod models;
mod read;
mod stream;
mod wire;

pub use chat::chat;
pub use models::{list, one};
pub use read::{FromHeaders, KNOWN, read_extras};
