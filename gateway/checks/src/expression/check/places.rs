//! Places: variables, fields, look-ups and list elements, and what has to be proven before them.

use super::super::facts::{Fact, SHARED_DEPTH_MAX, measured, place};
use super::super::problem::{About, Doubt, Problem, did_you_mean, nearest};
use super::super::scope::Shared;
use super::super::syntax::{Constant, Form, Name, Operator, Syntax};
use super::super::tree::Node;
use super::super::types::Type;
use super::{Checked, Checker, Facts};

/// What an object says about one field.
enum Found {
    Always(Type),
    Perhaps(Type),
    /// Not among the fields; the names that are.
    Never(Vec<String>),
    /// The value has no fields at all.
    NoFields,
}

impl Checker<'_> {
    /// Checks `syntax` without counting it as used yet: a field of it may be what is used.
    pub(super) fn place(&mut self, syntax: &Syntax, known: &Facts) -> Option<Checked> {
        let mut checked = match &syntax.form {
            Form::Variable(name) => self.variable(name, syntax)?,
            Form::Local(slot) => {
                let (kind, path) = self.locals.get(slot).cloned().unwrap_or((Type::Any, None));
                Checked { path, ..Checked::new(Node::Local(*slot), kind, 0) }
            }
            Form::Field(of, name) if is_values(of) && self.scope.value_names().next().is_some() => {
                self.value(name, syntax)?
            }
            Form::Field(of, name) => self.field(of, name, syntax, known)?,
            Form::Index(of, index) => self.index(of, index, syntax, known)?,
            _ => self.check(syntax, known)?,
        };
        if known.contains(&Fact::NotNull(syntax.to_string())) {
            checked.kind = checked.kind.without_null();
        }
        self.saw(&syntax.range, Some(&checked));
        Some(checked)
    }

    fn variable(&mut self, name: &str, syntax: &Syntax) -> Option<Checked> {
        if let Some(kind) = self.scope.kind_of(name) {
            let path = Some(name.to_owned());
            return Some(Checked {
                path,
                ..Checked::new(Node::Root(name.to_owned()), kind.clone(), 0)
            });
        }
        let (message, help) = match self.scope.sentence(name) {
            Some(told) => told,
            None if name == "values" && self.scope.value_names().next().is_some() => {
                (format!("`{name}` holds named values"), Some("write `values.name`".to_owned()))
            }
            None => {
                let near = did_you_mean(name, self.scope.names());
                (format!("there is no variable `{name}` here"), near)
            }
        };
        self.problem(syntax.range.clone(), message, help);
        None
    }

    /// `values.name`: a constant, or an expression that is checked on first use.
    fn value(&mut self, name: &Name, syntax: &Syntax) -> Option<Checked> {
        let scope = self.scope;
        self.uses.insert(format!("values.{}", name.text));
        let (source, shared) = match scope.value(&name.text) {
            None => {
                let help = did_you_mean(&name.text, scope.value_names());
                let message = format!("`values` has no `{}`", name.text);
                self.problem(name.range.clone(), message, help);
                return None;
            }
            Some(Shared::Constant(json)) => {
                let kind = Type::of_constant(json);
                let node = Node::Constant(json.clone());
                return Some(Checked { constant: true, ..Checked::new(node, kind, 0) });
            }
            Some(Shared::Expression { source, syntax }) => (source.to_string(), syntax.clone()),
        };
        if let Some(checked) = self.shared.get(&name.text) {
            return checked.clone();
        }
        if self.inside.contains(&name.text) || self.inside.len() >= SHARED_DEPTH_MAX {
            let what = if self.inside.contains(&name.text) { "uses itself" } else { "is too deep" };
            self.problem(syntax.range.clone(), format!("`values.{}` {what}", name.text), None);
            return None;
        }
        let checked = self.within(&name.text, source, &shared, syntax);
        self.shared.insert(name.text.clone(), checked.clone());
        checked
    }

    /// Checks the expression behind `values.name`, and tells its problems where it is used.
    fn within(
        &mut self,
        name: &str,
        source: String,
        shared: &Syntax,
        user: &Syntax,
    ) -> Option<Checked> {
        self.inside.push(name.to_owned());
        let outer_source = std::mem::replace(&mut self.source, source);
        let outer_problems = std::mem::take(&mut self.problems);
        let outer_doubts = std::mem::take(&mut self.doubts);
        let outer_locals = std::mem::take(&mut self.locals);
        let checked = self.check(shared, &Facts::new());
        self.inside.pop();
        self.source = outer_source;
        self.locals = outer_locals;
        let found = std::mem::replace(&mut self.problems, outer_problems);
        for problem in found {
            let message = format!("in `values.{name}`: {}", problem.message);
            self.problem(user.range.clone(), message, problem.help);
        }
        let found = std::mem::replace(&mut self.doubts, outer_doubts);
        for Doubt { about, problem } in found {
            let message = format!("in `values.{name}`: {}", problem.message);
            let problem = Problem { range: user.range.clone(), message, ..problem };
            self.doubts.push(Doubt { about, problem });
        }
        checked.map(|checked| Checked {
            node: Node::Shared(std::sync::Arc::new(checked.node)),
            path: None,
            ..checked
        })
    }

    fn field(
        &mut self,
        of: &Syntax,
        name: &Name,
        syntax: &Syntax,
        known: &Facts,
    ) -> Option<Checked> {
        let object = self.place(of, known)?;
        let object = self.present(object, of)?;
        let path = object.path.as_ref().map(|path| format!("{path}.{}", name.text));
        let kind = match find(&object.kind, &name.text) {
            Found::Always(kind) => kind,
            Found::Perhaps(kind) => {
                if !self.is_looking() && !known.contains(&Fact::There(place(of, &name.text))) {
                    self.unguarded(syntax, &object.kind);
                    return None;
                }
                kind
            }
            other => {
                self.no_field(of, name, path.as_deref(), &object.kind, other);
                return None;
            }
        };
        let node = Node::Field(Box::new(object.node), name.text.clone());
        Some(Checked { path, ..Checked::new(node, kind, object.cost) })
    }

    fn unguarded(&mut self, syntax: &Syntax, of: &Type) {
        let text = self.text(syntax);
        let message = match of {
            Type::Map { .. } => format!("`{text}` may be missing from the look-up"),
            _ => format!("`{text}` may be missing"),
        };
        self.problem(syntax.range.clone(), message, format!("write `has({text}) &&` before it"));
    }

    fn no_field(&mut self, of: &Syntax, name: &Name, path: Option<&str>, kind: &Type, why: Found) {
        let text = self.text(of);
        let later = path.and_then(|path| self.scope.sentence(path));
        let (message, help) = match (later, why) {
            (Some(told), _) => told,
            (None, Found::Never(names)) => {
                let near = did_you_mean(&name.text, names.iter().map(String::as_str));
                (format!("`{text}` has no field `{}`", name.text), near.or_else(|| list(&names)))
            }
            _ => {
                let sized = ["length", "len", "size", "count"].contains(&name.text.as_str());
                let help = sized.then(|| format!("write `size({text})`"));
                (format!("`{text}` is {kind}, it has no fields"), help)
            }
        };
        self.problem(name.range.clone(), message, help);
    }

    /// `has(of.name)`.
    pub(super) fn has(&mut self, of: &Syntax, name: &Name, known: &Facts) -> Option<Checked> {
        let object = self.place(of, known)?;
        let object = self.present(object, of)?;
        let path = object.path.as_ref().map(|path| format!("{path}.{}", name.text));
        match find(&object.kind, &name.text) {
            Found::Perhaps(_) => {}
            Found::Always(_) => {
                let text = self.text(of);
                let message = format!("`{text}.{}` is always there", name.text);
                let help = "remove the `has(…)`, or take the field out of `required`";
                self.doubt(About::Decided, of.range.start..name.range.end, message, help);
            }
            other => {
                self.no_field(of, name, path.as_deref(), &object.kind, other);
                return None;
            }
        }
        self.uses.extend(path);
        let node = Node::Has(Box::new(object.node), name.text.clone());
        Some(Checked::new(node, Type::Bool, object.cost))
    }

    fn index(
        &mut self,
        of: &Syntax,
        index: &Syntax,
        syntax: &Syntax,
        known: &Facts,
    ) -> Option<Checked> {
        if let Form::Literal(Constant::Text(key)) = &index.form {
            let range = index.range.clone();
            return self.field(of, &Name { text: key.clone(), range }, syntax, known);
        }
        let (object, key) = (self.place(of, known), self.check(index, known));
        let object = self.present(object?, of)?;
        let key = self.present(key?, index)?;
        let kind = match (&object.kind, &key.kind) {
            (Type::List { item, min_items, .. }, Type::Int(_) | Type::Any) => {
                if !self.is_looking() && !in_bounds(of, index, *min_items, known) {
                    self.unmeasured(of, index);
                    return None;
                }
                (**item).clone()
            }
            (Type::Map { value }, Type::Text(_) | Type::Any) => (**value).clone(),
            (Type::Object(_), Type::Text(_) | Type::Any) => Type::Any,
            (Type::Any, Type::Int(_)) if in_bounds(of, index, 0, known) => Type::Any,
            (Type::Any, Type::Int(_)) => {
                self.unmeasured(of, index);
                return None;
            }
            (Type::Any, Type::Text(_) | Type::Any) => Type::Any,
            (object, key) => {
                let (a, b) = (self.text(of), self.text(index));
                let message = format!("`{a}` is {object}, it has no element for {key} (`{b}`)");
                self.problem(syntax.range.clone(), message, None);
                return None;
            }
        };
        let list = matches!(object.kind, Type::List { .. }) || matches!(key.kind, Type::Int(_));
        if !list
            && !self.is_looking()
            && !known.contains(&Fact::Key(index.to_string(), of.to_string()))
        {
            let (a, b) = (self.text(of), self.text(index));
            let help = format!("write `{b} in {a} &&` before it");
            let message = format!("`{b}` may be missing from `{a}`");
            self.problem(syntax.range.clone(), message, help);
            return None;
        }
        let path = object.path.as_ref().map(|path| format!("{path}.*"));
        let cost = object.cost.saturating_add(key.cost);
        let node = Node::Index(Box::new(object.node), Box::new(key.node));
        Some(Checked { path, ..Checked::new(node, kind, cost) })
    }

    fn unmeasured(&mut self, of: &Syntax, index: &Syntax) {
        let (list, at) = (self.text(of), self.text(index));
        let help = format!("write `size({list}) > {at} &&` before it");
        let message = format!("`{list}` may have no element `{at}`");
        self.problem(of.range.start..index.range.end, message, help);
    }
}

