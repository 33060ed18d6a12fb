//! The accept loop: bounds on connections, on how long one may be silent, and on the pace of
//! requests; graceful stop. Ours, because `axum::serve` sets no such times.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
};
use tower::ServiceExt;

use crate::{
    app::Caps,
    desk::Peer,
    paced::{Pace, Paced},
};

/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// Pause after a failed accept, such as out of file handles.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `stop`, then lets open requests end, at most `longest`.
///
/// # Errors
/// An I/O error, if the address cannot be read back.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    caps: Caps,
    stop: impl Future<Output = ()>,
    longest: Duration,
) -> io::Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "listening");
    let builder = Arc::new(builder(caps));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(caps.connections));
    let pace = Pace {
        pause: Duration::from_millis(caps.headers_ms),
        whole: Duration::from_millis(caps.wait_ms.max(caps.headers_ms)),
    };
    tokio::pin!(stop);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let Ok(place) = place else { break };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        // Small answers must not wait for the other side's acknowledgement.
        let _ = socket.set_nodelay(true);
        let asked = Arc::new(Notify::new());
        let first = Arc::clone(&asked);
        let service = routes.clone().map_request(move |request: Request<Incoming>| {
            first.notify_one();
            let mut request = request.map(|body| Body::new(Paced::new(body, pace)));
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let builder = Arc::clone(&builder);
        let watched = graceful.watcher();
        crate::tasks::start(async move {
            let io = TokioIo::new(socket);
            let service = TowerToHyperService::new(service);
            let connection = builder.serve_connection(io, service);
            let connection = watched.watch(connection.into_owned());
            until_over(connection, asked, pace.pause).await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(longest, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still open at the end of the drain");
    }
    Ok(())
}

/// Serves a connection to its end. One that has not asked anything in its first moments is let go:
/// before the first words nobody knows yet whose timeouts apply.
async fn until_over<T>(connection: impl Future<Output = T>, asked: Arc<Notify>, longest: Duration) {
    tokio::pin!(connection);
    tokio::select! {
        // A connection that breaks is the other side's business.
        _ = &mut connection => return,
        came = tokio::time::timeout(longest, asked.notified()) => {
            if came.is_err() {
                return;
            }
        }
    }
    let _ = connection.await;
}

fn builder(caps: Caps) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(caps.headers_ms))
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_header_list_size(64 * 1024);
    builder
}
