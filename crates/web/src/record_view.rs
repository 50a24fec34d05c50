//! A record as pages show it, to the person and to teams alike: lists in words, trends, and the timeline with who wrote
//! what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kith_directory::Directory;
use kith_fhir::views::{self, any, common};
use kith_fhir::{Value, system};
use kith_trust::{Entry, Origin, Record, Role};
use serde::Serialize;

use crate::chart::{Point, Range, Trend};
use crate::filters::london;

/// Who wrote a version of something, in words.
#[derive(Clone, Debug, Serialize)]
pub struct Wrote {
    /// `Dr Amara Osei, GP`.
    pub who: String,
    /// `Elm Street Practice`; empty for people and Kith itself.
    pub organisation: String,
    /// The system it came through.
    pub system: String,
}

impl Wrote {
    pub fn of(origin: &Origin) -> Self {
        let role = Role::from_code(&origin.role);
        let who = match role {
            Some(Role::Person) => origin.name.clone(),
            Some(Role::System) => "Kith".to_owned(),
            Some(role) => format!("{}, {}", origin.name, role.words()),
            None => origin.name.clone(),
        };
        Self { who, organisation: origin.organization_name.clone().unwrap_or_default(), system: origin.system.clone() }
    }

    /// Who did it, preferring the name in the resource where the version was brought in by a machine or by Kith itself.
    fn of_entry(entry: &Entry) -> Self {
        let mut wrote = Self::of(&entry.origin);
        let by_machine = matches!(Role::from_code(&entry.origin.role), Some(Role::System | Role::Machine) | None);
        if by_machine {
            if let Some(name) = any::by_name(&entry.value) {
                name.clone_into(&mut wrote.who);
            }
            if let Some(provider) = views::Encounter::of(&entry.value).and_then(|e| e.provider_name()) {
                provider.clone_into(&mut wrote.organisation);
            }
        }
        wrote
    }
}

/// Names whoever wrote things by the directory, where the record refers to them without a name: what was brought in from
/// elsewhere says who by reference alone.
pub struct Authors<'a> {
    pub record: &'a Record,
    pub directory: &'a Directory,
}

impl Authors<'_> {
    pub fn sign(&self, lines: &mut [Line]) {
        for line in lines {
            self.name(&line.reference, &mut line.wrote);
        }
    }

    pub fn sign_documents(&self, documents: &mut [Document]) {
        for document in documents {
            self.name(&format!("DocumentReference/{}", document.id), &mut document.wrote);
        }
    }

    pub fn sign_measured(&self, measured: &mut Measured) {
        for reading in measured.readings.iter_mut().chain([&mut measured.latest]) {
            self.name(&reading.reference, &mut reading.wrote);
        }
    }

    pub fn sign_events(&self, events: &mut [Event]) {
        for event in events {
            if let Some(entry) = self.record.get(&event.reference) {
                let wrote = self.wrote(entry);
                (event.who, event.organisation) = (wrote.who, wrote.organisation);
            }
        }
    }

    fn name(&self, reference: &str, wrote: &mut Wrote) {
        if let Some(entry) = self.record.get(reference) {
            *wrote = self.wrote(entry);
        }
    }

    /// Who wrote an entry, by the directory: its origin where somebody wrote it here; else whom it names; else whom the visit it belongs to
    /// names.
    pub fn wrote(&self, entry: &Entry) -> Wrote {
        let mut wrote = Wrote::of_entry(entry);
        if !matches!(Role::from_code(&entry.origin.role), Some(Role::System | Role::Machine) | None) {
            return wrote;
        }
        let mut references = authors(&entry.value);
        let visit = common::reference(&entry.value, "encounter").and_then(|visit| self.record.get(visit));
        if let Some(visit) = visit {
            references.extend(authors(&visit.value));
        }
        let of = |kind: &str| references.iter().find(|r| r.starts_with(kind)).and_then(|r| self.directory.name(r));
        let place = of("Organization/").or_else(|| of("HealthcareService/"));
        if wrote.organisation.is_empty() {
            place.unwrap_or_default().clone_into(&mut wrote.organisation);
        }
        if any::by_name(&entry.value).is_none() {
            let clinician = references.iter().find_map(|r| self.directory.clinician(r));
            wrote.who = match clinician {
                Some(who) => match who.role.as_deref().and_then(Role::from_code) {
                    Some(role) => format!("{}, {}", who.name, role.words()),
                    None => who.name.clone(),
                },
                // A place alone speaks for itself.
                None if place.is_some() => std::mem::take(&mut wrote.organisation),
                None => "author not recorded".to_owned(),
            };
        }
        wrote
    }
}

