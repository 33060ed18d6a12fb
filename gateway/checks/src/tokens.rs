//! A quick estimate of how many tokens a text or a request costs, for reserving budgets.
//!
//! Bytes divided by 3.5, rounded up, plus 4 per message and 3 for the answer's start. Common
//! byte-pair tokenizers make about one token of 4 bytes of English prose, of 3 of program text and
//! JSON, and of 2 to 3 of other scripts in UTF-8. So the estimate lies some 15 % above for
//! English, near for JSON, and up to 40 % below for digits, random keys and rare scripts. It is
//! for reserving only: what was used is settled by the provider's own count.

/// Tokens that each chat message costs beside its text.
pub const TOKENS_PER_MESSAGE: u64 = 4;
/// Tokens with which an answer is opened.
pub const TOKENS_PER_ANSWER: u64 = 3;

/// Estimated tokens of one text.
pub fn tokens_of(text: &str) -> u64 {
    // Bytes / 3.5 in whole numbers, so that replay is exact.
    (text.len() as u64).saturating_mul(2).div_ceil(7)
}

/// Estimated tokens of a chat request with these messages' texts (roles aside).
pub fn tokens_of_messages<'a>(messages: impl IntoIterator<Item = &'a str>) -> u64 {
    messages
        .into_iter()
        .map(|text| tokens_of(text).saturating_add(TOKENS_PER_MESSAGE))
        .fold(TOKENS_PER_ANSWER, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::{tokens_of, tokens_of_messages};

    #[test]
    fn the_estimate_grows_with_the_text_and_rounds_up() {
        assert_eq!((tokens_of(""), tokens_of("a"), tokens_of("1234567")), (0, 1, 2));
        assert_eq!(tokens_of_messages(["1234567", ""]), 3 + 2 + 4 + 4);
    }

    #[test]
    fn english_prose_is_reserved_for_rather_too_high() {
        // 44 bytes; the cl100k and o200k vocabularies make 10 tokens of it.
        let estimate = tokens_of("The quick brown fox jumps over the lazy dog.");
        assert!((10..=13).contains(&estimate));
    }
}
