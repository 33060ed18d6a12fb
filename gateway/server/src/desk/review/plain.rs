//! A JSON value to read: names and values, and what checks found marked where it stands.

use askama::Template;
use serde_json::Value;

/// A value, nested.
#[derive(Template)]
#[template(path = "plain.html")]
pub struct Plain {
    kind: Kind,
}

enum Kind {
    Text(Vec<Piece>),
    Scalar(String),
    Object(Vec<(String, Plain)>),
    List(Vec<Plain>),
    Nothing,
}

/// A piece of a text; `found`: a check means it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The words.
    pub text: String,
    /// Whether a check means them.
    pub found: bool,
}

/// Something that was found: at a pointer, those words.
pub type Found = (String, String);

impl Plain {
    /// That value, which stands at `at`.
    pub fn of(value: &Value, at: &str, found: &[Found]) -> Self {
        let kind = match value {
            Value::Null => Kind::Nothing,
            Value::String(text) => {
                let here = found.iter().filter(|(place, _)| place == at);
                Kind::Text(pieces(text, here.map(|(_, words)| words.as_str())))
            }
            Value::Array(list) => {
                let entries = list.iter().enumerate();
                Kind::List(
                    entries
                        .map(|(index, value)| Self::of(value, &format!("{at}/{index}"), found))
                        .collect(),
                )
            }
            Value::Object(map) => {
                let places = map.iter().map(|(name, value)| {
                    let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                    (name.clone(), Self::of(value, &at, found))
                });
                Kind::Object(places.collect())
            }
            scalar => Kind::Scalar(scalar.to_string()),
        };
        Self { kind }
    }
}

/// The text in pieces, each first occurrence of those words marked.
pub fn pieces<'a>(text: &str, words: impl Iterator<Item = &'a str>) -> Vec<Piece> {
    let mut spans: Vec<(usize, usize)> = words
        .filter(|words| !words.is_empty())
        .filter_map(|words| text.find(words).map(|start| (start, start + words.len())))
        .collect();
    spans.sort_unstable();
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut push = |from: usize, to: usize, found: bool| {
        if let Some(part) = text.get(from..to).filter(|part| !part.is_empty()) {
            pieces.push(Piece { text: part.to_owned(), found });
        }
    };
    for (start, end) in spans {
        if end <= at {
            continue;
        }
        let start = start.max(at);
        push(at, start, false);
        push(start, end, true);
        at = end;
    }
    push(at, text.len(), false);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_marked_where_it_stands_also_where_two_overlap() {
        let told = pieces("pay DE1 to DE12 now", ["DE12", "to DE1", "absent"].into_iter());
        let marked: Vec<&str> =
            told.iter().filter(|piece| piece.found).map(|piece| piece.text.as_str()).collect();
        assert_eq!(marked, ["to DE1", "2"]);
        let whole: String = told.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(whole, "pay DE1 to DE12 now");
    }

    #[test]
    fn hostile_names_and_values_are_text() {
        let evil = "<img src=x onerror=alert(1)>";
        let page = Plain::of(&serde_json::json!({ evil: [evil] }), "", &[]).to_string();
        assert!(!page.contains("<img"), "{page}");
    }
}
