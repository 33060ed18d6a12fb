//! Texts with holes.

use super::super::{Template, whole_expression};
use super::{invoice, scope};

#[test]
fn holes_are_filled_and_the_rest_stays_as_it_is() {
    let text = "Pay {{ output.total_cents }} to {{output.vendor}}: {{ {'a': '}}'}.a }} {x} }}";
    let template = Template::compile(text, 0, &scope()).unwrap();
    let told = template.render(&invoice()).unwrap();
    assert_eq!(told, "Pay 1200 to Ärger & Co: }} {x} }}");
    assert_eq!(template.expressions().count(), 3);
}

#[test]
fn problems_point_into_the_file_that_holds_the_text() {
    let text = "Ä {{ output.vendr }} and {{ outptu }}";
    let problems = Template::compile(text, 100, &scope()).unwrap_err();
    let at: Vec<_> =
        problems.iter().map(|p| &text[p.range.start - 100..p.range.end - 100]).collect();
    assert_eq!(at, ["vendr", "outptu"]);
    let problems = Template::compile("a {{ output.vendor", 7, &scope()).unwrap_err();
    assert_eq!(
        (problems[0].message.as_str(), problems[0].range.clone()),
        ("`{{` has no `}}`", 9..11)
    );
}

#[test]
fn a_value_is_an_expression_only_with_its_sign_and_a_space() {
    assert_eq!(whole_expression("= input.vendor"), Some((2, "input.vendor")));
    assert_eq!(whole_expression("=input.vendor"), None);
    assert_eq!(whole_expression("a = b"), None);
}
