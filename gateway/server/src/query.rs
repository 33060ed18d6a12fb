//! What stands behind the `?`: read into a type, refused as a problem that names the part.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::{app::App, problem::Problem};

/// The query of a request.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(asked)| Self(asked)).map_err(|rejection| {
            let words = rejection.body_text();
            let words = words.rsplit_once("query string: ").map_or(words.as_str(), |(_, why)| why);
            Problem::bad_request("invalid_query", format!("the query cannot be read: {words}"))
        })
    }
}
