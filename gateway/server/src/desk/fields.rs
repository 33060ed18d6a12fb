//! The fields of a form, as a browser sends them: names and texts, in order.

/// Most fields of one form: a form of ours never comes near.
const FIELDS_MAX: usize = 20_000;

/// The fields of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`. A browser ends lines with CR LF; texts here do
    /// with LF alone.
    pub fn read(bytes: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(bytes).take(FIELDS_MAX);
        Self(pairs.map(|(name, text)| (name.into_owned(), text.replace("\r\n", "\n"))).collect())
    }

    /// The first field of that name.
    pub fn one(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, text)| text)
    }

    /// The text in that field without spaces around it, unless it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.one(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Every field of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, text)| text.as_str())
    }

    /// The form with that text in that field.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.0.retain(|(key, _)| key != name);
        self.0.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Every field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl FromIterator<(String, String)> for Fields {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(fields: T) -> Self {
        Self(fields.into_iter().collect())
    }
}
