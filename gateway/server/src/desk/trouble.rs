//! What a page answers when it cannot give what was asked for: a sign-in, or words about what is
//! wrong. The same problems as the API's, for people.

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};

use crate::problem::Problem;

/// Why there is no page.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody knows yet who asks.
    SignIn {
        /// Where they wanted to go.
        to: Option<String>,
    },
    /// Something is wrong.
    Said(Problem),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Said(problem)
    }
}

impl From<backstop_engine::Stop> for Trouble {
    fn from(stop: backstop_engine::Stop) -> Self {
        Self::Said(crate::problem::of_stop(&stop))
    }
}

impl From<backstop_ledger::ReadFailed> for Trouble {
    fn from(failed: backstop_ledger::ReadFailed) -> Self {
        backstop_engine::Stop::from(failed).into()
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page<'a> {
    status: u16,
    detail: &'a str,
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn { to } => {
                let to = to.filter(|to| to != "/").unwrap_or_default();
                let to: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
                let place =
                    if to.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?to={to}") };
                Redirect::to(&place).into_response()
            }
            Self::Said(problem) => {
                let status = problem.status();
                let page = Page { status: status.as_u16(), detail: problem.detail() };
                (status, html(&page)).into_response()
            }
        }
    }
}

/// A page as a response body.
pub fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written").into_response()
        }
    }
}
