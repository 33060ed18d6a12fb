//! Macros over elements, and what they may cost.

use super::super::facts::facts;
use super::super::problem::About;
use super::super::syntax::{LoopKind, LoopSyntax, Syntax};
use super::super::tree::{LoopNode, Node};
use super::super::types::Type;
use super::{Checked, Checker, Facts};

/// Macros inside macros.
const NESTING_MAX: usize = 3;
/// Elements that a list is taken to have when its schema has no `maxItems`.
const ASSUMED_ITEMS: u64 = 200;
/// Steps that one expression may need by its schema; half of what the evaluator allows.
const COST_MAX: u64 = 1_000_000;

impl Checker<'_> {
    /// `over.map(x, …)` and its kin.
    pub(super) fn visit(
        &mut self,
        l: &LoopSyntax,
        whole: &Syntax,
        known: &Facts,
    ) -> Option<Checked> {
        let over = self.place(&l.over, known)?;
        self.uses.extend(over.path.clone());
        let over = self.present(over, &l.over)?;
        let (item, items) = self.elements(l, &over)?;
        if self.loops.len() == NESTING_MAX {
            let message = format!("macros may stand inside each other {NESTING_MAX} deep");
            self.problem(whole.range.clone(), message, None);
            return None;
        }
        let path = match over.kind {
            Type::List { .. } => over.path.as_ref().map(|path| format!("{path}.*")),
            _ => None,
        };
        // What callers and models send may be long; what stands in files is not.
        let sent = over.path.as_ref().is_some_and(|path| {
            ["input", "output", "tool"].contains(&path.split('.').next().unwrap_or_default())
        });
        let bounded = items.is_some() || !sent;
        if !bounded && self.loops.contains(&false) {
            self.unbounded(l);
        }
        self.loops.push(bounded);
        self.locals.insert(l.slot, (item.clone(), path));
        let parts = self.parts(l, known);
        self.loops.pop();
        let (filter, body) = parts?;
        let turn = body.cost.saturating_add(filter.as_ref().map_or(0, |f| f.cost));
        let cost = turn.saturating_mul(items.unwrap_or(ASSUMED_ITEMS)).saturating_add(over.cost);
        if cost > COST_MAX {
            let message = format!("this may take {cost} steps; at most {COST_MAX} are allowed");
            let help = "give the lists a smaller `maxItems` in their schema".to_owned();
            self.problem(whole.range.clone(), message, help);
            return None;
        }
        let kind = self.yields(l, &item, &body, items);
        let node = LoopNode {
            kind: l.kind,
            over: over.node,
            slot: l.slot,
            filter: filter.map(|filter| filter.node),
            body: body.node,
        };
        Some(Checked::new(Node::Loop(Box::new(node)), kind, cost))
    }

    /// A macro in a macro, both over lists of any length.
    fn unbounded(&mut self, l: &LoopSyntax) {
        let list = self.text(&l.over);
        let message = format!(
            "`{list}` may be of any length, and so may the list around it: the work grows with the \
             square, and long lists make this fail"
        );
        let help = "give both lists a `maxItems` in their schema";
        self.doubt(About::Cost, l.over.range.clone(), message, help);
    }

    /// Filter and body, checked; the body knows what the filter proved.
    fn parts(&mut self, l: &LoopSyntax, known: &Facts) -> Option<(Option<Checked>, Checked)> {
        let mut inside = known.clone();
        let filter = match &l.filter {
            Some(filter) => {
                let checked = self.condition(filter, &inside);
                inside.extend(facts(filter, true, self.scope));
                Some(checked)
            }
            None => None,
        };
        let body = match l.kind {
            LoopKind::Map => self.check(&l.body, &inside),
            _ => self.condition(&l.body, &inside),
        };
        match filter {
            Some(filter) => Some((Some(filter?), body?)),
            None => Some((None, body?)),
        }
    }

    /// Type of each element, and how many there are at most.
    fn elements(&mut self, l: &LoopSyntax, over: &Checked) -> Option<(Type, Option<u64>)> {
        match &over.kind {
            Type::List { item, max_items, .. } => Some(((**item).clone(), *max_items)),
            Type::Map { .. } | Type::Object(_) => Some((Type::TEXT, None)),
            kind if kind.parts().iter().any(|k| matches!(k, Type::Any | Type::List { .. })) => {
                Some((Type::Any, None))
            }
            kind => {
                let text = self.text(&l.over);
                let message = format!("`{text}` is {kind}, not a list");
                self.problem(l.over.range.clone(), message, None);
                None
            }
        }
    }

    fn yields(&self, l: &LoopSyntax, item: &Type, body: &Checked, items: Option<u64>) -> Type {
        let list = |item: Type| Type::List {
            item: std::sync::Arc::new(item),
            min_items: 0,
            max_items: items,
        };
        match l.kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => Type::Bool,
            LoopKind::Map => list(body.kind.clone()),
            LoopKind::Filter => {
                list(Self::narrowed(item, l.slot, &facts(&l.body, true, self.scope)))
            }
        }
    }
}
