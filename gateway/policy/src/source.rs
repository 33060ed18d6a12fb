//! The files of a workspace, and places in them.
//!
//! A place is a byte range in one file; line and column are derived when somebody looks. Bytes
//! are handed in: nothing is opened here.

use std::collections::BTreeMap;
use std::fmt;

/// A file of a [`Sources`], by number. Numbers follow the order of the paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A byte range in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range of `start..end` in `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Self { file, start, end: u32::try_from(end).unwrap_or(u32::MAX).max(start) }
    }

    /// The start of `file`: where a problem stands that concerns the file as a whole.
    pub fn file_start(file: FileId) -> Self {
        Self { file, start: 0, end: 0 }
    }

    /// As a range of bytes.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Line and column as a person counts them: both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineColumn {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[derive(Debug, Clone)]
struct File {
    path: String,
    bytes: Vec<u8>,
    absent: bool,
}

/// The files of a workspace: path (relative to its root, with `/`) to bytes.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<File>,
}

impl Sources {
    /// The files of `map`.
    pub fn new(map: BTreeMap<String, Vec<u8>>) -> Self {
        let file = |(path, bytes)| File { path, bytes, absent: false };
        Self { files: map.into_iter().map(file).collect() }
    }

    /// One file alone, for trying a text.
    pub fn single(path: &str, text: impl Into<Vec<u8>>) -> Self {
        Self::new(BTreeMap::from([(path.to_owned(), text.into())]))
    }

    /// The file at `path`, if there is one.
    pub fn find(&self, path: &str) -> Option<FileId> {
        self.ids().find(|id| self.path(*id) == path && !self.is_absent(*id))
    }

    /// A place for problems about a file that is not there, such as a missing `gateway.yaml`.
    pub fn absent(&mut self, path: &str) -> FileId {
        let known = self.ids().find(|id| self.path(*id) == path);
        known.unwrap_or_else(|| {
            self.files.push(File { path: path.to_owned(), bytes: Vec::new(), absent: true });
            FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX).saturating_sub(1))
        })
    }

    /// Whether `id` only stands for a file that is not there.
    pub fn is_absent(&self, id: FileId) -> bool {
        self.file(id).is_none_or(|file| file.absent)
    }

    /// Every file, in the order of the paths.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    /// The path of a file; empty for an id of another `Sources`.
    pub fn path(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| file.path.as_str())
    }

    /// The bytes of a file; empty for an id of another `Sources`.
    pub fn bytes(&self, id: FileId) -> &[u8] {
        self.file(id).map_or(&[], |file| file.bytes.as_slice())
    }

    /// The text of a file as far as it is UTF-8.
    pub fn text(&self, id: FileId) -> &str {
        let bytes = self.bytes(id);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => bytes
                .get(..error.valid_up_to())
                .and_then(|valid| std::str::from_utf8(valid).ok())
                .unwrap_or(""),
        }
    }

    /// The text at `span`; empty if the span does not lie on character borders of the file.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    /// Line and column where `span` starts.
    pub fn line_column(&self, span: Span) -> LineColumn {
        let text = self.text(span.file);
        let mut end = (span.start as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let before = text.get(..end).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        LineColumn {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }

    /// Where a part of a written value stands in the file.
    ///
    /// `text` is the value as decoded (of an expression, a template), `part` a byte range in it.
    /// Quotes, escapes, folding and the indentation of a block make the two differ, so the
    /// file is walked along with the value; a part that cannot be found is the whole value.
    pub fn place_in(&self, whole: Span, text: &str, part: std::ops::Range<usize>) -> Span {
        let source = self.slice(whole);
        let start = align(source, text, part.start);
        let end = if part.end <= part.start { start } else { align(source, text, part.end - 1) };
        let (Some(start), Some(end)) = (start, end) else { return whole };
        let width = source.get(end..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8);
        let end = if part.end <= part.start { end } else { end + width };
        let base = whole.start as usize;
        Span::new(whole.file, base + start, base + end)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }
}

/// The byte of `source` that gave the character of `text` which holds byte `offset`.
fn align(source: &str, text: &str, offset: usize) -> Option<usize> {
    let mut rest = source.char_indices().peekable();
    let mut last = 0;
    for (at, wanted) in text.char_indices() {
        let same =
            |found: char| found == wanted || (found.is_whitespace() && wanted.is_whitespace());
        let (place, found) = rest.by_ref().find(|(_, found)| same(*found))?;
        if at + wanted.len_utf8() > offset {
            return Some(place);
        }
        last = place + found.len_utf8();
    }
    (offset >= text.len()).then_some(last)
}

#[cfg(test)]
mod tests;
