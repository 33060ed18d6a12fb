//! Suites run through the real engine on answers that were recorded from a scripted model.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise, and measure"
)]

mod gates;
mod proven;
mod replays;
mod services;
mod simulated;
mod slim;
mod speed;
mod statistics;
mod world;
