//! What stops a merge: a changed prompt, a loosened threshold, a broken schema, each by its word.

use backstop_evals::report::{
    Paint, Report, SuiteReport, annotations, html, junit, markdown, text,
};
use backstop_evals::run::Results;
use backstop_evals::suite::{Day, Suite};
use backstop_evals::verdict::{Baseline, Verdict, Word, verdict};

use crate::world::World;

const CASES: &str = "evals/s/cases/a.jsonl";

fn today() -> Day {
    "2026-11-25".parse().unwrap()
}

/// A world whose first run was blessed, and what became of it after `change`.
fn after(change: impl Fn(&mut World)) -> (Suite, Results, Verdict) {
    let mut world = World::new(60);
    let tape = world.record();
    let (suite, results) = world.replay(&tape);
    let blessed = Baseline::of(&results, None, "2026-11-01".into(), "the first one".into());
    let first = verdict(&suite, &results, Some(&blessed), today());
    assert_eq!(first.word, Word::Pass, "{first:#?}");
    change(&mut world);
    let (suite, results) = world.replay(&tape);
    let verdict = verdict(&suite, &results, Some(&blessed), today());
    (suite, results, verdict)
}

fn report(suite: &Suite, results: Results) -> Report {
    let because = "it was asked for".to_owned();
    let one = SuiteReport::of(suite, results, None, today(), because);
    Report::of(vec![one], Vec::new())
}

#[test]
fn a_changed_prompt_is_stale_and_says_how_to_record_it() {
    let (suite, results, verdict) =
        after(|world| world.change("prompts/label.md", "Sort this", "Please sort this"));
    assert_eq!(verdict.word, Word::Stale);
    assert_eq!(verdict.stale.len(), 60);
    let shown = text(&report(&suite, results), Paint(false));
    assert!(shown.contains("record it with `backstop eval record s`"), "{shown}");
}

#[test]
fn a_loosened_threshold_lets_wrong_answers_out_and_fails() {
    let (suite, results, verdict) =
        after(|world| world.change("policies/label.yaml", "accept: 0.9", "accept: 0.5"));
    assert_eq!(verdict.word, Word::Fail, "{verdict:#?}");
    let compared = verdict.gates.iter().find(|held| held.of == "expected").unwrap();
    assert_eq!(compared.word, Word::Fail, "{compared:#?}");
    assert!(compared.why.contains("6 worse, 0 better, of 60 pairs"), "{}", compared.why);
    let shown = text(&report(&suite, results), Paint(false));
    assert!(shown.contains("it ended as accepted, not in_review"), "{shown}");
}

#[test]
fn a_changed_schema_is_stale_and_fails_once_the_model_was_asked_again() {
    let break_it = |world: &mut World| {
        world.change("policies/label.json", "[\"label\"]}", "[\"label\", \"why\"]}");
        world.change("policies/label.yaml", "{label: unsure}", "{label: unsure, why: none}");
        world.change("policies/label.yaml", "otherwise:", "on: {schema: fallback}\notherwise:");
    };
    let (_, _, stale) = after(break_it);
    assert_eq!(stale.word, Word::Stale, "{stale:#?}");
    // The model still answers in the old shape: everything ends in the fallback.
    let mut world = World::new(60);
    let (_, results) = world.replay(&world.record());
    let blessed = Baseline::of(&results, None, "2026-11-01".into(), "the first one".into());
    break_it(&mut world);
    let (suite, results) = world.replay(&world.record());
    assert!(results.ran.iter().all(|ran| ran.end == "fallback"), "{:#?}", results.ran[0]);
    assert_eq!(verdict(&suite, &results, Some(&blessed), today()).word, Word::Fail);
}

#[test]
fn one_worse_case_of_sixty_is_inconclusive() {
    let (_, _, verdict) = after(|world| {
        let told = r#""id":"c-3","input":"spam number 3","expect":{"outcome":"accepted""#;
        world.change(CASES, told, &told.replace("accepted", "in_review"));
    });
    let compared = verdict.gates.iter().find(|held| held.of == "expected").unwrap();
    assert_eq!(compared.word, Word::Inconclusive, "{compared:#?}");
    assert_eq!(verdict.word, Word::Inconclusive);
}

#[test]
fn a_case_that_must_pass_fails_alone_and_rests_in_quarantine_until_its_day() {
    let must = "suite: s\nmust_pass: [c-0]\n";
    let broken = |world: &mut World| {
        world.change("policies/label.yaml", "accept: 0.9", "accept: 0.5");
        world.change("evals/s/suite.yaml", "suite: s\n", must);
        world.change(
            "evals/s/suite.yaml",
            "gates:\n  - {of: wrong_accepted, at_most: 12%}\n  - {of: expected, no_worse_by: 0%}\n",
            "",
        );
    };
    let (_, _, verdict) = after(broken);
    assert_eq!((verdict.word, verdict.broken.len()), (Word::Fail, 1));
    for (until, word) in [("2026-12-01", Word::Pass), ("2026-11-25", Word::Fail)] {
        let held = format!("{must}quarantine: [{{case: c-0, until: {until}, because: known}}]\n");
        let (_, _, verdict) = after(|world| {
            broken(world);
            world.change("evals/s/suite.yaml", must, &held);
        });
        assert_eq!(verdict.word, word, "until {until}");
    }
}

#[test]
fn every_form_of_the_report_says_the_word_and_the_place() {
    let (suite, mut results, _) =
        after(|world| world.change("policies/label.yaml", "accept: 0.9", "accept: 0.5"));
    results.ran[0].output = Some("<script>alert(1)</script> | pipe".into());
    let report = report(&suite, results);
    let page = html(&report);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "hostile text is text");
    assert!(page.contains("default-src 'none'"));
    let xml = junit(&report).unwrap();
    assert!(xml.contains("<testsuite name=\"s\""), "{xml}");
    assert!(markdown(&report).contains("### `s`"));
    assert!(
        annotations(&report).contains("file=evals/s/suite.yaml,line=6"),
        "{}",
        annotations(&report)
    );
    let json = serde_json::to_vec(&report).unwrap();
    assert_eq!(Report::read(&json).unwrap(), report);
    let other = String::from_utf8(json).unwrap().replace("backstop.eval/1", "backstop.eval/9");
    assert!(Report::read(other.as_bytes()).unwrap_err().contains("backstop.eval/9"));
}

#[test]
fn words_have_the_exit_codes_that_ci_reads() {
    let codes = [Word::Pass, Word::Fail, Word::Inconclusive, Word::Stale, Word::Error];
    assert_eq!(codes.map(Word::exit_code), [0, 1, 3, 4, 5]);
}
