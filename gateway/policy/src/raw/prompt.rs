//! Prompts: `prompts/<name>.md`.
//!
//! A prompt is Markdown with minijinja (`{{ input.vendor }}`), and may begin with front matter
//! between two lines `---`: `description` and the sampling settings `temperature`, `top_p`,
//! `max_tokens`, `seed`, `stop`. The body is the system message. The caller's input follows as the
//! user message, text as it is and anything else as JSON.
//!
//! An author who wants it otherwise divides the body by the headings `# system`, `# user` and
//! `# assistant`, alone on their line and in small letters: each begins a message of that role, so
//! that examples can be shown and the input be put into words. A prompt that ends with a `user`
//! part stands alone: the input is not added. Any other heading is text; one that is nearly a
//! role (`# User`) is text with a warning.

use crate::decode::{Decode, Decoder, Fields, OneOrMany, words};
use crate::diagnostics::{Code, Problem, Report, suggest};
use crate::keys;
use crate::source::{FileId, Sources, Span, Spanned};
use crate::units::{Count, Share, decimal};
use crate::yaml::{self, Node};

words! {
    /// Who says a message.
    pub enum MessageRole: "a role" {
        /// The instructions.
        System = "system",
        /// The one who asks.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

/// A message template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: MessageRole,
    /// The minijinja source, without blank lines around it.
    pub text: String,
    /// Where the text stands.
    pub span: Span,
}

/// A temperature in millionths: `0.2` is 200,000. At most 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temperature(pub u32);

/// A prompt as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What it is for.
    pub description: Option<Spanned<String>>,
    /// How freely the model chooses; absent leaves it to the provider.
    pub temperature: Option<Spanned<Temperature>>,
    /// The share of likely tokens that it chooses from, in millionths.
    pub top_p: Option<Spanned<Share>>,
    /// Most tokens of an answer.
    pub max_tokens: Option<Spanned<Count>>,
    /// For providers that can repeat themselves.
    pub seed: Option<Spanned<Count>>,
    /// Texts that end an answer; at most four.
    pub stop: Vec<Spanned<String>>,
    /// The messages, in order; never empty.
    pub messages: Vec<Message>,
    /// The file.
    pub file: FileId,
}

impl Prompt {
    /// Whether the input is added as the user message, because no part of the prompt ends with
    /// one of its own.
    pub fn adds_input(&self) -> bool {
        self.messages.last().is_none_or(|last| last.role != MessageRole::User)
    }
}

impl Decode for Temperature {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let millionths = node.plain().and_then(|text| decimal::times(text, 1_000_000));
        let inside = millionths.filter(|value| *value <= 2_000_000);
        match inside.and_then(|value| u32::try_from(value).ok()) {
            Some(value) => Some(Self(value)),
            None => {
                let say = format!("`{}` is not a temperature", node.as_text().unwrap_or("…"));
                let problem = Problem::error(Code::BadUnit, node.span, say);
                d.refuse(problem.help("write a number from 0 to 2, such as `0.2`"))
            }
        }
    }
}

/// Reads the prompt in `file`. Every problem that the file alone can show goes to `report`;
/// its variables are checked when a policy that uses it is compiled.
pub fn load_prompt(sources: &Sources, file: FileId, report: &mut Report) -> Option<Prompt> {
    if sources.bytes(file).len() > yaml::BYTES_MAX
        || std::str::from_utf8(sources.bytes(file)).is_err()
    {
        let say = "a prompt is UTF-8 text of at most 1 MiB";
        report.push(Problem::error(Code::NotText, Span::file_start(file), say));
        return None;
    }
    let text = sources.text(file);
    let (front, body_start) = front_matter(text, file, report)?;
    let front_node = yaml::parse_text(front.text, file, front.start, report)?;
    let mut d = Decoder::new(sources, report);
    let mut prompt = settings(&front_node, file, &mut d)?;
    let body = text.get(body_start..).unwrap_or("");
    prompt.messages = messages(body, file, body_start, &mut d);
    if prompt.messages.is_empty() {
        let say = "the prompt says nothing";
        return d.refuse(Problem::error(Code::Empty, Span::file_start(file), say));
    }
    Some(prompt)
}

