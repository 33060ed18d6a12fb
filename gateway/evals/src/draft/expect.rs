//! What a made-up test expects: what happened, told as shortly as a person would.

use std::sync::Arc;

use backstop_policy::raw::{Data, Test};
use backstop_policy::tried::Played;
use backstop_policy::{Policy, Sources, Span, Spanned, run_test};

type Tell = fn(&mut Test, &Played, Option<&Played>);

/// What a test can expect, shortest first.
const TELLS: [Tell; 6] = [by_rule, by_verdict, by_queue, by_outcome, by_way, by_answer];

/// `test` with the expectation that it comes to `played`; `whole`: step by step.
pub fn expecting(
    (policy, sources): (&Arc<Policy>, &Sources),
    test: &Test,
    played: &Played,
    whole: bool,
) -> Option<Test> {
    let mut test = test.clone();
    let tells: &[Tell] =
        if whole { &[by_steps, by_outcome] } else { &[by_rule, by_verdict, by_queue, by_outcome] };
    tells.iter().for_each(|tell| tell(&mut test, played, None));
    run_test(policy, sources, &test).passed().then_some(test)
}

/// `test` with the shortest expectation that holds for `policy` and fails for `mutant`. `None` if
/// there is none.
pub fn telling_apart(
    (policy, sources): (&Arc<Policy>, &Sources),
    test: &Test,
    (played, mutant, would): (&Played, &Arc<Policy>, &Played),
) -> Option<Test> {
    let mut test = test.clone();
    for tell in TELLS {
        tell(&mut test, played, Some(would));
        let holds = run_test(policy, sources, &test).passed();
        if holds && !run_test(mutant, sources, &test).passed() {
            return Some(test);
        }
    }
    None
}

fn by_rule(test: &mut Test, played: &Played, other: Option<&Played>) {
    let span = test.span;
    let fired_there = |rule: &str| other.is_some_and(|other| other.has_fired(rule));
    if let Some(rule) = played.rules().find(|rule| !fired_there(rule)) {
        test.expect.rule(rule, true, span);
    }
    let only_there = other.into_iter().flat_map(Played::rules);
    if let Some(rule) = only_there.into_iter().find(|rule| !played.has_fired(rule)) {
        test.expect.rule(rule, false, span);
    }
}

fn by_verdict(test: &mut Test, played: &Played, _: Option<&Played>) {
    if let Some(verdict) = played.verdict() {
        test.expect.verdict(verdict, test.span);
    }
}

fn by_queue(test: &mut Test, played: &Played, _: Option<&Played>) {
    if let Some(queue) = played.queues.first() {
        test.expect.queue(queue, test.span);
    }
}

fn by_outcome(test: &mut Test, played: &Played, _: Option<&Played>) {
    let outcome = played.outcome.map(|outcome| outcome.to_owned());
    // The verdict says so already.
    let plain = test.expect.rule.is_none() && test.expect.queue.is_none();
    test.expect.outcome =
        outcome.filter(|_| plain || !test.answers.is_empty()).map(|o| Spanned::new(o, test.span));
}

fn by_steps(test: &mut Test, played: &Played, _: Option<&Played>) {
    let steps = played.steps.iter().map(|step| Spanned::new(step.clone(), test.span));
    test.expect.way = Some(steps.collect());
}

/// Only where nothing shorter tells the difference.
fn by_way(test: &mut Test, played: &Played, other: Option<&Played>) {
    if other.is_some_and(|other| played.steps != other.steps) {
        by_steps(test, played, other);
    }
}

fn by_answer(test: &mut Test, played: &Played, other: Option<&Played>) {
    let Some(other) = other else { return };
    if played.answer != other.answer {
        let span: Span = test.span;
        test.expect.answer = played.value().map(|value| Data::of_value(&value, span));
    }
}
