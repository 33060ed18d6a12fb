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
        for opening in ["say(", "tell("] {
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
