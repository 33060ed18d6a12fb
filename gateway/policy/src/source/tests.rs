//! Places in files.
#![expect(clippy::expect_used, reason = "tests")]
use super::*;

#[test]
fn columns_count_characters_and_lines_count_from_one() {
    let sources = Sources::single("a.yaml", "é: 1\nnäme: x\n");
    let id = sources.find("a.yaml").expect("the file");
    let start = "é: 1\nnäme: ".len();
    let place = sources.line_column(Span::new(id, start, start + 1));
    assert_eq!(place.to_string(), "2:7");
}

#[test]
fn a_part_of_a_block_is_found_behind_its_indentation() {
    let text = "when: |\n  a == 1\n  && bc == 2\n";
    let sources = Sources::single("a.yaml", text);
    let id = sources.find("a.yaml").expect("the file");
    let whole = Span::new(id, 10, text.len() - 1);
    let value = "a == 1\n&& bc == 2\n";
    let at = value.find("bc").expect("bc");
    let span = sources.place_in(whole, value, at..at + 2);
    assert_eq!(sources.slice(span), "bc");
    assert_eq!(sources.line_column(span).to_string(), "3:6");
}

#[test]
fn a_part_of_a_quoted_text_is_found_behind_its_escapes() {
    let text = r#"say: "a \"b\" {{ x }}""#;
    let sources = Sources::single("a.yaml", text);
    let id = sources.find("a.yaml").expect("the file");
    let value = "a \"b\" {{ x }}";
    let at = value.find("x }}").expect("x");
    let span = sources.place_in(Span::new(id, 5, text.len()), value, at..at + 1);
    assert_eq!(sources.slice(span), "x");
}
