//! Notes where each part of a policy stands, under the names that findings and ladders go by.

use super::includes::Parts;
use crate::compiled::Places;
use crate::raw;
use crate::source::Span;

/// The places of every part that tests can reach.
pub(super) fn places(raw: &raw::Policy, parts: &Parts<'_>) -> Places {
    let mut places = Places::default();
    for (prefix, rules) in [("before", &parts.before), ("rules", &parts.rules)] {
        for rule in rules {
            add_rule(&mut places, prefix, rule);
        }
    }
    for (name, check) in &parts.checks {
        let by = format!("checks.{}", name.as_str());
        places.put(&by, name.span);
        condition(&mut places, &format!("{by}.when"), check.when.as_ref());
        ladder(&mut places, &by, check.then.as_ref());
        ladder(&mut places, &format!("{by}.on_error"), check.on_error.as_ref());
    }
    for (name, tool) in &parts.tools {
        let by = format!("tools.{}", name.as_str());
        places.put(&by, name.span);
        ladder(&mut places, &by, tool.then.as_ref());
        for rule in &tool.rules {
            add_rule(&mut places, &format!("{by}.rules"), rule);
        }
        for (index, block) in tool.confidence.iter().enumerate() {
            add_block(&mut places, &format!("{by}.confidence.{index}"), block);
        }
    }
    for (index, block) in raw.confidence.iter().enumerate() {
        add_block(&mut places, &format!("confidence.{index}"), block);
    }
    let own = |span: Span| parts.files.contains(&span.file);
    for (class, steps) in parts.on.iter().copied().filter(|(class, _)| own(class.span)) {
        let name = super::class_ladder(class.value);
        places.put(&name, class.span);
        ladder(&mut places, &name, Some(steps));
    }
    if let Some(steps) = &raw.on_error {
        places.put(super::ON_ERROR, steps.span);
        ladder(&mut places, super::ON_ERROR, Some(steps));
    }
    for (index, row) in raw.fallback.iter().enumerate() {
        let by = format!("fallback.{index}");
        places.put(&by, row.span);
        condition(&mut places, &format!("{by}.when"), row.when.as_ref());
    }
    places
}

fn add_rule(places: &mut Places, prefix: &str, rule: &raw::Rule) {
    let by = format!("{prefix}.{}", rule.id.as_str());
    places.put(&by, rule.id.span);
    condition(places, &format!("{by}.when"), rule.when.as_ref());
    condition(places, &format!("{by}.unless"), rule.unless.as_ref());
    ladder(places, &by, Some(&rule.then));
    ladder(places, &format!("{by}.on_error"), rule.on_error.as_ref());
}

fn add_block(places: &mut Places, by: &str, block: &raw::ConfidenceBlock) {
    places.put(by, block.span);
    ladder(places, by, block.then.as_ref());
    if block.then.is_none() {
        places.stands_for(by, &super::class_ladder(backstop_domain::FailureClass::LowConfidence));
    }
    match &block.accept {
        raw::Accept::Every(share) => places.put(&format!("{by}.accept"), share.span),
        raw::Accept::ByModel(named) | raw::Accept::BySource(named) => {
            for (name, share) in named.iter() {
                places.put(&format!("{by}.accept.{}", name.as_str()), share.span);
            }
        }
    }
}

fn condition(places: &mut Places, name: &str, written: Option<&raw::Expression>) {
    if let Some(written) = written {
        places.put(name, written.span);
    }
}

fn ladder(places: &mut Places, name: &str, written: Option<&raw::Ladder>) {
    for (index, step) in written.iter().flat_map(|ladder| &ladder.steps).enumerate() {
        places.put(&format!("{name}#{index}"), step.span);
    }
}
