//! How an OpenID provider is asked: over HTTPS, or, for the demonstration's own provider, inside this process.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower::ServiceExt;

/// Longest a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer read, in bytes.
const MOST: usize = 1024 * 1024;

/// The road to a provider. Cheap to clone.
#[derive(Clone)]
pub struct Transport(Road);

#[derive(Clone)]
enum Road {
    Network(Arc<rustls::ClientConfig>),
    Within(Router),
}

/// The provider could not be asked. Says where it failed and nothing of what was said.
#[derive(Debug, thiserror::Error)]
#[error("the identity provider could not be asked: {0}")]
pub struct TransportError(&'static str);

impl Transport {
    /// Over TLS, trusting the certificate authorities that Mozilla trusts.
    pub fn network() -> Result<Self, TransportError> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| TransportError("TLS cannot be set up"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Road::Network(Arc::new(config))))
    }

    /// Straight to a router in this process: the demonstration's provider.
    pub fn within(provider: Router) -> Self {
        Self(Road::Within(provider))
    }

    /// Sends a request to an absolute address.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let asked = async {
            match &self.0 {
                Road::Network(tls) => over_network(tls, request).await,
                Road::Within(router) => within(router, request).await,
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| TransportError("it took too long"))?
    }
}

impl<'c> openidconnect::AsyncHttpClient<'c> for Transport {
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Vec<u8>>, TransportError>> + Send + 'c>>;

    fn call(&'c self, request: Request<Vec<u8>>) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The path and query a server is sent.
fn target(uri: &Uri) -> Result<Uri, TransportError> {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    path.parse().map_err(|_| TransportError("its address is not one"))
}

async fn within(router: &Router, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
    let (mut parts, body) = request.into_parts();
    parts.uri = target(&parts.uri)?;
    let response = match router.clone().oneshot(Request::from_parts(parts, Body::from(body))).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST).collect().await.map_err(|_| TransportError("its answer is too long"))?;
    Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
}

async fn over_network(
    tls: &Arc<rustls::ClientConfig>,
    request: Request<Vec<u8>>,
) -> Result<Response<Vec<u8>>, TransportError> {
    let (mut parts, body) = request.into_parts();
    let host = parts.uri.host().ok_or(TransportError("its address names no host"))?.to_owned();
    let https = match parts.uri.scheme_str() {
        Some("https") => true,
        // A provider on the same machine, for trying things out.
        Some("http") if matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]") => false,
        _ => return Err(TransportError("its address is not https")),
    };
    let port = parts.uri.port_u16().unwrap_or(if https { 443 } else { 80 });
    let authority = parts.uri.authority().map(|a| a.as_str().to_owned()).unwrap_or_default();
    parts.uri = target(&parts.uri)?;
    let host_header = HeaderValue::from_str(&authority).map_err(|_| TransportError("its address is not one"))?;
    parts.headers.insert(header::HOST, host_header);
    let request = Request::from_parts(parts, Full::new(bytes::Bytes::from(body)));
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(|_| TransportError("it cannot be reached"))?;
    if https {
        let name = ServerName::try_from(bare).map_err(|_| TransportError("its address is not a name"))?;
        let stream = TlsConnector::from(Arc::clone(tls))
            .connect(name, stream)
            .await
            .map_err(|_| TransportError("its certificate is not good"))?;
        exchange(TokioIo::new(stream), request).await
    } else {
        exchange(TokioIo::new(stream), request).await
    }
}

async fn exchange<S>(stream: S, request: Request<Full<bytes::Bytes>>) -> Result<Response<Vec<u8>>, TransportError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|_| TransportError("it does not speak HTTP"))?;
    let driver = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(|_| TransportError("it broke off"))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST).collect().await.map_err(|_| TransportError("its answer is too long"))?;
        Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
    }
    .await;
    driver.abort();
    answered
}
