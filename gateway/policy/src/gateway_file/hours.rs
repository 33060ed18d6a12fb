//! Opening hours: a calendar with a time zone, weekly hours and closed days.
//!
//! The time zones are bundled, so that the same file means the same on every machine.

use std::collections::BTreeSet;

use backstop_domain::Millis;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use crate::decode::{Decode, Decoder, Fields, OneOrMany};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::raw::FilePath;
use crate::source::{Span, Spanned};
use crate::units::ClockRange;
use crate::yaml::{Kind, Node};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How far ahead a due time is looked for.
const DAYS_AHEAD_MAX: usize = 3660;

/// A calendar of opening hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// Monday first; each day's ranges in order, without overlap.
    week: [Vec<ClockRange>; 7],
    closed: BTreeSet<Date>,
}

impl Calendar {
    /// Whether it is open at `at`.
    pub fn is_open(&self, at: Millis) -> bool {
        let Some(start) = instant(at) else { return false };
        let date = start.to_zoned(self.zone.clone()).date();
        self.ranges(date).any(|(from, to)| from <= at && at < to)
    }

    /// When `due_ms` milliseconds of opening hours have passed since `opened`. A calendar with
    /// fewer open hours in the ten years after that ends there.
    pub fn due_at(&self, opened: Millis, due_ms: u64) -> Millis {
        let Some(start) = instant(opened) else { return opened.plus(due_ms) };
        let mut date = start.to_zoned(self.zone.clone()).date();
        let mut left = due_ms;
        let mut last = opened;
        for _ in 0..DAYS_AHEAD_MAX {
            for (from, to) in self.ranges(date) {
                let from = from.max(opened);
                let open = to.since(from);
                if open > 0 && left <= open {
                    return from.plus(left);
                }
                left -= open.min(left);
                last = last.max(to);
            }
            let Ok(next) = date.tomorrow() else { return last };
            date = next;
        }
        last
    }

    /// Opening time between two moments, in milliseconds; at most ten years of it.
    pub fn open_between(&self, from: Millis, to: Millis) -> u64 {
        let Some(start) = instant(from) else { return to.since(from) };
        let mut date = start.to_zoned(self.zone.clone()).date();
        let mut open = 0;
        for _ in 0..DAYS_AHEAD_MAX {
            if self.instant_of(date, 0).is_none_or(|midnight| midnight >= to) {
                break;
            }
            let clipped =
                self.ranges(date).map(|(opens, closes)| closes.min(to).since(opens.max(from)));
            open += clipped.sum::<u64>();
            let Ok(next) = date.tomorrow() else { break };
            date = next;
        }
        open
    }

    /// The open ranges of a day as instants. A time that the change to summer time leaves out is
    /// taken as the one after it.
    fn ranges(&self, date: Date) -> impl Iterator<Item = (Millis, Millis)> + '_ {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        let hours = self.week.get(day).filter(|_| !self.closed.contains(&date));
        hours.into_iter().flatten().filter_map(move |range| {
            let from = self.instant_of(date, range.from_minute)?;
            Some((from, self.instant_of(date, range.to_minute)?))
        })
    }

    fn instant_of(&self, date: Date, minute: u16) -> Option<Millis> {
        let midnight = date.at(0, 0, 0, 0);
        let civil = midnight.checked_add(i64::from(minute).minutes()).ok()?;
        let zoned = self.zone.to_zoned(civil).ok()?;
        u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Millis)
    }
}

fn instant(at: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()
}

impl Decode for Calendar {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::CALENDAR, d)?;
        let zone = fields.required("zone", d).and_then(|name| zone(&name, d));
        let week = match fields.node("open", d) {
            Some(node) => week(node, d),
            None => {
                fields.required::<String>("open", d);
                None
            }
        };
        let closed = fields.optional("closed", d).map(|file| closed_days(&file, d));
        fields.finish(d);
        Some(Self { zone: zone?, week: week?, closed: closed.unwrap_or_default() })
    }
}

