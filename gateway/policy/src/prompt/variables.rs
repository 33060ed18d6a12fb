//! Holds the variables of a prompt against what is known of a call: a field that the schema lacks,
//! or that may be missing and is not asked for first, is found when the policy loads.
//!
//! It judges names only: values and filters are minijinja's.

use std::collections::{BTreeMap, BTreeSet};

use backstop_checks::expression::Type;
use minijinja::machinery::{Span as Within, ast, parse};

use super::{Part, Prompt};
use crate::source::Span;

/// A variable that is not there, or may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// What is wrong, in words.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Where.
    pub span: Span,
}

/// Every misused variable of `prompt`, where `known` are the variables that it may use.
pub fn misuses(prompt: &Prompt, known: &BTreeMap<String, Type>) -> Vec<Misuse> {
    let mut found = Vec::new();
    for part in prompt.parts() {
        // It compiled before, so it parses.
        let Ok(tree) = parse(&part.text, prompt.name(), Default::default()) else { continue };
        let mut walk = Walk { part, scopes: vec![known.clone()], sure: vec![], found: vec![] };
        walk.statement(&tree);
        found.append(&mut walk.found);
    }
    found
}

/// Names that minijinja itself brings.
const FUNCTIONS: [&str; 6] = ["range", "dict", "namespace", "debug", "loop", "caller"];

struct Walk<'p> {
    part: &'p Part,
    /// Known variables, innermost last.
    scopes: Vec<BTreeMap<String, Type>>,
    /// Paths that an `if … is defined` around has asked for.
    sure: Vec<BTreeSet<String>>,
    found: Vec<Misuse>,
}

