//! Stories about the whole gateway, in one test binary: one link, one place to look.

mod bad_input;
mod deliveries;
mod deliveries_http;
mod deliveries_isolation;
mod demo;
mod durability_acknowledged;
mod durability_drain;
mod durability_keys;
mod durability_recovery;
mod durability_reviews;
mod erasures;
mod faces;
mod inside;
mod keeping;
mod kill;
mod runs;
mod sdk;
mod tidy;
mod transcripts;
mod veil;
mod ways_classes;
mod ways_guards;
mod ways_judging;
mod ways_people;
mod ways_tools;
mod what_if;
