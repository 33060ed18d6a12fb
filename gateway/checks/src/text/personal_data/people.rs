//! Names and addresses, as far as a form can tell: after a title, an introduction, a street word.
//!
//! This misses most names and most addresses, and knows English, with a little German, French and
//! Spanish. It is a help for masking, never a proof that a text holds none.

use core::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{Constant, matches};

pub(super) static NAME: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Madam|Herr|Frau|Monsieur|Madame|Señora?)",
        r"\.? (?:(?:Dr|Prof)\. )?",
        r"(?P<of>\p{Lu}[\p{L}'’-]+(?: (?:\p{Lu}\.|(?:van|von|de|der|da|di|la|le|den)|",
        r"\p{Lu}[\p{L}'’-]+)){0,3})"
    ))
    .ok()
});
pub(super) static INTRODUCED: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"\b(?:[Mm]y (?:full )?name is|[Nn]ame's|[Tt]his is|[Ii] am called|[Mm]ein Name ist|",
        r"[Jj]e m'appelle|[Mm]e llamo|[Ss]igned,?|[Ss]incerely,?|[Rr]egards,?)\s+",
        r"(?P<of>\p{Lu}[\p{L}'’-]+(?: (?:\p{Lu}\.|\p{Lu}[\p{L}'’-]+)){1,3})"
    ))
    .ok()
});
pub(super) static STREET: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"\b\d{1,6}[A-Za-z]?,? (?:[\p{Lu}\d][\p{L}\d'’.-]* ){1,5}",
        r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Square|Squares|",
        r"Place|Pl|Terrace|Way|Highway|Hwy|Parkway|Circle|Close|Crescent|Row|Mews)\b\.?",
        r"(?:,?\s+(?:Apt|Apartment|Suite|Unit|Flat|Floor)\.? ?#?\w{1,6})?",
        r"|\b\d{1,6} (?:Rue|Avenue|Boulevard|Calle|Via|Rua|Place) (?:[\p{L}'’-]+ ?){1,4}",
        r"|\b\p{Lu}[\p{L}-]*(?:straße|strasse|gasse|weg|platz|allee|gatan|vägen|veien|katu|tie) ",
        r"\d{1,5}[a-z]?\b",
        r"|\b(?:P\.? ?O\.? Box|Postfach|Apartado) \d{1,8}\b"
    ))
    .ok()
});

pub(super) fn names(text: &str) -> Vec<Range<usize>> {
    let mut found = matches(&NAME, text);
    found.extend(matches(&INTRODUCED, text));
    found
}

pub(super) fn addresses(text: &str) -> Vec<Range<usize>> {
    matches(&STREET, text)
}
