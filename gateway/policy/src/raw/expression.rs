//! Conditions and texts as written. Their meaning is checked when the policy is compiled.

use crate::decode::{Decode, Decoder};
use crate::diagnostics::{Code, Problem};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// A text that may hold `{{ … }}`.
pub type Text = Spanned<String>;

/// The source of a CEL expression.
///
/// [`crate::Sources::place_in`] with this span and text finds the place of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// The expression, without a leading `= `.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

impl Decode for Expression {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Kind::Scalar(scalar) = &node.kind else {
            let help = "a condition that starts with `[` or `{` needs a block: write `|` and the \
                        condition on the next line";
            return d.expected("an expression", node, Some(help));
        };
        let text = scalar.text.trim_end();
        if text.is_empty() {
            return d.refuse(Problem::error(Code::Empty, node.span, "the expression is empty"));
        }
        // ` #` starts a comment, also inside the quotes of a condition: then one quote is left.
        let quotes = text.replace("\\\"", "").matches('"').count();
        if node.plain().is_some() && quotes % 2 == 1 {
            let say = "a `\"` of this condition is not closed: is it cut by ` #`?";
            let help = "write `|` and the condition on the next line, indented";
            return d.refuse(Problem::error(Code::Quoting, node.span, say).help(help));
        }
        Some(Self { text: text.to_owned(), span: node.span })
    }
}

/// The expression of a scalar that starts with `= `.
pub(super) fn marked(node: &Node) -> Option<Expression> {
    let text = node.as_text()?.strip_prefix('=')?;
    let rest = text.trim_start();
    (rest.len() < text.len() && !rest.is_empty())
        .then(|| Expression { text: rest.trim_end().to_owned(), span: node.span })
}
