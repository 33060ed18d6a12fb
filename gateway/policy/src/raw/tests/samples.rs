//! The three policies of the reference decode without a problem, into what they say.

use super::*;

#[test]
fn the_invoice_policy_is_read_whole() {
    let policy = good("invoice-triage", include_str!("invoice-triage.yaml"));
    assert_eq!(policy.rules.len(), 5);
    assert_eq!(policy.deadline.as_ref().map(|deadline| deadline.value.ms()), Some(20_000));
    let budget = policy.budget.as_ref().expect("a budget");
    assert_eq!(budget.cost.as_ref().map(|cost| cost.value.0.0), Some(30_000));
    assert_eq!(policy.fallback.len(), 2);
    assert_eq!(policy.tests.len(), 4);
    let block = policy.confidence.first().expect("a block");
    assert!(matches!(
        block.from.as_slice(),
        [
            ConfidenceSource { kind: SourceKind::Logprobs, .. },
            ConfidenceSource { kind: SourceKind::Votes { .. }, .. },
        ]
    ));
    let audit = policy.rules.last().expect("a rule");
    let step = audit.then.steps.first().expect("a step");
    assert!(
        matches!(&step.value, Step::Accept { also_review: Some(queue) } if &***queue == "ap-audit")
    );
    let limits = policy.limits.as_deref().expect("limits");
    assert_eq!(limits.iter().map(Limit::burst).collect::<Vec<_>>(), [100, 32]);
}

#[test]
fn the_refund_policy_is_read_whole() {
    let policy = good("support-refund", include_str!("support-refund.yaml"));
    assert_eq!(policy.checks.names().collect::<Vec<_>>(), ["injection", "secrets", "privacy"]);
    let Tools::Listed(tools) = &policy.tools else { panic!("tools are listed") };
    let refund = tools.get("issue_refund").expect("the tool");
    assert_eq!(refund.effect.value, Effect::Irreversible);
    assert_eq!(refund.rules.len(), 3);
    let person = refund.rules.last().and_then(|rule| rule.then.steps.first()).expect("a step");
    let Step::Escalate(escalate) = &person.value else { panic!("escalate") };
    assert_eq!(escalate.due.as_ref().map(|due| due.value.ms()), Some(14_400_000));
    assert_eq!(escalate.may_edit.as_ref().map(Vec::len), Some(1));
    let pending = policy.pending.as_ref().expect("pending");
    assert!(matches!(&pending.then, PendingThen::Refuse(text) if text.starts_with("A colleague")));
}

#[test]
fn the_mail_policy_is_read_whole() {
    let policy = good("mail-triage", include_str!("mail-triage.yaml"));
    assert_eq!(policy.criticality.as_ref().map(|c| c.value), Some(Criticality::Sheddable));
    assert!(matches!(policy.cache.as_ref().map(|c| &c.value), Some(Cache::On { .. })));
    assert_eq!(policy.on.len(), 2);
    let accept = &policy.confidence.first().expect("a block").accept;
    let Accept::ByModel(models) = accept else { panic!("by model") };
    assert_eq!(models.get("spam-weak").map(|share| share.value.0), Some(970_000));
    assert_eq!(policy.tests.last().map(|test| test.answers.len()), Some(2));
    let file = policy.example.as_ref().and_then(|example| example.input.as_ref());
    assert!(matches!(file, Some(Given::File(_))));
}

#[test]
fn every_form_of_a_step_is_read() {
    let forms = [
        ("reject", "reject"),
        ("{reject: no}", "reject"),
        ("{reject: {say: no}}", "reject"),
        ("escalate", "escalate"),
        ("{escalate: q}", "escalate"),
        (
            "{escalate: {queue: q, due: 4h, priority: high, approvals: 2, blind: true, \
             not: caller.name, show: weak, may_edit: []}}",
            "escalate",
        ),
        ("{escalate: {show: [output.a, input.b], may_edit: output.a}}", "escalate"),
        ("fallback", "fallback"),
        ("next_model", "next_model"),
        ("{next_model: big}", "next_model"),
        ("{next_model: {to: big}}", "next_model"),
        ("retry", "retry"),
        ("{retry: 2}", "retry"),
        ("{retry: {times: 2, backoff: 1s}}", "retry"),
        ("repair", "repair"),
        ("{repair: 2}", "repair"),
        ("{repair: Do it again.}", "repair"),
        ("{repair: {times: 2, tell: again, model: big}}", "repair"),
        ("{repair: {mask: privacy}}", "repair"),
        ("accept", "accept"),
        ("{accept: {also_review: q}}", "accept"),
    ];
    for (form, verdict) in forms {
        let text = mistakes::policy(&format!("rules: [{{id: a, then: {form}}}]"));
        let policy = good("p", &text);
        let step = policy.rules.first().and_then(|rule| rule.then.steps.first()).expect("a step");
        assert_eq!(step.value.verdict(), verdict, "{form}");
    }
    let policy =
        good("p", &mistakes::policy("on: {limit: [{wait: 5s}, wait, {wait: {at_most: 1s}}]}"));
    assert_eq!(policy.on.first().map(|(_, ladder)| ladder.steps.len()), Some(3));
}

#[test]
fn every_kind_of_check_and_every_short_form_is_read() {
    let text = mistakes::policy(
        r#"include: [shared/money.yaml]
checks:
  a: {pattern: "^x+$", must: match, at: output}
  b: {words: [one, two], at: [output, input], whole_words: false}
  c: {words: data/bad.txt, at: output, for: [model, human], mode: observe}
  d: {personal_data: all, at: output, allow: input.known}
  e: {secrets: [aws], at: output}
  f: {size: {chars: 10k, tokens: 2k, items: 5}, at: output}
  g: {judge: tone, model: m, pass: 0.7, at: output, timeout: 3s, when: input.x == 1}
  h: {service: injection, at: message, fail_over: 80%, on_error: reject}
tools: request
confidence:
  - at: output.a
    from: [{votes: 3, compare: set, as: v}, {reported: sure}]
    need: all
    accept: {v: 0.6, reported: 0.5}
  - from: [{judge: tone, model: m}, {calc: "signals.v * 0.5"}]
    accept: 60%
    then: [retry, escalate]
cache: {for: 1h, per: tenant, key: [input.a]}
retain: {bodies: 7d, events: 1y}
private: [input.customer]
on_error: [{retry: 1}, escalate]
repeatable: false
on_disconnect: cancel
durability: relaxed
conversation: {messages: 10}
values: {a: 5, b: "= input.x + 1", c: {d: [1, two]}}
"#,
    );
    let policy = good("p", &text);
    assert_eq!(policy.checks.iter().filter(|(_, check)| check.kind.is_paid()).count(), 2);
    assert_eq!(policy.tools, Tools::Request);
    assert_eq!(policy.confidence.len(), 2);
    let values = &policy.values;
    assert!(values.get("c").and_then(Data::constant).is_some());
    assert!(values.get("b").is_some_and(|value| value.constant().is_none()));
}

#[test]
fn fragments_are_read_like_the_policies_they_belong_to() {
    let text = "fragment: money\nrules: [{id: a, then: escalate}]\nlimits: [{cost: $5/day}]\n";
    let sources = Sources::single("policies/shared/money.yaml", text);
    let file = sources.ids().next().expect("the file");
    let mut report = Report::new();
    let fragment = load_fragment(&sources, file, &mut report).expect("a fragment");
    assert!(report.is_empty());
    assert_eq!(fragment.rules.len() + fragment.limits.len(), 2);
}
