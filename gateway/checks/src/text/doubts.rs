//! Patterns that run, and probably do not say what their author wanted.
//!
//! A doubt is never more than a warning: each of these can be meant.

use std::ops::Range;

use regex_syntax::ast::{AssertionKind, Ast, ClassSetItem};

/// One part of a pattern that is worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternDoubt {
    /// Bytes of the pattern that are meant.
    pub range: Range<usize>,
    /// What it says now.
    pub message: String,
    /// What to write if something else was meant.
    pub help: String,
}

/// Ends of host names, as far as nobody writes them for another reason.
const HOSTS: [&str; 16] = [
    "com", "org", "net", "io", "de", "eu", "uk", "gov", "edu", "ai", "dev", "app", "ch", "fr",
    "at", "biz",
];
/// Fewest letters in a class that look like a word.
const WORD_LETTERS_MIN: usize = 4;
/// Letters that stand after one another and are a word rather than a piece of a form.
const RUN_LETTERS_MIN: usize = 3;

/// Every doubt about `source`, which must be a pattern that compiles.
pub fn doubts(source: &str) -> Vec<PatternDoubt> {
    let Ok(ast) = regex_syntax::ast::parse::Parser::new().parse(source) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    found.extend(delimiters(source));
    found.extend(lone_anchors(source, &ast));
    found.extend(backslashes(source));
    found.extend(dots(source));
    each(&ast, &mut |part| {
        if let Ast::ClassBracketed(class) = part
            && let regex_syntax::ast::ClassSet::Item(item) = &class.kind
            && !class.negated
            && let Some(word) = word(item)
        {
            let range = class.span.start.offset..class.span.end.offset;
            found.push(PatternDoubt {
                range,
                message: format!("`[{word}]` is one character out of these, not the word"),
                help: format!("write `{word}` without the brackets"),
            });
        }
    });
    found.sort_by_key(|doubt| doubt.range.start);
    found
}

/// The doubt about a pattern that must occur, describes a whole value, and holds it at neither end.
pub fn unanchored(source: &str) -> Option<PatternDoubt> {
    let ast = regex_syntax::ast::parse::Parser::new().parse(source).ok()?;
    let (mut anchors, mut classes, mut run, mut longest) = (false, false, 0_usize, 0_usize);
    each(&ast, &mut |part| {
        let letter = matches!(part, Ast::Literal(literal) if literal.c.is_alphabetic());
        match part {
            Ast::Assertion(_) => anchors = true,
            Ast::ClassPerl(_) | Ast::ClassBracketed(_) | Ast::ClassUnicode(_) => classes = true,
            _ => {}
        }
        run = if letter { run + 1 } else { 0 };
        longest = longest.max(run);
    });
    let is_form = classes && !anchors && longest < RUN_LETTERS_MIN;
    is_form.then(|| PatternDoubt {
        range: 0..source.len(),
        message: "this may stand anywhere in the text, with anything before and behind it".into(),
        help: format!("write `^(?:{source})$` if it is the whole text that has this form"),
    })
}

/// Visits every part, outermost first.
fn each(ast: &Ast, visit: &mut impl FnMut(&Ast)) {
    visit(ast);
    match ast {
        Ast::Repetition(repetition) => each(&repetition.ast, visit),
        Ast::Group(group) => each(&group.ast, visit),
        Ast::Alternation(parts) => parts.asts.iter().for_each(|part| each(part, visit)),
        Ast::Concat(parts) => parts.asts.iter().for_each(|part| each(part, visit)),
        _ => {}
    }
}

/// The word that a class spells, if it holds nothing but its letters.
fn word(item: &ClassSetItem) -> Option<String> {
    let ClassSetItem::Union(union) = item else { return None };
    let letters: Option<String> = union
        .items
        .iter()
        .map(|item| match item {
            ClassSetItem::Literal(literal) if literal.c.is_ascii_alphabetic() => Some(literal.c),
            _ => None,
        })
        .collect();
    let word = letters?;
    let roman = word.chars().all(|letter| "IVXLCDM".contains(letter));
    (word.len() >= WORD_LETTERS_MIN && !is_letter_set(&word) && !roman).then_some(word)
}

/// Sets that are meant: vowels, hexadecimal letters, and such, stand in the order of the alphabet.
pub(super) fn is_letter_set(letters: &str) -> bool {
    let of = |lower: bool| letters.chars().filter(move |c| c.is_lowercase() == lower);
    of(true).is_sorted() && of(false).is_sorted()
}

