//! Words that pages and messages to people share: names of states, times for people, what was just
//! done. All of it goes through `tongue.rs`, which knows the reader's language.

use std::borrow::Cow;

use backstop_domain::{Millis, OnExpiry, Priority, ReviewKind};
use backstop_engine::Held;
use backstop_policy::gateway_file::Role;

use crate::tongue::{say, tell};

/// What somebody may do.
pub fn roles(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

/// People by name, as one says them.
pub fn people(names: &[String]) -> String {
    names.join(&say(" and "))
}

/// A moment, in UTC; the page's script writes it in the reader's own zone.
pub fn moment(at: Millis) -> String {
    stamp(at, "%Y-%m-%d %H:%M UTC")
}

/// What an operator holds.
pub fn held(held: &Held) -> String {
    tell(
        "paused until {until} by {who}: {why}",
        &[("until", &moment(held.until)), ("who", &held.by), ("why", &held.reason)],
    )
}

/// A moment for machines.
pub fn iso(at: Millis) -> String {
    stamp(at, "%Y-%m-%dT%H:%M:%SZ")
}

fn stamp(at: Millis, form: &str) -> String {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms)
        .map(|time| time.strftime(form).to_string())
        .unwrap_or_default()
}

/// A time span, with its two largest units.
pub fn span(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match hours {
        0 if ms < 1_000 => format!("{ms} ms"),
        0 if minutes == 0 && seconds < 10 => format!("{:.1} s", ms as f64 / 1e3),
        0 if minutes == 0 => format!("{seconds} s"),
        0 if minutes < 10 && seconds % 60 > 0 => format!("{minutes} min {} s", seconds % 60),
        0 => format!("{minutes} min"),
        1..48 if minutes % 60 > 0 => format!("{hours} h {} min", minutes % 60),
        1..48 => format!("{hours} h"),
        _ if hours % 24 > 0 && hours < 240 => format!("{} d {} h", hours / 24, hours % 24),
        _ => format!("{} d", hours / 24),
    }
}

/// How long until something is due, or since it was.
pub fn left(due: Millis, now: Millis) -> String {
    if due > now {
        return span(due.since(now));
    }
    tell("over for {time}", &[("time", &span(now.since(due)))])
}

/// How pressing it is, as a class of the style sheet.
pub fn urgency(due: Millis, opened: Millis, now: Millis) -> &'static str {
    let (left, all) = (due.since(now), due.since(opened).max(1));
    match left {
        0 => "late",
        _ if left < 900_000 || left.saturating_mul(5) < all => "soon",
        _ => "calm",
    }
}

/// What objected, in words and as the policy names it: `rules.unknown-vendor` is the rule "unknown
/// vendor".
pub fn because(by: &str) -> String {
    let last = by.rsplit_once('.').map_or(by, |(_, last)| last);
    let plain = last.replace(['-', '_'], " ");
    match by.split('.').next() {
        Some("confidence") => say("not sure enough").into_owned(),
        Some("on") => tell("{what} (failure)", &[("what", &plain)]),
        Some("checks") => tell("{what} (check)", &[("what", &plain)]),
        Some("audit") => say("audit").into_owned(),
        Some("complaint") => say("reported as wrong").into_owned(),
        _ => plain,
    }
}

/// A priority.
pub const fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
    }
}

/// What kind of review it is. `drawn`: it shall look like any other.
pub const fn kind(kind: ReviewKind, drawn: bool) -> &'static str {
    match kind {
        ReviewKind::Audit if !drawn => "audit",
        _ => "decision",
    }
}

/// What happens when nobody decides.
pub fn expiry(action: OnExpiry) -> Cow<'static, str> {
    match action {
        OnExpiry::Reject => say("the call ends as expired, without an answer"),
        OnExpiry::Fallback => say("the policy\u{2019}s fallback answers"),
        OnExpiry::Approve => say("the model\u{2019}s answer goes out, marked as unreviewed"),
    }
}

/// How a decided review was decided.
pub fn decision(word: &str) -> Cow<'static, str> {
    match word {
        "approved" => say("approved"),
        "edited" => say("edited and approved"),
        "rejected" => say("rejected"),
        "changes_requested" => say("sent back to the model"),
        "fallback_chosen" => say("answered by the fallback"),
        _ => say("expired"),
    }
}

