//! Holds the names in tests against the policy: a misspelt rule, check or signal would otherwise
//! silently never match.

use crate::compiled::{Policy, Tools};
use crate::decode::Name;
use crate::diagnostics::{Code, Problem, Report, suggest};
use crate::path::{Root, Segment};
use crate::raw::{Change, Example, Reply, Test};
use crate::source::Spanned;

/// Verdicts as `way:` names them, beside the names of models.
const VERDICTS: [&str; 7] =
    ["accept", "repair", "retry", "next_model", "fallback", "escalate", "reject"];

/// Reports every name that refers to nothing, and tests that share a name.
pub(crate) fn check_names(policy: &Policy, tests: &[Test], queues: &[&str], report: &mut Report) {
    let names = Names::of(policy, queues);
    for (index, test) in tests.iter().enumerate() {
        names.test(test, report);
        let twin = tests.iter().take(index).find(|other| other.name.value == test.name.value);
        if let Some(twin) = twin {
            let say = format!("two tests of this policy are named `{}`", test.name.value);
            let problem = Problem::error(Code::Duplicate, test.name.span, say);
            report.push(problem.related(twin.name.span, "the first one"));
        }
    }
}

/// What a test may name.
struct Names<'p> {
    rules: Vec<&'p str>,
    checks: Vec<&'p str>,
    signals: Vec<&'p str>,
    queues: &'p [&'p str],
    way: Vec<&'p str>,
}

impl<'p> Names<'p> {
    fn of(policy: &'p Policy, queues: &'p [&'p str]) -> Self {
        let tools = match &policy.tools {
            Tools::Listed(tools) => tools.as_slice(),
            Tools::Request => &[],
        };
        let of_tools = tools.iter().flat_map(|tool| &tool.rules);
        let rules = policy.before.iter().chain(&policy.rules).chain(of_tools);
        let blocks = policy.confidence.iter().chain(policy.tools.blocks());
        let models = policy.plan.models.iter().map(|model| model.name.as_str());
        Self {
            rules: rules.map(|rule| rule.id.as_str()).collect(),
            checks: policy.checks.iter().map(|check| check.name.as_str()).collect(),
            signals: blocks.flat_map(|block| &block.from).map(|from| from.name.as_str()).collect(),
            queues,
            way: models.chain(VERDICTS).collect(),
        }
    }

    fn test(&self, test: &Test, report: &mut Report) {
        self.example(&test.given, report);
        for reply in &test.answers {
            if let Reply::Answer(example) = reply {
                self.example(example, report);
            }
        }
        test.change.iter().for_each(|change| self.change(change, report));
        let expect = &test.expect;
        let rules = expect.rule.iter().chain(expect.rules.iter().flatten());
        for rule in rules.chain(&expect.not_rule) {
            known("rule", rule, &self.rules, report);
        }
        if let Some(queue) = &expect.queue {
            known("queue", queue, self.queues, report);
        }
        for step in expect.way.iter().flatten() {
            let word = step.value.as_str();
            if !self.way.contains(&word) {
                let say = format!("`{word}` is no model of this policy and no verdict");
                let help = suggest::did_you_mean(word, self.way.iter().copied());
                report.push(Problem::error(Code::UnknownWord, step.span, say).help_if(help));
            }
        }
    }

    /// The signals and checks that an example states.
    fn example(&self, example: &Example, report: &mut Report) {
        for (name, _) in example.signals.iter() {
            known("signal", name, &self.signals, report);
        }
        for (name, _) in example.checks.iter() {
            known("check", name, &self.checks, report);
        }
    }

    fn change(&self, change: &Change, report: &mut Report) {
        let path = &change.path.value;
        if let (Root::Signals, Some(Segment::Field(name))) = (path.root, path.segments.first()) {
            unknown("signal", name, change.path.span, &self.signals, report);
        }
    }
}

fn known(what: &str, name: &Spanned<Name>, known: &[&str], report: &mut Report) {
    unknown(what, name.value.as_str(), name.span, known, report);
}

fn unknown(what: &str, name: &str, span: crate::source::Span, known: &[&str], report: &mut Report) {
    if known.contains(&name) {
        return;
    }
    let say = format!("there is no {what} `{name}`");
    let help = suggest::did_you_mean(name, known.iter().copied());
    report.push(Problem::error(Code::UnknownReference, span, say).help_if(help));
}