/// `/admin/i`: other languages write patterns between slashes.
fn delimiters(source: &str) -> Option<PatternDoubt> {
    let inner = source.strip_prefix('/')?;
    let (inner, flags) = inner.rsplit_once('/')?;
    let flagged = !flags.is_empty() && flags.chars().all(|flag| "gimsuy".contains(flag));
    flagged.then(|| {
        let prefix = if flags.contains('i') { "(?i)" } else { "" };
        PatternDoubt {
            range: 0..source.len(),
            message: "the slashes and what follows them are looked for in the text".into(),
            help: format!("write `{prefix}{inner}`"),
        }
    })
}

/// `^yes|no$` holds the one to the start and the other to the end.
fn lone_anchors(source: &str, ast: &Ast) -> Option<PatternDoubt> {
    let Ast::Alternation(parts) = ast else { return None };
    let is_start =
        |kind: &AssertionKind| matches!(kind, AssertionKind::StartLine | AssertionKind::StartText);
    let is_end =
        |kind: &AssertionKind| matches!(kind, AssertionKind::EndLine | AssertionKind::EndText);
    let starts: Vec<bool> =
        parts.asts.iter().map(|part| edge(part, true).is_some_and(is_start)).collect();
    let ends: Vec<bool> =
        parts.asts.iter().map(|part| edge(part, false).is_some_and(is_end)).collect();
    let only = |all: &[bool]| all.iter().filter(|yes| **yes).count() == 1;
    let lone = only(&starts) && only(&ends) && starts.first() == Some(&true);
    (lone && ends.last() == Some(&true)).then(|| {
        let inner = source.strip_prefix('^').unwrap_or(source);
        let inner = inner.strip_suffix('$').unwrap_or(inner);
        PatternDoubt {
            range: 0..source.len(),
            message: "`^` holds only what is left of the first `|`, `$` only what is right of the \
                      last"
                .into(),
            help: format!("write `^(?:{inner})$` to hold all of it"),
        }
    })
}

/// The assertion with which a part begins or ends.
fn edge(ast: &Ast, first: bool) -> Option<&AssertionKind> {
    match ast {
        Ast::Assertion(assertion) => Some(&assertion.kind),
        Ast::Concat(parts) => {
            edge(if first { parts.asts.first()? } else { parts.asts.last()? }, first)
        }
        _ => None,
    }
}

/// `\\d`, written with the backslash doubled as programs need it.
fn backslashes(source: &str) -> Option<PatternDoubt> {
    let mut signs = source.char_indices();
    while let Some((at, sign)) = signs.next() {
        if sign != '\\' {
            continue;
        }
        let Some((_, next)) = signs.next() else { break };
        let letter = source.get(at + 2..).and_then(|rest| rest.chars().next());
        if next == '\\' && letter.is_some_and(|letter| "dwsbDWSB".contains(letter)) {
            let letter = letter.unwrap_or('d');
            return Some(PatternDoubt {
                range: at..at + 3,
                message: format!("this looks for a backslash and the letter `{letter}`"),
                help: format!("write `\\{letter}` with one backslash"),
            });
        }
    }
    None
}

/// `example.com` and `10.0.0.1`, whose dots stand for any character.
fn dots(source: &str) -> Option<PatternDoubt> {
    let bytes = source.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let (mut index, mut inside) = (0, false);
    while index < bytes.len() {
        match at(index) {
            b'\\' => index += 1,
            b'[' => inside = true,
            b']' => inside = false,
            b'.' if !inside => {
                let before = bytes.iter().take(index).rev();
                let before =
                    before.take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
                let escaped = index > before && at(index - before - 1) == b'\\';
                let after = bytes.iter().skip(index + 1).take_while(|b| b.is_ascii_alphanumeric());
                let end = index + 1 + after.count();
                let next = source.get(index + 1..end).unwrap_or_default();
                let host = before >= 2 && HOSTS.contains(&next);
                let host = host && !matches!(at(end), b'*' | b'+' | b'?' | b'{' | b'-');
                if !escaped && (host || is_address(source, index - before)) {
                    let name = source.get(index - before..end).unwrap_or_default();
                    return Some(PatternDoubt {
                        range: index - before..end,
                        message: format!("the dot in `{name}` stands for any character"),
                        help: format!("write `{}`", name.replace('.', "\\.")),
                    });
                }
            }
            _ => {}
        }
        index += 1;
    }
    None
}

/// Whether an address such as `10.0.0.1` begins at `from`.
fn is_address(source: &str, from: usize) -> bool {
    let rest = source.get(from..).unwrap_or_default();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let parts: Vec<&str> = rest.get(..end).unwrap_or_default().split('.').collect();
    parts.len() >= 4 && parts.iter().take(4).all(|part| matches!(part.len(), 1..=3))
}
