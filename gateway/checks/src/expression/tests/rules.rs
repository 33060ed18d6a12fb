//! The conditions of RULES.md, section 4: each checks clean and comes to what it says.

use serde_json::{Map, Value as Json, json};

use super::super::{Environment, Sampling, Scope, Template, Type, Want, compile};
use super::{invoice, scope};

#[track_caller]
fn holds(source: &str, scope: &Scope, call: &Map<String, Json>) -> bool {
    let expression = compile(source, scope, Want::Condition)
        .unwrap_or_else(|problems| panic!("{source}: {problems:#?}"));
    expression.holds(call).unwrap_or_else(|error| panic!("{source}: {error}"))
}

const BANK: &str = "output.vendor in data.vendors && has(output.iban) && output.iban != \
                    data.vendors[output.vendor].iban";

#[test]
fn the_invoice_policy_decides_as_its_rules_say() {
    let (scope, good) = (scope(), invoice());
    let sums = "sum(output.lines.map(l, l.amount_cents)) == output.total_cents";
    assert!(holds(sums, &scope, &good));
    assert!(holds("output.vendor in data.vendors", &scope, &good));
    assert!(!holds(BANK, &scope, &good));
    assert!(!holds("output.total_cents > values.approval_cents", &scope, &good));

    let mut bad = good;
    bad["output"]["total_cents"] = json!(900_000);
    bad["output"]["iban"] = json!("DE00");
    assert!(!holds(sums, &scope, &bad));
    assert!(holds(BANK, &scope, &bad));
    assert!(holds("output.total_cents > values.approval_cents", &scope, &bad));
    bad["output"]["vendor"] = json!("Nobody Ltd");
    assert!(!holds("output.vendor in data.vendors", &scope, &bad));
    assert!(!holds(BANK, &scope, &bad));
}

#[test]
fn the_texts_of_a_rule_know_what_its_condition_proved() {
    let when = compile(BANK, &scope(), Want::Condition).unwrap();
    let text = "The invoice asks for payment to {{ output.iban }}, not to the account on file";
    assert!(Template::compile(text, 0, &scope()).is_err());
    let template = Template::compile(text, 0, &scope().given(&when)).unwrap();
    let told = template.render(&invoice()).unwrap();
    assert!(told.contains("payment to GB82WEST12345698765432, not"), "{told}");
}

fn refund_scope() -> Scope {
    let order = Type::object([("refundable_cents", Type::INT, true)]);
    let customer = Type::object([
        ("id", Type::TEXT, true),
        ("contacts", Type::list(Type::TEXT), true),
        ("refunds_90d", Type::INT, true),
    ]);
    let args = Type::object([("order_id", Type::TEXT, true), ("amount_cents", Type::INT, true)]);
    let earlier = Type::object([
        ("name", Type::words(["lookup_order", "issue_refund"]), true),
        ("args", Type::Any, true),
        ("status", Type::words(["ok", "error", "denied"]), true),
        ("result", Type::Any, false),
    ]);
    Scope::new()
        .variable(
            "input",
            Type::object([("orders", Type::map(order), true), ("customer", customer, true)]),
        )
        .variable("tool", Type::object([("args", args, true), ("name", Type::TEXT, true)]))
        .variable("output", Type::TEXT)
        .variable("history", Type::list(earlier))
        .constant("auto_refund_cents", json!(2500))
}

