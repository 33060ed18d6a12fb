//! Coverage as a table, and what is never covered with a test that would.

use backstop_evals::test::{Coverage, Covered, Part, Suggestion};
use backstop_policy::Sources;

use crate::style;

/// Tells what is covered, and what never is.
pub fn tell(coverage: &Coverage, sources: &Sources) {
    let (covered, all) = coverage.count(None);
    println!();
    let head = format!("  covered {covered} of {all} ({}%)", coverage.percent());
    println!("{}", if covered == all { style::good(&head) } else { style::bold(&head) });
    let parts = Part::ALL.iter().filter_map(|part| {
        let (covered, all) = coverage.count(Some(*part));
        let share = format!("{covered} of {all}");
        let share = if covered == all { style::good(&share) } else { style::warn(&share) };
        (all > 0).then(|| vec![part.name().to_owned(), share])
    });
    print!("{}", style::columns(&parts.collect::<Vec<_>>(), "    "));
    let open: Vec<&Covered> = coverage.points.iter().filter(|c| !c.is_covered()).collect();
    if open.is_empty() {
        return;
    }
    println!("  never covered");
    for covered in open {
        point(covered, sources);
    }
}

/// A point that is not covered, in words.
pub struct Open {
    /// Its file and line; empty if it stands nowhere.
    pub place: String,
    /// What it is.
    pub what: String,
    /// What of it was never seen.
    pub never: String,
}

/// The words for a point that is not covered.
pub fn in_words(covered: &Covered, sources: &Sources) -> Open {
    let place = covered.point.place.map_or_else(String::new, |span| {
        format!("{}:{}", sources.path(span.file), sources.line_column(span).line)
    });
    let fired = if covered.fired_only { " fires, but" } else { "" };
    let what = match covered.point.part {
        Part::Rule => format!("rule {}", covered.point.name),
        Part::Check => format!("check {}", covered.point.name),
        Part::Branch => format!("on.{}", covered.point.name),
        Part::Row => format!("fallback {}", covered.point.name),
        _ => covered.point.name.clone(),
    };
    let never = format!("never {}", covered.missing.join(", never "));
    Open { place, what: format!("{what}{fired}"), never }
}

fn point(covered: &Covered, sources: &Sources) {
    let Open { place, what, never } = in_words(covered, sources);
    println!("    {}", style::faint(&place));
    println!("      {what} {}", style::warn(&never));
    match &covered.suggestion {
        Suggestion::Test(words) => {
            println!("      {}", style::faint("a test for it:"));
            words.lines().for_each(|line| println!("      {line}"));
        }
        Suggestion::Above => println!("      {}", style::faint("the tests above cover it too")),
        Suggestion::None => println!("      {}", style::faint("no test for it was found")),
        Suggestion::Unasked => {}
    }
}
