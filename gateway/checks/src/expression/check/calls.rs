//! Calls: which function is meant, and whether its arguments fit.

use crate::text::{self, Pattern};

use super::super::dates;
use super::super::facts::Fact;
use super::super::functions::{Function, Signature, Style, TABLE, Takes};
use super::super::problem::{About, did_you_mean};
use super::super::syntax::{Constant, Form, Name, Syntax};
use super::super::tree::Node;
use super::super::types::Type;
use super::{Checked, Checker, Facts};

impl Checker<'_> {
    /// `name(arguments)` or `target.name(arguments)`.
    pub(super) fn call(
        &mut self,
        target: Option<&Syntax>,
        name: &Name,
        arguments: &[Syntax],
        whole: &Syntax,
        known: &Facts,
    ) -> Option<Checked> {
        let math = target.is_some_and(|target| {
            target.form == Form::Variable("math".to_owned()) && self.scope.kind_of("math").is_none()
        });
        let (target, full) = match target {
            Some(_) if math => (None, format!("math.{}", name.text)),
            target => (target, name.text.clone()),
        };
        let Some(signature) = TABLE.iter().find(|row| row.name == full) else {
            self.unknown(&full, name);
            return None;
        };
        let given: Vec<&Syntax> = target.into_iter().chain(arguments).collect();
        self.shape(signature, target, given.len(), name, whole)?;
        let words = format!("`{full}`");
        let mut checked = Vec::with_capacity(given.len());
        for (argument, takes) in given.iter().zip(signature.takes) {
            checked.push(self.argument(argument, known, *takes, &words));
        }
        let checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        self.literals(signature.function, &given)?;
        self.finish(signature.function, checked, &given)
    }

    fn finish(
        &mut self,
        function: Function,
        checked: Vec<Checked>,
        given: &[&Syntax],
    ) -> Option<Checked> {
        let cost = checked.iter().fold(weight(function), |sum, arg| sum.saturating_add(arg.cost));
        let kinds: Vec<Type> = checked.iter().map(|argument| argument.kind.clone()).collect();
        let mut nodes: Vec<Node> = checked.into_iter().map(|argument| argument.node).collect();
        if function == Function::Sample {
            self.samples = true;
        }
        let kind = function.yields(&kinds);
        if function != Function::Matches {
            return Some(Checked::new(Node::Call(function, nodes), kind, cost));
        }
        let pattern = self.pattern(nodes.pop()?, given.last()?)?;
        let text = Box::new(nodes.pop()?);
        Some(Checked::new(Node::Matches(text, pattern), kind, cost))
    }

    /// Checks one argument: there, not null, and of a kind that is taken.
    pub(super) fn argument(
        &mut self,
        syntax: &Syntax,
        known: &Facts,
        takes: Takes,
        taker: &str,
    ) -> Option<Checked> {
        let checked = self.check(syntax, known)?;
        let checked = self.present(checked, syntax)?;
        if takes.accepts(&checked.kind) {
            return Some(checked);
        }
        let text = self.text(syntax);
        let message = format!("{taker} takes {}, `{text}` is {}", takes.words(), checked.kind);
        let help = (takes == Takes::Text && Takes::Scalar.accepts(&checked.kind))
            .then(|| format!("write `string({text})`"));
        self.problem(syntax.range.clone(), message, help);
        None
    }

    fn unknown(&mut self, full: &str, name: &Name) {
        let macros = ["has", "all", "exists", "exists_one", "map", "filter"];
        let (message, help) = match full {
            "timestamp" | "duration" => {
                (format!("there is no function `{full}`"), Some("use `date(...)` and `days(...)`"))
            }
            "all" | "exists" | "exists_one" | "map" | "filter" => (
                format!("`{full}` takes a name and an expression, after a list"),
                Some("write `list.map(item, item.field)`"),
            ),
            _ => (format!("there is no function `{full}`"), elsewhere(full)),
        };
        let known = TABLE.iter().map(|row| row.name).chain(macros);
        let help = help.map(ToOwned::to_owned).or_else(|| did_you_mean(full, known));
        self.problem(name.range.clone(), message, help);
    }

    /// Whether the call is written as the function wants: as a method or not, and how many.
    fn shape(
        &mut self,
        signature: &Signature,
        target: Option<&Syntax>,
        given: usize,
        name: &Name,
        whole: &Syntax,
    ) -> Option<()> {
        let wants = signature.takes.len();
        let word = signature.name;
        let written = match (signature.style, target) {
            (Style::Plain, Some(_)) => Some(format!("{word}(x)")),
            (Style::Method, None) => Some(format!("x.{word}(y)")),
            _ => None,
        };
        if let Some(written) = written {
            let help = format!("write `{written}`");
            self.problem(name.range.clone(), format!("`{word}` is not called like this"), help);
            return None;
        }
        if given == wants {
            return Some(());
        }
        let less = usize::from(target.is_some());
        let (wants, given) = (wants.saturating_sub(less), given.saturating_sub(less));
        let many = if wants == 1 { "argument" } else { "arguments" };
        self.problem(
            whole.range.clone(),
            format!("`{word}` takes {wants} {many}, not {given}"),
            None,
        );
        None
    }

    /// What can be said of arguments that are written out.
    fn literals(&mut self, function: Function, given: &[&Syntax]) -> Option<()> {
        match function {
            Function::IsOpen => self.calendar(given.first()?),
            Function::Sample => {
                let share = given.get(1)?;
                let number = match share.form {
                    Form::Literal(Constant::Double(number)) => number,
                    Form::Literal(Constant::Int(number)) => number as f64,
                    _ => return Some(()),
                };
                if number == 0.0 || number == 1.0 {
                    let what = if number == 0.0 { "nothing" } else { "everything" };
                    let message = format!("this share picks {what}");
                    let help = "write 2% as `0.02`";
                    self.doubt(About::Decided, share.range.clone(), message, help);
                }
                if (0.0..=1.0).contains(&number) {
                    return Some(());
                }
                let message = format!("a share lies between 0 and 1, not at {number}");
                self.problem(share.range.clone(), message, "write 2% as `0.02`".to_owned());
                None
            }
            Function::Date | Function::Days => {
                for argument in given {
                    if let Form::Literal(Constant::Text(text)) = &argument.form
                        && dates::read(text).is_none()
                    {
                        let message = format!("`{text}` is not a date");
                        let help = "write year, month and day, as in `2026-11-22`".to_owned();
                        self.problem(argument.range.clone(), message, help);
                        return None;
                    }
                }
                Some(())
            }
            _ => Some(()),
        }
    }

    fn calendar(&mut self, argument: &Syntax) -> Option<()> {
        let calendars = self.scope.calendars();
        let Form::Literal(Constant::Text(name)) = &argument.form else {
            let message = "the calendar of `is_open` must be written out";
            self.problem(
                argument.range.clone(),
                message,
                "as in `is_open(\"office\", now)`".to_owned(),
            );
            return None;
        };
        if calendars.contains(name) {
            return Some(());
        }
        let help = did_you_mean(name, calendars.iter().map(String::as_str));
        self.problem(argument.range.clone(), format!("there are no hours named `{name}`"), help);
        None
    }

    /// Compiles the pattern of `matches`: a text written out, or a constant of `values`.
    fn pattern(&mut self, node: Node, syntax: &Syntax) -> Option<Pattern> {
        let pattern = match &node {
            Node::Literal(Constant::Text(text)) => Some(text.as_str()),
            Node::Constant(json) => json.as_str(),
            _ => None,
        };
        let Some(pattern) = pattern else {
            let message = "the pattern of `matches` must be written out";
            self.problem(syntax.range.clone(), message, "or a constant of `values`".to_owned());
            return None;
        };
        for doubt in text::doubts(pattern) {
            self.doubt(About::Pattern, syntax.range.clone(), doubt.message, doubt.help);
        }
        match Pattern::compile(pattern) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let help = error.help().map(str::to_owned);
                self.problem(syntax.range.clone(), error.to_string(), help);
                None
            }
        }
    }

    /// The type of an element, with what a filter proved about it.
    pub(super) fn narrowed(item: &Type, slot: usize, proven: &Facts) -> Type {
        let Type::Object(fields) = item else { return item.clone() };
        let mut fields = (**fields).clone();
        for (name, field) in &mut fields.known {
            let place = format!("#{slot}.{name}");
            field.required |= proven.contains(&Fact::There(place.clone()));
            if proven.contains(&Fact::NotNull(place)) {
                field.kind = field.kind.without_null();
            }
        }
        Type::Object(std::sync::Arc::new(fields))
    }
}

