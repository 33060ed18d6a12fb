//! Building the tree from the parser's events.
//!
//! The parser counts characters; spans are bytes, so positions are translated once. Everything is
//! bounded before it is read: bytes, depth, number of values.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks};

use super::{Entry, Kind, Node, Scalar, Style, explain};
use crate::diagnostics::{Code, Problem, Report};
use crate::source::{FileId, Sources, Span, Spanned};

/// Largest file, in bytes.
pub const BYTES_MAX: usize = 1024 * 1024;
/// Deepest nesting of lists and maps.
pub const DEPTH_MAX: usize = 64;
/// Most values in one file, keys included.
pub const NODES_MAX: usize = 100_000;

/// The tree of `file`. Problems go to `report`; `None` if no tree can be built. An empty file is
/// a null scalar.
pub fn parse(sources: &Sources, file: FileId, report: &mut Report) -> Option<Node> {
    let bytes = sources.bytes(file);
    if bytes.len() > BYTES_MAX {
        let message = format!("the file has {} bytes; at most {BYTES_MAX} are read", bytes.len());
        report.push(Problem::error(Code::TooLarge, Span::file_start(file), message));
        return None;
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let problem = Problem::error(
            Code::NotText,
            Span::new(file, at, at),
            format!("the file is not UTF-8 text: byte {at} does not fit"),
        );
        report.push(problem.help("save the file as UTF-8"));
        return None;
    }
    parse_text(sources.text(file), file, 0, report)
}

/// The tree of `text`, which stands in `file` from byte `base` on (front matter of a prompt).
pub(crate) fn parse_text(
    text: &str,
    file: FileId,
    base: usize,
    report: &mut Report,
) -> Option<Node> {
    let (text, base) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, base + '\u{feff}'.len_utf8()),
        None => (text, base),
    };
    if let Some(at) = text.find('\t') {
        let span = Span::new(file, base + at, base + at + 1);
        let problem = Problem::error(Code::Tab, span, "a tab stands here");
        report.push(problem.help("use spaces; inside double quotes a tab is written `\\t`"));
        return None;
    }
    let mut reader = Reader {
        text,
        place: Places::new(text, file, base),
        stack: Vec::new(),
        root: None,
        nodes: 0,
        unread: false,
        report,
    };
    reader.run()?;
    if reader.unread {
        return None;
    }
    let nothing = || Node { kind: empty(), span: Span::new(file, base, base) };
    Some(reader.root.unwrap_or_else(nothing))
}

fn empty() -> Kind {
    Kind::Scalar(Scalar { text: String::new(), style: Style::Plain })
}

/// From the parser's characters to bytes of the file.
pub(super) struct Places {
    file: FileId,
    base: usize,
    /// Byte of each character; `None` if every character is one byte.
    bytes: Option<Vec<u32>>,
    len: usize,
}

impl Places {
    fn new(text: &str, file: FileId, base: usize) -> Self {
        let bytes = (!text.is_ascii()).then(|| {
            text.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        });
        Self { file, base, bytes, len: text.len() }
    }

    /// Byte in the text of the character at `index`.
    pub(super) fn byte(&self, index: usize) -> usize {
        let byte = match &self.bytes {
            None => index,
            Some(bytes) => bytes.get(index).map_or(self.len, |at| *at as usize),
        };
        byte.min(self.len)
    }

    fn span(&self, marks: Marks) -> Span {
        self.range(self.byte(marks.start.index()), self.byte(marks.end.index()))
    }

    /// The span of a byte range of the text.
    pub(super) fn range(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.base + start, self.base + end)
    }
}

/// Length of a quoted text at the start of `rest`, its quotes included.
fn closing(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        let doubled = quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == quote);
        if (c == '\\' && quote == '"') || (c == quote && doubled) {
            chars.next();
        } else if c == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// Length up to the first closing bracket, comments and commas before it included.
fn bracket(rest: &str) -> usize {
    let mut comment = false;
    for (at, c) in rest.char_indices() {
        match c {
            '\n' => comment = false,
            _ if comment => {}
            '#' => comment = true,
            ']' | '}' => return at + 1,
            _ => {}
        }
    }
    0
}

enum Open {
    List {
        items: Vec<Node>,
        span: Span,
        flow: bool,
    },
    Map {
        entries: Vec<Entry>,
        seen: BTreeMap<String, Span>,
        key: Option<Spanned<String>>,
        span: Span,
        flow: bool,
    },
}

struct Reader<'t, 'r> {
    text: &'t str,
    place: Places,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    /// Whether a value stands there that these files may not have: what is made of the rest would
    /// be guessing.
    unread: bool,
    report: &'r mut Report,
}

