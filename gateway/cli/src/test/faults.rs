//! Faults as a table: what is declared, what failed, what happened.

use backstop_evals::test::{FaultCase, Faults};

use crate::style;

/// Tells what each fault led to, those with the same declared way together.
pub fn tell(faults: &Faults) {
    println!();
    println!("  {}", style::bold("when something fails"));
    let mut ladders: Vec<&str> = Vec::new();
    for case in &faults.cases {
        if !ladders.contains(&case.declared.as_str()) {
            ladders.push(&case.declared);
        }
    }
    let head = ["", "verdict", "outcome"];
    let mut rows = vec![head.map(style::faint).to_vec()];
    for ladder in ladders {
        let mine = faults.cases.iter().filter(|case| case.declared == ladder);
        rows.push(vec![format!("{} {ladder}", style::faint("declared:"))]);
        rows.extend(together(mine).iter().map(row));
    }
    // A heading is a row of its own, which must not widen the first column.
    let cells: Vec<Vec<String>> = rows.iter().filter(|row| row.len() > 1).cloned().collect();
    let mut lines = style::columns(&cells, "      ").lines().map(str::to_owned).collect::<Vec<_>>();
    lines.reverse();
    for row in &rows {
        match row.as_slice() {
            [heading] => println!("    {heading}"),
            _ => println!("{}", lines.pop().unwrap_or_default()),
        }
    }
}

/// Faults of one subject that led to the same, as one: `small: timeout, quota`.
fn together<'c>(cases: impl Iterator<Item = &'c FaultCase>) -> Vec<FaultCase> {
    let mut all: Vec<FaultCase> = Vec::new();
    for case in cases {
        let subject = case.fault.split_once(": ");
        let same = all.iter_mut().find(|known| {
            let alike = known.verdict == case.verdict
                && known.outcome == case.outcome
                && known.held == case.held;
            let whose = known.fault.split_once(": ").map(|(subject, _)| subject);
            alike && subject.is_some() && whose == subject.map(|(subject, _)| subject)
        });
        match (same, subject) {
            (Some(known), Some((_, class))) => {
                known.fault.push_str(", ");
                known.fault.push_str(class);
            }
            _ => all.push(case.clone()),
        }
    }
    all
}

fn row(case: &FaultCase) -> Vec<String> {
    let note = match (case.held.broken(), case.held.note()) {
        (Some(why), _) => style::error(&why),
        (None, Some(note)) => style::faint(note),
        (None, None) => String::new(),
    };
    let or_dash = |word: &str| if word.is_empty() { "-".to_owned() } else { word.to_owned() };
    vec![case.fault.clone(), or_dash(&case.verdict), or_dash(&case.outcome), note]
}
