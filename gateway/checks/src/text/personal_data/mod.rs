//! Finds personal data in texts: by form, and by check digit wherever there is one.
//!
//! What a form can tell it tells well: `email`, `iban`, `card`, `ip`. `phone` and `national_id` are
//! told by form, length and the words before. `name` and `address` cannot be told without a model
//! of the language: they are found only after a title, an introduction or beside a street word, so
//! **most are missed**, and a policy that depends on them needs a `service` check. The figures
//! that were measured stand in `tests.rs`.

mod codes;
mod national_id;
mod people;
mod phone;

#[cfg(test)]
mod tests;

use core::ops::Range;

use super::{FOUND_MAX, Finds, Found, Text};

/// A kind of personal data that a policy can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonalKind {
    /// An address of electronic mail.
    Email,
    /// A telephone number: international, or with separators, or after a word such as "call".
    Phone,
    /// An IBAN with the length of its country and a right check.
    Iban,
    /// A payment card number with a known first digit and a right Luhn check.
    Card,
    /// A person's name after a title or an introduction; most names are missed.
    Name,
    /// A street with a number, or a post box; most addresses are missed.
    Address,
    /// A national number of a person: US, UK, ES, IT, FR, BR, IN, CH, PL.
    NationalId,
    /// An IPv4 or IPv6 address.
    Ip,
}

impl PersonalKind {
    /// Every kind, in the order in which overlapping finds win.
    pub const ALL: [Self; 8] = [
        Self::Email,
        Self::Iban,
        Self::NationalId,
        Self::Card,
        Self::Ip,
        Self::Phone,
        Self::Address,
        Self::Name,
    ];

    /// The name used in policies and masks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Name => "name",
            Self::Address => "address",
            Self::NationalId => "national_id",
            Self::Ip => "ip",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn spans(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Email => codes::emails(text),
            Self::Iban => codes::ibans(text),
            Self::Card => codes::cards(text),
            Self::Ip => codes::ips(text),
            Self::Phone => phone::phones(text),
            Self::NationalId => national_id::national_ids(text),
            Self::Name => people::names(text),
            Self::Address => people::addresses(text),
        }
    }
}

/// Finds the chosen kinds.
#[derive(Debug, Clone)]
pub struct PersonalData(Vec<PersonalKind>);

impl PersonalData {
    /// Finds these kinds only.
    pub fn of(kinds: &[PersonalKind]) -> Self {
        Self(PersonalKind::ALL.into_iter().filter(|kind| kinds.contains(kind)).collect())
    }

    /// Finds every kind.
    pub fn all() -> Self {
        Self(PersonalKind::ALL.to_vec())
    }
}

impl Finds for PersonalData {
    fn find_in(&self, text: &Text<'_>, into: &mut Vec<Found>) {
        let mut taken: Vec<(PersonalKind, Range<usize>)> = Vec::new();
        // All kinds are looked for, since a card number is no telephone number even when only
        // telephone numbers were asked for.
        for kind in PersonalKind::ALL {
            let wanted = self.0.contains(&kind);
            if !wanted && !kind.is_exact() {
                continue;
            }
            for span in kind.spans(&text.text) {
                if taken.len() >= FOUND_MAX {
                    break;
                }
                if !taken.iter().any(|(_, t)| t.start < span.end && span.start < t.end) {
                    taken.push((kind, span));
                }
            }
        }
        taken.retain(|(kind, _)| self.0.contains(kind));
        taken.sort_by_key(|(_, span)| span.start);
        into.extend(taken.into_iter().map(|(kind, span)| Found {
            kind: kind.name(),
            text: text.text.get(span.clone()).unwrap_or_default().to_owned(),
            path: text.path.clone(),
            span,
            in_name: text.is_name,
        }));
    }
}

impl PersonalKind {
    /// Kinds told by a check digit or an unmistakable form.
    const fn is_exact(self) -> bool {
        matches!(self, Self::Email | Self::Iban | Self::Card | Self::NationalId | Self::Ip)
    }
}

/// A pattern that is part of the program. That each one compiles is tested.
type Constant = std::sync::LazyLock<Option<regex::Regex>>;

/// The spans of `pattern` in `text`, or of its group `of` where it has one.
fn matches(pattern: &Constant, text: &str) -> Vec<Range<usize>> {
    let Some(regex) = pattern.as_ref() else { return Vec::new() };
    let group = |captures: regex::Captures<'_>| {
        captures.name("of").or_else(|| captures.get(0)).map(|found| found.range())
    };
    regex.captures_iter(text).filter_map(group).collect()
}

/// Whether neither a letter nor a digit touches the span.
fn is_apart(text: &str, span: &Range<usize>) -> bool {
    super::words::stands_alone(text, span.clone())
}

/// The `chars` characters before the span, in lower case: what it may be called there.
fn before(text: &str, span: &Range<usize>, chars: usize) -> String {
    let head = text.get(..span.start).unwrap_or_default();
    let start = head.char_indices().rev().nth(chars.saturating_sub(1)).map_or(0, |(at, _)| at);
    head.get(start..).unwrap_or_default().to_lowercase()
}