impl Reader<'_, '_> {
    fn run(&mut self) -> Option<()> {
        let mut documents = 0;
        for item in Parser::new_from_str(self.text) {
            let (event, marks) = match item {
                Ok(item) => item,
                Err(error) => {
                    self.report.push(explain::syntax(&error, self.text, &self.place));
                    return None;
                }
            };
            let span = self.place.span(marks);
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    let say = "a second document begins here; one file is one document";
                    self.report.push(
                        Problem::error(Code::YamlFeature, span, say)
                            .help("put what follows `---` into a file of its own"),
                    );
                    return None;
                }
            }
            self.event(event, span)?;
        }
        Some(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::Alias(_) => {
                self.say(Code::YamlFeature, span, "an alias (`*name`) is not allowed here");
                self.value(Node { kind: empty(), span })
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_features(anchor, tag.is_some(), span);
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let mut text = text.into_owned();
                if tag.is_some() {
                    // The tag was refused; with its text the value is not reported as empty too.
                    let start = (span.start as usize).saturating_sub(self.place.base);
                    let end = (span.end as usize).saturating_sub(self.place.base);
                    text = self.text.get(start..end).unwrap_or("?").to_owned();
                }
                let span = if style == Style::Quoted { self.closed(span, span) } else { span };
                let kind = Kind::Scalar(Scalar { text, style });
                self.value(Node { kind, span })
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_features(anchor, tag.is_some(), span);
                let flow = self.starts_with(span, '[');
                self.open(Open::List { items: Vec::new(), span, flow }, span)
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_features(anchor, tag.is_some(), span);
                let flow = self.starts_with(span, '{');
                let seen = BTreeMap::new();
                self.open(Open::Map { entries: Vec::new(), seen, key: None, span, flow }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => Some(()),
        }
    }

    fn open(&mut self, open: Open, span: Span) -> Option<()> {
        if let Some(Open::Map { key: None, .. }) = self.stack.last() {
            let say = "a list or map cannot be a key";
            return self.refuse(Code::YamlFeature, span, say);
        }
        if self.stack.len() >= DEPTH_MAX {
            let say = format!("lists and maps are nested more than {DEPTH_MAX} deep");
            let help = "is a bracket not closed? Else write it flatter";
            self.report.push(Problem::error(Code::TooLarge, span, say).help(help));
            return None;
        }
        self.count(span)?;
        self.stack.push(open);
        Some(())
    }

    fn close(&mut self, end: Span) -> Option<()> {
        let node = match self.stack.pop()? {
            Open::List { items, span, flow } => {
                let last = items.last().map_or(span.end, |item| item.span.end);
                let end = if flow { self.closed(span, end).end } else { last };
                let span = Span { end: end.max(span.start), ..span };
                Node { kind: Kind::List(items), span }
            }
            Open::Map { entries, span, flow, .. } => {
                let last = entries.last().map_or(span.end, |e| e.value.span.end);
                let end = if flow { self.closed(span, end).end } else { last };
                let span = Span { end: end.max(span.start), ..span };
                Node { kind: Kind::Map(entries), span }
            }
        };
        self.attach(node)
    }

    fn value(&mut self, node: Node) -> Option<()> {
        self.count(node.span)?;
        if let Some(Open::Map { key, .. }) = self.stack.last_mut()
            && key.is_none()
        {
            return self.key(node);
        }
        self.attach(node)
    }

    fn key(&mut self, node: Node) -> Option<()> {
        let text = node.as_text().unwrap_or("").to_owned();
        if node.plain() == Some("<<") {
            self.unread = true;
            self.say(Code::YamlFeature, node.span, "a merge key (`<<`) is not allowed here");
        } else if node.plain() == Some("") {
            self.say(Code::Syntax, node.span, "a key is missing before `:`");
        }
        if let Some(Open::Map { seen, key, .. }) = self.stack.last_mut() {
            if let Some(first) = seen.get(&text) {
                let say = format!("the key `{text}` stands twice in this map");
                let problem = Problem::error(Code::DuplicateKey, node.span, say);
                let problem = problem.related(*first, "first here");
                self.report.push(problem.help("keep one of them"));
            } else {
                seen.insert(text.clone(), node.span);
            }
            *key = Some(Spanned::new(text, node.span));
        }
        Some(())
    }

    fn attach(&mut self, mut node: Node) -> Option<()> {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                let key = key.take()?;
                if node.plain() == Some("") {
                    // The parser places an empty value at the next token: the key is clearer.
                    node.span = key.span;
                }
                entries.push(Entry { key, value: node });
            }
        }
        Some(())
    }

    fn count(&mut self, span: Span) -> Option<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let say = format!("the file has more than {NODES_MAX} values");
            return self.refuse(Code::TooLarge, span, say);
        }
        Some(())
    }

    fn plain_features(&mut self, anchor: usize, tag: bool, span: Span) {
        if anchor != 0 {
            self.say(Code::YamlFeature, span, "an anchor (`&name`) is not allowed here");
        }
        if tag {
            let start = (span.start as usize).saturating_sub(self.place.base);
            let problem = explain::condition(self.text, start, span).unwrap_or_else(|| {
                Problem::error(Code::YamlFeature, span, "a tag (`!name`) is not allowed here")
                    .help("a text that starts with `!` or `&` needs quotes")
            });
            self.unread |= problem.code == Code::YamlFeature;
            self.report.push(problem);
        }
    }

    /// From the start of `from` to the sign that closes it, which stands in `last` or behind it:
    /// the parser counts a comment behind it as its part.
    fn closed(&self, from: Span, last: Span) -> Span {
        let start = (last.start as usize).saturating_sub(self.place.base);
        let rest = self.text.get(start..).unwrap_or("");
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => closing(rest, quote),
            _ => bracket(rest),
        };
        let end = self.place.base + start + length;
        Span { end: u32::try_from(end).unwrap_or(u32::MAX).max(from.start), ..from }
    }

    fn starts_with(&self, span: Span, bracket: char) -> bool {
        let at = (span.start as usize).saturating_sub(self.place.base);
        self.text.get(at..).is_some_and(|rest| rest.starts_with(bracket))
    }

    fn say(&mut self, code: Code, span: Span, message: impl Into<String>) {
        let problem = Problem::error(code, span, message);
        let problem = if code == Code::YamlFeature {
            problem.help("write the value out; a shared number can stand in `values`")
        } else {
            problem
        };
        self.report.push(problem);
    }

    fn refuse(&mut self, code: Code, span: Span, message: impl Into<String>) -> Option<()> {
        self.report.push(Problem::error(code, span, message));
        None
    }
}
