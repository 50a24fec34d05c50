//! Serves the gallery: `cargo run -p kith-web --example gallery -- 8099`.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use kith_web::layers::{Site, layers};
use kith_web::session::{Session, Viewer, attach};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8099".into());
    let site = Site::new(true, false, [1; 32])?;
    let viewer = |staff: bool| Viewer {
        name: "S. Rahman".into(),
        role: staff.then(|| "GP at Elm Street Practice".into()),
        acting_for: None,
        staff,
    };
    let pages = Router::new().merge(kith_web::gallery::router()).layer(middleware::from_fn(
        move |request: Request, next: Next| {
            let staff = request.uri().path().ends_with("team");
            attach(Session { id: "example".into(), csrf_secret: [2; 32], viewer: Some(viewer(staff)) }, request, next)
        },
    ));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/gallery", listener.local_addr()?);
    axum::serve(listener, layers(pages, &site)).await?;
    Ok(())
}
