//! `kith check`.

use std::process::ExitCode;

use crate::config::Config;

pub async fn run(json: bool, config: &Config) -> anyhow::Result<ExitCode> {
    let door = super::open_existing(config).await?;
    let report = door.check().await?;
    door.close().await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for (kind, count) in &report.by_type {
            println!("{kind:<24}{count:>12}");
        }
        println!(
            "\n{} resources, {} versions, {} index rows, {} audit entries",
            report.resources, report.versions, report.index_rows, report.audit_entries
        );
        if report.erased > 0 {
            println!("{} resources were erased by law or by the retention schedule.", report.erased);
        }
        for problem in &report.problems {
            println!("problem: {problem}");
        }
        if report.problem_count == 0 {
            println!(
                "Everything holds: index = resources, references resolve, versions are gapless, the audit chain is whole."
            );
        } else {
            println!("{} problems.", report.problem_count);
        }
    }
    Ok(if report.problem_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
