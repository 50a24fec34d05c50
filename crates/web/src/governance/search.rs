//! The audit, searched by person, member of staff, reason and time. What is looked for is sent, never put into an address.

use axum::extract::State;
use jiff::civil::Date;
use kith_fhir::search::Query;
use kith_fhir::system;
use kith_trust::{AuditEntry, AuditQuery, Purpose, Role};
use serde::{Deserialize, Serialize};

use super::officer;
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

const ROWS: usize = 100;

#[derive(Serialize)]
struct View {
    staff: Vec<Choice>,
    actions: Vec<Choice>,
    searched: bool,
    rows: Vec<Row>,
    /// Where the next page begins.
    next: Option<i64>,
}

#[derive(Serialize)]
struct Choice {
    value: String,
    text: String,
}

impl Choice {
    fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: text.into() }
    }
}

#[derive(Serialize)]
struct Row {
    seq: i64,
    on: String,
    who: String,
    place: String,
    did: &'static str,
    reason: String,
    why: &'static str,
    decided_by: String,
    count: u64,
    refused: bool,
}

/// What an act is called on the page.
const ACTIONS: [(&str, &str); 14] = [
    ("open", "Opened a record"),
    ("read", "Read one item"),
    ("history", "Read how an item changed"),
    ("search", "Read a list"),
    ("list", "Read a list of people"),
    ("write", "Wrote"),
    ("refused", "Was refused"),
    ("identify", "Identified a person"),
    ("audit", "Looked into the audit"),
    ("sign-in", "Signed in"),
    ("sign-out", "Signed out"),
    ("subject-access", "Took a copy of a record"),
    ("erase", "Erased"),
    ("inquiry-asked", "Asked about an access"),
];

impl Row {
    fn of(entry: &AuditEntry) -> Self {
        let (origin, fields) = (&entry.origin, &entry.fields);
        let who = match Role::from_code(&origin.role) {
            Some(role) if role.is_staff() => format!("{}, {}", origin.name, role.words()),
            _ => origin.name.clone(),
        };
        Self {
            seq: entry.seq,
            on: entry.at.to_string(),
            who,
            place: origin.organization_name.clone().unwrap_or_else(|| origin.system.clone()),
            did: ACTIONS.iter().find(|(code, _)| *code == fields.action).map_or("Other act", |(_, words)| words),
            reason: fields.reason.clone(),
            why: Purpose::ALL.into_iter().find(|p| p.code() == fields.purpose).map_or("", Purpose::code),
            decided_by: fields.decided_by.clone(),
            count: fields.count,
            refused: fields.action == "refused",
        }
    }
}

async fn empty(state: &AppState, staff: &Staff) -> WebResult<View> {
    let directory = state.directory.get(&staff.access).await?;
    let mut people: Vec<Choice> = directory
        .posts()
        .map(|post| {
            let at = post.organization.as_ref().map_or(String::new(), |o| format!(" ({})", o.name));
            Choice::new(&post.practitioner.reference, format!("{}{at}", post.practitioner.name))
        })
        .collect();
    people.sort_by(|a, b| a.text.cmp(&b.text));
    people.dedup_by(|a, b| a.text == b.text);
    let actions = ACTIONS.iter().map(|(code, words)| Choice::new(*code, *words)).collect();
    Ok(View { staff: people, actions, searched: false, rows: Vec::new(), next: None })
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff) -> WebResult<Page> {
    officer(&staff)?;
    Ok(Page::new("governance/audit", &empty(&state, &staff).await?))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    nhs_number: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    before: String,
}

fn day(text: &str, name: &str, errors: &mut FormErrors) -> Option<Date> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let read = text.parse().ok();
    if read.is_none() {
        errors.add(name, "Enter a date like 2026-11-23");
    }
    read
}

fn midnight(day: Date) -> Option<jiff::Timestamp> {
    day.in_tz("Europe/London").ok().map(|day| day.timestamp())
}

pub(super) async fn search(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, .. }: Checked<Wanted>,
) -> WebResult<Page> {
    officer(&staff)?;
    let mut view = empty(&state, &staff).await?;
    let mut errors = FormErrors::new();
    let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut query = AuditQuery {
        actor: filled(&form.actor),
        action: filled(&form.action),
        text: filled(&form.text),
        from: day(&form.from, "from", &mut errors).and_then(midnight),
        // The whole of the last day.
        until: day(&form.until, "until", &mut errors).and_then(|day| day.tomorrow().ok()).and_then(midnight),
        before: form.before.parse().ok(),
        limit: ROWS,
        ..AuditQuery::default()
    };
    if let Some(number) = filled(&form.nhs_number)
        && let Some(number) = crate::team::nhs_number(&number, &mut errors, "nhs_number")
    {
        // Kith itself finds the record; whether its trail may be read, policy decides.
        let wanted = Query::new("Patient")
            .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
            .map_err(WebError::internal)?;
        let found = state.door.system("Kith audit").search(&wanted.limit(1)).await?;
        match found.entries.first() {
            Some(patient) => query.person = Some(patient.id.clone()),
            None => errors.add("nhs_number", "Nobody here has this NHS number"),
        }
    }
    if errors.is_empty() {
        let found = staff.access.search_audit(&query).await?;
        view.rows = found.entries.iter().map(Row::of).collect();
        view.next = found.next;
        view.searched = true;
    }
    Ok(Page::new("governance/audit", &view).with_form(&fields, &errors))
}