impl Walk<'_> {
    fn statements(&mut self, all: &[ast::Stmt<'_>]) {
        all.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &ast::Stmt<'_>) {
        match statement {
            ast::Stmt::Template(template) => self.statements(&template.children),
            ast::Stmt::EmitExpr(emit) => {
                self.kind(&emit.expr);
            }
            ast::Stmt::ForLoop(each) => self.each(each),
            ast::Stmt::IfCond(branch) => self.branch(branch),
            ast::Stmt::WithBlock(with) => self.with(with),
            ast::Stmt::Set(set) => {
                let kind = self.kind(&set.expr);
                self.bind(&set.target, kind);
            }
            ast::Stmt::SetBlock(set) => {
                self.statements(&set.body);
                self.bind(&set.target, Type::TEXT);
            }
            ast::Stmt::AutoEscape(block) => self.statements(&block.body),
            ast::Stmt::FilterBlock(block) => self.statements(&block.body),
            ast::Stmt::Macro(made) => self.made(made),
            ast::Stmt::CallBlock(_) | ast::Stmt::EmitRaw(_) | ast::Stmt::Do(_) => {}
        }
    }

    fn each(&mut self, each: &ast::ForLoop<'_>) {
        let item = match self.kind(&each.iter) {
            Type::List { item, .. } => (*item).clone(),
            Type::Map { .. } | Type::Object(_) => Type::TEXT,
            _ => Type::Any,
        };
        self.scopes.push(BTreeMap::from([("loop".to_owned(), Type::Any)]));
        self.bind(&each.target, item);
        if let Some(filter) = &each.filter_expr {
            self.kind(filter);
        }
        self.statements(&each.body);
        self.scopes.pop();
        self.statements(&each.else_body);
    }

    fn branch(&mut self, branch: &ast::IfCond<'_>) {
        self.kind(&branch.expr);
        self.sure.push(asked_for(&branch.expr));
        self.statements(&branch.true_body);
        self.sure.pop();
        self.statements(&branch.false_body);
    }

    fn with(&mut self, with: &ast::WithBlock<'_>) {
        self.scopes.push(BTreeMap::new());
        for (target, value) in &with.assignments {
            let kind = self.kind(value);
            self.bind(target, kind);
        }
        self.statements(&with.body);
        self.scopes.pop();
    }

    fn made(&mut self, made: &ast::Macro<'_>) {
        let arguments = made.args.iter().filter_map(name_of);
        self.scopes.push(arguments.map(|name| (name, Type::Any)).collect());
        self.statements(&made.body);
        self.scopes.pop();
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(made.name.to_owned(), Type::Any);
        }
    }

    fn bind(&mut self, target: &ast::Expr<'_>, kind: Type) {
        let names: Vec<(String, Type)> = match target {
            ast::Expr::List(list) => every(&list.items),
            ast::Expr::Tuple(tuple) => every(&tuple.items),
            other => name_of(other).map(|name| (name, kind)).into_iter().collect(),
        };
        if let Some(scope) = self.scopes.last_mut() {
            scope.extend(names);
        }
    }

    /// The type of an expression, with everything inside it looked at.
    fn kind(&mut self, expr: &ast::Expr<'_>) -> Type {
        match expr {
            ast::Expr::Var(var) => self.variable(var.id, var.span()),
            ast::Expr::Const(_) => Type::Any,
            ast::Expr::GetAttr(get) => {
                let of = self.kind(&get.expr);
                self.field(&of, get.name, expr)
            }
            ast::Expr::GetItem(get) => self.item(get, expr),
            ast::Expr::Filter(filter) => self.filter(filter, filter.span()),
            ast::Expr::Test(test) => self.test(test, test.span()),
            ast::Expr::IfExpr(choice) => self.choice(choice),
            ast::Expr::BinOp(op) => {
                self.kind(&op.left);
                let asked = matches!(op.op, ast::BinOpKind::ScAnd);
                self.sure.push(if asked { asked_for(&op.left) } else { BTreeSet::new() });
                self.kind(&op.right);
                self.sure.pop();
                Type::Any
            }
            other => {
                inner(other).into_iter().for_each(|part| {
                    self.kind(part);
                });
                Type::Any
            }
        }
    }

    fn variable(&mut self, name: &str, span: Within) -> Type {
        if let Some(kind) = self.scopes.iter().rev().find_map(|scope| scope.get(name)) {
            return kind.clone();
        }
        if !FUNCTIONS.contains(&name) {
            let known: Vec<&str> =
                self.scopes.iter().flat_map(|scope| scope.keys().map(String::as_str)).collect();
            let help = crate::diagnostics::suggest::did_you_mean(name, known);
            self.report(span, format!("`{name}` is not known in this prompt"), help);
        }
        Type::Any
    }

    fn field(&mut self, of: &Type, name: &str, expr: &ast::Expr<'_>) -> Type {
        let path = path_of(expr);
        let shown = path.clone().unwrap_or_else(|| name.to_owned());
        match of {
            Type::Object(fields) => match fields.known.get(name) {
                Some(field) => {
                    let asked = path.is_some_and(|path| self.is_sure(&path));
                    if !field.required && !asked {
                        let help = format!(
                            "ask first: {{% if {shown} is defined %}}, or write \
                             {{{{ {shown} | default(\"\") }}}}"
                        );
                        let message = format!("`{shown}` may be missing");
                        self.report(expr.span(), message, Some(help));
                    }
                    field.kind.clone()
                }
                None if fields.open => Type::Any,
                None => {
                    let known = fields.known.keys().map(String::as_str);
                    let help = crate::diagnostics::suggest::did_you_mean(name, known);
                    let message = format!("`{shown}` is not in the schema");
                    self.report(expr.span(), message, help);
                    Type::Any
                }
            },
            Type::Map { value } => (**value).clone(),
            Type::Union(parts) => self.field_of_union(parts, name, expr),
            Type::Text(_) | Type::Bool | Type::Int(_) | Type::Double(_) | Type::List { .. } => {
                self.report(expr.span(), format!("`{shown}`: {of} has no field `{name}`"), None);
                Type::Any
            }
            _ => Type::Any,
        }
    }

    /// A field that one of the alternatives knows is taken as that one's.
    fn field_of_union(&mut self, parts: &[Type], name: &str, expr: &ast::Expr<'_>) -> Type {
        let knows = |part: &&Type| match part {
            Type::Object(fields) => fields.known.contains_key(name) || fields.open,
            Type::Any | Type::Map { .. } => true,
            _ => false,
        };
        let knowing = parts.iter().find(knows);
        let first = knowing.or_else(|| parts.iter().find(|part| matches!(part, Type::Object(_))));
        first.map_or(Type::Any, |part| self.field(part, name, expr))
    }

    fn item(&mut self, get: &ast::GetItem<'_>, expr: &ast::Expr<'_>) -> Type {
        let of = self.kind(&get.expr);
        if let ast::Expr::Const(constant) = &get.subscript_expr {
            if let Some(name) = constant.value.as_str() {
                return self.field(&of, name, expr);
            }
        } else {
            self.kind(&get.subscript_expr);
        }
        match of {
            Type::List { item, .. } => (*item).clone(),
            Type::Map { value } => (*value).clone(),
            _ => Type::Any,
        }
    }

    fn filter(&mut self, filter: &ast::Filter<'_>, span: Within) -> Type {
        if let Some(expr) = &filter.expr {
            let excused = matches!(filter.name, "default" | "d");
            self.sure.push(if excused { path_of(expr).into_iter().collect() } else { [].into() });
            self.kind(expr);
            self.sure.pop();
        }
        self.arguments(&filter.args);
        self.named("filter", filter.name, span);
        Type::Any
    }

    /// Reports a filter or test that minijinja does not have: the prompt could not be made.
    fn named(&mut self, what: &str, name: &str, span: Within) {
        let word = if what == "filter" { "|" } else { " is " };
        let tried =
            minijinja::Environment::new().render_str(&format!("{{{{ ''{word}{name} }}}}"), ());
        let kind = tried.err().map(|error| error.kind());
        use minijinja::ErrorKind::{UnknownFilter, UnknownTest};
        if matches!(kind, Some(UnknownFilter | UnknownTest)) {
            let known = [
                "tojson", "upper", "lower", "title", "trim", "join", "length", "default", "first",
                "last", "round", "replace", "sort", "defined", "none", "string", "number",
            ];
            let help = crate::diagnostics::suggest::nearest(name, known)
                .map(|near| format!("did you mean `{near}`?"))
                .unwrap_or_else(|| {
                    "minijinja's own are `upper`, `lower`, `join`, `tojson`, …".into()
                });
            self.report(span, format!("there is no {what} `{name}`"), Some(help));
        }
    }

    fn test(&mut self, test: &ast::Test<'_>, span: Within) -> Type {
        let excused = matches!(test.name, "defined" | "undefined");
        self.sure.push(if excused { path_of(&test.expr).into_iter().collect() } else { [].into() });
        self.kind(&test.expr);
        self.sure.pop();
        self.arguments(&test.args);
        self.named("test", test.name, span);
        Type::Bool
    }

    fn choice(&mut self, choice: &ast::IfExpr<'_>) -> Type {
        self.kind(&choice.test_expr);
        self.sure.push(asked_for(&choice.test_expr));
        let kind = self.kind(&choice.true_expr);
        self.sure.pop();
        if let Some(other) = &choice.false_expr {
            self.kind(other);
        }
        kind
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) {
        for argument in arguments {
            self.kind(argument_of(argument));
        }
    }

    fn is_sure(&self, path: &str) -> bool {
        self.sure.iter().any(|asked| asked.contains(path))
    }

    fn report(&mut self, within: Within, message: String, help: Option<String>) {
        let start = self.part.span.range().start;
        let (from, to) = (within.start_offset as usize, within.end_offset as usize);
        let span = Span::new(self.part.span.file, start + from, start + to);
        self.found.push(Misuse { message, help, span });
    }
}

