//! Paths: read, shown, walked.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;

use super::*;

#[test]
fn a_path_is_shown_as_it_was_written() {
    for text in ["output.lines.*.amount", "input", "tool.args.x", "tool_results", "output.0.a-b"] {
        assert_eq!(Path::parse(text, Root::PLACES).unwrap().to_string(), text);
    }
}

#[test]
fn a_star_meets_each_element_and_field_and_the_pointer_is_escaped() {
    let value = json!({"lines": [{"a/b": 1, "c": 2}, {"c": 3}], "other": 4});
    let each = |text: &str| {
        let path = Path::parse(text, Root::PLACES).unwrap();
        let places = path.matches(&value);
        places.iter().map(|(at, v)| format!("{at}={v}")).collect::<Vec<_>>()
    };
    assert_eq!(each("output.lines.*.c"), ["/lines/0/c=2", "/lines/1/c=3"]);
    assert_eq!(each("output.lines.0.*"), ["/lines/0/a~1b=1", "/lines/0/c=2"]);
    assert_eq!(each("output.missing.x"), Vec::<String>::new());
    assert_eq!(each("output.other"), ["/other=4"]);
}

#[test]
fn a_wrong_root_or_part_is_refused() {
    let error = Path::parse("ouput.total", Root::PLACES).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("did you mean `output`?"));
    for bad in ["", ".", "output.", "output..a", "output.a b", "outputs.a", "signals.x", "tool.x"] {
        assert!(Path::parse(bad, Root::PLACES).is_err(), "{bad}");
    }
    assert!(Path::parse("signals.x", Root::CHANGES).is_ok());
}
