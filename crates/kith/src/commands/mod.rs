//! One file a command.

mod account;
mod agreements;
mod app;
mod audit;
mod check;
mod content;
mod demo;
mod export;
mod import;
mod keys;
mod morning;
mod retention;
mod safety;
mod serve;
mod sign_in;
mod story;
mod subject_access;
mod token;

use std::process::ExitCode;

use anyhow::Context;
use kith_trust::{Door, DoorConfig};

use crate::cli::Command;
use crate::config::{self, Config};

pub async fn run(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args, config).await,
        Command::Serve => serve::run(config).await,
        Command::Import(args) => import::run(args, &config).await,
        Command::Export(args) => export::run(&args, &config).await,
        Command::Check { json } => check::run(json, &config).await,
        Command::Audit { command } => audit::run(command, &config).await,
        Command::SubjectAccess { nhs_number, to } => subject_access::run(&nhs_number, to, &config).await,
        Command::Retention { command } => retention::run(command, &config).await,
        Command::Keys { command } => keys::run(command, &config).await,
        Command::Token(args) => token::run(args, &config).await,
        Command::App { command } => app::run(command, &config).await,
        Command::Account { command } => account::run(command, &config).await,
        Command::Content { command } => content::run(command, &config),
        Command::Agreements { command } => agreements::run(command, &config).await,
        Command::Safety { command } => safety::run(command, &config).await,
        Command::Config => {
            print!("{}", config::describe());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Opens the record in the configured folder.
pub async fn open(config: &Config) -> anyhow::Result<Door> {
    let mut door = DoorConfig::new(&config.data);
    door.agreements.clone_from(&config.agreements);
    door.durable = config.durable;
    door.keys.clone_from(&config.keys);
    door.checkpoints.clone_from(&config.checkpoints);
    Door::open(door).await.with_context(|| format!("cannot open the record in {}", config.data.display()))
}

/// Opens a record that must be there already: commands that look into one do not make an empty one by a slip.
pub async fn open_existing(config: &Config) -> anyhow::Result<Door> {
    anyhow::ensure!(
        config.data.join("kith.sqlite").exists(),
        "there is no record in {}\nhint: name its folder with --data, or make one with `kith demo` or `kith import`",
        config.data.display()
    );
    open(config).await
}
