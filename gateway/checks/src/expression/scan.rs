//! A glance over a source before it is parsed: its brackets, how deep it is, where a hole ends.
//!
//! The parser keeps only the place of operators; the pairs found here turn those into ranges.

use std::collections::BTreeMap;

/// Brackets and depth of one source.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Byte of each bracket to the byte of its partner, in both directions.
    pairs: BTreeMap<usize, usize>,
    /// An upper bound of the tree's depth.
    pub(super) depth: usize,
    /// Where a template's `{%` stands, which is no part of any expression.
    pub(super) tag: Option<usize>,
    /// Brackets inside brackets: the parser takes a dozen steps down for each.
    pub(super) brackets: usize,
}

impl Outline {
    /// Reads `source` once.
    pub(super) fn of(source: &str) -> Self {
        let mut outline = Self::default();
        let mut open: Vec<(usize, usize)> = Vec::new();
        let (mut here, mut outside, mut choices) = (0_usize, 0_usize, 0_usize);
        for (at, byte) in Marks::new(source, 0) {
            match byte {
                b'(' | b'[' | b'{' => {
                    here += 1;
                    open.push((at, here));
                    outline.brackets = outline.brackets.max(open.len());
                    outside += here;
                    here = 0;
                }
                b')' | b']' | b'}' => {
                    if let Some((partner, before)) = open.pop() {
                        outline.pairs.insert(at, partner);
                        outline.pairs.insert(partner, at);
                        outside -= before;
                        here = before;
                    }
                }
                // `&&` and `||` become balanced trees, so that a long row of them is not deep.
                b',' | b'&' | b'|' => here = 0,
                b'?' => {
                    here = 0;
                    choices += 1;
                }
                _ => here += 1,
            }
            if byte == b'%' && at > 0 && source.as_bytes().get(at - 1) == Some(&b'{') {
                outline.tag.get_or_insert(at - 1);
            }
            outline.depth = outline.depth.max(outside + here + choices);
        }
        outline
    }

    /// The partner of the bracket at byte `at`.
    pub(super) fn partner(&self, at: usize) -> Option<usize> {
        self.pairs.get(&at).copied()
    }

    /// `start..end` widened until every bracket inside has its partner inside.
    pub(super) fn widen(&self, mut start: usize, mut end: usize) -> std::ops::Range<usize> {
        loop {
            let before = (start, end);
            for partner in self.pairs.range(start..end).map(|(_, partner)| *partner) {
                start = start.min(partner);
                end = end.max(partner + 1);
            }
            if before == (start, end) {
                return start..end;
            }
        }
    }
}

/// Byte at which the `}}` of a hole stands whose content starts at `from`.
pub(super) fn end_of_hole(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in Marks::new(text, from) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b'}' if depth == 0 => return text.get(at..)?.starts_with("}}").then_some(at),
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Brackets, commas and operators of a source with their places; texts and comments are skipped.
struct Marks<'s> {
    bytes: &'s [u8],
    at: usize,
}

impl<'s> Marks<'s> {
    fn new(source: &'s str, at: usize) -> Self {
        Self { bytes: source.as_bytes(), at }
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Steps over the text that begins at `self.at` with `quote`.
    fn skip_text(&mut self, quote: u8) {
        let raw = self.at.checked_sub(1).and_then(|before| self.bytes.get(before));
        let raw = matches!(raw, Some(b'r' | b'R'));
        let triple = self.byte(1) == Some(quote) && self.byte(2) == Some(quote);
        let width = if triple { 3 } else { 1 };
        self.at += width;
        while let Some(byte) = self.byte(0) {
            if byte == b'\\' && !raw {
                self.at += 2;
            } else if (0..width).all(|ahead| self.byte(ahead) == Some(quote)) {
                self.at += width;
                return;
            } else {
                self.at += 1;
            }
        }
    }

    fn skip_comment(&mut self) {
        while self.byte(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }
}

impl Iterator for Marks<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let byte = self.byte(0)?;
            match byte {
                b'"' | b'\'' => self.skip_text(byte),
                b'/' if self.byte(1) == Some(b'/') => self.skip_comment(),
                b'(' | b'[' | b'{' | b')' | b']' | b'}' | b',' | b'.' | b'+' | b'-' | b'*'
                | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' | b'?' | b'&' | b'|' => {
                    self.at += 1;
                    return Some((self.at - 1, byte));
                }
                _ => self.at += 1,
            }
        }
    }
}
