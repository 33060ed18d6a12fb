//! Who is spoken to in which language, and the list for translators.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use super::*;

fn tongues(files: &[(&str, &str)]) -> Result<Tongues, String> {
    let tongues = Tongues::default();
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    tongues.reload(&files.collect())?;
    Ok(tongues)
}

fn best(tongues: &Tongues, accepts: &str) -> String {
    tongues.best(accepts).map_or_else(|| "en".to_owned(), |tongue| tongue.code.clone())
}

#[test]
fn a_reader_gets_the_language_that_they_ask_for_first_of_those_that_there_are() {
    let two = [("policies/words/de.json", "{}"), ("policies/words/pt-br.json", "{}")];
    let tongues = tongues(&two).unwrap();
    for (accepts, gets) in [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, de;q=0.4, en;q=0.7", "en"),
        ("pt-BR", "pt-br"),
        ("pt", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("", "en"),
        (";;q=x,,", "en"),
    ] {
        assert_eq!(best(&tongues, accepts), gets, "{accepts}");
    }
}

#[tokio::test]
async fn what_a_language_does_not_say_stays_english() {
    let own = r#"{"Sign out": "Abmelden", "No page says this": "x"}"#;
    let tongues = tongues(&[("policies/words/de.json", own)]).unwrap();
    let said =
        READER.scope(tongues.best("de"), async { (say("Sign out"), say("Reviews"), code()) });
    let (out, reviews, code) = said.await;
    assert_eq!((&*out, &*reviews, &*code), ("Abmelden", "Reviews", "de"));
    assert_eq!((&*say("Sign out"), &*super::code()), ("Sign out", "en"), "nobody is answered");
}

#[tokio::test]
async fn a_sentence_that_lost_a_place_stays_english_for_it_would_leave_a_fact_out() {
    let english = "Releases this answer to {caller}.{undo}";
    let lost = serde_json::json!({ english: "Gibt die Antwort frei.{undo}" }).to_string();
    let right = serde_json::json!({ english: "{undo} An {caller} geht die Antwort." }).to_string();
    for (file, told) in
        [(lost, "Releases this answer to sdk. Now."), (right, " Now. An sdk geht die Antwort.")]
    {
        let tongues = tongues(&[("policies/words/de.json", &file)]).unwrap();
        let said = READER.scope(tongues.best("de"), async {
            tell(english, &[("caller", "sdk"), ("undo", " Now.")])
        });
        assert_eq!(said.await, told);
    }
}

#[test]
fn what_is_no_language_is_refused_with_its_place() {
    for (path, text, why) in [
        ("policies/words/German.json", "{}", "like `de.json`"),
        ("policies/words/de.json", "[]", "`policies/words/de.json` is not an object"),
    ] {
        let refused = tongues(&[(path, text)]).map(drop).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

/// Every sentence of the code and the pages, by which function says it.
fn said() -> BTreeSet<String> {
    let mut texts = Vec::new();
    gather(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut said = BTreeSet::new();
    for text in texts {
        for opening in ["say(", "tell(", "phrase("] {
            for rest in text.split(opening).skip(1) {
                let Some(rest) = rest.trim_start().strip_prefix('"') else { continue };
                // As the compiler reads it: an escape, and a line that goes on.
                let mut sentence = String::new();
                let mut letters = rest.chars();
                while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
                    match letter {
                        '\\' => match letters.next() {
                            Some('\n') => {
                                let left = letters.as_str().trim_start();
                                letters = left.chars();
                            }
                            Some('u') => {
                                let (code, left) = letters.as_str()[1..].split_once('}').unwrap();
                                let code = u32::from_str_radix(code, 16).unwrap();
                                sentence.extend(char::from_u32(code));
                                letters = left.chars();
                            }
                            Some(other) => sentence.push(other),
                            None => {}
                        },
                        letter => sentence.push(letter),
                    }
                }
                said.insert(sentence);
            }
        }
    }
    said
}

fn gather(folder: &std::path::Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, texts);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "html")
            && !path.ends_with("tests.rs")
        {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by it to write the list anew")]
fn the_list_for_translators_has_every_sentence_once() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tongue/english.json");
    let list: BTreeMap<String, String> = said().into_iter().map(|one| (one.clone(), one)).collect();
    let text = serde_json::to_string_pretty(&list).unwrap() + "\n";
    if std::env::var_os("BACKSTOP_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(is == text, "english.json is not what pages say; BACKSTOP_BLESS=1 writes it anew");
}

/// What a page says by itself, in no reader's language: words between its tags, and in attributes
/// that people read or hear. Names of keys and commands are the same in all.
fn unsaid(page: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        let end = match after.chars().next() {
            Some('{') => "}}",
            Some('%') => "%}",
            _ => "#}",
        };
        rest = after.split_once(end).unwrap().1;
    }
    plain.push_str(rest);
    let is_word = |text: &str| {
        text.split(|letter: char| !letter.is_alphabetic()).any(|word| word.chars().count() > 1)
    };
    let mut unsaid = Vec::new();
    for piece in plain.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap_or_default();
        if is_word(text) && !["kbd", "code"].contains(&name) {
            unsaid.push(text.trim().to_owned());
        }
        for attribute in ["aria-label", "placeholder", "title", "alt"] {
            let value = tag.split(&format!(" {attribute}=\"")).nth(1);
            let value = value.and_then(|value| value.split('"').next()).unwrap_or_default();
            if is_word(value) {
                unsaid.push(value.to_owned());
            }
        }
    }
    unsaid
}

#[test]
fn every_word_of_a_page_is_in_the_readers_language() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/desk/pages");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(pages).unwrap() {
        let path = entry.unwrap().path();
        let unsaid = unsaid(&std::fs::read_to_string(&path).unwrap());
        found.extend(unsaid.into_iter().map(|words| format!("{}: {words}", path.display())));
    }
    assert!(found.is_empty(), "say these by `say` or `phrase`: {found:#?}");
    assert_eq!(unsaid("<p>{{ x }} wait <b title=\"a word\">1</b></p>"), ["wait", "a word"]);
}