/// The references of a resource to those who made it, the maker first.
fn authors(value: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        ["recorder", "requester", "assessor", "asserter", "author", "sender", "serviceProvider"]
            .iter()
            .filter_map(|key| {
                common::reference(value, key)
                    .or_else(|| common::list(value, key).iter().find_map(|r| common::text(r, "reference")))
            })
            .map(str::to_owned)
            .collect();
    for part in common::list(value, "performer").iter().chain(common::list(value, "participant")) {
        let reference = common::text(part, "reference")
            .or_else(|| common::reference(part, "actor"))
            .or_else(|| common::reference(part, "individual"));
        found.extend(reference.map(str::to_owned));
    }
    found
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A moment of a resource as precisely as the resource says it: `2026-10-23` where it names a day alone, so that no page
/// says "at midnight" of it.
fn as_precise(value: &Value, at: Timestamp) -> String {
    let local = at.to_zoned(london());
    if local.time() == jiff::civil::Time::midnight() {
        let day = local.date().to_string();
        let said = |text: &str| matches!(text.len(), 4 | 7 | 10) && day.starts_with(text);
        let texts = value.as_object().into_iter().flat_map(|parts| parts.values()).filter_map(|part| match part {
            Value::Object(_) => common::text(part, "start"),
            part => part.as_str(),
        });
        if let Some(said) = texts.into_iter().find(|text| said(text)) {
            return said.to_owned();
        }
    }
    at.to_string()
}

/// When a photo was taken, or the day a letter is of: letters have no time of day.
fn document_day(seen: views::DocumentReference<'_>, at: Timestamp) -> String {
    if seen.is_image() { at.to_string() } else { at.to_zoned(london()).date().to_string() }
}

/// A unit as people write it, from the letters that machines use.
fn unit(written: &str) -> &str {
    match written {
        "umol/L" => "µmol/L",
        "ug/L" => "µg/L",
        "kg/m2" => "kg/m²",
        "mL/min/1.73m2" | "mL/min/{1.73_m2}" | "mL/min/1.73_m2" => "mL/min/1.73 m²",
        "mm[Hg]" => "mmHg",
        "Cel" => "°C",
        "10*9/L" => "×10⁹/L",
        "10*12/L" => "×10¹²/L",
        other => other,
    }
}

/// A number with its unit, the unit as people write it; other words stay as they are.
fn with_unit(value: String) -> String {
    match value.rsplit_once(' ') {
        Some((number, written)) if unit(written) != written => format!("{number} {}", unit(written)),
        _ => value,
    }
}

/// What somebody was told whose questions stopped at an emergency: `call 999`, `go to A&E`. None for other requests.
pub fn told_to(request: views::ServiceRequest<'_>) -> Option<&'static str> {
    match request.disposition()?.code {
        "emergency-999" => Some("call 999"),
        "emergency-department" => Some("go to A&E"),
        _ => None,
    }
}

/// A line of a list: what, since when, and more words.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// `Type/id`.
    pub reference: String,
    pub what: String,
    pub detail: Option<String>,
    pub on: Option<String>,
    pub active: bool,
    pub wrote: Wrote,
}

fn line(entry: &Entry, what: Option<&str>, detail: Option<String>, on: Option<Timestamp>, active: bool) -> Line {
    Line {
        reference: entry.reference(),
        what: what.unwrap_or("Not named").to_owned(),
        detail,
        on: on.map(|at| as_precise(&entry.value, at)),
        active,
        wrote: Wrote::of_entry(entry),
    }
}

fn newest_first(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| b.active.cmp(&a.active).then_with(|| b.on.cmp(&a.on)));
    lines
}

