//! Serves every page over a small neighbourhood in a temporary folder: `cargo run -p kith-web --example neighbourhood -- 8098`.

#[path = "../tests/support/mod.rs"]
mod support;

use kith_web::layers::Site;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8098".into());
    let door = kith_trust::testing::door().await?;
    door.set_clock(Some(support::NOW.parse()?));
    let site = Site::new(true, false, [1; 32])?;
    let app = kith_web::router(support::state(&door).await, &site);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/sign-in", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
