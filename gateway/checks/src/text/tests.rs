//! Stories about walking, masking, words, patterns and sizes.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "figures and skips are printed")]

use serde_json::json;

use super::pattern::PatternError;
use super::{Finds, Pattern, PersonalData, Secrets, Size, SizeLimit, Words, mask};

fn words(list: &[&str], whole: bool) -> Words {
    let list: Vec<String> = list.iter().map(|&word| word.to_owned()).collect();
    Words::compile(&list, whole).unwrap()
}

fn texts_found(judge: &impl Finds, text: &str) -> Vec<String> {
    judge.find(&json!(text)).into_iter().map(|found| found.text).collect()
}

#[test]
fn finds_say_where_they_stand_and_are_masked_there() {
    let mut value = json!({
        "to/me": ["Ünï a@b.example, c@d.example", 7],
        "card": 4_111_111_111_111_111_u64,
        "note": "pay DE89370400440532013000 or call +44 20 7946 0958",
    });
    let found = PersonalData::all().find(&value);
    let places: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.kind)).collect();
    assert_eq!(
        places,
        [
            ("/to~1me/0", "email"),
            ("/to~1me/0", "email"),
            ("/card", "card"),
            ("/note", "iban"),
            ("/note", "phone"),
        ]
    );
    mask(&mut value, &found).unwrap();
    assert_eq!(
        value,
        json!({
            "to/me": ["Ünï [email], [email]", 7],
            "card": "[card]",
            "note": "pay [iban] or call [phone]",
        })
    );
    assert!(PersonalData::all().find(&value).is_empty());
}

#[test]
fn overlapping_finds_are_masked_as_one() {
    let mut value = json!("x password=abcdef@host y");
    let mut found = Secrets::all().find(&value);
    found.extend(words(&["word=abc"], false).find(&value));
    mask(&mut value, &found).unwrap();
    assert_eq!(value, json!("x pass[password] y"));
}

#[test]
fn a_find_that_stands_elsewhere_is_refused_not_ignored() {
    let found = PersonalData::all().find(&json!(["a@b.example"]));
    assert!(mask(&mut json!({"x": 1}), &found).is_err());
    assert!(mask(&mut json!(["a@b"]), &found).is_err());
    assert!(mask(&mut json!([null]), &found).is_err());
}

#[test]
fn names_of_fields_are_judged_for_secrets_and_personal_data_and_cannot_be_masked() {
    let mut value =
        json!({"a@b.example": {"refund": 1}, "db_password": "hunter2222", "pwd": "$PWD"});
    let found = PersonalData::all().find(&value);
    assert_eq!(found.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["/a@b.example"]);
    assert!(mask(&mut value.clone(), &found).unwrap_err().message.contains("name"));
    assert!(words(&["refund"], true).find(&value).is_empty());
    let found = Secrets::all().find(&value);
    mask(&mut value, &found).unwrap();
    assert_eq!(value.get("db_password"), Some(&json!("[password]")));
    assert_eq!(value.get("pwd"), Some(&json!("$PWD")));
}

#[test]
fn a_text_full_of_finds_takes_no_more_than_its_length() {
    for piece in
        ["a@b.example ", "-----BEGIN PRIVATE KEY-----\n", "[a] ", "{a} ", "+44 20 7946 0958 "]
    {
        let text = json!(piece.repeat(4_000));
        assert!(PersonalData::all().find(&text).len() <= super::FOUND_MAX);
        assert!(Secrets::all().find(&text).len() <= super::FOUND_MAX);
        assert!(crate::read_json(text.as_str().unwrap()).is_err());
    }
}

#[test]
fn whole_words_are_told_by_unicode_and_case_does_not_matter() {
    let list = words(&["refund", "straße", "C++", "no  way"], true);
    assert_eq!(texts_found(&list, "REFUND, refunds, prerefund, refund_x"), ["REFUND"]);
    assert_eq!(texts_found(&list, "Die STRAßE. Straßen"), ["STRAßE"]);
    assert_eq!(texts_found(&list, "C++! No\n way. Refundé"), ["C++", "No\n way"]);
    assert_eq!(texts_found(&words(&["fund"], false), "refunds"), ["fund"]);
    assert_eq!(texts_found(&words(&["ab", "b c"], true), "xab c b c"), ["b c"]);
}

#[test]
fn a_list_of_words_that_could_find_nothing_is_refused() {
    assert!(Words::compile(&[], true).is_err());
    assert!(Words::compile(&["a".into(), "  ".into()], true).is_err());
}

