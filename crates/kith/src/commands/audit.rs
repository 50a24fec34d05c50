//! `kith audit`.

use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::Audit;
use crate::config::Config;

pub async fn run(command: Audit, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    let code = match command {
        Audit::Verify { json, against } => {
            let report = match &against {
                Some(file) => door.verify_audit_against(file).await?,
                None => door.verify_audit().await?,
            };
            if json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else if let Some(broken) = &report.broken {
                println!("BROKEN: {broken} ({} entries before it are whole)", report.entries);
            } else {
                println!("The chain of {} entries is whole.", report.entries);
                println!(
                    "{} signed checkpoints vouch for it up to entry {}; signing key {}",
                    report.checkpoints, report.signed_to, report.key
                );
            }
            if report.broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Audit::Checkpoint => {
            door.checkpoint().await?;
            let report = door.verify_audit().await?;
            println!("Signed up to entry {}.", report.signed_to);
            ExitCode::SUCCESS
        }
        Audit::Export { after, person, from, until } => {
            door.system("Kith export").record_event("audit-export", "AuditEvents as NDJSON").await?;
            let mut out = std::io::BufWriter::new(std::io::stdout().lock());
            let mut last = after;
            loop {
                let entries = door.audit_after(last, 1000).await?;
                let Some(newest) = entries.last() else { break };
                last = newest.seq;
                for entry in &entries {
                    let of_person = person.is_none() || entry.person.as_deref() == person.as_deref();
                    let in_time = from.is_none_or(|at| entry.at >= at) && until.is_none_or(|at| entry.at < at);
                    if of_person && in_time {
                        out.write_all(&kith_fhir::json::canonical(&kith_api::audit_event(entry)))?;
                        out.write_all(b"\n")?;
                    }
                }
            }
            out.flush()?;
            ExitCode::SUCCESS
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
