//! The accept loop: header and connection bounds, graceful stop. Ours, because `axum::serve` sets
//! no header timeout.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt;

use crate::{app::Caps, desk::Peer};

/// Connections at one time.
const CONNECTIONS_MAX: usize = 10_000;
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
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
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
        let service = routes.clone().map_request(move |request: Request<hyper::body::Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let builder = Arc::clone(&builder);
        let watched = graceful.watcher();
        crate::tasks::start(async move {
            let io = TokioIo::new(socket);
            let service = TowerToHyperService::new(service);
            let connection = builder.serve_connection(io, service);
            // A connection that breaks is the other side's business.
            let _ = watched.watch(connection.into_owned()).await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(longest, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still open at the end of the drain");
    }
    Ok(())
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
