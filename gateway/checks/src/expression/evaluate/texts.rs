//! Texts: by Unicode scalar values, without knowledge of languages.

/// Outer white space gone, inner runs of it as one space.
pub(super) fn squash(text: &str) -> String {
    let mut squashed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !squashed.is_empty() {
            squashed.push(' ');
        }
        squashed.push_str(word);
    }
    squashed
}

/// The digits 0 to 9 of `text`, in order.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether `part` occurs in `text`, white space aside. Nothing quotes nothing: an empty part is no
/// quotation.
pub(super) fn quotes(text: &str, part: &str) -> bool {
    let part = squash(part);
    !part.is_empty() && squash(text).contains(&part)
}