/// The front matter of a prompt.
pub(crate) struct Front<'t> {
    /// Between its two lines `---`.
    pub text: &'t str,
    /// Where it starts in the file.
    pub start: usize,
}

/// The front matter and where the body starts.
pub(crate) fn front_matter<'t>(
    text: &'t str,
    file: FileId,
    report: &mut Report,
) -> Option<(Front<'t>, usize)> {
    let skip = text.len() - text.trim_start_matches('\u{feff}').len();
    let mut at = skip;
    let mut lines = text.get(skip..)?.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else {
        return Some((Front { text: "", start: skip }, skip));
    };
    at += first.len();
    let start = at;
    for line in lines {
        if line.trim_end() == "---" {
            return Some((Front { text: text.get(start..at)?, start }, at + line.len()));
        }
        at += line.len();
    }
    let span = Span::new(file, skip, skip + 3);
    let problem = Problem::error(Code::FrontMatter, span, "the front matter has no end");
    report.push(problem.help("close it with a line `---`"));
    None
}

fn settings(node: &Node, file: FileId, d: &mut Decoder<'_>) -> Option<Prompt> {
    let empty = Node { kind: crate::yaml::Kind::Map(Vec::new()), span: node.span };
    let mut fields = Fields::open(if node.is_null() { &empty } else { node }, &keys::PROMPT, d)?;
    let prompt = Prompt {
        description: fields.optional("description", d),
        temperature: fields.optional("temperature", d),
        top_p: fields.optional("top_p", d),
        max_tokens: fields.optional("max_tokens", d),
        seed: fields.optional("seed", d),
        stop: fields.all::<OneOrMany<_>>("stop", d).0,
        messages: Vec::new(),
        file,
    };
    fields.finish(d);
    if let Some(fifth) = prompt.stop.get(4) {
        let say = "at most four texts may stop an answer";
        d.report.push(Problem::error(Code::OutOfRange, fifth.span, say));
    }
    Some(prompt)
}

fn messages(body: &str, file: FileId, base: usize, d: &mut Decoder<'_>) -> Vec<Message> {
    let mut all = Vec::new();
    let mut role = MessageRole::System;
    let (mut start, mut at) = (0, 0);
    for line in body.split_inclusive('\n') {
        let span = Span::new(file, base + at, base + at + line.trim_end().len());
        if let Some(next) = divider(line, span, d) {
            push(&mut all, role, body, start..at, (file, base));
            role = next;
            start = at + line.len();
        }
        at += line.len();
    }
    push(&mut all, role, body, start..body.len(), (file, base));
    all
}

/// The role that a heading line begins. A heading that is nearly one is warned about.
fn divider(line: &str, span: Span, d: &mut Decoder<'_>) -> Option<MessageRole> {
    let (word, dashes) = match line.strip_prefix("--- ") {
        Some(word) => (word.trim_end(), true),
        None => (line.strip_prefix("# ")?.trim_end(), false),
    };
    let role = MessageRole::parse(word);
    if dashes {
        if role.is_some() {
            let say = format!("`--- {word}` is text; it begins no message");
            let help = format!("write `# {word}`");
            d.report.push(Problem::warning(Code::FrontMatter, span, say).help(help));
        }
        return None;
    }
    let known = MessageRole::ALL.iter().map(|role| role.name());
    if let (None, Some(meant)) = (role, suggest::nearest(word, known)) {
        let say = format!("the heading `# {word}` is text, not the role `{meant}`");
        let help = format!("write `# {meant}` to begin a message, or another heading");
        d.report.push(Problem::warning(Code::FrontMatter, span, say).help(help));
    }
    role
}

fn push(
    all: &mut Vec<Message>,
    role: MessageRole,
    body: &str,
    range: std::ops::Range<usize>,
    (file, base): (FileId, usize),
) {
    let text = body.get(range.clone()).unwrap_or("");
    let trimmed = text.trim();
    if !trimmed.is_empty() {
        let start = base + range.start + (text.len() - text.trim_start().len());
        let span = Span::new(file, start, start + trimmed.len());
        all.push(Message { role, text: trimmed.to_owned(), span });
    }
}
