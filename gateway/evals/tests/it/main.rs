//! Suites run through the real engine on answers that were recorded from a scripted model.

mod gates;
mod replays;
mod speed;
mod world;
