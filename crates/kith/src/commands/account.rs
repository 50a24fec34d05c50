//! `kith account`.

use std::process::ExitCode;

use anyhow::Context;
use kith_trust::AccountOf;

use crate::cli::Account;
use crate::config::Config;

pub async fn run(command: Account, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    match command {
        Account::Add { name, person, post } => {
            let of = match (person, post) {
                (Some(person), None) => AccountOf::Person(whole("Patient", person)),
                (None, Some(post)) => AccountOf::Post(whole("PractitionerRole", post)),
                _ => anyhow::bail!("say whose account it is: --person PATIENT or --post PRACTITIONER-ROLE"),
            };
            println!("{}", door.add_account(&name, of).await?);
            given();
        }
        Account::Reset { name } => {
            let code = door.reset_account(&name).await.with_context(|| format!("there is no account {name}"))?;
            println!("{code}");
            given();
        }
        Account::Disable { name } => {
            door.disable_account(&name).await.with_context(|| format!("there is no account {name}"))?;
            eprintln!("Disabled; every session of its holder has ended.");
        }
        Account::List { json } => {
            let accounts = door.accounts().await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&accounts)?);
            } else {
                for account in accounts {
                    let codes = account.recovery_codes_left;
                    println!(
                        "{:<20}{:<10}{}  {codes} recovery codes",
                        account.name,
                        account.state,
                        account.of.reference()
                    );
                }
            }
        }
    }
    door.close().await?;
    Ok(ExitCode::SUCCESS)
}

fn whole(kind: &str, id: String) -> String {
    if id.contains('/') { id } else { format!("{kind}/{id}") }
}

fn given() {
    eprintln!(
        "This set-up code is shown once, kept only as a hash, and good for 72 hours. Give it to its holder in person or by \
         a road you trust; they use it at /sign-in/account/start."
    );
}
