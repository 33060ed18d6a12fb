//! The authors' guide (`policies/README.md`): what it shows behind `$` is what the commands print.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use backstop_tests::workspace::copy;
use backstop_tests::{Scratch, binary, gateway};

const CALLED: [&str; 3] = ["mail-doubtful.txt", "mail-sure.txt", "mail-odd.txt"];

/// A copy of the sample workspace, with the demo's recorded answers.
fn sample() -> Scratch {
    let scratch = Scratch::new("guide");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["policies", "prompts", "evals/demo/recorded"] {
        copy(&root.join(folder), &scratch.path().join(folder), &|text| text);
    }
    scratch
}

fn backstop(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(binary::path());
    command.args(arguments).current_dir(folder).env_clear();
    command
}

fn printed(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Ended when it is dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a gateway take the calls that the guide speaks of; the id of the first.
fn called(folder: &Path) -> String {
    let recorded = "evals/demo/recorded";
    let mut serve = backstop(&["serve", "--listen", "127.0.0.1:0", "--recorded", recorded], folder);
    let mut serving = Serving(serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let url = gateway::listening(serving.0.stdout.take().unwrap()).expect("it listens");
    let ids = CALLED.map(|file| {
        let input = format!("policies/fixtures/{file}");
        let call = ["call", "mail-triage", "--url", url.as_str(), "--input", input.as_str()];
        let told = printed(backstop(&call, folder));
        let call: serde_json::Value = serde_json::from_str(&told).unwrap();
        call["id"].as_str().unwrap().to_owned()
    });
    ids.into_iter().next().unwrap()
}

/// The blocks that begin with a command: the command, and what it prints.
fn transcripts(guide: &str) -> Vec<(&str, &str)> {
    let blocks = guide.split("```\n").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix("$ backstop ")?.split_once('\n')).collect()
}

/// Whether `text` is what the guide shows: `…` stands for anything in a line, alone in its line for
/// any lines. How long a step took is nobody's promise.
fn shows(guide: &str, text: &str) -> bool {
    let plain = |text: &str| text.lines().map(untimed).collect::<Vec<_>>();
    lines_fit(&plain(guide), &plain(text))
}

/// The line without the time that it begins with or tells of.
fn untimed(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let timed = |at: usize| words.get(at + 1) == Some(&"ms");
    if !(0..words.len()).any(timed) {
        return line.to_owned();
    }
    let kept = words.iter().enumerate().filter(|(at, word)| !timed(*at) && !word.is_empty());
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

fn lines_fit(guide: &[String], text: &[String]) -> bool {
    match (guide.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "…" => {
            (0..=text.len()).any(|skipped| lines_fit(rest, &text[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            line_fits(first, line) && lines_fit(rest, others)
        }
        _ => false,
    }
}

fn line_fits(guide: &str, line: &str) -> bool {
    let Some((start, end)) = guide.split_once('…') else { return guide == line };
    line.len() >= start.len() + end.len() && line.starts_with(start) && line.ends_with(end)
}

#[test]
fn what_the_guide_shows_is_what_the_commands_print() {
    let scratch = sample();
    let folder = scratch.path();
    let guide = fs::read_to_string(folder.join("policies/README.md")).unwrap();
    let call = called(folder);
    printed(backstop(&["init", "shop"], folder));
    let transcripts = transcripts(&guide);
    assert!(transcripts.len() >= 7, "{transcripts:?}");
    let mut wrong = Vec::new();
    for (command, shown) in transcripts {
        if command.starts_with("diff") {
            let path = folder.join("policies/mail-triage.yaml");
            let policy = fs::read_to_string(&path).unwrap();
            fs::write(path, policy.replace("spam-lr: 0.90", "spam-lr: 0.97")).unwrap();
        }
        let id = |word| if str::starts_with(word, "call_") { call.as_str() } else { word };
        let words: Vec<&str> = command.split(' ').map(id).collect();
        let told = printed(backstop(&words, folder));
        if !shows(shown, &told) {
            wrong.push(format!("$ backstop {command}\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "the guide shows something else than\n{}", wrong.join("\n"));
}

#[test]
fn a_word_that_is_not_printed_is_seen() {
    assert!(shows("a\n…\nd 3 ms\n", "a\nb\nc\nd 17 ms\n"));
    assert!(shows("id …, done\n", "id call_1, done\n"));
    assert!(!shows("a\n…\n", "b\n"));
    assert!(!shows("a\nb\n", "a\n"));
    assert!(!shows("accepted in 3 ms\n", "refused in 3 ms\n"));
}
