//! What is measured, and the line each measure prints.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use kith_fhir::{Value, system};
use kith_twin::{Neighbourhood, Plan};

use crate::Size;
use crate::browser::{Browser, attributes};
use crate::load::{Times, closed_loop, open_loop};
use crate::process::{Server, Taken, run};
use crate::{bundles, journey, raw};

const MB: f64 = 1e6;

/// Prints a line for each measure.
pub struct Table {
    pub missed: usize,
}

/// What is wanted of a figure.
#[derive(Clone, Copy)]
pub enum Target {
    Least(f64),
    Most(f64),
    None,
}

impl Table {
    pub fn new() -> Self {
        println!("{:<44}{:>14}{:>14}{:>8}  {:<12}", "measure", "ours", "baseline", "ratio", "target");
        Self { missed: 0 }
    }

    pub fn line(&mut self, name: &str, unit: &str, ours: f64, baseline: Option<f64>, target: Target) {
        let shown = |n: f64| if n >= 100.0 { format!("{n:.0} {unit}") } else { format!("{n:.2} {unit}") };
        let (met, wanted) = match target {
            Target::Least(least) => (Some(ours >= least), format!("≥ {least} {unit}")),
            Target::Most(most) => (Some(ours <= most), format!("≤ {most} {unit}")),
            Target::None => (None, String::new()),
        };
        self.missed += usize::from(met == Some(false));
        println!(
            "{name:<44}{:>14}{:>14}{:>8}  {wanted:<12} {}",
            shown(ours),
            baseline.map(shown).unwrap_or_default(),
            baseline.map(|b| format!("{:.2}x", ours / b)).unwrap_or_default(),
            match met {
                Some(true) => "ok",
                Some(false) => "MISSED",
                None => "",
            }
        );
    }
}

pub fn note(text: impl std::fmt::Display) {
    println!("    {text}");
}

