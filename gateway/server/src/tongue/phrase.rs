//! A sentence of a page with things put in its `{places}`, in the reader's language: everything
//! escaped, and each thing marked up as what it is.

use std::{borrow::Cow, fmt};

/// A sentence that is being put together. It is shown as HTML and safe as that.
pub struct Phrase {
    text: Cow<'static, str>,
    put: Vec<(&'static str, String)>,
}

/// A sentence, in the reader's language, for its `{places}` to be filled.
pub fn phrase(english: &'static str) -> Phrase {
    Phrase { text: super::say(english), put: Vec::new() }
}

impl Phrase {
    fn with(mut self, place: &'static str, html: String) -> Self {
        self.put.push((place, html));
        self
    }

    /// Plain text.
    pub fn put(self, place: &'static str, text: impl fmt::Display) -> Self {
        self.with(place, escaped(&text))
    }

    /// What stands out.
    pub fn strong(self, place: &'static str, text: impl fmt::Display) -> Self {
        self.with(place, format!("<b>{}</b>", escaped(&text)))
    }

    /// A name as files and commands have it.
    pub fn code(self, place: &'static str, text: impl fmt::Display) -> Self {
        self.with(place, format!("<code>{}</code>", escaped(&text)))
    }

    /// A key of the keyboard.
    pub fn key(self, place: &'static str, text: impl fmt::Display) -> Self {
        self.with(place, format!("<kbd>{}</kbd>", escaped(&text)))
    }

    /// A moment, which the page's script writes in the reader's own zone.
    pub fn time(
        self,
        place: &'static str,
        iso: impl fmt::Display,
        text: impl fmt::Display,
    ) -> Self {
        let (iso, text) = (escaped(&iso), escaped(&text));
        self.with(place, format!("<time datetime=\"{iso}\">{text}</time>"))
    }

    /// How far away a moment is; the moment itself is its title.
    pub fn span(
        self,
        place: &'static str,
        iso: impl fmt::Display,
        moment: impl fmt::Display,
        text: impl fmt::Display,
    ) -> Self {
        let (iso, moment, text) = (escaped(&iso), escaped(&moment), escaped(&text));
        self.with(place, format!("<time datetime=\"{iso}\" title=\"{moment}\">{text}</time>"))
    }

    /// A link to a page of the desk.
    pub fn link(self, place: &'static str, to: impl fmt::Display, text: impl fmt::Display) -> Self {
        let (to, text) = (escaped(&to), escaped(&text));
        self.with(place, format!("<a href=\"{to}\">{text}</a>"))
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let put: Vec<(&str, &str)> =
            self.put.iter().map(|(place, html)| (*place, html.as_str())).collect();
        f.write_str(&super::filled(&escaped(&self.text), &put))
    }
}

impl askama::filters::HtmlSafe for Phrase {}

/// Words in which names stand between backticks, as problems and the record have them. On a page
/// the names are marked up instead.
pub struct Named(String);

/// Those words, for a page.
pub fn named(text: impl fmt::Display) -> Named {
    let text = escaped(&text);
    let mut html = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, name, after)) = rest.split_once('`').and_then(|(before, rest)| {
        let (name, after) = rest.split_once('`')?;
        Some((before, name, after))
    }) {
        html.push_str(before);
        html.push_str("<code>");
        html.push_str(name);
        html.push_str("</code>");
        rest = after;
    }
    Named(html + rest)
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Named {}

fn escaped(text: &dyn fmt::Display) -> String {
    let text = text.to_string();
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&#38;"),
            '<' => safe.push_str("&#60;"),
            '>' => safe.push_str("&#62;"),
            '"' => safe.push_str("&#34;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
