//! `kith keys`.

use std::process::ExitCode;

use crate::cli::Keys;
use crate::config::Config;

pub async fn run(command: Keys, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    match command {
        Keys::List { json } => {
            let masters = door.master_keys().await?;
            let public = door.verify_key();
            if json {
                let masters: Vec<_> = masters
                    .iter()
                    .enumerate()
                    .map(|(at, (name, people))| {
                        serde_json::json!({"name": name, "people": people, "in_use": at + 1 == masters.len()})
                    })
                    .collect();
                println!("{}", serde_json::json!({"audit_public_key": public, "master_keys": masters}));
            } else {
                println!("audit   {public}  checks the signatures of checkpoints; keep a copy elsewhere");
                for (at, (name, people)) in masters.iter().enumerate() {
                    let state = match (at + 1 == masters.len(), people) {
                        (true, _) => "in use",
                        (false, 0) => "no longer needed here; copies of the record may need it",
                        (false, _) => "before: `kith keys rotate` moves these on",
                    };
                    println!("master  {name}  attachments of {people} people  {state}");
                }
            }
        }
        Keys::Rotate { audit: true } => {
            door.rotate_signing().await?;
            println!("Checkpoints are signed with {} from now on.", door.verify_key());
            eprintln!("Start a running server again. Write the new public key down elsewhere.");
        }
        Keys::Rotate { audit: false } => {
            let wrapped = door.rotate_keys().await?;
            let name = door.master_keys().await?.pop().map_or_else(String::new, |(name, _)| name);
            println!("Attachments of {wrapped} people are now under master key {name}.");
            eprintln!("Keep the key before for as long as you keep copies of the record from before.");
        }
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}
