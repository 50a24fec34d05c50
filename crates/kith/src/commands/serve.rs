//! `kith serve`: pages and the FHIR door over one record, until told to stop.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use kith_contact::{FileSink, Notifier};
use kith_directory::DirectoryCache;
use kith_trust::{Door, Settle};
use kith_web::{AppState, Demo};
use tokio::sync::watch;

use crate::config::Config;

pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(&config).await?;
    serve(door, None, &config).await
}

/// Serves until Ctrl-C or SIGTERM, then finishes what is under way and closes the record.
pub async fn serve(door: Door, demo: Option<Demo>, config: &Config) -> anyhow::Result<ExitCode> {
    logging(config)?;
    let listener = tokio::net::TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}\nhint: is another server there? choose one with --listen", config.listen)
    })?;
    let (stop, stopped) = watch::channel(false);
    let background = background(&door, config, &stopped)?;
    let app = app(&door, demo.as_ref(), config).await?;
    println!("Kith is at http://{}/  (Ctrl-C stops it)", listener.local_addr()?);
    let mut ended = stopped.clone();
    tokio::spawn(async move {
        signal().await;
        eprintln!("Finishing…");
        let _ = stop.send(true);
    });
    let serving = crate::serving::serve(listener, app, async move {
        let _ = ended.wait_for(|stop| *stop).await;
    });
    let mut deadline = stopped.clone();
    tokio::select! {
        () = serving => {}
        () = async { let _ = deadline.wait_for(|stop| *stop).await; tokio::time::sleep(Duration::from_secs(10)).await; } => {}
    }
    for task in background {
        let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// The whole site over a door.
pub async fn app(door: &Door, demo: Option<&Demo>, config: &Config) -> anyhow::Result<axum::Router> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    let site = kith_web::layers::Site::new(demo.is_some(), config.tls, secret)?;
    let state = AppState {
        door: door.clone(),
        directory: DirectoryCache::new(),
        pathways: Arc::new(super::content::pathways(config)?),
        lately: kith_web::Lately::default(),
        demo: demo.cloned().map(Arc::new),
        sign_in: Arc::new(super::sign_in::ways(door, demo, config).await?),
    };
    Ok(kith_api::router(
        door.clone(),
        kith_api::ApiOptions { base_url: config.public_url.clone(), ..kith_api::ApiOptions::default() },
    )
    .merge(kith_web::router(state, &site)))
}

fn background(
    door: &Door,
    config: &Config,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let sink = FileSink::open(&config.data).context("cannot open the file of notifications")?;
    let notifier = tokio::spawn(Notifier::new(door.clone(), Arc::new(sink)).run(stopped.clone()));
    let sweeper = tokio::spawn({
        let (door, mut stopped) = (door.clone(), stopped.clone());
        async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_mins(1)) => {
                        if let Err(error) = door.sweep().await {
                            tracing::warn!(%error, "lapsed sessions and holds were not swept");
                        }
                    }
                    _ = stopped.changed() => return,
                }
            }
        }
    });
    let reminders = tokio::spawn(remind(door.clone(), stopped.clone()));
    Ok(vec![notifier, sweeper, reminders])
}

/// How often due reminders are looked for, and how long one may take before another server tries it.
const REMIND_EVERY: Duration = Duration::from_secs(20);
const REMIND_LEASE: SignedDuration = SignedDuration::from_mins(2);
/// A reminder that failed is tried again after this, and given up after so many tries.
const REMIND_AGAIN: SignedDuration = SignedDuration::from_mins(5);
const REMIND_TRIES: u32 = 5;

/// Does the reminders of appointments as they fall due.
async fn remind(door: Door, mut stopped: watch::Receiver<bool>) {
    let access = door.system("Kith reminders");
    loop {
        match access.take_jobs(kith_booking::REMINDER, 50, REMIND_LEASE).await {
            Ok(jobs) => {
                for job in jobs {
                    let outcome = match kith_booking::remind(&access, &job.payload).await {
                        Ok(_) => Settle::Done,
                        Err(error) => {
                            tracing::warn!(%error, job = job.job, "a reminder was not sent");
                            let again = door.now().saturating_add(REMIND_AGAIN);
                            match again {
                                Ok(at) if job.attempts < REMIND_TRIES => Settle::RetryAt(at),
                                _ => Settle::Dead,
                            }
                        }
                    };
                    if let Err(error) = access.settle_job(job.job, outcome).await {
                        tracing::warn!(%error, "a reminder will be tried again");
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "reminders could not be looked for"),
        }
        tokio::select! {
            () = tokio::time::sleep(REMIND_EVERY) => {}
            _ = stopped.changed() => return,
        }
    }
}

fn logging(config: &Config) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log)
        .context("log is not a filter such as info or warn,kith=debug")?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish();
    // A second server in one process (the story, a test) keeps the first one's logging.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

async fn signal() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match terminated {
            Ok(mut terminated) => {
                tokio::select! { _ = interrupted => {}, _ = terminated.recv() => {} }
            }
            Err(_) => {
                let _ = interrupted.await;
            }
        }
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
