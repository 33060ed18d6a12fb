//! A person at the desk without a browser: comes in with a key, reads pages, sends their forms as a
//! browser without scripts would.

use crate::{Answered, caller::send};
use reqwest::{Client, redirect};
use std::fmt::Write as _;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    client: Client,
    url: String,
    cookie: String,
}

impl Person {
    /// Comes in at that gateway, with that key.
    ///
    /// # Panics
    /// If the key opens nothing.
    pub async fn enter(url: &str, key: &str) -> Self {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none());
        let client = client.build().expect("a client");
        let mut guest = Self { client, url: url.to_owned(), cookie: String::new() };
        let door = guest.get("/sign-in").await;
        guest.cookie = session(&door);
        let entered =
            guest.post("/sign-in", &[("token", &token(&door.text)), ("secret", key)]).await;
        assert_eq!(entered.status.as_u16(), 303, "the key opens the desk: {}", entered.text);
        guest.cookie = session(&entered);
        guest
    }

    /// The same person in a browser that kept the session, at a gateway that was started again.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The same browser with another cookie.
    #[must_use]
    pub fn with(&self, cookie: &str) -> Self {
        Self { cookie: cookie.to_owned(), ..self.clone() }
    }

    /// Their session's cookie.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Reads a page.
    ///
    /// # Panics
    /// If no answer comes.
    pub async fn get(&self, path: &str) -> Answered {
        let request = self.client.get(format!("{}{path}", self.url)).header("cookie", &self.cookie);
        send(request).await.expect("an answer")
    }

    /// Sends exactly these fields.
    ///
    /// # Panics
    /// If no answer comes.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answered {
        self.send(path, fields, "text/html").await
    }

    /// Sends a form of that page: its token, and these fields.
    ///
    /// # Panics
    /// If the page has no form, or no answer comes.
    pub async fn fill(&self, page: &str, to: &str, fields: &[(&str, &str)]) -> Answered {
        let token = token(&self.get(page).await.text);
        self.post(to, &[&[("token", token.as_str())], fields].concat()).await
    }

    /// As [`Self::post`], as the page's script does.
    ///
    /// # Panics
    /// If no answer comes.
    pub async fn by_script(&self, path: &str, fields: &[(&str, &str)]) -> Answered {
        self.send(path, fields, "application/json").await
    }

    async fn send(&self, path: &str, fields: &[(&str, &str)], accept: &str) -> Answered {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", coded(name), coded(value)))
            .collect();
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .header("cookie", &self.cookie)
            .header("accept", accept)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(fields.join("&"));
        send(request).await.expect("an answer")
    }
}

/// The value of a hidden field of a page; empty if it has none of that name.
pub fn hidden(page: &str, name: &str) -> String {
    let value = page.split(&format!("name=\"{name}\"")).nth(1).and_then(|rest| {
        let tag = rest.split('>').next()?;
        tag.split("value=\"").nth(1)?.split('"').next()
    });
    value.unwrap_or_default().to_owned()
}

fn token(page: &str) -> String {
    let token = hidden(page, "token");
    assert!(!token.is_empty(), "a form has a token: {page}");
    token
}

fn session(answer: &Answered) -> String {
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default();
    cookie.to_owned()
}

fn coded(text: &str) -> String {
    let mut coded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => coded.push(byte.into()),
            other => drop(write!(coded, "%{other:02X}")),
        }
    }
    coded
}
