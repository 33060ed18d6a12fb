//! The least that could be called a proxy: one thread, pooled connections, both bodies parsed, the
//! answer held to the same schema. It keeps no record, knows no callers and retries nothing.

use super::model::{json, listen};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jsonschema::Validator;
use serde_json::Value;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// The schema that Backstop's `bench` policy holds answers to.
const SCHEMA: &str = include_str!("../../workspace/policies/schemas/label.json");

struct Proxy {
    client: Client<HttpConnector, Full<Bytes>>,
    model: String,
    schema: Validator,
}

/// Serves until it is killed; says its address first.
pub async fn serve(model: &str) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = Rc::new(Proxy {
        client: Client::builder(TokioExecutor::new()).build(connector),
        model: format!("http://{model}/v1/chat/completions"),
        schema: jsonschema::validator_for(&serde_json::from_str(SCHEMA).unwrap()).unwrap(),
    });
    let listener = listen().await;
    LocalSet::new()
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::task::spawn_local(keep_passing(proxy.clone(), stream));
            }
        })
        .await;
}

async fn keep_passing(proxy: Rc<Proxy>, stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(move |request| pass(proxy.clone(), request));
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn pass(
    proxy: Rc<Proxy>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(proxy.ask(request).await.unwrap_or_else(|| {
        let mut refused = json(Bytes::from_static(b"{\"error\":{}}"));
        *refused.status_mut() = StatusCode::BAD_GATEWAY;
        refused
    }))
}

impl Proxy {
    /// The model's answer, if both bodies are what they should be.
    async fn ask(&self, request: Request<Incoming>) -> Option<Response<Full<Bytes>>> {
        let asked = request.into_body().collect().await.ok()?.to_bytes();
        let parsed: Value = serde_json::from_slice(&asked).ok()?;
        parsed["messages"].as_array()?;
        let request = Request::post(&self.model).header(CONTENT_TYPE, "application/json");
        let answer = self.client.request(request.body(Full::new(asked)).ok()?).await.ok()?;
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        let parsed: Value = serde_json::from_slice(&body).ok()?;
        let content = parsed["choices"][0]["message"]["content"].as_str()?;
        let content: Value = serde_json::from_str(content).ok()?;
        self.schema.is_valid(&content).then(|| json(body))
    }
}
