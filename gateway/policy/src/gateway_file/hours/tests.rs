//! Opening hours counted across nights, weekends, closed days and the change of the clocks.
#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::diagnostics::{Report, render};
use crate::source::Sources;
use crate::yaml;

const HOUR: u64 = 3_600_000;

fn calendar(text: &str) -> Calendar {
    let files = [("policies/gateway.yaml", text), ("policies/closed.txt", "2026-12-25 # off\n")];
    let map = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let sources = Sources::new(map.into());
    let mut report = Report::new();
    let file = sources.find("policies/gateway.yaml").expect("the file");
    let node = yaml::parse(&sources, file, &mut report).expect("a tree");
    let calendar = Calendar::decode(&node, &mut Decoder::new(&sources, &mut report));
    assert!(report.is_empty(), "{}", render::text(&report, &sources, render::Style::Plain));
    calendar.expect("a calendar")
}

fn berlin() -> Calendar {
    calendar("{zone: Europe/Berlin, open: {mon-fri: \"08:00-17:00\"}, closed: closed.txt}")
}

fn at(text: &str) -> Millis {
    let zoned: jiff::Zoned = format!("{text}[Europe/Berlin]").parse().expect("a time");
    Millis(u64::try_from(zoned.timestamp().as_millisecond()).expect("after 1970"))
}

#[test]
fn it_is_open_from_the_first_minute_until_before_the_last() {
    let calendar = berlin();
    assert!(calendar.is_open(at("2026-11-23T08:00:00")));
    assert!(calendar.is_open(at("2026-11-23T16:59:59")));
    assert!(!calendar.is_open(at("2026-11-23T17:00:00")));
    assert!(!calendar.is_open(at("2026-11-22T12:00:00")), "a Sunday");
    assert!(!calendar.is_open(at("2026-12-25T12:00:00")), "a closed day");
}

#[test]
fn a_due_time_counts_only_opening_hours() {
    let calendar = berlin();
    for (opened, hours, due) in [
        ("2026-11-23T09:00:00", 4, "2026-11-23T13:00:00"),
        ("2026-11-23T16:00:00", 4, "2026-11-24T11:00:00"),
        ("2026-11-27T16:00:00", 2, "2026-11-30T09:00:00"),
        ("2026-11-22T03:00:00", 1, "2026-11-23T09:00:00"),
        ("2026-12-24T16:00:00", 2, "2026-12-28T09:00:00"),
        ("2026-11-23T08:00:00", 9, "2026-11-23T17:00:00"),
        ("2026-11-23T08:00:00", 0, "2026-11-23T08:00:00"),
    ] {
        assert_eq!(calendar.due_at(at(opened), hours * HOUR), at(due), "{opened} + {hours} h");
    }
}

#[test]
fn the_change_of_the_clocks_neither_adds_nor_loses_opening_time() {
    let all_day = calendar("{zone: Europe/Berlin, open: {mon-sun: \"00:00-24:00\"}}");
    // The 25th of October 2026 has 25 hours.
    let opened = at("2026-10-25T00:00:00");
    assert_eq!(all_day.due_at(opened, 25 * HOUR), at("2026-10-26T00:00:00"));
    let spring = at("2026-03-29T00:00:00");
    assert_eq!(all_day.due_at(spring, 23 * HOUR), at("2026-03-30T00:00:00"));
}

#[test]
fn several_ranges_and_a_week_that_wraps_are_read() {
    let calendar = calendar(
        "{zone: UTC, open: {sat-mon: [\"13:00-14:00\", \"08:00-12:00\"], thu: \"10:00-11:00\"}}",
    );
    let utc = |text: &str| {
        let time: Timestamp = text.parse().expect("a time");
        Millis(u64::try_from(time.as_millisecond()).expect("after 1970"))
    };
    assert!(calendar.is_open(utc("2026-11-22T13:30:00Z")), "Sunday");
    assert!(!calendar.is_open(utc("2026-11-22T12:30:00Z")));
    assert_eq!(calendar.due_at(utc("2026-11-22T11:00:00Z"), 2 * HOUR), utc("2026-11-22T14:00:00Z"));
}

#[test]
fn a_due_time_far_away_ends_instead_of_running_for_ever() {
    let calendar = calendar("{zone: UTC, open: {mon: \"08:00-08:01\"}}");
    let due = calendar.due_at(Millis(0), u64::MAX);
    assert!(due > Millis(0) && due < Millis(u64::MAX));
    assert_eq!(calendar.due_at(Millis(u64::MAX), 5), Millis(u64::MAX));
}

#[test]
fn opening_time_between_two_moments_leaves_out_nights_weekends_and_closed_days() {
    let calendar = berlin();
    let between = |from: &str, to: &str| calendar.open_between(at(from), at(to));
    assert_eq!(between("2026-11-23T09:00:00", "2026-11-23T11:30:00"), 5 * HOUR / 2);
    assert_eq!(between("2026-11-23T16:00:00", "2026-11-24T09:00:00"), 2 * HOUR, "a night");
    assert_eq!(between("2026-11-20T16:00:00", "2026-11-23T09:00:00"), 2 * HOUR, "a weekend");
    assert_eq!(between("2026-12-24T16:00:00", "2026-12-28T09:00:00"), 2 * HOUR, "a closed day");
    assert_eq!(between("2026-11-23T20:00:00", "2026-11-23T23:00:00"), 0);
    assert_eq!(between("2026-11-23T11:00:00", "2026-11-23T09:00:00"), 0, "backwards");
}