/// What was just done, by the word in the address. Only these words are ever shown.
pub fn done(word: &str) -> Option<String> {
    let text = match word {
        "approved" => say("Approved."),
        "voted" => say("Your approval is recorded. Another person must approve too."),
        "edited" => say("Your edit was checked and approved."),
        "rejected" => say("Rejected."),
        "changes" => say("Sent back to the model with your words."),
        "fallback" => say("The fallback answers."),
        "undone" => say("Taken back. The review is open again."),
        "released" => say("Given back to the queue."),
        "claimed" => say("It is yours for now."),
        "commented" => say("Your comment is there."),
        "dropped" => say("The draft is gone; this is the answer as it was."),
        "kept" => say("Your draft is kept."),
        "aside" => say("Set aside for you. Others still see it."),
        "over" => say("Handed over."),
        "bulk" => say("Decided together."),
        "known" => say("From now on its answer is a known one: it is asked again now and then."),
        "unknown" => say("Its answer is not asked again any more."),
        "complained" => say("Reported. A person decides whether the answer was wrong."),
        "cancelled" => say("The call is cancelled."),
        "rolled_back" => {
            say("Rolled back: a new run started there. Who took the old answer is told.")
        }
        "resumed" => say("A new run started there."),
        _ => return None,
    };
    Some(text.into_owned())
}

/// How many reviews wait, and where.
pub fn reviews_wait(count: usize, queues: &[String]) -> String {
    let queues = queues.join(", ");
    match count {
        1 => tell("1 review waits: {queues}", &[("queues", &queues)]),
        _ => tell(
            "{count} reviews wait: {queues}",
            &[("count", &count.to_string()), ("queues", &queues)],
        ),
    }
}

/// One review that waits, in a line.
pub fn review_waits(
    queue: &str,
    policy: &str,
    urgent: Priority,
    due: Millis,
    now: Millis,
) -> String {
    let told = tell(
        "{queue}: {policy}, due {moment} (in {time})",
        &[
            ("queue", queue),
            ("policy", policy),
            ("moment", &moment(due)),
            ("time", &left(due, now)),
        ],
    );
    match urgent {
        Priority::Normal => told,
        Priority::High => tell("{review}, high priority", &[("review", &told)]),
        Priority::Low => tell("{review}, low priority", &[("review", &told)]),
    }
}

/// How many more wait than a message names.
pub fn and_more(count: usize, place: Option<&str>) -> String {
    let count = count.to_string();
    match place {
        Some(place) => tell("and {count} more: {place}", &[("count", &count), ("place", place)]),
        None => tell("and {count} more", &[("count", &count)]),
    }
}

/// Why somebody gets a mail, and what its links do.
pub fn why_this_mail(gateway: &str) -> String {
    let why = tell(
        "Sent by Backstop `{gateway}`, because its queues tell this address.",
        &[("gateway", gateway)],
    );
    let links = say(
        "Links open a page and change nothing; what was asked and answered stands there alone.",
    );
    format!("{why}\n{links}")
}

/// Money, from millionths.
pub fn money(micro: u64) -> String {
    let digits = if micro < 10_000 { 6 } else { 4 };
    format!("{:.digits$}", micro as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        let told = [
            (400, "400 ms"),
            (1_500, "1.5 s"),
            (42_000, "42 s"),
            (125_000, "2 min 5 s"),
            (1_800_000, "30 min"),
            (7_500_000, "2 h 5 min"),
            (176_400_000, "2 d 1 h"),
            (864_000_000, "10 d"),
        ];
        for (ms, words) in told {
            assert_eq!(span(ms), words);
        }
    }

    #[test]
    fn what_objected_is_told_in_plain_words() {
        assert_eq!(because("rules.unknown-vendor"), "unknown vendor");
        assert_eq!(because("checks.secrets"), "secrets (check)");
        assert_eq!(because("confidence.0"), "not sure enough");
        assert_eq!(because("tools.issue_refund.rules.needs-a-person"), "needs a person");
    }
}
