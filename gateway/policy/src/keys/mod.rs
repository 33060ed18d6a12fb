//! The tables of keys: for every map of the rules files its keys, in the order in which they are
//! written, with what stands under each, its default, and what it is for.
//!
//! One table, many readers: the loader knows from it which keys exist and which must stand there
//! ([`crate::decode::Fields`]), `fmt` their order, the JSON Schemas and the language server all of
//! it. The meaning of values is not here: that is [`crate::raw`] and [`crate::gateway_file`].

mod around;
mod gateway;
pub mod json_schema;
mod judging;
mod oidc;
mod people;
mod policy;
mod prompt;
mod queue;
mod step;
mod tests_of;

pub use around::{
    BUDGET, CACHE, CONVERSATION, DATA_FILE, LIMIT, PENDING, PENDING_THEN, RETAIN, SIZE,
    STORE_RETAIN,
};
pub use gateway::{
    AVAILABILITY, BREAKER, CALENDAR, DEFAULTS, DEGRADATION, ENTRIES, GATEWAY, HEDGE, HTTP, MODEL,
    PRICE, PROVIDER, QUALITY, RETRIES, SECRET, SERVICE, STORE, TELEMETRY, TIMEOUT,
};
pub use judging::{BLOCK, CHECK, ON, ROW, RULE, SOURCE, TOOL, TOOL_LIMIT};
pub use oidc::{GRANT, OIDC};
pub use people::{CALLER, MAIL, NOTIFY, REVIEWER, SUBSCRIPTION};
pub use policy::{CANARY, FRAGMENT, POLICY, RETURN_IF};
pub use prompt::PROMPT;
pub use queue::{AT_DOOR, HOLD, OVERLAP, QUEUE, QUEUE_STEP};
pub use step::{
    ACCEPT, ESCALATE, LADDER, NEXT_MODEL, REJECT, REPAIR, RETRY, STEP, STEP_WORDS, WAIT,
};
pub use tests_of::{ANSWER, CLASSES, EXAMPLE, EXPECT, OUTCOMES, REVIEW_ACT, TEST, TEST_FILE};

use crate::yaml::{Kind, Node};

/// A word that may stand as a value, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// The word as written.
    pub name: &'static str,
    /// What it means; as the source has it, line by line.
    pub doc: &'static str,
}

/// Whether a key must stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It may be left out.
    Optional,
    /// It must stand there.
    Required,
    /// Exactly one of the keys that need this must stand there.
    Either,
    /// At least one of the keys that need this must stand there.
    Some,
    /// Of the reference, but this version refuses it.
    Later,
}

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    /// The key as written.
    pub name: &'static str,
    /// Whether it must stand there.
    pub need: Need,
    /// What holds when it is left out, as a file would say it; empty if nothing does.
    pub default: &'static str,
    /// It belongs to these keys: without one of them it is not known. Empty: it always is.
    pub with: &'static [&'static str],
    /// What stands under it.
    pub value: Value,
    /// What it is for; as the source has it, line by line.
    pub doc: &'static str,
}

/// A map with known keys.
#[derive(Debug)]
pub struct Shape {
    /// Its name among the definitions of a JSON Schema.
    pub name: &'static str,
    /// What it is in errors: "a rule".
    pub what: &'static str,
    /// Its keys, in the order in which they are written.
    pub keys: &'static [Key],
    /// What it is for; as the source has it, line by line.
    pub doc: &'static str,
}

/// A quantity with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `20s`.
    Time,
    /// `20k`.
    Count,
    /// `4MB`.
    Bytes,
    /// `600/min`.
    Rate,
    /// `2%`.
    Share,
    /// `$0.03`.
    Money,
    /// `$500/day`.
    MoneyRate,
    /// `$0.15/M`.
    Price,
    /// `"08:00-17:00"`.
    Clock,
    /// `1.5`: a plain number, not below 0.
    Number,
    /// `0.2`, at most 2.
    Temperature,
}

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// The thing it stands in: nothing else is meant.
    Own,
    /// A policy.
    Policy,
    /// A prompt.
    Prompt,
    /// A model of the gateway file.
    Model,
    /// A queue.
    Queue,
    /// A service.
    Service,
    /// A provider.
    Provider,
    /// A calendar.
    Hours,
    /// A way to notify.
    Notify,
    /// A check of the policy.
    Check,
    /// A rule of the policy.
    Rule,
    /// A tool of the policy.
    Tool,
    /// A data file of the policy.
    Data,
    /// A value of the policy.
    Value,
    /// A signal of the policy.
    Signal,
    /// A caller.
    Caller,
    /// A reviewer.
    Reviewer,
    /// A consumer of events.
    Subscription,
    /// A header of a request.
    Header,
}

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileUse {
    /// A JSON Schema.
    Schema,
    /// A JSON Schema of arguments, whatever its file is called.
    Arguments,
    /// Reference data.
    Data,
    /// A fragment.
    Fragment,
    /// A draft of the policy.
    Draft,
    /// A list, one entry a line.
    Lines,
}

