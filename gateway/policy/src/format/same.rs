//! Whether two trees say the same, and the order of keys that keeps it so.

use super::parts::{shape_of, value_of};
use crate::keys::{self, Shape, Value};
use crate::yaml::{Kind, Node};

/// Keys whose order among themselves decides which of two equal objections comes first.
const IN_FILE_ORDER: [&str; 5] = ["before", "checks", "tools", "rules", "confidence"];

/// The rank of each of the keys `names`, which stand in this order in a map of that shape. An
/// unknown key stays behind the one it follows.
pub(super) fn ranks<'n>(
    shape: &'static Shape,
    names: impl Iterator<Item = &'n str>,
) -> Vec<(String, usize)> {
    let group = IN_FILE_ORDER.iter().filter_map(|name| shape.rank(name)).min();
    let mut last = 0;
    let rank = |name: &str| match shape.rank(name) {
        Some(_) if is_ordered(shape, name) => group,
        rank => rank,
    };
    names
        .map(|name| {
            last = rank(name).unwrap_or(last);
            (name.to_owned(), last)
        })
        .collect()
}

fn is_ordered(shape: &Shape, name: &str) -> bool {
    let rules = std::ptr::eq(shape, &raw const keys::POLICY)
        || std::ptr::eq(shape, &raw const keys::FRAGMENT);
    rules && IN_FILE_ORDER.contains(&name)
}

/// Whether `a` and `b` say the same: the same values, and the same order wherever order counts.
pub(super) fn same(a: &Node, b: &Node, value: Option<&'static Value>) -> bool {
    let form = value.and_then(|value| value.form(a));
    match (&a.kind, &b.kind) {
        (Kind::Scalar(one), Kind::Scalar(other)) => {
            let expression = matches!(form, Some(Value::Expression));
            let bare = a.plain().is_some() == b.plain().is_some();
            one.text == other.text && a.found() == b.found() && (bare || expression)
        }
        (Kind::List(one), Kind::List(other)) => {
            let item = form.and_then(Value::item);
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b, item))
        }
        (Kind::Map(one), Kind::Map(other)) => {
            let shape = shape_of(form);
            let counts = |key: &str| shape.is_none_or(|shape| is_ordered(shape, key));
            let order = |entries: &[crate::yaml::Entry]| {
                let keys = entries.iter().map(|entry| entry.key.value.clone());
                keys.filter(|key| counts(key)).collect::<Vec<_>>()
            };
            one.len() == other.len()
                && order(one) == order(other)
                && one.iter().all(|entry| {
                    let key = &entry.key.value;
                    b.get(key).is_some_and(|b| same(&entry.value, b, value_of(form, key)))
                })
        }
        _ => false,
    }
}
