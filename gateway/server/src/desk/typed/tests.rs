//! Stories about forms: what goes out comes back as the same types.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at a surprise")]

use serde_json::{Value, json};

use super::{
    build::Around,
    raw::{Raw, What},
    *,
};

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "vendor": { "type": "string", "maxLength": 80 },
            "total": { "type": "integer", "minimum": 0 },
            "rate": { "type": "number" },
            "paid": { "type": "boolean" },
            "route": { "enum": ["hold", "pay", 7, null] },
            "iban": { "type": "string" },
            "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
            "either": { "oneOf": [{ "type": "string" }, { "type": "integer" }] }
        },
        "required": ["vendor", "total", "lines"],
        "$defs": { "line": {
            "type": "object",
            "properties": { "text": { "type": "string" }, "cents": { "type": "integer" } },
            "required": ["text", "cents"]
        } }
    })
}

fn value() -> Value {
    json!({
        "vendor": "Acme\r\nLtd", "total": 1200, "rate": 5.0, "paid": true, "route": 7,
        "lines": [{ "text": "a", "cents": 700 }, { "text": "", "cents": 500 }],
        "either": 3, "unknown": { "deep": [1, 2.50] }
    })
}

fn typed(original: Option<Value>) -> Typed {
    Typed {
        part: "o".into(),
        schema: Some(schema()),
        shown: original.clone(),
        original,
        locks: Locks::default(),
    }
}

/// As a browser sends it back: lines end with LF once they are read.
fn sent(raw: &Raw, typed: &Typed) -> Result<Value, Vec<Wrong>> {
    let mut back = raw.clone();
    if let Some(text) = raw.get(What::Text, "/vendor").map(|text| text.replace("\r\n", "\n")) {
        back.set(What::Text, "/vendor", text);
    }
    typed.read(&back)
}

#[test]
fn what_nobody_touched_comes_back_byte_for_byte() {
    let typed = typed(Some(value()));
    assert_eq!(sent(&typed.fill(false), &typed).unwrap().to_string(), value().to_string());
    assert_eq!(sent(&typed.fill(true), &typed).unwrap().to_string(), value().to_string());
}

#[test]
fn numbers_stay_numbers_and_choices_keep_their_types() {
    let typed = typed(Some(value()));
    let mut raw = typed.fill(false);
    raw.set(What::Text, "/total", " 99 ");
    raw.set(What::Text, "/rate", "2.5e1");
    raw.set(What::Text, "/paid", "false");
    raw.set(What::Text, "/route", "\"pay\"");
    let read = sent(&raw, &typed).unwrap();
    assert_eq!(read["total"], json!(99));
    assert_eq!(read["rate"], json!(25.0));
    assert_eq!((&read["paid"], &read["route"]), (&json!(false), &json!("pay")));
}

#[test]
fn what_is_no_number_is_said_at_its_place() {
    let typed = typed(Some(value()));
    let mut raw = typed.fill(false);
    raw.set(What::Text, "/total", "12.5");
    raw.set(What::Text, "/lines/1/cents", "many");
    raw.set(What::Json, "/either", "{");
    let wrong = sent(&raw, &typed).unwrap_err();
    let places: Vec<&str> = wrong.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["/total", "/lines/1/cents", "/either"]);
    let around = Around { wrong: &wrong, weak: &[] };
    let page = typed.fields(&raw, "Answer", &around).to_string();
    assert!(page.contains("`12.5` is not a whole number"), "{page}");
    assert!(page.contains("value=\"12.5\""), "what was typed is still there: {page}");
}

#[test]
fn entries_come_and_go_without_a_script() {
    let typed = typed(Some(value()));
    let mut raw = typed.fill(false);
    raw.remove("/lines/0");
    raw.add("/lines");
    raw.set(What::Text, "/lines/1/text", "new");
    raw.set(What::Text, "/lines/1/cents", "1");
    let lines = sent(&raw, &typed).unwrap()["lines"].clone();
    assert_eq!(lines, json!([{ "text": "", "cents": 500 }, { "text": "new", "cents": 1 }]));
}

#[test]
fn an_optional_place_is_there_only_if_it_is_switched_on() {
    let typed = typed(Some(value()));
    let mut raw = typed.fill(false);
    assert!(sent(&raw, &typed).unwrap().get("iban").is_none());
    raw.set(What::Text, "/iban", "DE1");
    assert!(sent(&raw, &typed).unwrap().get("iban").is_none(), "typed, but not switched on");
    raw.set(What::Given, "/iban", "1");
    assert_eq!(sent(&raw, &typed).unwrap()["iban"], "DE1");
}

#[test]
fn an_answer_from_nothing_starts_from_the_schema() {
    let typed = typed(None);
    let raw = typed.fill(false);
    let wrong = sent(&raw, &typed).unwrap_err();
    assert_eq!(wrong.first().map(|(at, _)| at.as_str()), Some("/total"));
}

#[test]
fn what_is_hidden_or_not_to_be_edited_is_the_originals_whatever_is_sent() {
    let mut shown = value();
    shown["vendor"] = json!(crate::veil::MASK);
    let paths = ["output.vendor".to_owned(), "output.lines.*.cents".to_owned()];
    let locks = Locks::new(Some(&value()), Some(&shown), Some(&paths), "output");
    let typed = Typed { shown: Some(shown), locks, ..typed(Some(value())) };
    let mut raw = typed.fill(false);
    assert_eq!(raw.get(What::Text, "/vendor"), None, "it does not leave the server");
    assert_eq!(raw.get(What::Text, "/total"), None);
    raw.set(What::Text, "/vendor", "Evil");
    raw.set(What::Text, "/total", "1");
    raw.set(What::Text, "/lines/0/text", "evil");
    raw.set(What::Text, "/lines/0/cents", "701");
    let read = typed.read(&raw).unwrap();
    let mut expected = value();
    expected["lines"][0]["cents"] = json!(701);
    assert_eq!(read, expected);
    let page = typed.fields(&raw, "Answer", &Around { wrong: &[], weak: &[] }).to_string();
    assert!(!page.contains("Acme") && page.contains("[private]"), "{page}");
    assert!(!page.contains("remove:o:"), "entries cannot go where some of them is locked");
}

#[test]
fn a_hostile_answer_is_text_in_every_kind_of_field() {
    let evil = "\"><script>alert(1)</script>";
    let hostile = json!({ "vendor": evil, "total": evil, "lines": [], evil: evil });
    let typed = typed(Some(hostile));
    let page = typed.fields(&typed.fill(false), evil, &Around { wrong: &[], weak: &[] });
    let page = page.to_string();
    assert!(!page.contains("<script"), "{page}");
}
