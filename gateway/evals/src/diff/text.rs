//! A comparison for people, at a terminal.

use super::report::{Between, Diff, Queue, Said};

/// Groups that are listed.
const SHOWN: usize = 20;

impl Diff {
    /// As text. `currency` stands before money; `bold` and `faint` paint, or leave as it is.
    pub fn text(
        &self,
        currency: &str,
        bold: fn(&str) -> String,
        faint: fn(&str) -> String,
    ) -> String {
        let mut out = self.head();
        if !self.flips.is_empty() {
            out.push_str(&format!("\n{}\n", bold("  calls  what, and because of what")));
        }
        for flip in self.flips.iter().take(SHOWN) {
            let (by, how) = (&flip.cause.by, flip.cause.how.words());
            let calls = thousands(flip.calls);
            let (policy, from, to) = (&flip.policy, &flip.from, &flip.to);
            out.push_str(&format!("{calls:>7}  {policy}: {from} → {to}\n"));
            out.push_str(&format!("{:>7}  `{by}` {how}\n", ""));
            if !flip.said.is_empty() {
                out.push_str(&format!("{:>7}  {}\n", "", said(&flip.said)));
            }
            let examples = flip.examples.iter().map(|example| {
                let why = &example.why;
                let why = if why.is_empty() { String::new() } else { format!("  {why}") };
                format!("{:>7}  {}{why}", "", example.call)
            });
            let examples: Vec<String> = examples.take(3).collect();
            out.push_str(&format!("{}\n", faint(&examples.join("\n"))));
        }
        if self.flips.len() > SHOWN {
            let more = self.flips.len() - SHOWN;
            out.push_str(&format!("{:>7}  and {more} more groups: see --format json\n", ""));
        }
        if !self.unknowns.is_empty() {
            out.push_str(&format!("\n{}\n", bold("  calls  that cannot be known")));
        }
        for unknown in self.unknowns.iter().take(SHOWN) {
            let (calls, policy) = (thousands(unknown.calls), &unknown.policy);
            out.push_str(&format!("{calls:>7}  {policy}: {}\n", unknown.reason));
            out.push_str(&format!("{:>7}  {}\n", "", faint(&could(unknown))));
        }
        out.push_str(&self.load(currency, bold));
        out
    }

    /// The figures above all others.
    fn head(&self) -> String {
        let Between(least, most) = self.share();
        let mut out = format!(
            "{} calls: {} end as they did, {} end otherwise",
            thousands(self.calls),
            thousands(self.same),
            thousands(self.flipped)
        );
        if self.unknown > 0 {
            out.push_str(&format!(", {} cannot be known\n", thousands(self.unknown)));
            out.push_str(&format!(
                "between {} and {} of them end otherwise\n",
                percent(least),
                percent(most)
            ));
        } else {
            out.push_str(&format!(" ({})\n", percent(least)));
        }
        match self.changed.len() {
            0 => out.push_str("no policy is another revision\n"),
            _ => {
                let names: Vec<&str> = self.changed.iter().map(String::as_str).collect();
                out.push_str(&format!("changed: {}\n", names.join(", ")));
            }
        }
        for (policy, calls) in &self.gone {
            out.push_str(&format!(
                "policy `{policy}` is gone; it had {} calls\n",
                thousands(*calls)
            ));
        }
        let left_out = [
            (self.open, "that had not ended"),
            (self.reran, "that were rolled back or resumed"),
            (self.unreadable, "that cannot be read"),
        ];
        for (calls, why) in left_out.iter().filter(|(calls, _)| *calls > 0) {
            out.push_str(&format!("left out: {} {why}\n", thousands(*calls)));
        }
        out
    }

    fn load(&self, currency: &str, bold: fn(&str) -> String) -> String {
        let mut out = String::new();
        if !self.reviews.is_empty() {
            out.push_str(&format!("\n{}\n", bold("reviews by queue")));
        }
        let wide = self.reviews.keys().map(String::len).max().unwrap_or(0);
        for (queue, load) in &self.reviews {
            out.push_str(&format!("  {queue:<wide$}  {}\n", between(load, &thousands)));
        }
        let money = |micro| money(currency, micro);
        out.push_str(&format!("\n{}  {}\n", bold("cost of models"), between(&self.cost, &money)));
        if !self.said.is_empty() {
            out.push_str(&format!("{}  {}\n", bold("people"), said(&self.said)));
        }
        out
    }
}

/// Then, now, and the change.
pub(super) fn between(load: &Queue, shown: &dyn Fn(u64) -> String) -> String {
    let Queue { before, at_least, at_most } = *load;
    let now = if at_least == at_most {
        shown(at_least)
    } else {
        format!("{} to {}", shown(at_least), shown(at_most))
    };
    let change = match (before, at_least == at_most) {
        (0, _) => String::new(),
        (_, true) => format!(" ({})", change(before, at_least)),
        (_, false) => format!(" ({} to {})", change(before, at_least), change(before, at_most)),
    };
    format!("{} → {now}{change}", shown(before))
}

fn change(before: u64, now: u64) -> String {
    let change = (now as f64 - before as f64) / before as f64 * 100.0;
    if change == 0.0 { "unchanged".to_owned() } else { format!("{change:+.1} %") }
}

/// What people said of answers that would leave without them.
pub(super) fn said(said: &Said) -> String {
    let parts = [
        (said.approved, "approved as they were"),
        (said.changed, "changed"),
        (said.rejected, "rejected"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(*count)))
        .collect();
    format!("answers that would leave without a person; then people had {}", parts.join(", "))
}

fn could(unknown: &super::report::Unknowns) -> String {
    let parts = [
        (unknown.could_be_automatic, "could be answered"),
        (unknown.could_ask_a_person, "could be put to a person"),
        (unknown.could_get_nothing, "could end without an answer"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(*count)))
        .collect();
    parts.join(", ")
}

/// Money in millionths; little of it with more digits.
pub(super) fn money(currency: &str, micro: u64) -> String {
    let whole = micro as f64 / 1e6;
    if micro < 1_000_000 {
        format!("{currency}{whole:.4}")
    } else {
        format!("{currency}{whole:.2}")
    }
}

/// 12,345.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
