//! The desk over an engine in this process: real pages, no socket, and time that a story turns by
//! hand. No keys are in use there, so whoever looks is the one local person, who sees everything.

use std::sync::Arc;

use axum::body::Body;
use backstop_server::{App, Caps, coverage::Coverage, deliver::Deliveries};
use http_body_util::BodyExt as _;
use hyper::{Request, Response, StatusCode, header, service::Service as _};
use hyper_util::service::TowerToHyperService;

use crate::bench::Bench;

/// The desk of a bench.
pub struct Desk {
    /// What it shows as counted of policies' tests.
    pub coverage: Coverage,
    routes: TowerToHyperService<axum::Router>,
}

/// A page as it came.
#[derive(Debug)]
pub struct Seen {
    /// How it was answered.
    pub status: StatusCode,
    /// Where it leads instead, if it leads anywhere.
    pub to: String,
    /// The page.
    pub html: String,
}

impl Desk {
    /// Over that bench.
    pub fn over(bench: &Bench) -> Self {
        let engine = bench.engine.clone();
        let coverage = Coverage::default();
        let app = App {
            keys: Arc::default(),
            metrics: None,
            caps: Caps::default(),
            deliveries: Deliveries::over(engine.clone()),
            reload: Arc::default(),
            coverage: coverage.clone(),
            desk: Arc::new(backstop_server::Desk::new(&engine, None)),
            engine,
        };
        Self { coverage, routes: TowerToHyperService::new(backstop_server::routes(app)) }
    }

    /// Looks at a page.
    ///
    /// # Panics
    /// If it is no text.
    pub async fn get(&self, path: &str) -> Seen {
        let request = Request::get(path).header(header::HOST, "localhost").body(Body::empty());
        let request = request.expect("a path of a story is one");
        let Ok(response): Result<Response<Body>, _> = self.routes.call(request).await;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a page has an end").to_bytes();
        let to = head.headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
        Seen {
            status: head.status,
            to: to.unwrap_or_default().to_owned(),
            html: String::from_utf8(bytes.to_vec()).expect("a page is text"),
        }
    }

    /// The page, which must be there.
    ///
    /// # Panics
    /// If it is not.
    pub async fn page(&self, path: &str) -> String {
        let seen = self.get(path).await;
        assert_eq!(seen.status, StatusCode::OK, "{path}: {}", words(&seen.html));
        seen.html
    }
}

/// The words of a piece of a page, without its tags.
pub fn words(html: &str) -> String {
    let mut words = String::new();
    for piece in html.split('<') {
        words.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        words.push(' ');
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The section of a page that is headed by that id.
///
/// # Panics
/// If there is none.
pub fn section<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("<h2 id=\"{id}\"")).unwrap_or_else(|| panic!("{id}"));
    rest.split("</section>").next().unwrap_or_default()
}

/// The row of a table that says that, in words.
///
/// # Panics
/// If there is none.
pub fn row(section: &str, says: &str) -> String {
    let mut rows = section.split("<tr").skip(1).map(|row| words(&format!("<{row}")));
    rows.find(|row| row.contains(says)).unwrap_or_else(|| panic!("no row says `{says}`: {section}"))
}

/// The calls of a list, in order.
pub fn listed(page: &str) -> Vec<String> {
    let rows = page.split("<tr id=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap_or_default().to_owned()).collect()
}

/// Where the link with those words leads.
pub fn link(page: &str, text: &str) -> Option<String> {
    let (before, _) = page.split_once(&format!("\">{text}</a>"))?;
    let (_, tag) = before.rsplit_once("<a ")?;
    // Other attributes may stand behind the place.
    let to = tag.split_once("href=\"")?.1.split('"').next()?;
    Some(to.replace("&#38;", "&").replace("&amp;", "&"))
}
