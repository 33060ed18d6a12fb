//! What the editor asks, and the answers in its words.

use backstop_policy::diagnostics::Code;
use backstop_policy::editor::{Completion, Offer, Symbol, SymbolKind, fix, outline};
use backstop_policy::format::{FileKind, format};
use backstop_policy::{FileId, Problem, Report, Sources, yaml};
use serde_json::{Value, json};

use super::desk::Desk;
use super::positions::{byte, range, whole};
use super::problems;

/// The answer to a request; `None` if it is one that we do not answer.
pub fn answer(desk: &mut Desk, method: &str, params: &Value) -> Option<Value> {
    let found = match method {
        "textDocument/hover" => hover(desk, params),
        "textDocument/completion" => completion(desk, params),
        "textDocument/definition" => definition(desk, params),
        "textDocument/documentSymbol" => symbols(desk, params),
        "textDocument/formatting" => formatting(desk, params),
        "textDocument/codeAction" => actions(desk, params),
        _ => return None,
    };
    // A file that is none of ours, or a place where nothing stands.
    Some(found.unwrap_or(Value::Null))
}

fn uri(params: &Value) -> Option<&str> {
    params.pointer("/textDocument/uri")?.as_str()
}

/// The file and the byte that a request is about.
fn place(desk: &Desk, params: &Value) -> Option<(FileId, u32)> {
    let file = desk.file(uri(params)?)?;
    let at = byte(desk.sources().text(file), params.get("position")?)?;
    Some((file, u32::try_from(at).ok()?))
}

fn hover(desk: &mut Desk, params: &Value) -> Option<Value> {
    let (file, at) = place(desk, params)?;
    let (editor, sources) = desk.parts();
    let hover = editor.hover(sources, file, at)?;
    let contents = json!({"kind": "markdown", "value": hover.text});
    Some(json!({"contents": contents, "range": range(sources, hover.span)}))
}

fn completion(desk: &mut Desk, params: &Value) -> Option<Value> {
    let (file, at) = place(desk, params)?;
    let (editor, sources) = desk.parts();
    let found = editor.complete(sources, file, at);
    let items = found.iter().enumerate().map(|(rank, one)| item(sources, one, rank));
    Some(json!({"isIncomplete": false, "items": items.collect::<Vec<_>>()}))
}

fn item(sources: &Sources, one: &Completion, rank: usize) -> Value {
    let kind = match one.offer {
        Offer::Key => 10,
        Offer::Word => 20,
        Offer::Name => 18,
        Offer::File => 17,
        Offer::Field => 5,
        Offer::Function => 3,
        Offer::Value => 12,
    };
    let text = one.insert.as_ref().unwrap_or(&one.label);
    json!({
        "label": one.label,
        "kind": kind,
        "detail": one.detail,
        "documentation": {"kind": "markdown", "value": one.doc},
        // In the order of the tables, not of the alphabet.
        "sortText": format!("{rank:04}"),
        "filterText": one.label,
        "textEdit": {"range": range(sources, one.span), "newText": text},
    })
}

fn definition(desk: &mut Desk, params: &Value) -> Option<Value> {
    let (file, at) = place(desk, params)?;
    let (editor, sources) = desk.parts();
    let span = editor.definition(sources, file, at)?;
    let found = range(sources, span);
    let uri = desk.uri(desk.sources().path(span.file))?;
    Some(json!({"uri": uri, "range": found}))
}

fn symbols(desk: &Desk, params: &Value) -> Option<Value> {
    let file = desk.file(uri(params)?)?;
    let sources = desk.sources();
    let kind = FileKind::of(sources.path(file), sources.text(file))?;
    if kind == FileKind::Prompt {
        return None;
    }
    let tree = yaml::parse(sources, file, &mut Report::new())?;
    let found = outline(&tree, kind.root());
    Some(found.iter().map(|symbol| shown(sources, symbol)).collect())
}

fn shown(sources: &Sources, symbol: &Symbol) -> Value {
    let kind = match symbol.kind {
        SymbolKind::Key => 20,
        SymbolKind::Entry => 5,
        SymbolKind::Rule => 12,
        SymbolKind::Test => 6,
    };
    json!({
        "name": symbol.name,
        "kind": kind,
        "range": range(sources, symbol.span),
        "selectionRange": range(sources, symbol.name_span),
        "children": symbol.children.iter().map(|one| shown(sources, one)).collect::<Vec<_>>(),
    })
}

fn formatting(desk: &Desk, params: &Value) -> Option<Value> {
    let file = desk.file(uri(params)?)?;
    Some(json!([laid(desk.sources(), file)?]))
}

/// The edit that lays out a file, if it can be laid out and is not.
fn laid(sources: &Sources, file: FileId) -> Option<Value> {
    let text = sources.text(file);
    let kind = FileKind::of(sources.path(file), text)?;
    let done = format(sources, file, kind).ok()?;
    (done.text != text).then(|| json!({"range": whole(text), "newText": done.text}))
}

/// What mends the problems that the editor shows there.
fn actions(desk: &mut Desk, params: &Value) -> Option<Value> {
    let address = uri(params)?.to_owned();
    let file = desk.file(&address)?;
    let text = desk.sources().text(file);
    let start = byte(text, params.pointer("/range/start")?)?;
    let end = byte(text, params.pointer("/range/end")?)?;
    let report = desk.report().clone();
    let here = report.sorted().into_iter().filter(|problem| {
        let span = problem.span;
        span.file == file && span.start as usize <= end && start <= span.end as usize
    });
    let found = here.filter_map(|problem| action(desk, &address, problem));
    Some(Value::Array(found.collect()))
}

fn action(desk: &Desk, address: &str, problem: &Problem) -> Option<Value> {
    let sources = desk.sources();
    let (title, edit) = match (fix(problem), problem.code) {
        (Some(word), _) => {
            let edit = json!({"range": range(sources, problem.span), "newText": word});
            (format!("Write `{word}`"), edit)
        }
        (None, Code::Quoting) => {
            let title = "Put the condition where YAML leaves it alone".to_owned();
            (title, laid(sources, problem.span.file)?)
        }
        _ => return None,
    };
    let told = problems::one(problem, sources, &|path: &str| desk.uri(path));
    Some(json!({
        "title": title,
        "kind": "quickfix",
        "isPreferred": true,
        "diagnostics": [told],
        "edit": {"changes": {address: [edit]}},
    }))
}
