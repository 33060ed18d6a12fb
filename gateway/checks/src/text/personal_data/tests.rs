//! Stories about personal data, and the measured share that is found.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "figures and skips are printed")]

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Finds, Found, PersonalData, PersonalKind, Text};

fn found(text: &str) -> Vec<(&'static str, String)> {
    let mut found: Vec<Found> = Vec::new();
    PersonalData::all().find_in(&Text::plain(text), &mut found);
    found.into_iter().map(|found| (found.kind, found.text)).collect()
}

#[test]
fn every_pattern_of_the_program_compiles() {
    let codes = [&super::codes::EMAIL, &super::codes::IBAN, &super::codes::CARD];
    let addresses = [&super::codes::IPV4, &super::codes::IPV6, &super::people::STREET];
    let phones = [&super::phone::PHONE, &super::phone::DATE, &super::phone::SAYS_SO];
    let people = [&super::people::NAME, &super::people::INTRODUCED];
    let ids = super::national_id::ALL.iter().copied();
    let mut all = codes.into_iter().chain(addresses).chain(phones).chain(people).chain(ids);
    assert!(all.all(|pattern| pattern.is_some()));
}

#[test]
fn what_has_a_form_or_a_check_digit_is_found() {
    for (text, kind, what) in [
        ("write to jo.o'neil+x@mail.example.co.uk.", "email", "jo.o'neil+x@mail.example.co.uk"),
        ("pay DE89 3704 0044 0532 0130 00 now", "iban", "DE89 3704 0044 0532 0130 00"),
        ("IBAN GB82WEST12345698765432.", "iban", "GB82WEST12345698765432"),
        ("card 4111 1111 1111 1111", "card", "4111 1111 1111 1111"),
        ("amex 378282246310005,", "card", "378282246310005"),
        ("from 192.168.0.1", "ip", "192.168.0.1"),
        ("host [2001:db8::ff00:42:8329]", "ip", "2001:db8::ff00:42:8329"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("(415) 555-2671", "phone", "(415) 555-2671"),
        ("call 9498777106", "phone", "9498777106"),
        ("SSN 536-22-1234", "national_id", "536-22-1234"),
        ("DNI 12345678Z", "national_id", "12345678Z"),
        ("CF RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S"),
        ("NIR 2 55 08 14 168 025 38", "national_id", "2 55 08 14 168 025 38"),
        ("CPF 529.982.247-25", "national_id", "529.982.247-25"),
        ("Aadhaar 2341 2341 2346", "national_id", "2341 2341 2346"),
        ("AHV 756.9217.0769.85", "national_id", "756.9217.0769.85"),
        ("PESEL 44051401359", "national_id", "44051401359"),
        ("NINO AB 12 34 56 C", "national_id", "AB 12 34 56 C"),
        ("Dear Mrs. Ada van Dyk, ", "name", "Ada van Dyk"),
        ("12 Crown Street, Leeds", "address", "12 Crown Street"),
    ] {
        assert_eq!(found(text), [(kind, what.to_owned())], "{text}");
    }
}

#[test]
fn what_only_looks_alike_is_left_alone() {
    for text in [
        "on 2026-11-22 at 12:30:45",
        "order 9498777106",
        "card 4111 1111 1111 1112",
        "DE89 3704 0044 0532 0130 01",
        "version 10.2.3.4",
        "256.1.1.1",
        "pi is 3.14159265358979",
        "std::vec::Vec",
        "a@b",
        "2,500.00 EUR",
        "invoice 2024-000123",
        "000-12-3456",
        "12345678A",
        "The street was long.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

/// Found and right, found in all, there in all: over 496 labelled texts. Names and addresses are
/// printed too, so that nobody takes them for more than they are.
#[test]
fn the_share_of_labelled_personal_data_that_is_found_is_measured() {
    let data = "/../../../shared/data/guardrail_text/pii_spans.jsonl";
    let path = format!("{}{data}", env!("CARGO_MANIFEST_DIR"));
    let Ok(rows) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is absent");
        return;
    };
    let mut scores = BTreeMap::<&str, [u32; 3]>::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = row.get("text").and_then(Value::as_str).unwrap();
        let mut finds = Vec::new();
        PersonalData::all().find_in(&Text::plain(text), &mut finds);
        let spans = row.get("spans").and_then(Value::as_array).unwrap();
        let spans: Vec<_> = spans.iter().filter_map(|span| labelled(text, span)).collect();
        for (kind, _) in &spans {
            scores.entry(kind).or_default()[2] += 1;
        }
        for find in finds {
            let score = scores.entry(find.kind).or_default();
            score[1] += 1;
            let right = spans.iter().any(|(kind, span)| {
                *kind == find.kind && span.start < find.span.end && find.span.start < span.end
            });
            score[0] += u32::from(right);
            if !right {
                println!("  not labelled: {} {:?}", find.kind, find.text);
            }
        }
    }
    for (kind, [right, found, there]) in &scores {
        println!("{kind:12} right {right} of {found} found, {there} there");
    }
    for (kind, least) in [("email", 17), ("iban", 5), ("card", 40), ("phone", 20)] {
        assert!(scores.get(kind).is_some_and(|score| score[0] >= least), "{kind}");
    }
}

fn labelled(text: &str, span: &Value) -> Option<(&'static str, std::ops::Range<usize>)> {
    let kind = match span.get("type")?.as_str()? {
        "EMAIL_ADDRESS" => PersonalKind::Email,
        "IBAN_CODE" => PersonalKind::Iban,
        "CREDIT_CARD" => PersonalKind::Card,
        "PHONE_NUMBER" => PersonalKind::Phone,
        "PERSON" => PersonalKind::Name,
        "STREET_ADDRESS" => PersonalKind::Address,
        _ => return None,
    };
    let byte = |key: &str| {
        let at = span.get(key)?.as_u64()?;
        Some(text.char_indices().nth(at as usize).map_or(text.len(), |(byte, _)| byte))
    };
    Some((kind.name(), byte("start")?..byte("end")?))
}
