//! `kith token`.

use std::process::ExitCode;

use crate::cli::Token;
use crate::config::Config;

pub async fn run(args: Token, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open(config).await?;
    if args.list {
        for (handle, actor) in door.tokens().await? {
            println!("{handle}…  {}  {}  {}", actor.reference, actor.name, actor.scopes.join(" "));
        }
    } else if let Some(device) = &args.withdraw {
        match door.withdraw_tokens(device).await? {
            0 => anyhow::bail!("no live token belongs to {device}\nhint: `kith token --list` shows those there are"),
            n => eprintln!("{n} withdrawn; requests with them are refused from now on."),
        }
    } else if let Some(name) = &args.service {
        let scopes = if args.scope.is_empty() { vec!["system/*.read".to_owned()] } else { args.scope };
        let token = door.issue_token(name, &scopes).await?;
        println!("{token}");
        eprintln!("This is shown once and kept only as a hash. Send it as `Authorization: Bearer …` to /fhir.");
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}
