//! `kith subject-access`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use kith_directory::DirectoryCache;
use kith_fhir::identifier::NhsNumber;
use kith_fhir::search::Query;
use kith_fhir::system;

use crate::config::Config;

pub async fn run(nhs_number: &str, to: Option<PathBuf>, config: &Config) -> anyhow::Result<ExitCode> {
    let number = NhsNumber::parse(nhs_number).map_err(|_| anyhow::anyhow!("this is not an NHS number"))?;
    let door = super::open_existing(config).await?;
    let access = door.system("Kith subject access");
    let query = Query::new("Patient")?.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str()))?;
    let found = access.search(&query.limit(1)).await?;
    let patient = found.entries.first().context("nobody in this record has that NHS number")?;
    let directory = DirectoryCache::new().get(&access).await.context("the directory could not be read")?;
    let bytes = kith_web::governance::copy::copy_of_record(&access, &directory, &patient.id)
        .await
        .map_err(|error| anyhow::anyhow!("the copy could not be made ({})", error.status()))?;
    let to = to.unwrap_or_else(|| PathBuf::from(kith_web::governance::copy::file_name(door.now())));
    write(&to, &bytes).with_context(|| format!("cannot write {}", to.display()))?;
    door.close().await?;
    println!("{}", to.display());
    eprintln!("Give it to the person alone, in a way that proves who they are.");
    Ok(ExitCode::SUCCESS)
}

/// A new file that only its owner may read.
fn write(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}
