//! The access log. Alone in its process: a logger is the process's.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{observation, server};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_what_happened_and_nothing_about_whom() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = server().await;
    server.ada().await;
    server.get("/fhir/Patient?family=Lovelace&identifier=9990000018").await;
    server.get("/fhir/Patient/9990000018").await;
    server.put(&observation("o1", "8867-4", "1999-13-01")).await;
    server.ask("GET", "/fhir/Patient/ada", &[("x-request-id", "engine-0042")], "").await;
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("kith_api::access") && text.contains("/fhir/{type}/{id}"), "{text}");
    assert!(text.contains("engine-0042") && text.contains("status=422"));
    for secret in ["Lovelace", "9990000018", "Ada", "Patient/ada", "8867-4", server.token.as_str()] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}
