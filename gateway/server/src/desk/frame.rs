//! What stands around every page: who looks, where they are, what was just done.

use axum::response::Response;
use backstop_domain::ControlEvent;

use crate::{
    app::App,
    auth::Identity,
    desk::{trouble::html, visitor::Visitor, words},
};

/// What stands around a page.
pub struct Frame {
    /// Title of the page.
    pub title: String,
    /// Name of the gateway.
    pub gateway: String,
    /// Who looks.
    pub name: String,
    /// What they may do, in words.
    pub roles: String,
    /// Whether nobody had to sign in, because no keys are in use.
    pub local: bool,
    /// Whether they can sign out.
    pub signed_in: bool,
    /// What forms carry.
    pub token: String,
    /// Which entry of the navigation this is.
    pub here: &'static str,
    /// Whether single keys act.
    pub keys_on: bool,
    /// Whether they see the pages about all calls.
    pub oversees: bool,
    /// What was just done.
    pub notice: Option<Notice>,
}

/// A line about what was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The words.
    pub text: String,
    /// Whether something went wrong.
    pub bad: bool,
}

impl Frame {
    /// For that visitor.
    pub fn new(app: &App, visitor: &Visitor, title: impl Into<String>, here: &'static str) -> Self {
        let roles = match &visitor.identity {
            Identity::Person(person) => words::roles(&person.roles),
            _ => String::new(),
        };
        Self {
            title: title.into(),
            gateway: app.engine.workspace().gateway.name.clone(),
            name: visitor.identity.name().to_owned(),
            roles,
            local: visitor.identity == Identity::Local,
            signed_in: visitor.signed_in,
            token: visitor.guest.token.clone(),
            here,
            keys_on: visitor.guest.keys_on,
            oversees: visitor.identity.oversees(),
            notice: None,
        }
    }

    /// With what was just done, by the word in the address.
    #[must_use]
    pub fn said(mut self, word: Option<&str>) -> Self {
        self.notice = word.and_then(words::done).map(|text| Notice { text, bad: false });
        self
    }
}

/// The page for that visitor, written down as seen.
pub fn shown(
    app: &App,
    visitor: &Visitor,
    page: &impl askama::Template,
    seen: Option<ControlEvent>,
) -> Response {
    let mut response = html(page);
    visitor.guest.dress(app, &mut response);
    if let Some(seen) = seen {
        let (engine, actor) = (app.engine.clone(), visitor.identity.actor("desk"));
        // It rides along: nobody waits for the disk to look at a page.
        crate::tasks::start(async move {
            if let Err(error) = engine.note(actor, seen).await {
                tracing::error!(%error, "a view of a page is not recorded");
            }
        });
    }
    response
}

/// That page was shown.
pub fn viewed(page: &str, target: Option<&str>, masked: bool) -> Option<ControlEvent> {
    Some(ControlEvent::PageViewed {
        page: page.to_owned(),
        target: target.map(str::to_owned),
        masked,
    })
}
