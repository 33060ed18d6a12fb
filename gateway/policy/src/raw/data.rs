//! Constants, values with `= …` inside, and names of files.

use serde_json::{Number, Value};

use super::expression::{Expression, marked};
use crate::decode::{Decode, Decoder, Fields};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// A constant, or a structure whose leaves may be expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// What it is.
    pub kind: DataKind,
    /// Where it stands.
    pub span: Span,
}

/// What a [`Data`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataKind {
    /// Nothing, `~` or `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, which may hold `{{ … }}`.
    Text(String),
    /// A value that starts with `= `.
    Expression(Expression),
    /// A list.
    List(Vec<Data>),
    /// A map, in the order of the file.
    Map(Vec<(Spanned<String>, Data)>),
}

impl Data {
    /// The data of `node`. Total: every tree is data.
    pub fn of(node: &Node) -> Self {
        let kind = match &node.kind {
            Kind::List(items) => DataKind::List(items.iter().map(Self::of).collect()),
            Kind::Map(entries) => {
                let pair = |e: &crate::yaml::Entry| (e.key.clone(), Self::of(&e.value));
                DataKind::Map(entries.iter().map(pair).collect())
            }
            Kind::Scalar(scalar) => scalar_kind(node, &scalar.text),
        };
        Self { kind, span: node.span }
    }

    /// As JSON, if no part of it is an expression or holds `{{`.
    pub fn constant(&self) -> Option<Value> {
        Some(match &self.kind {
            DataKind::Null => Value::Null,
            DataKind::Bool(value) => Value::Bool(*value),
            DataKind::Number(value) => Value::Number(value.clone()),
            DataKind::Text(text) if text.contains("{{") => return None,
            DataKind::Text(text) => Value::String(text.clone()),
            DataKind::Expression(_) => return None,
            DataKind::List(items) => items.iter().map(Self::constant).collect::<Option<_>>()?,
            DataKind::Map(entries) => {
                let pair = |(key, data): &(Spanned<String>, Self)| {
                    Some((key.value.clone(), data.constant()?))
                };
                Value::Object(entries.iter().map(pair).collect::<Option<_>>()?)
            }
        })
    }
}

fn scalar_kind(node: &Node, text: &str) -> DataKind {
    if node.is_null() {
        DataKind::Null
    } else if let Some(value) = node.as_bool() {
        DataKind::Bool(value)
    } else if let Some(number) = node.as_number() {
        DataKind::Number(number)
    } else if let Some(expression) = marked(node) {
        DataKind::Expression(expression)
    } else {
        DataKind::Text(text.to_owned())
    }
}

impl Decode for Data {
    fn decode(node: &Node, _: &mut Decoder<'_>) -> Option<Self> {
        Some(Self::of(node))
    }
}

/// The path of a file of the workspace, relative to the folder of the file that names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// Where drafts stand.
pub(crate) const DRAFTS: &str = "policies/drafts/";

impl FilePath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path from the root of the workspace, for a file named in `by` (such as
    /// `policies/a.yaml`).
    pub fn beside(&self, by: &str) -> String {
        // What is written in a draft means what it will mean once it is the policy.
        let by = if by.starts_with(DRAFTS) { "policies/draft" } else { by };
        match by.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{}", self.0),
            None => self.0.clone(),
        }
    }

    /// `text` as a path: relative, with `/`, without `.` and `..` parts.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |part: &str| !matches!(part, "" | "." | "..");
        let fine = !text.contains(['\\', '\0', '\n', ':']) && text.split('/').all(part);
        fine.then(|| Self(text.to_owned()))
    }
}

impl Decode for FilePath {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, d)?;
        Self::parse(&text).or_else(|| {
            let say = format!("`{text}` is not the path of a file in the workspace");
            let help = "write it relative to this file, with `/` and without `..`";
            d.refuse(Problem::error(Code::BadPath, node.span, say).help(help))
        })
    }
}

/// A file of reference data: `.json`, `.csv` or `.txt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSource {
    /// The file.
    pub file: Spanned<FilePath>,
    /// The column that makes a look-up of it.
    pub key: Option<Spanned<String>>,
}

impl Decode for DataSource {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if node.as_text().is_some() {
            return Some(Self { file: Spanned::decode(node, d)?, key: None });
        }
        let mut fields = Fields::open(node, &keys::DATA_FILE, d)?;
        let file = fields.required("file", d);
        let key = fields.optional("key", d);
        fields.finish(d);
        Some(Self { file: file?, key })
    }
}

/// A value in the file, or the name of a file that holds it.
///
/// A bare text with a `/` and a file's ending (`fixtures/mail.txt`) is a file; anything else,
/// also a text in quotes, is the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The file that holds it.
    File(Spanned<FilePath>),
    /// The value itself.
    Value(Data),
}

impl Given {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::File(file) => file.span,
            Self::Value(data) => data.span,
        }
    }
}

impl Decode for Given {
    fn decode(node: &Node, _: &mut Decoder<'_>) -> Option<Self> {
        let endings = [".json", ".txt", ".md", ".csv", ".yaml"];
        let file = node.plain().filter(|text| {
            text.contains('/')
                && !text.contains(char::is_whitespace)
                && endings.iter().any(|ending| text.ends_with(ending))
        });
        Some(match file.and_then(FilePath::parse) {
            Some(path) => Self::File(Spanned::new(path, node.span)),
            None => Self::Value(Data::of(node)),
        })
    }
}