#[test]
fn the_refund_policy_decides_as_its_rules_say() {
    let call = json!({
        "input": {
            "orders": {"o-1": {"refundable_cents": 3000}},
            "customer": {"id": "c", "contacts": ["a@example.com"], "refunds_90d": 0},
        },
        "tool": {"name": "issue_refund", "args": {"order_id": "o-1", "amount_cents": 9900}},
        "output": "Your Refund has been issued.",
        "history": [{"name": "issue_refund", "args": {}, "status": "error"}],
    });
    let Json::Object(call) = call else { unreachable!() };
    let scope = refund_scope();
    assert!(holds("tool.args.order_id in input.orders", &scope, &call));
    let more = "tool.args.order_id in input.orders\n\
                && tool.args.amount_cents > input.orders[tool.args.order_id].refundable_cents\n";
    assert!(holds(more, &scope, &call));
    let person = "tool.args.amount_cents > values.auto_refund_cents || \
                  input.customer.refunds_90d >= 2";
    assert!(holds(person, &scope, &call));
    assert!(holds("output.matches(\"(?i)refund (has been|was) (issued|sent)\")", &scope, &call));
    let issued = "history.exists(t, t.name == \"issue_refund\" && t.status == \"ok\")";
    assert!(!holds(issued, &scope, &call));
    assert!(compile("input.customer.contacts", &scope, Want::Texts).is_ok());
    assert!(compile("input.customer.id", &scope, Want::Text).is_ok());
    let because = "{{ tool.args.amount_cents }} cents; {{ input.customer.refunds_90d }} refunds";
    let because = Template::compile(because, 0, &scope).unwrap();
    assert_eq!(because.render(&call).unwrap(), "9900 cents; 0 refunds");
}

#[test]
fn the_mail_policy_decides_as_its_rule_says() {
    let label = Type::words(["spam", "ham", "unsure"]);
    let scope = Scope::new().variable("output", Type::object([("label", label, true)]));
    let Json::Object(call) = json!({"output": {"label": "unsure"}}) else { unreachable!() };
    assert!(holds("output.label == \"unsure\"", &scope, &call));
}

#[test]
fn an_expression_tells_what_it_reads() {
    let mut scope = scope();
    scope.share("sure", "has(signals.logprobs) && signals.logprobs > 0.9").unwrap();
    let source = "values.sure && output.lines.exists(l, l.amount_cents > 5) && output.urgent";
    let expression = compile(source, &scope, Want::Condition).unwrap();
    let uses: Vec<_> = expression.uses().collect();
    let expected = [
        "output.lines",
        "output.lines.*.amount_cents",
        "output.urgent",
        "signals.logprobs",
        "values.sure",
    ];
    assert_eq!(uses, expected);
    assert!(expression.reads("signals") && expression.reads("output.lines.*.amount_cents"));
    assert!(!expression.reads("output.route") && !expression.samples());
    assert!(compile("sample(call.key, 0.02)", &scope, Want::Condition).unwrap().samples());
    let bank = compile(BANK, &scope, Want::Condition).unwrap();
    assert!(bank.uses().any(|used| used == "data.vendors.*.iban"));
}

/// The invoice with a source of samples.
struct Sampled(Map<String, Json>, Sampling);

impl Environment for Sampled {
    fn variable(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    fn sampling(&self) -> Option<&Sampling> {
        Some(&self.1)
    }
}

/// Run with `cargo test --release -p backstop-checks -- --ignored --nocapture five_rules`.
#[test]
#[ignore = "a measurement, not a check"]
#[expect(clippy::print_stdout, clippy::disallowed_methods, reason = "it measures and says so")]
fn five_rules_on_twenty_lines() {
    let mut call = invoice();
    let line = json!({"text": "bolts", "amount_cents": 60, "tax": 1.5});
    call["output"]["lines"] = Json::Array(vec![line; 20]);
    let call = Sampled(call, Sampling::fresh(b"salt", "invoice-triage", "audit").unwrap());
    let rules: Vec<_> = [
        "sum(output.lines.map(l, l.amount_cents)) == output.total_cents",
        "output.vendor in data.vendors",
        BANK,
        "output.total_cents > values.approval_cents",
        "sample(call.key, 0.02)",
    ]
    .iter()
    .map(|source| compile(source, &scope(), Want::Condition).unwrap())
    .collect();
    let started = std::time::Instant::now();
    let turns = 20_000_u32;
    for _ in 0..turns {
        for rule in &rules {
            std::hint::black_box(rule.holds(&call).unwrap());
        }
    }
    println!("five rules, 20 lines: {:?} per call", started.elapsed() / turns);
    let started = std::time::Instant::now();
    for _ in 0..100 {
        std::hint::black_box(compile(BANK, &scope(), Want::Condition).unwrap());
    }
    println!("compiling one rule: {:?}", started.elapsed() / 100);
}