/// How to write what other languages call so.
fn elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "length" | "count" | "strlen" => "write `size(x)`",
        "includes" | "has_text" | "indexOf" | "find" | "like" => "write `text.contains(part)`",
        "startswith" | "starts_with" => "write `text.startsWith(part)`",
        "endswith" | "ends_with" => "write `text.endsWith(part)`",
        "lowercase" | "lowerAscii" | "toLowerCase" | "to_lower" => "write `lower(text)`",
        "trim" | "strip" => "write `squash(text)`: it also makes one blank of several",
        "regex" | "match" | "test" | "search" | "re_match" => "write `text.matches(\"pattern\")`",
        "str" | "toString" | "text" => "write `string(x)`",
        "Number" | "number" | "float" | "parseFloat" => "write `double(x)`",
        "parseInt" | "integer" => "write `int(x)`",
        "any" | "some" => "write `list.exists(item, …)`",
        "every" | "each" => "write `list.all(item, …)`",
        "today" => "write `date(now)`",
        "abs" => "write `math.abs(x)`",
        "avg" | "average" | "mean" => "write `sum(list) / size(list)`",
        _ => return None,
    })
}

/// Steps that a call costs beside its arguments.
fn weight(function: Function) -> u64 {
    match function {
        Function::Sum | Function::Min | Function::Max | Function::Distinct => 100,
        Function::Matches | Function::Quotes | Function::Similar | Function::Sample => 20,
        _ => 2,
    }
}
