//! `kith app`.

use std::process::ExitCode;

use anyhow::Context;
use kith_trust::NewApp;

use crate::cli::AppCommand;
use crate::config::Config;

pub async fn run(command: AppCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    match command {
        AppCommand::Add { name, redirect, launch, scope, confidential, jwks } => {
            let jwks = match jwks {
                None => None,
                Some(file) => {
                    let text =
                        std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
                    Some(serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?)
                }
            };
            let new = NewApp { name, redirects: redirect, launch, scopes: scope, confidential, jwks };
            let (app, secret) = door.add_app(new).await?;
            println!("client_id {}", app.id);
            if let Some(secret) = secret {
                println!("client_secret {secret}");
                eprintln!("The secret is shown once and kept only as a hash.");
            }
        }
        AppCommand::List => {
            for app in door.apps().await? {
                println!("{}  {}  {}", app.id, app.name, app.scopes.join(" "));
            }
        }
        AppCommand::Remove { id } => {
            anyhow::ensure!(
                door.remove_app(&id).await?,
                "there is no app {id}\nhint: `kith app list` shows those there are"
            );
            eprintln!("Removed; its tokens are refused from now on.");
        }
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}
