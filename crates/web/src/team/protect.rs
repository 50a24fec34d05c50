//! Protecting one item of a record: sealing it for named people, or marking it as about somebody else as well.

use axum::extract::{Path, State};
use kith_fhir::Value;
use kith_trust::{Change, Entry, protection};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, id_of, reference};
use crate::form::{Checked, Fields, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// Types of items that can be protected.
const KINDS: [&str; 12] = [
    "Condition",
    "Observation",
    "ClinicalImpression",
    "MedicationRequest",
    "AllergyIntolerance",
    "Procedure",
    "DiagnosticReport",
    "Encounter",
    "Immunization",
    "DocumentReference",
    "QuestionnaireResponse",
    "CarePlan",
];

/// Whether items of this type can be protected from a page.
pub(super) fn can_be(kind: &str) -> bool {
    KINDS.contains(&kind)
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    address: String,
    what: String,
    on: String,
    choices: Vec<Choice>,
    sealed: bool,
}

struct Item {
    chart: Chart,
    entry: Entry,
}

async fn item(state: &AppState, staff: &Staff, id: &str, kind: &str, item: &str) -> WebResult<Item> {
    let wanted = reference(kind, item)?;
    let chart = Chart::open(state, staff, id).await?;
    let entry = chart.record.get(&wanted).filter(|e| can_be(e.kind)).cloned().ok_or_else(WebError::not_found)?;
    if !chart.frame("protect").can.write_clinical {
        return Err(WebError::not_found());
    }
    Ok(Item { chart, entry })
}

fn what(value: &Value) -> String {
    let concept = |concept: &Value| {
        concept["text"].as_str().or_else(|| concept["coding"][0]["display"].as_str()).map(str::to_owned)
    };
    concept(&value["code"])
        .or_else(|| concept(&value["medicationCodeableConcept"]))
        .or_else(|| concept(&value["vaccineCode"]))
        .or_else(|| concept(&value["type"]))
        .or_else(|| value["summary"].as_str().map(str::to_owned))
        .or_else(|| value["description"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "This item".to_owned())
}

/// Who an item can be sealed for: the reader alone (who must always be among them), or a team of theirs.
fn choices(chart: &Chart) -> Vec<Choice> {
    let mut choices = vec![Choice::new("", "Not sealed"), Choice::new("me", "Only me, and the person")];
    for service in super::own_services(chart.access.actor(), &chart.directory) {
        choices.push(Choice::new(service.value, format!("Me and {}, and the person", service.text)));
    }
    choices
}

fn view(item: &Item) -> View {
    View {
        frame: item.chart.frame("protect"),
        address: format!("/protect/{}/{}", item.entry.kind, item.entry.id),
        what: what(&item.entry.value),
        on: item.entry.updated.to_string(),
        choices: choices(&item.chart),
        sealed: protection::is_sealed(&item.entry.value),
    }
}

pub(super) async fn ask(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, kind, own)): Path<(String, String, String)>,
) -> WebResult<Page> {
    let item = item(&state, &staff, &id, &kind, &own).await?;
    let value = &item.entry.value;
    let service = protection::sealed_for(value).find(|r| r.starts_with("HealthcareService/")).map(id_of);
    let sealed = if protection::is_sealed(value) { service.unwrap_or("me") } else { "" };
    let mut known = vec![("seal", sealed)];
    if protection::is_about_third_party(value) {
        known.push(("third_party", "yes"));
    }
    Ok(Page::new("team/protect", &view(&item)).with_form(&Fields::known(known), &FormErrors::new()))
}

#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    seal: String,
    #[serde(default)]
    third_party: String,
}

pub(super) async fn save(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, kind, own)): Path<(String, String, String)>,
    Checked { form, fields, .. }: Checked<Sent>,
) -> WebResult {
    let item = item(&state, &staff, &id, &kind, &own).await?;
    if !choices(&item.chart).iter().any(|choice| choice.value == form.seal) {
        let mut errors = FormErrors::new();
        errors.add("seal", "Choose who may see it");
        return Ok(Page::new("team/protect", &view(&item)).with_form(&fields, &errors).into());
    }
    let me = staff.access.actor().reference.clone();
    let named = match form.seal.as_str() {
        "" => Vec::new(),
        "me" => vec![me],
        service => vec![me, reference("HealthcareService", service)?],
    };
    let mut value = (*item.entry.value).clone();
    protection::seal(&mut value, &named);
    protection::mark_third_party(&mut value, form.third_party == "yes");
    let mut change = Change::new("protect an item");
    change.update(value, item.entry.version);
    staff.access.commit(change).await?;
    Ok(Reply::to(format!("/team/people/{id}/timeline")).done("Saved. It holds from now on."))
}
