//! The texts of a form, by kind and place.

use std::collections::BTreeMap;

use super::super::fields::Fields;

/// Most entries of one list in a form.
pub const LIST_MAX: usize = 500;

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A text, number, or choice.
    Text,
    /// JSON, where the schema says no more than that.
    Json,
    /// How many entries a list has.
    Count,
    /// Whether an optional place is there at all.
    Given,
}

impl What {
    const ALL: [(Self, char); 4] =
        [(Self::Text, 'v'), (Self::Json, 'j'), (Self::Count, 'n'), (Self::Given, 'g')];

    fn letter(self) -> char {
        Self::ALL.iter().find(|(what, _)| *what == self).map_or('v', |(_, letter)| *letter)
    }

    fn of(letter: char) -> Option<Self> {
        Self::ALL.iter().find(|(_, one)| *one == letter).map(|(what, _)| *what)
    }
}

/// The texts of one part of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw(BTreeMap<(String, What), String>);

impl Raw {
    /// Those of that part, as a browser sent them.
    pub fn of(fields: &Fields, part: &str) -> Self {
        let own = fields.iter().filter_map(|(name, text)| {
            let name = name.strip_prefix(part)?.strip_prefix(':')?;
            let mut letters = name.chars();
            let what = What::of(letters.next()?)?;
            Some(((letters.as_str().to_owned(), what), text.to_owned()))
        });
        Self(own.collect())
    }

    /// Name of a field in the form.
    pub fn name(part: &str, what: What, pointer: &str) -> String {
        format!("{part}:{}{pointer}", what.letter())
    }

    /// Whether nothing was sent of this part.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands there.
    pub fn get(&self, what: What, pointer: &str) -> Option<&str> {
        self.0.get(&(pointer.to_owned(), what)).map(String::as_str)
    }

    /// Puts a text there.
    pub fn set(&mut self, what: What, pointer: &str, text: impl Into<String>) {
        self.0.insert((pointer.to_owned(), what), text.into());
    }

    /// How many entries the list there has.
    pub fn count(&self, pointer: &str) -> usize {
        let count = self.get(What::Count, pointer).and_then(|count| count.parse().ok());
        count.unwrap_or(0).min(LIST_MAX)
    }

    /// One more entry, empty.
    pub fn add(&mut self, list: &str) {
        let count = self.count(list) + 1;
        if count <= LIST_MAX {
            self.set(What::Count, list, count.to_string());
        }
    }

    /// One entry less; those after it move up.
    pub fn remove(&mut self, entry: &str) {
        let Some((list, index)) = entry.rsplit_once('/') else { return };
        let Ok(index) = index.parse::<usize>() else { return };
        let count = self.count(list);
        if index >= count {
            return;
        }
        let moved = std::mem::take(&mut self.0).into_iter().filter_map(|((at, what), text)| {
            let at = shifted(at, list, index)?;
            Some(((at, what), text))
        });
        self.0 = moved.collect();
        self.set(What::Count, list, (count - 1).to_string());
    }

    /// The form with these texts in place of that part's.
    pub fn into_fields(self, others: &Fields, part: &str) -> Fields {
        let own = format!("{part}:");
        let others = others.iter().filter(|(name, _)| !name.starts_with(&own));
        let others: Vec<(String, String)> =
            others.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let texts = self.0.into_iter();
        let texts = texts.map(|((at, what), text)| (Self::name(part, what, &at), text));
        others.into_iter().chain(texts).collect()
    }

    /// Names of the places right below that hold JSON.
    pub fn json_below(&self, pointer: &str) -> Vec<String> {
        let prefix = format!("{pointer}/");
        let below = self.0.keys().filter(|(_, what)| *what == What::Json);
        let below = below.filter_map(|(at, _)| at.strip_prefix(&prefix));
        below.filter(|step| !step.contains('/')).map(str::to_owned).collect()
    }
}

/// Where a place is once that entry of the list is gone; `None`: it is gone too.
fn shifted(at: String, list: &str, index: usize) -> Option<String> {
    let Some(rest) = at.strip_prefix(list).and_then(|rest| rest.strip_prefix('/')) else {
        return Some(at);
    };
    let (step, more) = rest.split_once('/').map_or((rest, None), |(step, more)| (step, Some(more)));
    let Ok(place) = step.parse::<usize>() else { return Some(at) };
    match place.cmp(&index) {
        std::cmp::Ordering::Less => Some(at),
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Greater => {
            let more = more.map(|more| format!("/{more}")).unwrap_or_default();
            Some(format!("{list}/{}{more}", place - 1))
        }
    }
}
