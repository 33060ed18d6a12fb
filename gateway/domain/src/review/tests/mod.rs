//! Stories of a review: each gives commands as people do and folds what they yield.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod decisions;
mod desk;
mod leases;
mod passing_on;
mod properties;
mod reading;
