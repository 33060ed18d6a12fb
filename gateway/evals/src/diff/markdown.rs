//! A comparison for a pull request.

use super::{
    report::{Between, Diff},
    text::{between, money, percent, said, thousands},
};

/// Groups that are listed.
const SHOWN: usize = 30;

impl Diff {
    /// As Markdown. `currency` stands before money.
    pub fn markdown(&self, currency: &str) -> String {
        let Between(least, most) = self.share();
        let share = if self.unknown == 0 {
            percent(least)
        } else {
            format!("{} to {}", percent(least), percent(most))
        };
        let mut out = format!(
            "### {} of {} recorded calls would end otherwise ({share})\n\n",
            thousands(self.flipped),
            thousands(self.calls)
        );
        if self.flips.is_empty() {
            out.push_str("No recorded call is known to end otherwise.\n");
        } else {
            out.push_str("| calls | policy | then | now | because | for example |\n");
            out.push_str("| ---: | --- | --- | --- | --- | --- |\n");
        }
        for flip in self.flips.iter().take(SHOWN) {
            let example = flip.examples.first();
            let example = example.map(|one| format!("`{}`", one.call)).unwrap_or_default();
            let cells = [
                thousands(flip.calls),
                cell(&flip.policy),
                cell(&flip.from),
                cell(&flip.to),
                format!("`{}` {}", cell(&flip.cause.by), cell(&flip.cause.how.words())),
                example,
            ];
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        if self.flips.len() > SHOWN {
            out.push_str(&format!("\n…and {} more groups.\n", self.flips.len() - SHOWN));
        }
        if !self.said.is_empty() {
            out.push_str(&format!("\n**People:** {}.\n", said(&self.said)));
        }
        if !self.unknowns.is_empty() {
            out.push_str(&format!(
                "\n{} calls cannot be known without asking a model or a person:\n\n",
                thousands(self.unknown)
            ));
        }
        for unknown in self.unknowns.iter().take(SHOWN) {
            let (calls, policy) = (thousands(unknown.calls), cell(&unknown.policy));
            out.push_str(&format!("- {calls} of {policy}: {}\n", cell(&unknown.reason)));
        }
        out.push_str("\n| | then → now |\n| --- | --- |\n");
        for (queue, load) in &self.reviews {
            let load = between(load, &thousands);
            out.push_str(&format!("| reviews in `{}` | {load} |\n", cell(queue)));
        }
        let money = |micro| money(currency, micro);
        out.push_str(&format!("| cost of models | {} |\n", between(&self.cost, &money)));
        out
    }
}

/// What may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
