//! Regular expressions of policies: linear time by the `regex` crate, and refused when they are
//! likely not to mean what they say.

use regex_syntax::ast::{self, Ast};

/// Largest compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Compiles `pattern`.
///
/// # Errors
/// What is wrong with it and, where known, how to mend it.
pub(super) fn compile(pattern: &str) -> Result<regex::Regex, (String, Option<String>)> {
    let tree = ast::parse::Parser::new().parse(pattern).map_err(|error| {
        let what = error.kind().to_string();
        (format!("the pattern does not compile: {what}"), advice(error.kind()))
    })?;
    let mut review = Review::default();
    review.visit(&tree, false);
    if review.nested_repetition {
        let message = "the pattern repeats a repetition".to_owned();
        return Err((message, Some("write `(a|b)+` in place of `((a|b)+)*`".to_owned())));
    }
    if let Some(class) = review.class_word {
        let message = format!("`{class}` is one character of a set, not a word");
        let help = "write a word as `(word)`, and negate the whole condition, not the pattern";
        return Err((message, Some(help.to_owned())));
    }
    regex::RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| ("the pattern is too large".to_owned(), None))
}

fn advice(kind: &ast::ErrorKind) -> Option<String> {
    match kind {
        ast::ErrorKind::UnsupportedLookAround => {
            Some("look-around is not supported; write two conditions".to_owned())
        }
        ast::ErrorKind::UnsupportedBackreference => {
            Some("back-references are not supported".to_owned())
        }
        _ => None,
    }
}

/// What was found in a pattern.
#[derive(Default)]
struct Review {
    nested_repetition: bool,
    class_word: Option<String>,
}

impl Review {
    /// `repeated`: inside a part that already repeats without a limit.
    fn visit(&mut self, tree: &Ast, repeated: bool) {
        match tree {
            Ast::Repetition(repetition) => {
                let unbounded = unbounded(&repetition.op.kind);
                self.nested_repetition |= unbounded && repeated;
                self.visit(&repetition.ast, repeated || unbounded);
            }
            Ast::Group(group) => self.visit(&group.ast, repeated),
            Ast::Alternation(either) => {
                either.asts.iter().for_each(|part| self.visit(part, repeated));
            }
            Ast::Concat(parts) => self.sequence(&parts.asts, repeated),
            Ast::ClassBracketed(class) => self.class(class),
            _ => {}
        }
    }

    /// `(a+b)+` repeats a repetition harmlessly, since `b` ends each turn; `(a+)+` does not.
    fn sequence(&mut self, parts: &[Ast], repeated: bool) {
        let solid = parts.iter().any(|part| matches!(part, Ast::Literal(_)));
        parts.iter().for_each(|part| self.visit(part, repeated && !solid));
    }

    /// A class that spells a word, such as `[^error]`, where a word was meant.
    fn class(&mut self, class: &ast::ClassBracketed) {
        let ast::ClassSet::Item(ast::ClassSetItem::Union(union)) = &class.kind else { return };
        let mut run = String::new();
        let letters = union.items.iter().map(|item| match item {
            ast::ClassSetItem::Literal(literal) if literal.c.is_alphabetic() => Some(literal.c),
            _ => None,
        });
        for letter in letters.chain([None]) {
            let same_case = run.chars().last().map(char::is_lowercase);
            match letter {
                Some(c) if same_case.is_none_or(|lower| lower == c.is_lowercase()) => run.push(c),
                _ => {
                    if is_word(&run) {
                        let not = if class.negated { "^" } else { "" };
                        self.class_word = Some(format!("[{not}{run}]"));
                    }
                    run = letter.map(String::from).unwrap_or_default();
                }
            }
        }
    }
}

/// Three letters or more that are not in the order of the alphabet, in which sets are written.
fn is_word(run: &str) -> bool {
    run.chars().count() >= 3 && !run.chars().is_sorted_by(|a, b| a < b)
}

fn unbounded(kind: &ast::RepetitionKind) -> bool {
    use ast::{RepetitionKind, RepetitionRange};
    matches!(
        kind,
        RepetitionKind::ZeroOrMore
            | RepetitionKind::OneOrMore
            | RepetitionKind::Range(RepetitionRange::AtLeast(_))
    )
}
