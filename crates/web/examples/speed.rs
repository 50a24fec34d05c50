//! How long a page takes to render: `cargo run --release -p kith-web --example speed`.

use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use kith_web::layers::{Site, layers};
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let site = Site::new(true, false, [1; 32])?;
    println!("all templates compiled in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let app: Router = layers(kith_web::gallery::router(), &site);
    for path in ["/nowhere", "/gallery/team", "/gallery"] {
        let mut times = Vec::new();
        let mut size = 0;
        for _ in 0..500 {
            let started = Instant::now();
            let answer = app.clone().oneshot(Request::get(path).body(Body::empty())?).await?;
            size = to_bytes(answer.into_body(), usize::MAX).await?.len();
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        println!("{path}: {size} bytes, median {:.0} µs, p99 {:.0} µs", times[250], times[495]);
    }
    Ok(())
}
