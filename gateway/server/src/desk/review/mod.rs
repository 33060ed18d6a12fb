//! The review page: everything that a decision rests on, the answer as a form, and the decision.

mod act;
mod attempts;
mod buttons;
mod decision;
mod findings;
mod matter;
mod page;
mod parts;
mod plain;

pub use act::act;
pub use page::show;
pub use plain::Plain;
