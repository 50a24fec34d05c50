//! For the privacy officer: who looked at a person's record, found by NHS number. Nothing else of the record is shown.

use axum::extract::State;
use kith_fhir::search::Query;
use kith_fhir::system;
use kith_trust::{AuditEntry, Purpose, Role};
use serde::{Deserialize, Serialize};

use super::{capital, find};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// The newest entries shown.
const ROWS: usize = 200;

#[derive(Serialize)]
struct View {
    looked: bool,
    rows: Vec<Row>,
    more: bool,
}

#[derive(Serialize)]
struct Row {
    on: String,
    who: String,
    place: String,
    did: String,
    why: &'static str,
    decided_by: String,
    refused: bool,
}

impl Row {
    fn of(entry: &AuditEntry) -> Self {
        let origin = &entry.origin;
        let who = match Role::from_code(&origin.role) {
            Some(role) if role.is_staff() => format!("{}, {}", origin.name, role.words()),
            _ => origin.name.clone(),
        };
        let fields = &entry.fields;
        let did = if fields.reason.is_empty() {
            capital(&fields.action)
        } else {
            format!("{}: {}", capital(&fields.action), fields.reason)
        };
        Self {
            on: entry.at.to_string(),
            who,
            place: origin.organization_name.clone().unwrap_or_else(|| origin.system.clone()),
            did,
            why: Purpose::ALL.into_iter().find(|p| p.code() == fields.purpose).map_or("", Purpose::code),
            decided_by: fields.decided_by.clone(),
            refused: fields.action == "refused",
        }
    }
}

fn officer(staff: &Staff) -> WebResult<()> {
    if staff.role() == Role::PrivacyOfficer { Ok(()) } else { Err(WebError::not_found()) }
}

pub(super) async fn show(staff: Staff) -> WebResult<Page> {
    officer(&staff)?;
    staff.prove_first("/team/audit")?;
    Ok(Page::new("team/audit", &View { looked: false, rows: Vec::new(), more: false }))
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    nhs_number: String,
}

pub(super) async fn look(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, .. }: Checked<Wanted>,
) -> WebResult<Page> {
    officer(&staff)?;
    staff.prove_first("/team/audit")?;
    let mut errors = FormErrors::new();
    let mut view = View { looked: false, rows: Vec::new(), more: false };
    if let Some(number) = find::nhs_number(&form.nhs_number, &mut errors, "nhs_number") {
        // Kith itself finds the record; whether its trail may be read, policy decides.
        let query = Query::new("Patient")
            .and_then(|q| q.where_("identifier", &format!("{}|{}", system::NHS_NUMBER, number.as_str())))
            .map_err(WebError::internal)?;
        let found = state.door.system("Kith audit").search(&query.limit(1)).await?;
        match found.entries.first() {
            Some(patient) => {
                let entries = staff.access.who_looked(&patient.id, ROWS + 1).await?;
                view.more = entries.len() > ROWS;
                view.rows = entries.iter().take(ROWS).map(Row::of).collect();
                view.looked = true;
            }
            None => errors.add("nhs_number", "Nobody here has this NHS number"),
        }
    }
    Ok(Page::new("team/audit", &view).with_form(&fields, &errors))
}
