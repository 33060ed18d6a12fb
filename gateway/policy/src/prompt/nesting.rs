//! How deep a template nests: minijinja descends as deep as it is written, and so does our reading
//! of its names, so that a few lines could take the whole stack of whoever loads them.

/// Brackets and blocks inside each other, at most.
pub(super) const NESTING_MAX: usize = 40;

/// Operators, dots, commas and words of one tag, at most: each is a step down, as in `a.b.c`.
const STEPS_MAX: usize = 200;

/// The byte at which a template nests deeper than [`NESTING_MAX`], if it does. What stands outside
/// of `{{ }}` and `{% %}` is text, and so is what stands in quotes inside.
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let (mut brackets, mut blocks) = (0_usize, 0_usize);
    let mut rest = text;
    while let Some(open) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let inside = rest.get(open + 2..)?;
        let start = text.len() - inside.len();
        let is_block = rest.get(open..)?.starts_with("{%");
        let closing = if is_block { "%}" } else { "}}" };
        if is_block {
            let word = inside.trim_start_matches(['-', '+', ' ', '\n', '\t']);
            if word.starts_with("end") {
                blocks = blocks.saturating_sub(1);
            } else if ["if", "for", "macro", "call", "filter", "with", "autoescape"]
                .iter()
                .any(|block| word.starts_with(block))
            {
                blocks += 1;
            }
        }
        let (mut quote, mut steps) = (None, 0_usize);
        let mut end = inside.len();
        for (at, letter) in inside.char_indices() {
            match (quote, letter) {
                (Some(open), _) if open == letter => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(letter),
                (None, '(' | '[' | '{') => brackets += 1,
                (None, ')' | ']') => brackets = brackets.saturating_sub(1),
                (None, '}') if brackets > 0 => brackets -= 1,
                (None, _) if inside.get(at..)?.starts_with(closing) => {
                    end = at;
                    break;
                }
                (None, _) => {}
            }
            steps += usize::from(quote.is_none() && !letter.is_alphanumeric() && letter != '_');
            if brackets + blocks > NESTING_MAX || steps > STEPS_MAX {
                return Some(start + at);
            }
        }
        brackets = 0;
        rest = inside.get(end..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_would_write_is_not_deep_and_brackets_in_prose_do_not_count() {
        let prose = "(".repeat(200);
        let text =
            format!("{prose} {{{{ a.b(c, [1, {{'x': (2)}}]) }}}} {{% if a %}}}}{{% endif %}}");
        assert_eq!(too_deep(&text), None);
        let quoted = format!("{{{{ f(\"{prose}\") }}}}");
        assert_eq!(too_deep(&quoted), None);
        let many = "{% if a %}x{% endif %}".repeat(500);
        assert_eq!(too_deep(&many), None);
    }

    #[test]
    fn a_long_row_of_steps_in_one_tag_is_too_deep_and_many_tags_are_not() {
        assert_eq!(too_deep(&format!("{{{{ input{} }}}}", ".put".repeat(150))), None);
        assert!(too_deep(&format!("{{{{ input{} }}}}", ".put".repeat(20_000))).is_some());
        assert!(too_deep(&format!("{{{{ {}a }}}}", "not ".repeat(500))).is_some());
        assert_eq!(too_deep(&"{{ input.a.b }} ".repeat(1_000)), None);
    }

    #[test]
    fn brackets_and_blocks_inside_each_other_are_counted_together() {
        let deep = |brackets: usize, blocks: usize| {
            let inner = format!("{{{{ {}x{} }}}}", "(".repeat(brackets), ")".repeat(brackets));
            format!("{}{inner}{}", "{% if a %}".repeat(blocks), "{% endif %}".repeat(blocks))
        };
        assert_eq!(too_deep(&deep(20, 20)), None);
        assert_eq!(too_deep(&deep(41, 0)), Some(3 + 40));
        assert_eq!(too_deep(&deep(1, 40)), Some(40 * 10 + 3));
        assert!(too_deep(&deep(0, 41)).is_some());
    }
}
