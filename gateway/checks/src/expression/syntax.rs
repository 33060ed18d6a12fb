//! The tree of an expression as written, with the range of every node; nothing is checked yet.

use std::fmt;
use std::ops::Range;

/// One node and the bytes of the source that it spans.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Syntax {
    pub(super) range: Range<usize>,
    pub(super) form: Form,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Literal(Constant),
    Variable(String),
    /// The variable of a macro such as `map`; slots are unique within one source.
    Local(usize),
    Field(Box<Syntax>, Name),
    Has(Box<Syntax>, Name),
    Index(Box<Syntax>, Box<Syntax>),
    Call(Option<Box<Syntax>>, Name, Vec<Syntax>),
    Loop(Box<LoopSyntax>),
    Not(Box<Syntax>),
    Negate(Box<Syntax>),
    And(Box<Syntax>, Box<Syntax>),
    Or(Box<Syntax>, Box<Syntax>),
    If(Box<(Syntax, Syntax, Syntax)>),
    Binary(Operator, Box<Syntax>, Box<Syntax>),
    List(Vec<Syntax>),
    Object(Vec<(Syntax, Syntax)>),
}

/// A field's or function's name and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// A macro over the elements of a list or the keys of a look-up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoopSyntax {
    pub(super) kind: LoopKind,
    pub(super) over: Syntax,
    pub(super) slot: usize,
    /// Of `map` with three arguments.
    pub(super) filter: Option<Syntax>,
    pub(super) body: Syntax,
}

/// The macros of CEL that visit elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl LoopKind {
    /// The macro of this name, if it takes `arguments` arguments.
    pub(super) fn of(name: &str, arguments: usize) -> Option<Self> {
        match (name, arguments) {
            ("all", 2) => Some(Self::All),
            ("exists", 2) => Some(Self::Exists),
            ("exists_one" | "existsOne", 2) => Some(Self::ExistsOne),
            ("map", 2 | 3) => Some(Self::Map),
            ("filter", 2) => Some(Self::Filter),
            _ => None,
        }
    }
}

/// Operators with two sides, other than `&&` and `||`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    /// The operator as authors write it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// Whether it compares, so that its result is true or false.
    pub(super) const fn compares(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessEqual
                | Self::Greater
                | Self::GreaterEqual
                | Self::In
        )
    }

    /// The operator that says the same with its sides swapped; only for comparisons.
    pub(super) const fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessEqual => Self::GreaterEqual,
            Self::Greater => Self::Less,
            Self::GreaterEqual => Self::LessEqual,
            other => other,
        }
    }

    /// The operator that says the opposite, for comparisons.
    pub(super) const fn negated(self) -> Option<Self> {
        Some(match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
            _ => return None,
        })
    }
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
}

/// One spelling for all nodes that mean the same place: how guards recognise what they guard.
impl fmt::Display for Syntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Literal(constant) => write!(f, "{constant:?}"),
            Form::Variable(name) => f.write_str(name),
            Form::Local(slot) => write!(f, "#{slot}"),
            Form::Field(of, name) => write!(f, "{of}.{}", name.text),
            Form::Has(of, name) => write!(f, "has({of}.{})", name.text),
            Form::Index(of, index) => match &index.form {
                Form::Literal(Constant::Text(name)) => write!(f, "{of}.{name}"),
                _ => write!(f, "{of}[{index}]"),
            },
            Form::Call(Some(target), name, arguments) => {
                write!(f, "{}({target}; {})", name.text, Listed(arguments))
            }
            Form::Call(None, name, arguments) => write!(f, "{}({})", name.text, Listed(arguments)),
            Form::Loop(l) => {
                let filter = l.filter.as_ref().map(ToString::to_string).unwrap_or_default();
                write!(f, "{:?}({}, #{}, {filter}, {})", l.kind, l.over, l.slot, l.body)
            }
            Form::Not(of) => write!(f, "!({of})"),
            Form::Negate(of) => write!(f, "-({of})"),
            Form::And(a, b) => write!(f, "({a} && {b})"),
            Form::Or(a, b) => write!(f, "({a} || {b})"),
            Form::If(parts) => write!(f, "({} ? {} : {})", parts.0, parts.1, parts.2),
            Form::Binary(operator, a, b) => write!(f, "({a} {} {b})", operator.word()),
            Form::List(items) => write!(f, "[{}]", Listed(items)),
            Form::Object(entries) => {
                f.write_str("{")?;
                entries.iter().try_for_each(|(key, value)| write!(f, "{key}: {value}, "))?;
                f.write_str("}")
            }
        }
    }
}

/// Nodes with commas between.
struct Listed<'n>(&'n [Syntax]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|item| write!(f, "{item}, "))
    }
}
