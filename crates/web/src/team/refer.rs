//! Referring a person to another team, or asking it for advice: one page from the record, and sent.

use axum::extract::{Path, Query, State};
use kith_handover::{Error, ReferralRequest, RequestKind, Urgency};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, Group, id_of, optional, own_services, refused, services_by_kind};
use crate::form::{Checked, FormErrors};
use crate::record_view;
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// How urgent a referral can be. Emergencies are not referred: they are called.
const URGENCIES: [Urgency; 4] = [Urgency::Within2Hours, Urgency::SameDay, Urgency::Within3Days, Urgency::Routine];

#[derive(Debug, Default, Deserialize)]
pub(super) struct About {
    /// The request that led here, whose problem is then known.
    #[serde(default)]
    request: String,
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    kinds: Vec<Choice>,
    teams: Vec<Group>,
    from: Vec<Choice>,
    urgencies: Vec<Choice>,
    attachments: Vec<Choice>,
    reason: String,
    request: String,
}

fn view(chart: &Chart, request: &str) -> WebResult<View> {
    let own: Vec<String> = chart.access.actor().services().map(str::to_owned).collect();
    let known = optional("ServiceRequest", request)?
        .and_then(|reference| kith_fhir::views::ServiceRequest::of(&chart.record.get(&reference)?.value))
        .and_then(|seen| seen.reason().map(str::to_owned));
    let documents = record_view::documents(&chart.record).into_iter().take(12).map(|document| {
        let on = document.on.as_deref().map(crate::filters::short_date).unwrap_or_default();
        Choice::new(format!("DocumentReference/{}", document.id), format!("{}, {on}", document.title))
    });
    Ok(View {
        frame: chart.frame("refer"),
        kinds: vec![
            Choice::new("referral", "Refer: they see the person"),
            Choice::new("advice", "Ask for advice: they answer you"),
        ],
        teams: services_by_kind(&chart.directory, |service| !own.contains(&service.reference)),
        from: own_services(chart.access.actor(), &chart.directory),
        urgencies: URGENCIES.iter().map(|urgency| Choice::new(urgency.code(), urgency.words())).collect(),
        attachments: documents.collect(),
        reason: known.unwrap_or_default(),
        request: request.to_owned(),
    })
}

/// The record, for whoever may refer this person.
async fn open(state: &AppState, staff: &Staff, id: &str) -> WebResult<Chart> {
    let chart = Chart::open(state, staff, id).await?;
    let may = chart.access.actor().role.is_clinical() && chart.can.write_clinical;
    chart.only_if(may, "Clinicians and link workers who give this person care refer. Ask one of them.")?;
    Ok(chart)
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Query(about): Query<About>,
) -> WebResult<Page> {
    let chart = open(&state, &staff, &id).await?;
    Ok(Page::new("team/refer", &view(&chart, &about.request)?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    request: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    urgency: String,
    #[serde(default)]
    attachments: Vec<String>,
    #[serde(default)]
    transfer: Option<String>,
}

pub(super) async fn refer(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, key }: Checked<Form>,
) -> WebResult {
    let chart = open(&state, &staff, &id).await?;
    let view = view(&chart, &form.request)?;
    let mut errors = FormErrors::new();
    let kind = match form.kind.as_str() {
        "referral" => Some(RequestKind::Referral),
        "advice" => Some(RequestKind::Advice),
        _ => {
            errors.add("kind", "Choose whether to refer or to ask for advice");
            None
        }
    };
    let team = chart
        .directory
        .service(&form.team)
        .filter(|_| view.teams.iter().flat_map(|group| &group.choices).any(|choice| choice.value == form.team));
    if team.is_none() {
        errors.add("team", "Choose a team");
    }
    let urgency = URGENCIES.iter().copied().find(|urgency| urgency.code() == form.urgency);
    if urgency.is_none() {
        errors.add("urgency", "Choose how soon");
    }
    let reason = errors.required("reason", &form.reason, "Write the problem in a line").to_owned();
    let question = errors.required("question", &form.question, "Write what you ask them").to_owned();
    if let (Some(kind), Some(team), Some(urgency), true) = (kind, team, urgency, errors.is_empty()) {
        // The need is the one the team meets, where there is only one; otherwise the problem says it.
        let need = if let [only] = team.needs.as_slice() { only.clone() } else { String::new() };
        let asked = ReferralRequest {
            patient: id.clone(),
            to_service: team.reference.clone(),
            from_service: optional("HealthcareService", &form.from)?,
            kind,
            need_label: if need.is_empty() {
                match kind {
                    RequestKind::Referral => format!("Referral to {}", team.name),
                    RequestKind::Advice => format!("Question for {}", team.name),
                }
            } else {
                chart.directory.needs().label(&need).to_owned()
            },
            need,
            reason,
            question,
            urgency,
            attachments: view
                .attachments
                .iter()
                .map(|choice| choice.value.clone())
                .filter(|value| form.attachments.contains(value))
                .collect(),
            transfer_of_responsibility: kind == RequestKind::Referral && form.transfer.is_some(),
        };
        match kith_handover::refer_once(&staff.access, &asked, &key.to_string()).await {
            Ok(made) => {
                tracing::debug!(task = id_of(&made.task), "referred");
                return Ok(
                    Reply::to(chart.path("/care")).done(format!("Sent to {}. The person has been told.", team.name))
                );
            }
            Err(error @ (Error::Step(_) | Error::SentBefore)) => errors.add("question", error.to_string()),
            Err(Error::Invalid { message, .. }) => errors.add("attachments", message),
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(Page::new("team/refer", &view).with_form(&fields, &errors).into())
}