fn zone(name: &Spanned<String>, d: &mut Decoder<'_>) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(&name.value).ok().or_else(|| {
        let say = format!("the time zone `{}` is not known", name.value);
        let help = "write its name in the IANA database, such as `Europe/Berlin` or `UTC`";
        d.refuse(Problem::error(Code::BadZone, name.span, say).help(help))
    })
}

fn week(node: &Node, d: &mut Decoder<'_>) -> Option<[Vec<ClockRange>; 7]> {
    let Kind::Map(entries) = &node.kind else {
        return d.expected(
            "a map from days to clock times",
            node,
            Some("write `mon-fri: \"08:00-17:00\"`"),
        );
    };
    let before = d.report.error_count();
    let mut week: [Vec<ClockRange>; 7] = Default::default();
    for entry in entries {
        let days = days(&entry.key.value);
        if days.is_none() {
            let say = format!("`{}` is not a day", entry.key.value);
            let help = "write `mon`, `sat-sun` or `mon-fri`; days are mon tue wed thu fri sat sun";
            d.report.push(Problem::error(Code::UnknownWord, entry.key.span, say).help(help));
        }
        let Some(ranges) = OneOrMany::<ClockRange>::decode(&entry.value, d) else { continue };
        for day in days.into_iter().flatten() {
            add(&mut week, day, &ranges.0, entry.value.span, d);
        }
    }
    if week.iter().all(Vec::is_empty) && d.report.error_count() == before {
        let say = "the calendar is never open";
        return d.refuse(Problem::error(Code::Empty, node.span, say));
    }
    Some(week)
}

fn add(
    week: &mut [Vec<ClockRange>; 7],
    day: usize,
    ranges: &[ClockRange],
    span: Span,
    d: &mut Decoder<'_>,
) {
    let Some(hours) = week.get_mut(day) else { return };
    hours.extend_from_slice(ranges);
    hours.sort_unstable();
    let overlap = hours.iter().zip(hours.iter().skip(1)).any(|(a, b)| b.from_minute < a.to_minute);
    if overlap {
        let name = DAYS.get(day).copied().unwrap_or("a day");
        let say = format!("two opening times of {name} overlap");
        d.report.push(Problem::error(Code::Conflict, span, say));
    }
}

/// The days of `mon` or `mon-fri`, Monday being 0.
fn days(text: &str) -> Option<Vec<usize>> {
    let index = |name: &str| DAYS.iter().position(|day| *day == name);
    match text.split_once('-') {
        None => index(text).map(|day| vec![day]),
        Some((from, to)) => {
            let (from, to) = (index(from)?, index(to)?);
            let length = (to + 7 - from) % 7 + 1;
            Some((0..length).map(|step| (from + step) % 7).collect())
        }
    }
}

/// The dates of a file, one a line; `#` begins a comment.
fn closed_days(file: &Spanned<FilePath>, d: &mut Decoder<'_>) -> BTreeSet<Date> {
    let path = file.value.beside(d.sources.path(file.span.file));
    let sources = d.sources;
    let Some(id) = sources.find(&path) else {
        let say = format!("the file `{path}` is not there");
        let help = "the path is relative to the folder of this file";
        d.report.push(Problem::error(Code::MissingFile, file.span, say).help(help));
        return BTreeSet::new();
    };
    let mut dates = BTreeSet::new();
    let mut at = 0;
    for line in sources.text(id).split_inclusive('\n') {
        let text = line.split('#').next().unwrap_or("").trim();
        if !text.is_empty() {
            match text.parse::<Date>() {
                Ok(date) => {
                    dates.insert(date);
                }
                Err(_) => {
                    let span = Span::new(id, at, at + line.trim_end().len());
                    let say = format!("`{text}` is not a date");
                    let problem = Problem::error(Code::BadUnit, span, say);
                    d.report.push(problem.help("write one date a line, such as `2026-12-25`"));
                }
            }
        }
        at += line.len();
    }
    dates
}

#[cfg(test)]
mod tests;
