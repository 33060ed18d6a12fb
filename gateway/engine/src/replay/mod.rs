//! Replay: a recorded call is gone through again, over its events and bodies alone.
//!
//! Pure: no clock, no network, no task. [`verify`] decides again under the revision that the call
//! was pinned to and holds the result to the record, byte for byte. [`what_if`] goes through it
//! under another revision, with the answers that were given then.

mod bounds;
mod brought;
mod cause;
mod difference;
mod hand;
mod pool;
mod record;
mod unknown;
mod verify;
mod went;
mod what_if;

pub use bounds::{Bounds, Kind};
pub use cause::{Cause, How};
pub use difference::Difference;
pub(crate) use record::Stored;
pub use record::{Bodies, RecordedCall, bodies_of};
pub use unknown::Unknown;
pub use verify::{NotKnown, Verdict, Verified, verify};
pub use went::{End, Said, Went};
pub use what_if::{Other, WhatIf, what_if};