fn every(items: &[ast::Expr<'_>]) -> Vec<(String, Type)> {
    items.iter().filter_map(name_of).map(|name| (name, Type::Any)).collect()
}

fn name_of(expr: &ast::Expr<'_>) -> Option<String> {
    match expr {
        ast::Expr::Var(var) => Some(var.id.to_owned()),
        _ => None,
    }
}

/// The dotted path that an expression is, if it is one.
fn path_of(expr: &ast::Expr<'_>) -> Option<String> {
    match expr {
        ast::Expr::Var(var) => Some(var.id.to_owned()),
        ast::Expr::GetAttr(get) => Some(format!("{}.{}", path_of(&get.expr)?, get.name)),
        ast::Expr::GetItem(get) => match &get.subscript_expr {
            ast::Expr::Const(constant) => {
                Some(format!("{}.{}", path_of(&get.expr)?, constant.value.as_str()?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Paths that are certainly there once `condition` holds.
fn asked_for(condition: &ast::Expr<'_>) -> BTreeSet<String> {
    match condition {
        ast::Expr::Test(test) if test.name == "defined" => {
            path_of(&test.expr).into_iter().collect()
        }
        ast::Expr::BinOp(op) if matches!(op.op, ast::BinOpKind::ScAnd) => {
            let mut both = asked_for(&op.left);
            both.append(&mut asked_for(&op.right));
            both
        }
        _ => BTreeSet::new(),
    }
}

fn inner<'a, 's>(expr: &'a ast::Expr<'s>) -> Vec<&'a ast::Expr<'s>> {
    match expr {
        ast::Expr::Slice(slice) => {
            let parts = [Some(&slice.expr), slice.start.as_ref(), slice.stop.as_ref()];
            parts.into_iter().flatten().collect()
        }
        ast::Expr::UnaryOp(op) => vec![&op.expr],
        ast::Expr::Compare(compare) => {
            let rest = compare.ops.iter().map(|op| &op.expr);
            core::iter::once(&compare.expr).chain(rest).collect()
        }
        ast::Expr::Call(call) => {
            core::iter::once(&call.expr).chain(call.args.iter().map(argument_of)).collect()
        }
        ast::Expr::List(list) => list.items.iter().collect(),
        ast::Expr::Tuple(tuple) => tuple.items.iter().collect(),
        ast::Expr::Map(map) => map.keys.iter().chain(&map.values).collect(),
        _ => Vec::new(),
    }
}

fn argument_of<'a, 's>(argument: &'a ast::CallArg<'s>) -> &'a ast::Expr<'s> {
    match argument {
        ast::CallArg::Pos(expr)
        | ast::CallArg::Kwarg(_, expr)
        | ast::CallArg::PosSplat(expr)
        | ast::CallArg::KwargSplat(expr) => expr,
    }
}
