//! When an answer is right.

use std::collections::BTreeSet;

use backstop_checks::expression::{self, Expression, Scope, Type, Want};
use backstop_policy::decode::{Decode, Decoder, Fields, Name};
use backstop_policy::diagnostics::{Code, Problem};
use backstop_policy::path::{Path, Root};
use backstop_policy::raw;
use backstop_policy::source::{Span, Spanned};
use backstop_policy::units::Share;
use backstop_policy::yaml::Node;
use serde_json::{Map, Value};

/// A named way to say whether an answer is right.
#[derive(Debug, Clone)]
pub struct Score {
    /// How.
    pub scorer: Scorer,
    /// Where it stands.
    pub span: Span,
}

/// One way to say whether an answer is right, beside what the case expects.
#[derive(Debug, Clone)]
pub enum Scorer {
    /// The same value at that place.
    Exact(Path),
    /// A number at that place, off by at most this: absolute, or a share of the expected one.
    Near {
        /// The place.
        at: Path,
        /// The tolerance.
        within: Tolerance,
    },
    /// The same set of values at the places of a path with `*`: their overlap (intersection over
    /// union) is at least this.
    Overlap {
        /// The places.
        at: Path,
        /// The least overlap.
        at_least: f64,
    },
    /// A condition over `input`, `output`, `tool`, `expected` and the answer's `text`.
    Condition(Box<Expression>),
    /// Another policy judges: it gets `{input, output, expected}` and answers `{score}` in [0, 1].
    Judge {
        /// Its name.
        policy: String,
        /// The least score.
        pass: f64,
        /// How often it must agree with people, for a gate to rest on it.
        agreement: f64,
    },
}

/// How far a number may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// That much.
    Absolute(f64),
    /// That share of the expected number.
    Share(f64),
}

impl Decode for Score {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &super::keys::SCORE, d)?;
        let kind = fields.one_of(d);
        let within = fields.node("within", d).and_then(|node| tolerance(node, d));
        let at_least = fields.or("at_least", Share(1_000_000), d);
        let pass = fields.or("pass", Share(500_000), d);
        let agreement = fields.or("agreement", Share(800_000), d);
        let scorer = kind.and_then(|kind| {
            Some(match kind {
                "exact" => Scorer::Exact(place(&mut fields, kind, d)?),
                "number" => Scorer::Near {
                    at: place(&mut fields, kind, d)?,
                    within: within.unwrap_or(Tolerance::Absolute(0.0)),
                },
                "set" => Scorer::Overlap {
                    at: place(&mut fields, kind, d)?,
                    at_least: f64::from(at_least.0) / 1e6,
                },
                "when" => Scorer::Condition(Box::new(condition(fields.optional(kind, d)?, d)?)),
                _ => Scorer::Judge {
                    policy: fields.optional::<Name>(kind, d)?.to_string(),
                    pass: f64::from(pass.0) / 1e6,
                    agreement: f64::from(agreement.0) / 1e6,
                },
            })
        });
        fields.finish(d);
        Some(Self { scorer: scorer?, span: node.span })
    }
}

fn place(fields: &mut Fields<'_>, key: &'static str, d: &mut Decoder<'_>) -> Option<Path> {
    let path = fields.optional::<Spanned<Path>>(key, d)?;
    if matches!(path.root, Root::Output | Root::ToolArgs) {
        return Some(path.value);
    }
    let say = "a score looks at the answer: `output` or `tool.args`";
    d.refuse(Problem::error(Code::BadPath, path.span, say))
}

fn tolerance(node: &Node, d: &mut Decoder<'_>) -> Option<Tolerance> {
    if let Some(number) = node.as_number().and_then(|number| number.as_f64()) {
        return Some(Tolerance::Absolute(number.abs()));
    }
    Share::decode(node, d).map(|share| Tolerance::Share(f64::from(share.0) / 1e6))
}

