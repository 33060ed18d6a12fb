//! One editor's session: what it says, in which order it may say it, and the replies.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::answers;
use super::desk::Desk;
use super::wire::{self, Incoming};

/// Why a request was not answered: the protocol's numbers.
const PARSE_ERROR: i32 = -32_700;
const INVALID_REQUEST: i32 = -32_600;
const METHOD_NOT_FOUND: i32 = -32_601;
const INTERNAL_ERROR: i32 = -32_603;
const NOT_INITIALIZED: i32 = -32_002;

/// What a message asked for beside its reply.
pub enum Heard {
    /// Problems may have changed.
    Change,
    /// Nothing more.
    Other,
    /// The editor leaves, and whether it said so first.
    Goodbye(ExitCode),
}

/// A session with one editor.
pub struct Session<W> {
    out: W,
    /// The workspace, once the editor has introduced itself.
    desk: Option<Desk>,
    /// Whether it has asked to shut down.
    leaving: bool,
}

impl<W: Write> Session<W> {
    /// A session that speaks to `out`.
    pub fn new(out: W) -> Self {
        Self { out, desk: None, leaving: false }
    }

    /// Takes in one message and replies to it, if it asks.
    pub fn hear(&mut self, incoming: Incoming) -> io::Result<Heard> {
        let message = match incoming {
            Incoming::Message(message) => message,
            Incoming::Nonsense(why) => {
                self.refuse(&Value::Null, PARSE_ERROR, &why)?;
                return Ok(Heard::Other);
            }
        };
        let params = message.get("params").unwrap_or(&Value::Null);
        match (message.get("method").and_then(Value::as_str), message.get("id")) {
            (Some(method), Some(id)) => self.request(id, method, params),
            (Some(method), None) => Ok(self.notice(method, params)),
            // A reply: we ask nothing, so it is to nothing.
            (None, _) if message.get("result").or_else(|| message.get("error")).is_some() => {
                Ok(Heard::Other)
            }
            (None, id) => {
                let why = "a message needs a `method`";
                self.refuse(id.unwrap_or(&Value::Null), INVALID_REQUEST, why)?;
                Ok(Heard::Other)
            }
        }
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value) -> io::Result<Heard> {
        match (&mut self.desk, method) {
            _ if self.leaving => self.refuse(id, INVALID_REQUEST, "this session has ended")?,
            (None, "initialize") => {
                self.desk = Some(Desk::new(params));
                self.reply(id, &introduction())?;
                return Ok(Heard::Change);
            }
            (None, _) => self.refuse(id, NOT_INITIALIZED, "`initialize` comes first")?,
            (Some(_), "initialize") => {
                self.refuse(id, INVALID_REQUEST, "`initialize` has been answered")?;
            }
            (Some(_), "shutdown") => {
                self.leaving = true;
                self.reply(id, &Value::Null)?;
            }
            (Some(desk), method) => {
                // A mistake of ours in one file must not take the editor's server away.
                let found =
                    catch_unwind(AssertUnwindSafe(|| answers::answer(desk, method, params)));
                match found {
                    Ok(Some(result)) => self.reply(id, &result)?,
                    Ok(None) => {
                        let why = format!("`{method}` is not answered here");
                        self.refuse(id, METHOD_NOT_FOUND, &why)?;
                    }
                    Err(_) => {
                        let why = "this could not be answered; please report it with the file";
                        self.refuse(id, INTERNAL_ERROR, why)?;
                    }
                }
            }
        }
        Ok(Heard::Other)
    }

    fn notice(&mut self, method: &str, params: &Value) -> Heard {
        if method == "exit" {
            let code = if self.leaving { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            return Heard::Goodbye(code);
        }
        let Some(desk) = &mut self.desk else { return Heard::Other };
        if noted(desk, method, params) { Heard::Change } else { Heard::Other }
    }

    /// Tells the problems of every file that has some, or had.
    pub fn tell(&mut self) -> io::Result<()> {
        let Some(desk) = &mut self.desk else { return Ok(()) };
        let found = catch_unwind(AssertUnwindSafe(|| desk.problems()));
        let trouble = match &found {
            Ok(_) => desk.trouble.take(),
            Err(_) => {
                Some("these files could not be checked; please report it with them".to_owned())
            }
        };
        for params in found.unwrap_or_default() {
            self.say("textDocument/publishDiagnostics", &params)?;
        }
        match trouble {
            Some(trouble) => {
                self.say("window/showMessage", &json!({"type": 1, "message": trouble}))
            }
            None => Ok(()),
        }
    }

    fn reply(&mut self, id: &Value, result: &Value) -> io::Result<()> {
        wire::write(&mut self.out, &json!({"jsonrpc": "2.0", "id": id, "result": result}))
    }

    fn refuse(&mut self, id: &Value, code: i32, message: &str) -> io::Result<()> {
        let error = json!({"code": code, "message": message});
        wire::write(&mut self.out, &json!({"jsonrpc": "2.0", "id": id, "error": error}))
    }

    fn say(&mut self, method: &str, params: &Value) -> io::Result<()> {
        wire::write(&mut self.out, &json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }
}

/// What we are and can do.
fn introduction() -> Value {
    json!({
        "capabilities": {
            // Whole texts: they are small, and a lost edit cannot put us out of step.
            "textDocumentSync": {"openClose": true, "change": 1, "save": true},
            "hoverProvider": true,
            "completionProvider": {"triggerCharacters": [".", " ", "[", "{"]},
            "definitionProvider": true,
            "documentSymbolProvider": true,
            "documentFormattingProvider": true,
            "codeActionProvider": {"codeActionKinds": ["quickfix"]},
        },
        "serverInfo": {"name": "backstop", "version": env!("CARGO_PKG_VERSION")},
    })
}

/// Takes in what the editor says of its files; whether problems may have changed.
fn noted(desk: &mut Desk, method: &str, params: &Value) -> bool {
    let text_of = |pointer: &str| params.pointer(pointer).and_then(Value::as_str);
    if method == "workspace/didChangeWatchedFiles" {
        desk.reread();
        return true;
    }
    let Some(uri) = text_of("/textDocument/uri") else { return false };
    match method {
        "textDocument/didOpen" => text_of("/textDocument/text").is_some_and(|t| desk.open(uri, t)),
        "textDocument/didChange" => {
            let changes = params.get("contentChanges").and_then(Value::as_array);
            let last = changes.and_then(|changes| changes.last());
            let text = last.and_then(|change| change.get("text")).and_then(Value::as_str);
            text.is_some_and(|text| desk.open(uri, text))
        }
        "textDocument/didClose" => desk.close(uri),
        "textDocument/didSave" => {
            desk.reread();
            true
        }
        _ => false,
    }
}
