//! Paths: places in a value, written as conditions write them (`lines.*.amount`).
//!
//! A path names places; it reads and changes nothing outside the value it is applied to. `*` is
//! each element of a list or each field of an object, `[0]` one element, `["a.b"]` an odd name.

use serde_json::Value;

/// Most places that one path selects in one value; further ones are an error of [`Path::select`].
pub const PLACES_MAX: usize = 10_000;

/// A place, or many, below the root of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(Vec<PathStep>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// The field of that name.
    Field(String),
    /// The element of that index, from 0.
    Index(usize),
    /// Each element or field.
    Every,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no path: {message}; write names, `*` or [\"odd name\"] with dots between")]
pub struct PathError {
    /// The text that was given.
    pub text: String,
    /// What is wrong with it.
    pub message: &'static str,
}

/// A value has more places than [`PLACES_MAX`] at the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("more than {PLACES_MAX} places are named by one path")]
pub struct TooManyPlaces;

impl Path {
    /// The value itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path of these steps.
    pub fn of(steps: impl IntoIterator<Item = PathStep>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// Reads a path below a root, such as `lines.*.amount`; the empty text is the root itself.
    ///
    /// # Errors
    /// [`PathError`] for an empty name or an unclosed bracket.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let fail = |message| PathError { text: text.to_owned(), message };
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            rest = if rest.starts_with('[') {
                let (step, after) = bracket(rest).ok_or_else(|| fail("a `[` is not closed"))?;
                steps.push(step);
                after
            } else {
                let rest = if steps.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(|| fail("a dot is missing"))?
                };
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
                steps.push(match name {
                    "" => return Err(fail("a name is missing")),
                    "*" => PathStep::Every,
                    name => PathStep::Field(name.to_owned()),
                });
                after
            };
        }
        Ok(Self(steps))
    }

    /// Reads a path with its root: `output.lines.*` gives `output` and the path below it.
    ///
    /// # Errors
    /// [`PathError`] as [`Path::parse`], or when the root's name is missing.
    pub fn with_root(text: &str) -> Result<(String, Self), PathError> {
        let whole = Self::parse(text)?;
        let mut steps = whole.0.into_iter();
        match steps.next() {
            Some(PathStep::Field(root)) => Ok((root, Self(steps.collect()))),
            _ => Err(PathError { text: text.to_owned(), message: "it starts with no name" }),
        }
    }

    /// The steps from the root down.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Whether it names the value itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The places in `value` that the path names, in order, each with its RFC 6901 pointer.
    ///
    /// # Errors
    /// [`TooManyPlaces`]: a part of the value that was not looked at must not count as judged.
    pub fn select<'a>(&self, value: &'a Value) -> Result<Vec<(String, &'a Value)>, TooManyPlaces> {
        let mut found = vec![(String::new(), value)];
        for step in &self.0 {
            let mut next = Vec::new();
            for (pointer, value) in found {
                take(step, &pointer, value, &mut next);
                if next.len() > PLACES_MAX {
                    return Err(TooManyPlaces);
                }
            }
            found = next;
        }
        Ok(found)
    }
}

impl core::fmt::Display for Path {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            match step {
                PathStep::Every => write!(f, "{dot}*")?,
                PathStep::Index(at) => write!(f, "[{at}]")?,
                PathStep::Field(name) if is_plain(name) => write!(f, "{dot}{name}")?,
                PathStep::Field(name) => write!(f, "[{}]", Value::from(name.as_str()))?,
            }
        }
        Ok(())
    }
}

/// A name as part of an RFC 6901 pointer, its slash before it.
pub fn pointer_part(name: &str) -> String {
    below("", name)
}

/// The pointer of the field `name` of the object at `pointer`.
fn below(pointer: &str, name: &str) -> String {
    let mut below = String::with_capacity(pointer.len() + 1 + name.len());
    below.push_str(pointer);
    push_part(&mut below, name);
    below
}

/// Adds the field `name` to a pointer.
pub(crate) fn push_part(pointer: &mut String, name: &str) {
    pointer.push('/');
    for letter in name.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "*" && !name.contains(['.', '[', ']', '"'])
}

fn bracket(text: &str) -> Option<(PathStep, &str)> {
    let inner = text.strip_prefix('[')?;
    if inner.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = names.next()?.ok()?;
        let after = inner.get(names.byte_offset()..)?.strip_prefix(']')?;
        return Some((PathStep::Field(name), after));
    }
    let (index, after) = inner.split_once(']')?;
    let step = if index == "*" { PathStep::Every } else { PathStep::Index(index.parse().ok()?) };
    Some((step, after))
}

fn take<'a>(step: &PathStep, pointer: &str, value: &'a Value, into: &mut Vec<(String, &'a Value)>) {
    match (step, value) {
        (PathStep::Field(name), Value::Object(fields)) => {
            into.extend(fields.get(name).map(|value| (below(pointer, name), value)));
        }
        (PathStep::Index(at), Value::Array(items)) => {
            into.extend(items.get(*at).map(|v| (format!("{pointer}/{at}"), v)));
        }
        (PathStep::Every, Value::Array(items)) => {
            into.extend(items.iter().enumerate().map(|(at, v)| (format!("{pointer}/{at}"), v)));
        }
        (PathStep::Every, Value::Object(fields)) => {
            let place = |(name, v)| (format!("{pointer}{}", pointer_part(name)), v);
            into.extend(fields.iter().map(|(name, v): (&String, &'a Value)| place((name, v))));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use serde_json::json;

    use super::Path;

    #[test]
    fn a_path_names_places_as_conditions_do() {
        let value = json!({"lines": [{"a": 1}, {"b": 2}, {"a": 3}], "x.y": {"~/": 4}});
        let places = |text: &str| -> Vec<String> {
            let path = Path::parse(text).unwrap();
            path.select(&value).unwrap().into_iter().map(|(pointer, _)| pointer).collect()
        };
        assert_eq!(places("lines.*.a"), ["/lines/0/a", "/lines/2/a"]);
        assert_eq!(places("lines[1].b"), ["/lines/1/b"]);
        assert_eq!(places("[\"x.y\"].*"), ["/x.y/~0~1"]);
        assert_eq!(places(""), [""]);
        assert!(places("lines.a").is_empty());
    }

    #[test]
    fn a_path_reads_back_as_it_is_written() {
        for text in ["lines.*.a", "lines[1].b", "[\"x.y\"].*", ""] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        let (root, path) = Path::with_root("output.lines.*").unwrap();
        assert_eq!((root.as_str(), path.to_string().as_str()), ("output", "lines.*"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [".", "a.", "a..b", "a[", "a[x]", "a[\"x]", "a[0]b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
