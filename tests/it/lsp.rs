//! `backstop lsp`, asked as an editor asks it: over a pipe, with texts that are not saved.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use backstop_tests::workspace::copy;
use backstop_tests::{Scratch, binary};
use serde_json::{Value, json};

/// An editor with one workspace open.
struct Client {
    child: Child,
    out: BufReader<ChildStdout>,
    folder: PathBuf,
    next: i64,
}

impl Client {
    fn new(folder: &Path) -> Self {
        let mut client = Self::started(folder);
        client.introduce();
        client
    }

    /// A server to which nothing was said yet.
    fn started(folder: &Path) -> Self {
        let mut child = Command::new(binary::path())
            .arg("lsp")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out, folder: folder.to_owned(), next: 1 }
    }

    fn introduce(&mut self) {
        let root = format!("file://{}", self.folder.display());
        let answer = self.ask("initialize", json!({"rootUri": root, "capabilities": {}}));
        assert_eq!(answer["serverInfo"]["name"], "backstop");
        self.tell("initialized", json!({}));
    }

    fn uri(&self, path: &str) -> String {
        format!("file://{}", self.folder.join(path).display())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let pipe = self.child.stdin.as_mut().unwrap();
        write!(pipe, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        pipe.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "the server is gone");
            match line.trim() {
                "" => break,
                line => {
                    if let Some(number) = line.strip_prefix("Content-Length: ") {
                        length = number.parse().unwrap();
                    }
                }
            }
        }
        let mut text = vec![0; length];
        self.out.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let message = self.until(|message| message["id"] == id);
        assert!(message.get("error").is_none(), "{message}");
        message["result"].clone()
    }

    /// The next message that fits.
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.read();
            if fits(&message) {
                return message;
            }
        }
    }

    fn open(&mut self, path: &str, text: &str) {
        let document =
            json!({"uri": self.uri(path), "languageId": "yaml", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": document}));
    }

    fn change(&mut self, path: &str, text: &str) {
        let document = json!({"uri": self.uri(path), "version": 2});
        let changes = json!([{"text": text}]);
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.tell("textDocument/didChange", params);
    }

    /// The next problems that are told of that file.
    fn problems(&mut self, path: &str) -> Vec<Value> {
        let uri = self.uri(path);
        let message = self.until(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
        });
        message["params"]["diagnostics"].as_array().unwrap().clone()
    }

    fn at(&mut self, method: &str, path: &str, text: &str, part: &str, behind: usize) -> Value {
        let before = &text[..text.find(part).unwrap() + behind];
        let line = before.matches('\n').count();
        let character = before.rsplit('\n').next().unwrap().encode_utf16().count();
        let document = json!({"uri": self.uri(path)});
        let position = json!({"line": line, "character": character});
        self.ask(method, json!({"textDocument": document, "position": position}))
    }

    fn goodbye(mut self) -> ExitStatus {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }
}

/// A copy of the sample workspace.
fn sample() -> Scratch {
    let scratch = Scratch::new("lsp");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["policies", "prompts"] {
        copy(&root.join(folder), &scratch.path().join(folder), &|text| text);
    }
    scratch
}

const POLICY: &str = "policies/invoice-triage.yaml";

fn text(scratch: &Scratch) -> String {
    fs::read_to_string(scratch.path().join(POLICY)).unwrap()
}

/// The line and column, in characters and from 1 as `check` counts them, of a place in the editor.
fn in_characters(text: &str, place: &Value) -> (u64, usize) {
    let line = place["line"].as_u64().unwrap();
    let units = place["character"].as_u64().unwrap() as usize;
    let units: Vec<u16> =
        text.lines().nth(line as usize).unwrap().encode_utf16().take(units).collect();
    (line + 1, String::from_utf16(&units).unwrap().chars().count() + 1)
}

#[test]
fn a_faulty_file_shows_what_check_prints_at_the_same_place_until_it_is_mended() {
    let scratch = sample();
    let good = text(&scratch);
    let bad = good
        .replace("queue: ap-review", "quue: ap-review")
        .replace("then: {escalate: fraud}", "then: {escalate: frond}")
        .replace("because: \"Vendor", "because: \"🦀 {{ output.vender }} Vendor");
    fs::write(scratch.path().join(POLICY), &bad).unwrap();
    let check = Command::new(binary::path())
        .args(["check", "--format", "json", "--workspace"])
        .arg(scratch.path())
        .env_clear()
        .output()
        .unwrap();
    let printed: Vec<Value> = serde_json::from_slice(&check.stdout).unwrap();
    assert!(printed.len() >= 3, "{printed:?}");

    let mut client = Client::new(scratch.path());
    client.open(POLICY, &bad);
    let shown = client.problems(POLICY);
    let as_shown = |one: &Value| {
        let (code, text) = (one["code"].to_string(), one["message"].as_str().unwrap().to_owned());
        let range = &one["range"];
        let (start, end) =
            (in_characters(&bad, &range["start"]), in_characters(&bad, &range["end"]));
        (code, text, start, end)
    };
    let as_printed = |one: &Value| {
        let place = |line: &str, column: &str| {
            (one[line].as_u64().unwrap(), one[column].as_u64().unwrap() as usize)
        };
        let message = one["message"].as_str().unwrap();
        let text = one["help"]
            .as_str()
            .map_or_else(|| message.to_owned(), |help| format!("{message}\nhelp: {help}"));
        let (start, end) = (place("line", "column"), place("end_line", "end_column"));
        (one["code"].to_string(), text, start, end)
    };
    let shown: Vec<_> = shown.iter().map(as_shown).collect();
    assert_eq!(shown, printed.iter().map(as_printed).collect::<Vec<_>>());

    client.change(POLICY, &good);
    assert!(client.problems(POLICY).is_empty(), "mended, though the disk still holds the mistakes");
    assert!(client.goodbye().success());
}