/// Bytes of all files in a folder.
fn size_of(folder: &Path) -> anyhow::Result<u64> {
    std::fs::read_dir(folder)?.try_fold(0, |sum, entry| Ok(sum + entry?.metadata()?.len()))
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// `kith import`, against the same bytes put into SQLite by hand. The best of some rounds of each, taken in turn, so that
/// what else the machine does touches both alike.
pub fn import(table: &mut Table, kith: &Path, folder: &Path, size: &Size) -> anyhow::Result<()> {
    let made = folder.join("bundles");
    std::fs::create_dir(&made)?;
    let bundles = bundles::find(&made, 1000.min(size.people), size.bundles)?;
    let mut best: Option<(Taken, raw::Raw)> = None;
    let (mut resources, mut on_disk, mut peak) = (0, 0, 0);
    for round in 0..size.rounds {
        let place = folder.join(format!("import-{round}"));
        std::fs::create_dir(&place)?;
        let baseline = raw::import(bundles.files.clone(), &place)?;
        let data = place.join("data");
        let (taken, printed) = run(
            Command::new(kith).arg("import").args(&bundles.files).arg("--json").arg("--data").arg(&data),
            &place.join("log"),
        )?;
        let summary: Value = serde_json::from_str(&printed)?;
        ensure!(sum(&summary["stored"]) == baseline.resources, "not every resource went in: {printed}");
        resources = baseline.resources;
        on_disk = size_of(&data)?;
        peak = peak.max(taken.peak);
        if round + 1 == size.rounds {
            let (_, report) =
                run(Command::new(kith).arg("check").arg("--json").arg("--data").arg(&data), &place.join("log"))?;
            let report: Value = serde_json::from_str(&report)?;
            ensure!(report["problem_count"] == 0, "the check found problems: {report}");
        }
        best = Some(match best {
            None => (taken, baseline),
            Some((ours, theirs)) => (
                if taken.wall < ours.wall { taken } else { ours },
                if baseline.wall < theirs.wall { baseline } else { theirs },
            ),
        });
        std::fs::remove_dir_all(&place)?;
    }
    let (ours, theirs) = best.context("no round")?;
    let n = resources as f64;
    let rate = |time: Duration| n / time.as_secs_f64();
    table.line("import, resources a second", "/s", rate(ours.wall), Some(rate(theirs.wall)), Target::Least(15_000.0));
    table.line(
        "import, time",
        "s",
        ours.wall.as_secs_f64(),
        Some(theirs.wall.as_secs_f64()),
        Target::Most(2.0 * theirs.wall.as_secs_f64()),
    );
    table.line(
        "import, on disk a resource",
        "B",
        on_disk as f64 / n,
        Some(theirs.bytes as f64 / n),
        Target::Most(1800.0),
    );
    table.line("import, most memory resident", "MB", peak as f64 / MB, None, Target::Most(500.0));
    note(format_args!(
        "{}: {resources} resources in {} files, {:.0} MB of JSON; {:.2} s of processor time; disk against the JSON itself; checked after",
        bundles.name,
        bundles.files.len(),
        theirs.bytes as f64 / MB,
        ours.cpu.as_secs_f64()
    ));
    Ok(())
}

/// The neighbourhood that is served, and who lives in it.
pub struct Neighbours {
    data: PathBuf,
    log: PathBuf,
    people: usize,
    /// NHS numbers of adults who can ask for help for themselves.
    adults: Vec<String>,
    /// Ids of people registered with the practice of the long record, that one first.
    of_practice: Vec<String>,
    appointments: u64,
}

const LONG: &str = "long-record";

/// `kith demo --prepare`, unless a neighbourhood is there already.
pub fn prepare(
    table: &mut Table,
    kith: &Path,
    folder: &Path,
    size: &Size,
    prepared: Option<&Path>,
) -> anyhow::Result<Neighbours> {
    let data = folder.join("demo");
    let log = folder.join("demo.log");
    let people = size.people.to_string();
    let mut peak = 0;
    if let Some(prepared) = prepared {
        std::fs::create_dir(&data)?;
        for file in std::fs::read_dir(prepared)? {
            let file = file?;
            std::fs::copy(file.path(), data.join(file.file_name()))?;
        }
    } else {
        let (taken, _) =
            run(Command::new(kith).args(["demo", "--prepare", "--people", &people, "--data"]).arg(&data), &log)?;
        let target = if size.people == 10_000 { Target::Most(90.0) } else { Target::None };
        table.line(&format!("demo: {people} people made"), "s", taken.wall.as_secs_f64(), None, target);
        peak = taken.peak;
    }
    let (_, report) = run(Command::new(kith).arg("check").arg("--json").arg("--data").arg(&data), &log)?;
    let report: Value = serde_json::from_str(&report)?;
    note(format_args!(
        "{} resources, {:.0} MB on disk, {:.0} MB of memory at most",
        report["resources"],
        size_of(&data)? as f64 / MB,
        peak as f64 / MB
    ));
    let long = kith_twin::cast(LONG).context("nobody has a long record")?.patient_id;
    let twin = Neighbourhood::new(Plan { people: size.people, ..Plan::new(1, jiff::civil::date(2026, 3, 2)) });
    let mut everybody = Vec::new();
    for person in twin.households().flat_map(|household| household.people) {
        let patient = &person.resources[0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let number = patient["identifier"].as_array().into_iter().flatten().find(|i| i["system"] == system::NHS_NUMBER);
        everybody.push((
            text(&patient["id"]),
            number.map(|number| text(&number["value"])).unwrap_or_default(),
            text(&patient["generalPractitioner"][0]["reference"]),
            patient["birthDate"].as_str().and_then(|date| date.get(..4)?.parse::<u16>().ok()).unwrap_or(0),
            patient["deceasedBoolean"].is_null() && patient["deceasedDateTime"].is_null(),
        ));
    }
    let practice = everybody.iter().find(|person| person.0 == long).map(|person| person.2.clone()).unwrap_or_default();
    let of_practice = std::iter::once(long.to_owned())
        .chain(everybody.iter().filter(|p| p.2 == practice && p.0 != long).map(|p| p.0.clone()))
        .collect();
    let adults = everybody
        .iter()
        .filter(|p| (1950..2005).contains(&p.3) && p.4 && !p.1.is_empty())
        .map(|p| p.1.clone())
        .collect();
    Ok(Neighbours {
        appointments: report["by_type"]["Appointment"].as_u64().unwrap_or(0),
        data,
        log,
        people: size.people,
        adults,
        of_practice,
    })
}

/// A second start, and the server when nobody asks for anything.
pub async fn at_rest(table: &mut Table, kith: &Path, at: &Neighbours) -> anyhow::Result<()> {
    let server = Server::start(kith, &at.data, at.people, at.log.clone()).await?;
    table.line("demo: started again, until ready", "s", server.ready.as_secs_f64(), None, Target::Most(2.0));
    tokio::time::sleep(Duration::from_secs(3)).await;
    table.line("server at rest, memory resident", "MB", server.resident() as f64 / MB, None, Target::Most(150.0));
    server.stop()
}

/// A page of the server that nothing has to be looked up for: a style sheet.
async fn static_page(browser: &mut Browser) -> anyhow::Result<String> {
    let shown = browser.get("/sign-in").await?.text()?;
    let sheet = attributes(&shown, "href=\"").find(|href| href.starts_with("/assets/") && href.contains(".css"));
    Ok(sheet.context("the page has no style sheet")?.to_owned())
}

/// Somebody of the practice who may open its people's records.
async fn clinician(server: &Server, person: &str) -> anyhow::Result<Browser> {
    let mut browser = Browser::new(&server.address);
    let shown = browser.get("/sign-in").await?.text()?;
    for identity in attributes(&shown, "value=\"staff:") {
        let mut browser = Browser::new(&server.address);
        browser.sign_in("identity", &format!("staff:{identity}")).await?;
        let page = browser.get(&format!("/team/people/{person}")).await?;
        if page.status == 200 && page.text()?.contains("Medicines") {
            return Ok(browser);
        }
    }
    anyhow::bail!("nobody may open the record")
}

fn paced(table: &mut Table, name: &str, ours: &Times, baseline: &Times, target: Target) {
    table.line(name, "ms", ours.at(0.99), Some(baseline.at(0.99)), target);
    note(format_args!(
        "{} asked for, {} failed; half within {:.1} ms, the slowest {:.1} ms",
        ours.count(),
        ours.failed,
        ours.at(0.5),
        ours.at(1.0)
    ));
}

/// A person's whole record as the team page, at 100 requests a second.
pub async fn record(table: &mut Table, kith: &Path, at: &Neighbours, size: &Size) -> anyhow::Result<()> {
    const RATE: u32 = 100;
    let server = Server::start(kith, &at.data, at.people, at.log.clone()).await?;
    let long = &at.of_practice[0];
    let mut browser = clinician(&server, long).await?;
    let page = browser.get(&format!("/team/people/{long}")).await?;
    let during = Duration::from_secs(size.seconds);
    let one = |path: String| Arc::new(vec![path]);
    let sheet = static_page(&mut Browser::new(&server.address)).await?;
    let still = open_loop(&browser, one(sheet), RATE, during).await;
    ensure!(still.failed == 0, "the static page failed");
    let before = server.cpu();
    let opened = open_loop(&browser, one(format!("/team/people/{long}")), RATE, during).await;
    let cpu = server.cpu().saturating_sub(before).as_secs_f64() * 1e3 / opened.count() as f64;
    paced(table, "record of 1,000 resources, p99 at 100/s", &opened, &still, Target::Most(25.0));
    note(format_args!("{} bytes sent, packed; {cpu:.1} ms of the server's processor time each", page.size()));
    let mut others: Vec<String> = Vec::new();
    for person in at.of_practice.iter().skip(1).step_by(3) {
        let path = format!("/team/people/{person}");
        if others.len() < 200 && browser.get(&path).await?.status == 200 {
            others.push(path);
        }
    }
    let opened = open_loop(&browser, Arc::new(others.clone()), RATE, during).await;
    paced(table, &format!("records of {} people in turn, p99", others.len()), &opened, &still, Target::Most(25.0));
    ensure!(opened.failed == 0, "a record did not open");
    server.stop()
}

/// People who get help and book a time, as fast as they can.
pub async fn journeys(table: &mut Table, kith: &Path, at: &Neighbours, size: &Size) -> anyhow::Result<()> {
    /// People on their way at once.
    const AT_ONCE: usize = 8;
    let server = Server::start(kith, &at.data, at.people, at.log.clone()).await?;
    let mut people = Vec::new();
    for number in at.adults.iter().take(size.journeys) {
        let mut browser = Browser::new(&server.address);
        browser.sign_in("nhs_number", number).await?;
        people.push(browser);
    }
    let sheet = static_page(&mut Browser::new(&server.address)).await?;
    let (still, still_rate) = closed_loop(&people[0], &sheet, AT_ONCE, Duration::from_secs(size.seconds.min(5))).await;
    let before = server.cpu();
    let walked = journey::all(people, AT_ONCE, Duration::from_secs(size.seconds * 3)).await?;
    let cpu = server.cpu().saturating_sub(before);
    let whole = walked.booked.len();
    let each = walked.pages.count() as f64 / whole.max(1) as f64;
    let rate = whole as f64 / walked.took.as_secs_f64();
    table.line("journeys to a booking, a second", "/s", rate, Some(still_rate / each), Target::Least(60.0));
    table.line("  in sixes of pages", "/s", rate * each / 6.0, Some(still_rate / 6.0), Target::Least(60.0));
    table.line("  any page, p99", "ms", walked.pages.at(0.99), Some(still.at(0.99)), Target::Most(40.0));
    note(format_args!(
        "{whole} booked in {:.1} s by {AT_ONCE} people at once, {each:.1} requests each; {} times somebody else was quicker; \
         {:.1} ms of the server's processor time a journey",
        walked.took.as_secs_f64(),
        walked.beaten,
        cpu.as_secs_f64() * 1e3 / whole.max(1) as f64
    ));
    for (name, times) in &walked.by_page {
        note(format_args!(
            "{name:<22} {:>5} half within {:>6.1} ms, p99 {:>6.1} ms",
            times.count(),
            times.at(0.5),
            times.at(0.99)
        ));
    }
    for (why, count) in &walked.lost {
        note(format_args!("{count} journeys ended without a booking: {why}"));
    }
    server.stop()?;
    let appointments: HashSet<&str> = walked.booked.iter().map(|booked| booked.appointment.as_str()).collect();
    let slots: HashSet<&str> = walked.booked.iter().map(|booked| booked.slot.as_str()).collect();
    let (_, report) = run(Command::new(kith).arg("check").arg("--json").arg("--data").arg(&at.data), &at.log)?;
    let report: Value = serde_json::from_str(&report)?;
    let made = report["by_type"]["Appointment"].as_u64().unwrap_or(0) - at.appointments;
    let lost = (whole as u64).saturating_sub(made) as f64;
    let doubled = (2 * whole - appointments.len() - slots.len()) as f64 + made.saturating_sub(whole as u64) as f64;
    table.line("  confirmed but not in the record", "", lost, None, Target::Most(0.0));
    table.line("  booked twice", "", doubled, None, Target::Most(0.0));
    ensure!(report["problem_count"] == 0, "the check found problems after: {report}");
    Ok(())
}