/// Conditions, those of now first. What was refuted or written by mistake is left out.
pub fn problems(record: &Record) -> Vec<Line> {
    let lines = record.of("Condition").filter_map(|entry| {
        let seen = views::Condition::of(&entry.value)?;
        if matches!(seen.verification(), Some("refuted" | "entered-in-error")) {
            return None;
        }
        let on = seen.onset().or(seen.recorded());
        Some(line(entry, seen.code_text(), seen.severity().map(str::to_owned), on, seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Prescriptions, those of now first.
pub fn medicines(record: &Record) -> Vec<Line> {
    let lines = record.of("MedicationRequest").filter_map(|entry| {
        let seen = views::MedicationRequest::of(&entry.value)?;
        if seen.status() == Some("entered-in-error") {
            return None;
        }
        let how = seen.dosage_text().map(str::to_owned);
        Some(line(entry, seen.medication_text(), how, seen.authored(), seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Allergies, those that count now first.
pub fn allergies(record: &Record) -> Vec<Line> {
    let lines = record.of("AllergyIntolerance").filter_map(|entry| {
        let seen = views::AllergyIntolerance::of(&entry.value)?;
        if matches!(seen.verification(), Some("refuted" | "entered-in-error")) {
            return None;
        }
        let reactions = seen.reactions().join(", ");
        let detail = (!reactions.is_empty()).then_some(reactions);
        Some(line(entry, seen.code_text(), detail, seen.recorded().or(seen.onset()), seen.is_active()))
    });
    newest_first(lines.collect())
}

/// Vaccinations given.
pub fn immunisations(record: &Record) -> Vec<Line> {
    let lines = record.of("Immunization").filter_map(|entry| {
        let seen = views::Immunization::of(&entry.value)?;
        let given = seen.status() == Some("completed");
        let why = seen.status_reason().map(|why| format!("Not given: {why}"));
        Some(line(entry, seen.vaccine(), why, seen.occurred(), given))
    });
    newest_first(lines.collect())
}

/// A photo or letter.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    pub id: String,
    pub title: String,
    pub on: Option<String>,
    pub image: bool,
    pub wrote: Wrote,
}

/// Photos and letters, newest first.
pub fn documents(record: &Record) -> Vec<Document> {
    let mut found: Vec<Document> = record
        .of("DocumentReference")
        .filter_map(|entry| {
            let seen = views::DocumentReference::of(&entry.value)?;
            if seen.status() == Some("entered-in-error") {
                return None;
            }
            let title = seen.title().or(seen.description()).or(seen.type_text()).unwrap_or("Document");
            Some(Document {
                id: entry.id.clone(),
                title: title.to_owned(),
                on: seen.date().map(|at| document_day(seen, at)),
                image: seen.is_image(),
                wrote: Wrote::of_entry(entry),
            })
        })
        .collect();
    found.sort_by(|a, b| b.on.cmp(&a.on));
    found
}

/// Everything measured under one name, newest first.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Names it in an address: a code, or letters of its name; nothing personal.
    pub key: String,
    pub name: String,
    /// A test of a laboratory; otherwise something measured in the room.
    pub laboratory: bool,
    pub latest: Reading,
    pub readings: Vec<Reading>,
    /// What the latest reading means beside its range and the one before, in a sentence or two.
    pub words: String,
    /// One drawing for each number in it (blood pressure has two); none if nothing is a number.
    pub trends: Vec<Trend>,
}

/// One reading.
#[derive(Clone, Debug, Serialize)]
pub struct Reading {
    pub reference: String,
    pub shown: String,
    pub on: Option<String>,
    pub notes: Vec<String>,
    pub wrote: Wrote,
}

/// Observations grouped by what they measure; the one measured last comes first. What was written by mistake is left out.
pub fn measured(record: &Record) -> Vec<Measured> {
    let mut groups: BTreeMap<String, Vec<(&Entry, views::Observation<'_>)>> = BTreeMap::new();
    for entry in record.of("Observation") {
        let Some(seen) = views::Observation::of(&entry.value) else { continue };
        if matches!(seen.status(), Some("entered-in-error" | "cancelled")) {
            continue;
        }
        groups.entry(key_of(seen)).or_default().push((entry, seen));
    }
    let mut found: Vec<Measured> = groups.into_iter().map(|(key, group)| measured_of(key, group)).collect();
    found.sort_by(|a, b| b.latest.on.cmp(&a.latest.on).then_with(|| a.name.cmp(&b.name)));
    found
}

fn key_of(seen: views::Observation<'_>) -> String {
    let code = seen.code_in(system::LOINC).or_else(|| seen.code_in(system::SNOMED)).or_else(|| seen.code_text());
    let key: String =
        code.unwrap_or("other").chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    key.chars().take(60).collect::<String>().to_ascii_lowercase()
}

fn measured_of(key: String, mut group: Vec<(&Entry, views::Observation<'_>)>) -> Measured {
    group.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.effective()));
    let readings: Vec<Reading> = group
        .iter()
        .map(|(entry, seen)| Reading {
            reference: entry.reference(),
            shown: shown(*seen),
            on: text(seen.effective()),
            notes: seen.notes().into_iter().map(str::to_owned).collect(),
            wrote: Wrote::of_entry(entry),
        })
        .collect();
    let newest = &group[0].1;
    let name = newest.code_text().unwrap_or("Result").to_owned();
    Measured {
        laboratory: newest.is_of("laboratory"),
        words: words(&group),
        trends: trends(&key, &name, &group),
        latest: readings[0].clone(),
        key,
        name,
        readings,
    }
}

fn shown(seen: views::Observation<'_>) -> String {
    if let Some(value) = seen.value_text() {
        return with_unit(value);
    }
    let parts = seen.components();
    // Blood pressure is said as one: upper over lower.
    if let [upper, lower] = parts.as_slice()
        && let (Some(u), Some(l)) = (upper.quantity(), lower.quantity())
        && upper.code_in(system::LOINC) == Some("8480-6")
    {
        return format!("{}/{} {}", u.written, l.written, unit(u.unit.unwrap_or_default())).trim_end().to_owned();
    }
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|part| Some(format!("{}: {}", part.code_text().unwrap_or("Part"), with_unit(part.value_text()?))))
        .collect();
    if parts.is_empty() { "No value".to_owned() } else { parts.join(", ") }
}

fn range_of(seen: views::Observation<'_>) -> Range {
    let (low, high) = seen.reference_range();
    Range { low: low.map(|q| q.value), high: high.map(|q| q.value) }
}

fn words(group: &[(&Entry, views::Observation<'_>)]) -> String {
    let newest = &group[0].1;
    let mut said = Vec::new();
    if let Some(value) = newest.quantity() {
        let range = range_of(*newest);
        if range != Range::default() {
            let above = range.high.is_some_and(|high| value.value > high);
            let below = range.low.is_some_and(|low| value.value < low);
            said.push(match (above, below) {
                (true, _) => "Higher than the usual range.",
                (_, true) => "Lower than the usual range.",
                _ => "Within the usual range.",
            });
        } else if let Some(code) = newest.interpretation() {
            said.extend(match code {
                "N" => Some("Within the usual range."),
                "H" | "HH" | "HU" => Some("Higher than the usual range."),
                "L" | "LL" | "LU" => Some("Lower than the usual range."),
                _ => None,
            });
        }
        let before = group.get(1).and_then(|(_, seen)| seen.quantity());
        if let Some(before) = before.filter(|before| before.unit == value.unit) {
            said.push(match value.value.total_cmp(&before.value) {
                std::cmp::Ordering::Greater => "It has gone up since the time before.",
                std::cmp::Ordering::Less => "It has gone down since the time before.",
                std::cmp::Ordering::Equal => "It is the same as the time before.",
            });
        }
    }
    if said.is_empty() { newest.interpretation_text().map(str::to_owned).unwrap_or_default() } else { said.join(" ") }
}

fn trends(key: &str, name: &str, group: &[(&Entry, views::Observation<'_>)]) -> Vec<Trend> {
    let mut series: Vec<(String, String, Range, Vec<Point>)> = Vec::new();
    let mut add = |title: &str, range: Range, at: Option<Timestamp>, q: Option<common::Quantity<'_>>| {
        let (Some(at), Some(q)) = (at, q) else { return };
        let unit = unit(q.unit.unwrap_or_default()).to_owned();
        let point = Point { on: at.to_zoned(london()).date(), value: q.value, shown: q.written.to_owned() };
        // Other units are another picture.
        match series.iter_mut().find(|(t, u, ..)| t == title && *u == unit) {
            Some((_, _, _, points)) => points.push(point),
            None => series.push((title.to_owned(), unit, range, vec![point])),
        }
    };
    for (_, seen) in group {
        add(name, range_of(*seen), seen.effective(), seen.quantity());
        for part in seen.components() {
            add(part.code_text().unwrap_or(name), Range::default(), seen.effective(), part.quantity());
        }
    }
    let trends = series.into_iter().enumerate();
    trends
        .map(|(n, (title, unit, range, points))| Trend::new(&format!("{key}-{n}"), &title, &unit, range, points))
        .collect()
}

/// Something that happened, for the timeline.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// `Type/id`.
    pub reference: String,
    pub on: String,
    pub what: String,
    pub kind: &'static str,
    pub detail: Option<String>,
    pub who: String,
    pub organisation: String,
    /// Written after the reader last looked.
    pub new: bool,
    #[serde(skip)]
    pub at: Timestamp,
}

/// Everything that happened to the person, across all organisations, newest first. `since` marks what was written after
/// it as new.
pub fn timeline(record: &Record, since: Option<Timestamp>) -> Vec<Event> {
    let mut events: Vec<Event> = record.entries().iter().filter_map(|entry| event(entry, since)).collect();
    events.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.reference.cmp(&b.reference)));
    events
}

/// The first `limit` events of [`timeline`] that have happened by now, without making the others.
pub fn latest(record: &Record, since: Option<Timestamp>, now: Timestamp, limit: usize) -> Vec<Event> {
    let mut entries: Vec<(Timestamp, &Entry)> = record
        .entries()
        .iter()
        .filter(|entry| kind_words(entry.kind).is_some())
        .map(|entry| (any::when(&entry.value).unwrap_or(entry.updated), entry))
        .filter(|(at, _)| *at <= now)
        .collect();
    entries.sort_by(|(a, x), (b, y)| b.cmp(a).then_with(|| (x.kind, &x.id).cmp(&(y.kind, &y.id))));
    entries.into_iter().filter_map(|(_, entry)| event(entry, since)).take(limit).collect()
}

/// What has happened by now: a coming appointment stands among the appointments, and not with what took place.
pub fn happened(events: Vec<Event>, now: Timestamp) -> Vec<Event> {
    events.into_iter().filter(|event| event.at <= now).collect()
}

fn event(entry: &Entry, since: Option<Timestamp>) -> Option<Event> {
    let kind = kind_words(entry.kind)?;
    if common::text(&entry.value, "status") == Some("entered-in-error") || is_notice(&entry.value) {
        return None;
    }
    let at = any::when(&entry.value).unwrap_or(entry.updated);
    let headline = any::headline(&entry.value).unwrap_or_default();
    let told = views::ServiceRequest::of(&entry.value).and_then(told_to);
    let what = if let Some(told) = told {
        format!("Told to {told}")
    } else if headline.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}: {}", one_line(headline))
    };
    let detail = match entry.kind {
        "Observation" => views::Observation::of(&entry.value).map(shown),
        "MedicationRequest" => {
            views::MedicationRequest::of(&entry.value).and_then(|seen| seen.dosage_text().map(str::to_owned))
        }
        "ServiceRequest" => views::ServiceRequest::of(&entry.value).and_then(|seen| seen.reason().map(str::to_owned)),
        "Appointment" => views::Appointment::of(&entry.value).and_then(|seen| {
            Some(match seen.status()? {
                "cancelled" => "Cancelled".to_owned(),
                "noshow" => "Missed".to_owned(),
                "fulfilled" => "Took place".to_owned(),
                _ => return None,
            })
        }),
        _ => None,
    };
    let wrote = Wrote::of_entry(entry);
    Some(Event {
        reference: entry.reference(),
        on: match views::DocumentReference::of(&entry.value) {
            Some(document) => document_day(document, at),
            None => as_precise(&entry.value, at),
        },
        what,
        kind,
        detail,
        who: wrote.who,
        organisation: wrote.organisation,
        new: since.is_some_and(|since| entry.updated > since),
        at,
    })
}

fn is_notice(value: &Value) -> bool {
    views::Communication::of(value).is_some_and(|seen| seen.category() == Some("notification"))
}

fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 140 { line } else { format!("{}…", line.chars().take(139).collect::<String>()) }
}

/// What a type of resource is called on a timeline; `None` for what is not an event of somebody's life.
fn kind_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Encounter" => "Seen",
        "ClinicalImpression" => "Note",
        "Condition" => "Problem",
        "Observation" => "Measured",
        "MedicationRequest" => "Medicine",
        "AllergyIntolerance" => "Allergy",
        "Immunization" => "Vaccination",
        "DiagnosticReport" => "Test report",
        "DocumentReference" => "Photo or letter",
        "Communication" => "Message",
        "ServiceRequest" => "Request",
        "Appointment" => "Appointment",
        "QuestionnaireResponse" => "Answers",
        "Procedure" => "Procedure",
        "CarePlan" => "Care plan",
        "ImagingStudy" => "Scan",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use kith_fhir::json;

    use super::*;

    #[test]
    fn a_day_alone_is_never_said_to_be_at_midnight() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // A day in summer begins the evening before in UTC.
        let said = |value: Value, moment: &str| as_precise(&value, at(moment));
        assert_eq!(said(json!({"authoredOn": "2026-10-23"}), "2026-10-22T23:00:00Z"), "2026-10-23");
        assert_eq!(said(json!({"onsetDateTime": "2019-03"}), "2019-03-01T00:00:00Z"), "2019-03");
        assert_eq!(said(json!({"period": {"start": "2026-11-20"}}), "2026-11-20T00:00:00Z"), "2026-11-20");
        // What did happen at midnight keeps its time.
        let midnight = "2026-11-20T00:00:00Z";
        assert_eq!(said(json!({"effectiveDateTime": midnight}), midnight), midnight);
    }

    #[test]
    fn units_are_written_as_people_write_them() {
        for (machine, shown) in [
            ("84 umol/L", "84 µmol/L"),
            ("27.1 kg/m2", "27.1 kg/m²"),
            ("61 mL/min/1.73m2", "61 mL/min/1.73 m²"),
            ("5.1 mmol/L", "5.1 mmol/L"),
            ("Ex-smoker since kg/m2 days", "Ex-smoker since kg/m2 days"),
            ("Never", "Never"),
        ] {
            assert_eq!(with_unit(machine.to_owned()), shown);
        }
    }
}