fn condition(written: raw::Expression, d: &mut Decoder<'_>) -> Option<Expression> {
    let scope = ["input", "output", "expected", "tool"]
        .into_iter()
        .fold(Scope::new(), |scope, name| scope.variable(name, Type::Any))
        .variable("text", Type::TEXT);
    match expression::compile(&written.text, &scope, Want::Condition) {
        Ok(expression) => Some(expression),
        Err(problems) => {
            for problem in problems {
                let span = d.sources.place_in(written.span, &written.text, problem.range);
                let told = Problem::error(Code::Expression, span, problem.message);
                d.report.push(told.help_if(problem.help));
            }
            None
        }
    }
}

/// What a score looks at.
#[derive(Debug, Clone, Default)]
pub struct Subject<'a> {
    /// What was asked.
    pub input: Value,
    /// The answer.
    pub output: Option<&'a Value>,
    /// The first tool call, as `{name, args}`.
    pub tool: Option<&'a Value>,
    /// What the case expects of the answer.
    pub expected: Option<&'a Value>,
    /// What the case expects of the first tool call.
    pub expected_tool: Option<&'a Value>,
}

impl Scorer {
    /// Whether the answer is right; `None`: the case does not say what would be. `Judge` is asked
    /// elsewhere.
    ///
    /// # Errors
    /// In words, if it cannot be computed.
    pub fn score(&self, subject: &Subject<'_>) -> Result<Option<bool>, String> {
        let pair = |path: &Path| -> Option<(Option<&Value>, &Value)> {
            match path.root {
                Root::ToolArgs => {
                    let expected = subject.expected_tool?.get("args")?;
                    Some((subject.tool.and_then(|tool| tool.get("args")), expected))
                }
                _ => Some((subject.output, subject.expected?)),
            }
        };
        Ok(match self {
            Self::Exact(path) => pair(path).and_then(|(ours, expected)| {
                let wanted = values(path, expected);
                let found = ours.map(|ours| values(path, ours)).unwrap_or_default();
                (!wanted.is_empty()).then_some(wanted == found)
            }),
            Self::Near { at, within } => pair(at).and_then(|(ours, expected)| {
                let number = |value: &Value| value.as_f64();
                let wanted: Vec<f64> =
                    values(at, expected).into_iter().filter_map(number).collect();
                let found: Vec<Option<f64>> = ours
                    .map(|ours| values(at, ours).into_iter().map(number).collect())
                    .unwrap_or_default();
                let near = |(wanted, found): (&f64, &Option<f64>)| {
                    found.is_some_and(|found| within.holds(*wanted, found))
                };
                let same = wanted.len() == found.len();
                (!wanted.is_empty()).then(|| same && wanted.iter().zip(&found).all(near))
            }),
            Self::Overlap { at, at_least } => pair(at).map(|(ours, expected)| {
                let set = |value: &Value| -> BTreeSet<String> {
                    values(at, value).into_iter().map(ToString::to_string).collect()
                };
                let wanted = set(expected);
                let found = ours.map(set).unwrap_or_default();
                let both = wanted.intersection(&found).count() as f64;
                let all = wanted.union(&found).count() as f64;
                all == 0.0 || both / all >= *at_least
            }),
            Self::Condition(condition) => {
                let mut known = Map::new();
                // What is absent has no fields, so `has(tool.name)` says so instead of failing.
                let mut set = |name: &str, value: Option<&Value>| {
                    let nothing = || Value::Object(Map::new());
                    known.insert(name.to_owned(), value.cloned().unwrap_or_else(nothing));
                };
                set("input", Some(&subject.input));
                set("output", subject.output);
                set("tool", subject.tool);
                set("expected", subject.expected);
                let text = match subject.output {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                set("text", Some(&Value::from(text)));
                Some(condition.holds(&known).map_err(|error| error.to_string())?)
            }
            Self::Judge { .. } => None,
        })
    }
}

impl Tolerance {
    fn holds(self, wanted: f64, found: f64) -> bool {
        let most = match self {
            Self::Absolute(most) => most,
            Self::Share(share) => share * wanted.abs(),
        };
        (wanted - found).abs() <= most + 1e-12
    }
}

/// The values at a path, in document order. Whole numbers are one value however they are written.
fn values<'v>(path: &Path, root: &'v Value) -> Vec<&'v Value> {
    path.matches(root).into_iter().map(|(_, value)| value).collect()
}