#[test]
fn what_is_put_into_a_sentence_is_escaped_and_so_is_the_sentence() {
    let told = phrase("{who} holds this review until {time}. You can read it, and comment.");
    let told = told.strong("who", "<script>").time("time", "\"", "now & then").to_string();
    let expected = "<b>&#60;script&#62;</b> holds this review until \
                    <time datetime=\"&#34;\">now &#38; then</time>. You can read it, and comment.";
    assert_eq!(told, expected);
}

#[test]
fn names_between_backticks_are_marked_up_and_everything_is_escaped() {
    for (words, html) in [
        ("asked `steady` <twice>", "asked <code>steady</code> &#60;twice&#62;"),
        ("`a` and `<b>`", "<code>a</code> and <code>&#60;b&#62;</code>"),
        ("one ` alone, `so`", "one <code> alone, </code>so`"),
        ("none", "none"),
    ] {
        assert_eq!(named(words).to_string(), html);
    }
}

#[tokio::test]
async fn a_sentence_with_values_in_the_middle_is_said_in_the_readers_order() {
    let own = r#"{"{count} over time": "über die Zeit: {count} <b>"}"#;
    let tongues = tongues(&[("policies/words/de.json", own)]).unwrap();
    let said = READER.scope(tongues.best("de"), async {
        phrase("{count} over time").put("count", 3).to_string()
    });
    assert_eq!(said.await, "über die Zeit: 3 &#60;b&#62;");
}

/// What is for no reader: a reason that stands in the record, the name of a secret, a kind of field.
const FOR_NO_READER: [&str; 3] = ["an operator stopped it", "sessions of the desk", "whole number"];

/// Files whose words are for the log: what is asked of a provider, and why its word does not count.
const FOR_THE_LOG: [&str; 7] = ["attempt", "fetch", "flow", "keys", "provider", "token", "why"];

/// Words of the code that pages show and that are not said in the reader's language, if there are
/// any: texts of two words or more that go through none of the three.
fn unsaid_in_code() -> Vec<String> {
    let desk = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/desk");
    let mut files = Vec::new();
    sources(&desk, &mut files);
    let mut found = Vec::new();
    let logs =
        |name: &str| FOR_THE_LOG.iter().any(|file| name.ends_with(&format!("oidc/{file}.rs")));
    for (name, text) in files.into_iter().filter(|(name, _)| !logs(name)) {
        let text = text.split("\n#[cfg(test)]").next().unwrap().to_owned();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.trim();
            if code.starts_with("//") || code.starts_with("#[") {
                continue;
            }
            // What is said, or is for another than the reader, says so on its line or above it.
            let around = lines.get(at.saturating_sub(3)..=at).unwrap().join("\n");
            let passes = [
                "say(",
                "tell(",
                "phrase(",
                "detail",
                "tracing::",
                "Problem::",
                "policy",
                "error(",
                "cookie",
                "header",
                "Stream::",
                "HeaderValue",
                "POLICY",
            ];
            if passes.iter().any(|pass| around.contains(pass)) {
                continue;
            }
            for text in line.split('"').skip(1).step_by(2) {
                let words = text.split(' ').filter(|word| {
                    word.len() > 1 && word.chars().all(|letter| letter.is_ascii_lowercase())
                });
                if words.count() > 1 && !FOR_NO_READER.contains(&text) {
                    found.push(format!("{name}:{}: {text}", at + 1));
                }
            }
        }
    }
    found
}

fn sources(folder: &std::path::Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_code_of_the_desk_shows_a_sentence_of_its_own() {
    let found = unsaid_in_code();
    assert!(found.is_empty(), "say these by `say` or `tell`: {found:#?}");
}
