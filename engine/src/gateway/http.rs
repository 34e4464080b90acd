//! HTTP/1.1 for peers that nobody vouches for: so many connections, so many bytes, so long, and one request each.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

/// Most connections of one listener. More wait until one of these ends.
const CONNECTIONS_MAX: usize = 256;
/// Until the head of the request is there.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// Until everything is over: request, work and answer.
const CONNECTION_MAX: Duration = Duration::from_secs(15);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
/// Bytes of a request's body: a notification has less than four thousand.
const BODY_BYTES_MAX: usize = 64 * 1_024;
/// How long to wait when the system gives no connection, being out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then until the last connection is over.
pub async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let router = router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("it is never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            accepted = accept => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_MAX)
                .max_buf_size(HEAD_BYTES_MAX)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            match timeout(CONNECTION_MAX, connection).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a connection broke"),
                Err(_) => tracing::debug!("a connection took too long"),
            }
            drop(place);
        });
    }
    drop(listener);
    // Each has a bound of its own, so this ends.
    let _ = places.acquire_many(CONNECTIONS_MAX as u32).await;
}
