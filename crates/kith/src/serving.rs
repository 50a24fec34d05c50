//! Taking connections: HTTP/1.1 with a limit on how long a caller may take to say what it wants.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tower::ServiceExt;

/// How long the head of a request may take to arrive: who sends it a letter at a time holds nothing for longer. Also how
/// long a connection may stay idle between requests.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// The longest head of a request, in bytes, and the most headers in it.
const LONGEST_HEAD: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;
/// How long to wait when the system has no more connections to give.
const AGAIN: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `ended`, then finishes the requests under way.
pub async fn serve(listener: TcpListener, app: Router, ended: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(LONGEST_HEAD).max_headers(MOST_HEADERS);
    let open = GracefulShutdown::new();
    tokio::pin!(ended);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
            },
            () = &mut ended => break,
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            // Who is calling, for limits on how often.
            request.extensions_mut().insert(ConnectInfo(peer));
            app.clone().oneshot(request)
        });
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A caller who goes away, or never speaks HTTP, is no fault of ours.
            let _ = connection.await;
        });
    }
    drop(listener);
    open.shutdown().await;
}
