//! What the tables promise to their readers.

use std::collections::BTreeSet;

use backstop_domain::FailureClass;

use super::*;

/// Every shape that a file may hold, each once.
fn all() -> Vec<&'static Shape> {
    fn value(value: &'static Value, into: &mut Vec<&'static Shape>) {
        match value {
            Value::Map(inner) => shape(inner, into),
            Value::Named(_, inner) | Value::List(inner) | Value::OneOrMany(inner) => {
                value_of(inner, into);
            }
            Value::OneOf(forms) => forms.iter().for_each(|form| value_of(form, into)),
            _ => {}
        }
    }
    fn value_of(inner: &'static Value, into: &mut Vec<&'static Shape>) {
        value(inner, into);
    }
    fn shape(one: &'static Shape, into: &mut Vec<&'static Shape>) {
        if !into.iter().any(|known| std::ptr::eq(*known, one)) {
            into.push(one);
            one.keys.iter().for_each(|key| value(&key.value, into));
        }
    }
    let mut found = Vec::new();
    for root in [&POLICY, &FRAGMENT, &GATEWAY, &PROMPT, &TEST_FILE] {
        shape(root, &mut found);
    }
    found
}

#[test]
fn every_key_stands_once_and_says_what_it_is_for() {
    let mut names = BTreeSet::new();
    for shape in all() {
        assert!(names.insert(shape.name), "two tables are named {}", shape.name);
        let keys: BTreeSet<_> = shape.keys.iter().map(|key| key.name).collect();
        assert_eq!(keys.len(), shape.keys.len(), "a key of {} stands twice", shape.name);
        for key in shape.keys {
            let doc = prose(key.doc);
            let sentence = doc.len() > 3 && doc.ends_with(['.', '…', '`']);
            assert!(sentence, "{}.{}: `{doc}`", shape.name, key.name);
            let known = key.with.iter().all(|with| keys.contains(with));
            assert!(known, "{}.{} belongs to no key", shape.name, key.name);
        }
    }
    assert!(names.len() > 50, "{}", names.len());
}

#[test]
fn the_table_of_on_has_every_class_that_may_stand_there() {
    let elsewhere = [FailureClass::Rule, FailureClass::Check, FailureClass::CheckError];
    let classes: BTreeSet<_> = FailureClass::ALL
        .iter()
        .filter(|class| !elsewhere.contains(class))
        .map(|class| class.name())
        .collect();
    assert_eq!(ON.keys.iter().map(|key| key.name).collect::<BTreeSet<_>>(), classes);
    let all: Vec<_> = FailureClass::ALL.iter().map(|class| class.name()).collect();
    assert_eq!(CLASSES.iter().map(|word| word.name).collect::<Vec<_>>(), all);
}
