//! The languages of the desk. Every sentence stands in the code in English; a file of the
//! workspace, `policies/words/LANGUAGE.json`, says it otherwise, one by one, and what it does not
//! say stays English. `english.json` beside this file has them all: a translation starts as its
//! copy.
//!
//! Only our own sentences go through here: never a word of an answer, a rule or a person.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};

use crate::app::App;

mod phrase;

pub use phrase::{named, phrase};

/// Where a workspace has its languages.
const FOLDER: &str = "policies/words/";
/// Every sentence, as itself.
const ENGLISH: &str = include_str!("tongue/english.json");

tokio::task_local! {
    /// The language of whoever is answered now.
    static READER: Option<Arc<Tongue>>;
}

/// One language.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tongue {
    code: String,
    says: HashMap<String, String>,
}

/// Every language of a workspace beside English.
#[derive(Debug, Default)]
pub struct Tongues(arc_swap::ArcSwap<BTreeMap<String, Arc<Tongue>>>);

impl Tongues {
    /// Takes over the languages of a workspace's files.
    ///
    /// # Errors
    /// What is wrong with which file; the languages stay as they were.
    pub fn reload(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), String> {
        let mut all = BTreeMap::new();
        for (path, bytes) in files.range(FOLDER.to_owned()..) {
            let Some(name) = path.strip_prefix(FOLDER) else { break };
            let Some(code) = name.strip_suffix(".json").filter(|code| is_code(code)) else {
                return Err(format!("`{path}` is no language: its name must be like `de.json`"));
            };
            let says: HashMap<String, String> = serde_json::from_slice(bytes).map_err(|error| {
                format!("`{path}` is not an object of sentences, English to its own: {error}")
            })?;
            all.insert(code.to_owned(), Arc::new(kept(path, code, says)));
        }
        self.0.store(Arc::new(all));
        Ok(())
    }

    /// The language of that code.
    pub fn named(&self, code: &str) -> Option<Arc<Tongue>> {
        self.0.load().get(code).map(Arc::clone)
    }

    /// The language that a reader asks for first, of those that there are; `None` is English.
    ///
    /// Source: RFC 9110, `Accept-Language`; `de-AT` takes `de` if there is no file of its own.
    fn best(&self, accepts: &str) -> Option<Arc<Tongue>> {
        let all = self.0.load();
        let mut wanted: Vec<(f32, &str)> = accepts
            .split(',')
            .filter_map(|one| {
                let (code, weight) = one.split_once(';').unwrap_or((one, "q=1"));
                let weight = weight.trim().strip_prefix("q=")?.parse::<f32>().ok()?;
                (weight > 0.0).then(|| (weight, code.trim()))
            })
            .collect();
        // Of the same weight the first one; the sort keeps their order.
        wanted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        for (_, code) in wanted {
            let code = code.to_ascii_lowercase();
            let broad = code.split('-').next().unwrap_or_default();
            if let Some(found) = all.get(&code).or_else(|| all.get(broad)) {
                return Some(Arc::clone(found));
            }
            if broad == "en" || code == "*" {
                return None;
            }
        }
        None
    }
}

fn is_code(code: &str) -> bool {
    (2..=12).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// What can be used of a language. A sentence that left a place out would leave a fact out, so it
/// stays English; what no page says (any more) is passed over, and both are told.
fn kept(path: &str, code: &str, says: HashMap<String, String>) -> Tongue {
    let known: HashMap<String, String> = serde_json::from_str(ENGLISH).unwrap_or_default();
    let (kept, dropped): (HashMap<_, _>, HashMap<_, _>) = says
        .into_iter()
        .partition(|(english, own)| known.contains_key(english) && places(english) == places(own));
    if let Some(first) = dropped.keys().min() {
        tracing::warn!(
            path,
            dropped = dropped.len(),
            first,
            "sentences that no page says, or whose {{places}} differ, stay English"
        );
    }
    Tongue { code: code.to_owned(), says: kept }
}

/// The places of a sentence where something is put in, by name.
fn places(text: &str) -> Vec<&str> {
    let mut places: Vec<&str> =
        text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
    places.sort_unstable();
    places
}

/// Answers a reader in their language.
pub async fn speak(State(app): State<App>, request: Request, next: Next) -> Response {
    let accepts = request.headers().get(header::ACCEPT_LANGUAGE);
    let accepts = accepts.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tongue = app.desk.tongues.best(accepts);
    let mut response = READER.scope(tongue, next.run(request)).await;
    let varies = header::HeaderValue::from_static("accept-language");
    response.headers_mut().append(header::VARY, varies);
    response
}

/// Does something for readers of that language; `None` is English.
pub async fn spoken<T>(tongue: Option<Arc<Tongue>>, what: impl Future<Output = T>) -> T {
    READER.scope(tongue, what).await
}

/// A sentence, in the reader's language.
pub fn say(english: &'static str) -> Cow<'static, str> {
    let own = READER.try_with(|tongue| Some(tongue.as_ref()?.says.get(english)?.clone()));
    own.ok().flatten().map_or(Cow::Borrowed(english), Cow::Owned)
}

/// A sentence with something put in its `{places}`, in the reader's language.
pub fn tell(english: &'static str, put: &[(&str, &str)]) -> String {
    filled(&say(english), put)
}

/// The text with something put in its `{places}`.
fn filled(text: &str, put: &[(&str, &str)]) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        told.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let value = put.iter().find(|(place, _)| *place == name).map(|(_, value)| *value);
        told.push_str(value.unwrap_or_default());
        rest = after;
    }
    told.push_str(rest);
    told
}

/// The reader's language, as pages name it.
pub fn code() -> String {
    let code = READER.try_with(|tongue| tongue.as_ref().map(|tongue| tongue.code.clone()));
    code.ok().flatten().unwrap_or_else(|| "en".to_owned())
}

#[cfg(test)]
mod tests;