#[test]
fn a_pattern_is_linted_for_the_usual_mistakes() {
    let refused = |source: &str| Pattern::compile(source).unwrap_err();
    assert_eq!(refused("(a+)+"), PatternError::NestedRepetition);
    assert_eq!(refused("x(?:(\\w*))*y"), PatternError::NestedRepetition);
    assert_eq!(refused("[^refund]"), PatternError::WordInClass("[^refund]".into()));
    assert_eq!(refused("[yes|maybe]"), PatternError::WordInClass("[yes|maybe]".into()));
    assert_eq!(refused("a*"), PatternError::Empty);
    assert!(matches!(refused("(?=a)"), PatternError::Syntax(_)));
    assert!(matches!(refused("(a"), PatternError::Syntax(_)));
    assert!(Pattern::compile("((a{500}){50}){50}").is_err());
    for fine in [
        "[^aeiou]x",
        "[^,;]+",
        "(?i)refund (was|has been)",
        "(ab+)+",
        "^$",
        "[a-z]+@",
        r"\[^refund",
    ] {
        assert!(Pattern::compile(fine).is_ok(), "{fine}");
    }
}

#[test]
fn a_pattern_finds_every_place() {
    let pattern = Pattern::compile(r"\d{4}").unwrap();
    assert_eq!(texts_found(&pattern, "1234 x 5678"), ["1234", "5678"]);
    assert!(pattern.is_match("12345") && !pattern.is_match("123"));
}

#[test]
fn sizes_are_measured_and_compared() {
    let size = Size::of(&json!(["äb", {"k": "cd"}, 12]));
    assert_eq!((size.chars, size.items), (6, 3));
    let limit = SizeLimit { chars: Some(5), items: Some(3), ..SizeLimit::default() };
    assert_eq!(limit.exceeded(&size).as_deref(), Some("6 characters, at most 5 are allowed"));
    assert_eq!(SizeLimit::default().exceeded(&size), None);
}

/// Prompts and mails that hold no secret of ours, some written by attackers: what is found in them
/// is printed to be looked at, and must stay rare.
#[test]
fn texts_without_secrets_seldom_set_off_the_search_for_them() {
    let (mut texts, mut finds) = (0, 0);
    for file in ["prompts.jsonl", "pii_spans.jsonl"] {
        let data = "/../../../shared/data/guardrail_text";
        let path = format!("{}{data}/{file}", env!("CARGO_MANIFEST_DIR"));
        let Ok(rows) = std::fs::read_to_string(&path) else {
            println!("skipped: {path} is absent");
            return;
        };
        for row in rows.lines() {
            let row: serde_json::Value = serde_json::from_str(row).unwrap();
            texts += 1;
            for found in Secrets::all().find(row.get("text").unwrap()) {
                finds += 1;
                println!("  {} {} in {}", found.kind, found.text, row.get("id").unwrap());
            }
        }
    }
    println!("{finds} finds in {texts} texts");
    assert!(finds * 50 < texts, "{finds} finds in {texts} texts");
}

#[test]
fn a_pattern_that_probably_says_something_else_is_doubted_at_its_place() {
    let table: &[(&str, &str, &str)] = &[
        ("role: [admin]", "[admin]", "write `admin` without the brackets"),
        (r"https?://example.com/", "example.com", r"write `example\.com`"),
        (r"api-1.internal.io", "internal.io", r"write `internal\.io`"),
        ("10.0.0.1", "10.0", r"write `10\.0`"),
        ("/secret/i", "/secret/i", "write `(?i)secret`"),
        (r"order \\d+", r"\\d", r"write `\d` with one backslash"),
        ("^yes|no$", "^yes|no$", "write `^(?:yes|no)$` to hold all of it"),
    ];
    for (source, part, help) in table {
        let found = super::doubts(source);
        let told: Vec<_> = found
            .iter()
            .map(|doubt| (source.get(doubt.range.clone()), doubt.help.as_str()))
            .collect();
        assert_eq!(told, [(Some(*part), *help)], "{source}");
    }
}

#[test]
fn usual_patterns_are_not_doubted() {
    for fine in [
        "[aeiou]",
        "[aeiouAEIOU]",
        "[A-Za-z0-9]",
        "[^abc]",
        "[ACGT]{4,}",
        "[XVI]+",
        "[IVXLCDM]+",
        r"example\.com",
        r"[a-z]+.com",
        r"\w+@\w+\.com",
        "wait...",
        "v1.2",
        "and/or",
        "/etc/passwd",
        "^yes$|^no$",
        "^(?:yes|no)$",
        "yes|no$",
        r"\\path",
        "(?i)do not (share|forward)",
        r"\d.\d",
        "[äöüß]",
        "e.g. this",
        "3.5 de",
        "node.develop",
    ] {
        assert_eq!(super::doubts(fine), [], "{fine}");
    }
}

#[test]
fn a_form_that_must_occur_is_doubted_without_anchors_and_a_phrase_is_not() {
    let help = |source: &str| super::unanchored(source).map(|doubt| doubt.help);
    let wanted = "write `^(?:[A-Z]{2}\\d{4})$` if it is the whole text that has this form";
    assert_eq!(help(r"[A-Z]{2}\d{4}").as_deref(), Some(wanted));
    for fine in [r"^[A-Z]{2}\d{4}$", "(?i)no (legal|medical) advice", r"\bRef \d+\b", "yes|no"] {
        assert_eq!(help(fine), None, "{fine}");
    }
}
