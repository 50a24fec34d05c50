//! `kith audit`.

use std::process::ExitCode;

use crate::cli::Audit;
use crate::config::Config;

pub async fn run(command: Audit, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    let code = match command {
        Audit::Verify { json } => {
            let report = door.verify_audit().await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else if let Some(broken) = &report.broken {
                println!("BROKEN: {broken} ({} entries before it are whole)", report.entries);
            } else {
                println!("The chain of {} entries is whole.", report.entries);
            }
            if report.broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Audit::List { after, limit } => {
            for entry in door.audit_after(after, limit).await? {
                // References, not names: an operator's terminal is not the record.
                println!(
                    "{}",
                    serde_json::json!({
                        "seq": entry.seq, "at": entry.at.to_string(), "person": entry.person.as_deref(),
                        "actor": entry.origin.actor, "role": entry.origin.role, "organization": entry.origin.organization,
                        "system": entry.origin.system, "event": entry.fields,
                    })
                );
            }
            ExitCode::SUCCESS
        }
    };
    door.close().await?;
    Ok(code)
}