#[test]
fn a_mistake_is_told_while_it_is_typed_at_its_utf_16_place_and_mended_by_one_key() {
    let scratch = sample();
    let good = text(&scratch);
    let mut client = Client::new(scratch.path());
    client.open(POLICY, &good);
    let said = "because: \"{{ output.total_cents }} cents is above the approval limit\"";
    let bad = good.replace(said, "because: \"🦀 für {{ output.total_cent }}\"");
    assert_ne!(bad, good);
    client.change(POLICY, &bad);
    let problems = client.problems(POLICY);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = &problems[0];
    assert_eq!(problem["code"], "BS0701");
    assert_eq!(problem["severity"], 1);
    assert!(
        problem["message"].as_str().unwrap().contains("did you mean `total_cents`?"),
        "{problem}"
    );
    let line = bad[..bad.find("🦀").unwrap()].matches('\n').count();
    // The crab counts two, the umlaut one.
    let start = "    because: \"🦀 für {{ output.".encode_utf16().count();
    assert_eq!(problem["range"]["start"], json!({"line": line, "character": start}));
    assert_eq!(problem["range"]["end"], json!({"line": line, "character": start + 10}));

    let document = json!({"uri": client.uri(POLICY)});
    let params = json!({"textDocument": document, "range": problem["range"], "context": {"diagnostics": []}});
    let actions = client.ask("textDocument/codeAction", params);
    assert_eq!(actions[0]["title"], "Write `total_cents`");
    let edit = &actions[0]["edit"]["changes"][client.uri(POLICY)][0];
    assert_eq!((&edit["newText"], &edit["range"]), (&json!("total_cents"), &problem["range"]));

    client.change(POLICY, &good);
    assert!(client.problems(POLICY).is_empty(), "what was mended is taken back");
    assert!(client.goodbye().success());
}

#[test]
fn hover_completion_definition_symbols_and_layout_answer_over_the_pipe() {
    let scratch = sample();
    let good = text(&scratch);
    let mut client = Client::new(scratch.path());
    client.open(POLICY, &good);

    let hover = client.at("textDocument/hover", POLICY, &good, "output.total_cents > values", 10);
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(said.starts_with("`output.total_cents`: a whole number"), "{said}");

    let typed = good.replace("when: output.total_cents > values.approval_cents", "when: output.");
    client.change(POLICY, &typed);
    let found = client.at("textDocument/completion", POLICY, &typed, "when: output.\n", 13);
    let labels: Vec<_> =
        found["items"].as_array().unwrap().iter().map(|i| i["label"].clone()).collect();
    assert!(
        labels.contains(&json!("total_cents")) && labels.contains(&json!("route")),
        "{labels:?}"
    );

    client.change(POLICY, &good);
    let at = client.at("textDocument/definition", POLICY, &good, "prompt: invoice", 9);
    assert_eq!(at["uri"], client.uri("prompts/invoice-triage.md"));
    let at = client.at("textDocument/definition", POLICY, &good, "escalate: fraud", 12);
    assert_eq!(at["uri"], client.uri("policies/gateway.yaml"));
    let at = client.at("textDocument/definition", POLICY, &good, "output.total_cents > values", 10);
    assert_eq!(at["uri"], client.uri("policies/schemas/invoice-triage.json"));
    let schema =
        fs::read_to_string(scratch.path().join("policies/schemas/invoice-triage.json")).unwrap();
    let line = at["range"]["start"]["line"].as_u64().unwrap() as usize;
    assert!(schema.lines().nth(line).unwrap().contains("\"total_cents\""));

    let document = json!({"textDocument": {"uri": client.uri(POLICY)}});
    let symbols = client.ask("textDocument/documentSymbol", document.clone());
    let rules = symbols.as_array().unwrap().iter().find(|one| one["name"] == "rules").unwrap();
    assert_eq!(rules["children"][2]["name"], "unknown-vendor");

    let edits = client.ask("textDocument/formatting", document.clone());
    assert_eq!(edits, Value::Null, "the sample is laid out");
    client.change(POLICY, &good.replace("queue: ap-review", "queue:    ap-review"));
    let edits = client.ask("textDocument/formatting", document);
    assert_eq!(edits[0]["newText"].as_str(), Some(good.as_str()));
    assert!(client.goodbye().success());
}