/// What may stand under a key.
#[derive(Debug)]
pub enum Value {
    /// Nothing: the key alone says it.
    Nothing,
    /// Text.
    Text,
    /// Text to a pattern, with an example.
    Like(&'static str, &'static str),
    /// Text with `{{ … }}` inside.
    Template,
    /// `true` or `false`.
    Bool,
    /// A condition or formula in CEL.
    Expression,
    /// A text that starts with `= ` and a formula in CEL.
    Marked,
    /// A regular expression.
    Pattern,
    /// A quantity.
    Unit(Unit),
    /// One of these words.
    Words(&'static [Word]),
    /// A name.
    Name(Names),
    /// The path of a file.
    File(FileUse),
    /// A place, such as `output.lines.*.amount`.
    Path,
    /// Anything, in which texts may be formulas.
    Data,
    /// Anything, or the path of a file that holds it.
    Given,
    /// A map with these keys.
    Map(&'static Shape),
    /// A map from names to values.
    Named(Names, &'static Value),
    /// A map from places to values.
    Changes,
    /// A map from days to opening times.
    Days,
    /// A list.
    List(&'static Value),
    /// One value, or a list that is not empty.
    OneOrMany(&'static Value),
    /// One of several forms.
    OneOf(&'static [Value]),
}

impl Shape {
    /// The key of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Place of a key in the order of writing.
    pub fn rank(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    /// The keys that may stand in a map which has those of which `has` says so: what belongs to
    /// another kind is left out.
    pub fn known(&self, has: impl Fn(&str) -> bool) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().filter(move |key| key.with.is_empty() || key.with.iter().any(|k| has(k)))
    }
}

impl Value {
    /// The form that the author of `node` most likely meant, where several are allowed: never a
    /// [`Value::OneOf`] or [`Value::OneOrMany`]. `None` if no form is of that kind.
    pub fn form(&'static self, node: &Node) -> Option<&'static Self> {
        match self {
            Self::OneOf(forms) => {
                let fitting = forms.iter().filter_map(|form| form.form(node));
                fitting.max_by_key(|form| form.likeness(node))
            }
            Self::OneOrMany(_) if matches!(node.kind, Kind::List(_)) => Some(self),
            Self::OneOrMany(one) => one.form(node),
            _ => (self.likeness(node) > 0).then_some(self),
        }
    }

    /// The value of each element, if this is a list.
    pub fn item(&self) -> Option<&'static Self> {
        match self {
            Self::List(item) | Self::OneOrMany(item) => Some(item),
            _ => None,
        }
    }

    /// How well `node` fits by its kind and keys; 0 is not at all.
    fn likeness(&self, node: &Node) -> usize {
        match (self, &node.kind) {
            (Self::Data | Self::Given, _) => 1,
            (Self::Nothing, _) => usize::from(node.is_null()) * 3,
            (Self::Map(shape), Kind::Map(entries)) => {
                2 + entries.iter().filter(|e| shape.key(&e.key.value).is_some()).count()
            }
            (Self::Named(..) | Self::Changes | Self::Days, Kind::Map(_)) => 2,
            (Self::List(_) | Self::OneOrMany(_), Kind::List(_)) => 2,
            (Self::Words(words), Kind::Scalar(scalar)) => {
                2 + usize::from(words.iter().any(|word| word.name == scalar.text))
            }
            (Self::Unit(_) | Self::Bool, Kind::Scalar(_)) => {
                2 + usize::from(node.as_bool().is_some() || node.as_number().is_some())
            }
            (
                Self::Map(_)
                | Self::Named(..)
                | Self::Changes
                | Self::Days
                | Self::List(_)
                | Self::OneOrMany(_)
                | Self::OneOf(_),
                _,
            )
            | (_, Kind::Map(_) | Kind::List(_)) => 0,
            (_, Kind::Scalar(_)) => 2,
        }
    }
}

/// Documentation as one paragraph: the lines of a doc comment, joined.
pub fn prose(doc: &str) -> String {
    doc.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// Declares tables of keys. A row is a doc comment and
/// `"key" need [belongs to] = "default" => value`; need, belonging and default may be left out.
#[macro_export]
macro_rules! shapes {
    ($(
        $(#[doc = $about:literal])+
        $shape:ident = $what:literal {
            $(
                $(#[doc = $doc:literal])+
                $key:literal $($need:ident)? $([$($with:literal)+])? $(= $default:literal)?
                    => $value:expr,
            )+
        }
    )+) => {$(
        $(#[doc = $about])+
        pub static $shape: $crate::keys::Shape = $crate::keys::Shape {
            name: stringify!($shape),
            what: $what,
            doc: concat!($($about, "\n"),+),
            keys: &[$(
                $crate::keys::Key {
                    name: $key,
                    need: $crate::keys::shapes!(@need $($need)?),
                    default: concat!($($default)?),
                    with: &[$($($with),+)?],
                    value: $value,
                    doc: concat!($($doc, "\n"),+),
                },
            )+],
        };
    )+};
    (@need) => { $crate::keys::Need::Optional };
    (@need required) => { $crate::keys::Need::Required };
    (@need either) => { $crate::keys::Need::Either };
    (@need some) => { $crate::keys::Need::Some };
    (@need later) => { $crate::keys::Need::Later };
}
pub use shapes;

#[cfg(test)]
mod tests;
