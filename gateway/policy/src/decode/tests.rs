//! How a map with mistakes is read.
#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::diagnostics::render;
use crate::keys::{Names, Value, shapes};
use crate::yaml;

words! {
    /// A colour.
    enum Colour: "a colour" {
        /// Red.
        Red = "red",
        /// Green.
        Green = "green",
    }
}

shapes! {
    /// A sample.
    SAMPLE = "a sample" {
        /// Its name.
        "name" required => Value::Name(Names::Own),
        /// Its colour.
        "colour" => Value::Words(Colour::WORDS),
        /// Its tags.
        "tags" => Value::OneOrMany(&Value::Text),
        /// Whether it is loud.
        "loud" = "false" => Value::Bool,
    }
}

#[derive(Debug, PartialEq)]
struct Sample {
    name: Name,
    colour: Option<Spanned<Colour>>,
    tags: Vec<String>,
    loud: bool,
}

impl Decode for Sample {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &SAMPLE, d)?;
        let name = fields.required("name", d);
        let colour = fields.optional("colour", d);
        let tags = fields.all::<OneOrMany<String>>("tags", d).0;
        let loud = fields.or("loud", false, d);
        fields.finish(d);
        Some(Self { name: name?, colour, tags, loud })
    }
}

fn read(text: &str) -> (Option<Sample>, String) {
    let sources = Sources::single("s.yaml", text);
    let mut report = Report::new();
    let file = sources.find("s.yaml").expect("the file");
    let node = yaml::parse(&sources, file, &mut report).expect("a tree");
    let sample = Sample::decode(&node, &mut Decoder::new(&sources, &mut report));
    (sample, render::text(&report, &sources, render::Style::Plain))
}

#[test]
fn a_good_map_is_read_whole() {
    let (sample, shown) = read("name: a-1\ncolour: red\ntags: x\nloud: true\n");
    assert_eq!(shown, "");
    let sample = sample.expect("a sample");
    assert_eq!(sample.name.as_str(), "a-1");
    assert_eq!(sample.colour.map(|c| c.value), Some(Colour::Red));
    assert_eq!(sample.tags, ["x"]);
    assert!(sample.loud);
}

#[test]
fn every_mistake_of_a_map_is_reported_at_once() {
    let (_, shown) = read("nmae: x\ncolour: gren\ntags: [1]\nloud: yes\nother:\n");
    for part in [
        "`nmae` is not a key of a sample",
        "did you mean `name`?",
        "did you mean `green`?",
        "expected text, found a number",
        "write `true`",
        "`other` is not a key",
        "5 errors",
    ] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    assert!(!shown.contains("needs the key"), "{shown}");
}

#[test]
fn a_missing_key_an_empty_value_and_a_bad_name_are_told_apart() {
    assert!(read("loud: true\n").1.contains("a sample needs the key `name`"));
    assert!(read("name:\n").1.contains("`name` has no value"));
    assert!(read("name: a b\n").1.contains("`a b` is not a name"));
    assert!(read("[1]\n").1.contains("expected a sample (a map of keys), found a list"));
}