#[test]
fn a_mistake_in_another_file_is_told_there_and_the_disk_counts_again_once_closed() {
    let scratch = sample();
    let mut client = Client::new(scratch.path());
    let schema = "policies/schemas/invoice-triage.json";
    let changed = fs::read_to_string(scratch.path().join(schema))
        .unwrap()
        .replace("total_cents", "sum_cents");
    client.open(schema, &changed);
    let problems = client.problems(POLICY);
    assert!(problems.len() > 2, "an unsaved schema is held against the policies: {problems:?}");
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": client.uri(schema)}}));
    assert!(client.problems(POLICY).is_empty());
    assert!(client.goodbye().success());
}

#[test]
fn a_suite_that_no_longer_fits_its_policy_is_told_as_check_tells_it() {
    let scratch = sample();
    let suite = "evals/mail/suite.yaml";
    fs::create_dir_all(scratch.path().join("evals/mail")).unwrap();
    fs::write(scratch.path().join(suite), "suite: mail\npolicy: no-such-policy\n").unwrap();
    let mut client = Client::new(scratch.path());
    client.open(POLICY, &text(&scratch));
    let problems = client.problems(suite);
    assert!(problems.iter().any(|one| one["severity"] == 1), "{problems:?}");
    let hover = json!({"textDocument": {"uri": client.uri(suite)}, "position": {"line": 1, "character": 2}});
    assert_eq!(client.ask("textDocument/hover", hover), Value::Null, "no key of ours");
    assert!(client.goodbye().success());
}

/// Why it matters: an editor's plug-in that sends one wrong message must not cost its user the
/// session.
#[test]
fn broken_and_oversized_messages_are_refused_and_the_next_one_is_answered() {
    let scratch = sample();
    let mut client = Client::new(scratch.path());
    let oversized = [b"Content-Length: 34000000\r\n\r\n".to_vec(), vec![b'x'; 34_000_000]].concat();
    let broken: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"Content-Length: 9\r\n\r\n{\"id\": 1,",
        b"Content-Length: 4\r\n\r\n\xff\xfe\x00\x01",
        b"Content-Length: 8\r\n\r\n[1, 2,3]",
        &oversized,
    ];
    for bytes in broken {
        client.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
        let refused =
            client.until(|message| message["id"].is_null() && message["error"].is_object());
        let code = refused["error"]["code"].as_i64().unwrap();
        assert!([-32_700, -32_600].contains(&code), "{refused}");
        let hover = client.at("textDocument/hover", POLICY, &text(&scratch), "deadline", 2);
        assert!(hover["contents"]["value"].as_str().unwrap().contains("automatic part"), "{hover}");
    }
    assert!(client.goodbye().success());
}

#[test]
fn nothing_is_answered_before_the_introduction_and_after_the_goodbye() {
    let scratch = sample();
    let mut client = Client::started(scratch.path());
    let early = json!({"jsonrpc": "2.0", "id": 1, "method": "textDocument/hover", "params": {}});
    client.send(&early);
    assert_eq!(client.read()["error"]["code"], -32_002);
    client.introduce();
    client.send(&json!({"jsonrpc": "2.0", "id": "again", "method": "initialize", "params": {}}));
    assert_eq!(client.until(|one| one["id"] == "again")["error"]["code"], -32_600);
    client.ask("shutdown", Value::Null);
    client.send(&json!({"jsonrpc": "2.0", "id": "late", "method": "textDocument/hover"}));
    assert_eq!(client.until(|one| one["id"] == "late")["error"]["code"], -32_600);
    client.tell("exit", Value::Null);
    assert!(client.child.wait().unwrap().success());
}

#[test]
fn nonsense_is_answered_with_an_error_and_a_closed_pipe_ends_it() {
    let scratch = sample();
    let mut client = Client::new(scratch.path());
    client.send(&json!({"jsonrpc": "2.0", "id": 77, "method": "no/such", "params": {}}));
    let answer = client.until(|message| message["id"] == 77);
    assert_eq!(answer["error"]["code"], -32601);
    let nowhere = json!({"textDocument": {"uri": "file:///nowhere.yaml"}, "position": {"line": 9, "character": 9}});
    assert_eq!(client.ask("textDocument/hover", nowhere), Value::Null);
    assert_eq!(client.ask("textDocument/hover", json!({"textDocument": 1})), Value::Null);
    for broken in ["", "a: [", "\u{feff}", "rules:\n  - {when: \"", "policy: 🦀\n  x", "---\n---\n"]
    {
        client.change(POLICY, broken);
        for method in ["textDocument/hover", "textDocument/completion", "textDocument/definition"] {
            let document = json!({"uri": client.uri(POLICY)});
            let position = json!({"line": 1, "character": 400});
            client.ask(method, json!({"textDocument": document, "position": position}));
        }
    }
    drop(client.child.stdin.take());
    assert_eq!(client.child.wait().unwrap().code(), Some(1), "nobody said goodbye");
}