fn is_values(syntax: &Syntax) -> bool {
    matches!(&syntax.form, Form::Variable(name) if name == "values")
}

/// "known are `a`, `b`", when they are few.
fn list(names: &[String]) -> Option<String> {
    let few = (1..=8).contains(&names.len());
    few.then(|| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("known are {}", names.join(", "))
    })
}

/// The field `name` of a value of type `kind`; of a union, in whichever part has it.
fn find(kind: &Type, name: &str) -> Found {
    let mut best = Found::NoFields;
    for part in kind.parts() {
        let several = kind.parts().len() > 1;
        let found = match part {
            Type::Any => Found::Perhaps(Type::Any),
            Type::Map { value } => Found::Perhaps((**value).clone()),
            Type::Object(fields) => match fields.known.get(name) {
                Some(field) if field.required && !several => Found::Always(field.kind.clone()),
                Some(field) => Found::Perhaps(field.kind.clone()),
                None if fields.open => {
                    // An open object takes any name, but one that is nearly a known one is a slip.
                    match nearest(name, fields.known.keys().map(String::as_str)) {
                        Some(_) => Found::Never(fields.known.keys().cloned().collect()),
                        None => Found::Perhaps(Type::Any),
                    }
                }
                None => Found::Never(fields.known.keys().cloned().collect()),
            },
            _ => continue,
        };
        best = match (best, found) {
            (Found::Perhaps(a), Found::Perhaps(b)) => Found::Perhaps(Type::union([a, b])),
            (Found::Perhaps(a), _) => Found::Perhaps(a),
            (Found::Never(mut names), Found::Never(more)) => {
                names.extend(more);
                Found::Never(names)
            }
            (_, found) => found,
        };
    }
    best
}

/// Whether `of` surely has an element at `index`.
fn in_bounds(of: &Syntax, index: &Syntax, min_items: u64, known: &Facts) -> bool {
    let place = of.to_string();
    let proven = known.iter().filter_map(|fact| match fact {
        Fact::Holds(list, least) if *list == place => Some(*least),
        _ => None,
    });
    let least = proven.max().unwrap_or(0).max(min_items);
    match &index.form {
        Form::Literal(Constant::Int(at)) => u64::try_from(*at).is_ok_and(|at| at < least),
        Form::Binary(Operator::Subtract, size, back) => {
            let back = match back.form {
                Form::Literal(Constant::Int(back)) => u64::try_from(back).ok(),
                _ => None,
            };
            measured(size).is_some_and(|list| list.to_string() == place)
                && back.is_some_and(|back| (1..=least).contains(&back))
        }
        _ => known.contains(&Fact::Below(index.to_string(), place)),
    }
}
