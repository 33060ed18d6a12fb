//! The model of the benchmark: one thread, one answer, at once.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::net::{TcpListener, TcpStream};

/// A typed answer of four tokens, each sure.
pub const ANSWER: &str = concat!(
    r#"{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"bench","#,
    r#""choices":[{"index":0,"message":{"role":"assistant","content":"{\"label\":\"ham\"}","#,
    r#""refusal":null},"logprobs":{"content":["#,
    r#"{"token":"{\"","logprob":-0.001,"bytes":[123,34],"top_logprobs":[]},"#,
    r#"{"token":"label\":\"","logprob":-0.001,"bytes":[108,97,98,101,108,34,58,34],"#,
    r#""top_logprobs":[]},"#,
    r#"{"token":"ham","logprob":-0.002,"bytes":[104,97,109],"top_logprobs":[]},"#,
    r#"{"token":"\"}","logprob":-0.001,"bytes":[34,125],"top_logprobs":[]}],"refusal":null},"#,
    r#""finish_reason":"stop"}],"#,
    r#""usage":{"prompt_tokens":40,"completion_tokens":4,"total_tokens":44}}"#
);

/// Serves until it is killed; says its address first.
pub async fn serve() {
    let listener = listen().await;
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(keep_answering(stream));
    }
}

/// A listener at a free port, whose address is printed for the parent.
pub async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    listener
}

async fn keep_answering(stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(answer);
    // A caller that hangs up is no event here.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    Ok(json(Bytes::from_static(ANSWER.as_bytes())))
}

/// A JSON response.
pub fn json(body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder().header(CONTENT_TYPE, "application/json");
    response.body(Full::new(body)).unwrap()
}
