//! Handing work on: to a colleague of the team, or to another team, with a note.

use axum::extract::{Path, State};
use kith_handover::Error;
use serde::{Deserialize, Serialize};

use super::chart::Frame;
use super::work::{Open, WorkView};
use super::{Choice, Group, id_of, reference, refused, services_by_kind};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    frame: Frame,
    work: WorkView,
    colleagues: Vec<Choice>,
    teams: Vec<Group>,
    /// The reader asked for it for their team: it can go to another team as the same request.
    came_back: bool,
}

fn view(open: &Open) -> View {
    let owner = &open.work.owner.reference;
    let me = &open.chart.access.actor().reference;
    let directory = &open.chart.directory;
    let mut colleagues: Vec<Choice> = directory
        .posts()
        .filter(|post| post.services.iter().any(|service| service.reference == *owner))
        .filter(|post| {
            post.practitioner.reference != *me && !["privacy-officer", "safety-officer"].contains(&post.role.as_str())
        })
        .map(|post| {
            let role = kith_trust::Role::from_code(&post.role).map_or("", kith_trust::Role::words);
            let words = if role.is_empty() {
                post.practitioner.name.clone()
            } else {
                format!("{}, {role}", post.practitioner.name)
            };
            Choice::new(id_of(&post.practitioner.reference), words)
        })
        .collect();
    colleagues.sort_by(|a, b| a.text.cmp(&b.text));
    colleagues.dedup_by(|a, b| a.value == b.value);
    View {
        frame: open.chart.frame("work"),
        work: open.view(),
        colleagues,
        teams: services_by_kind(directory, |service| service.reference != *owner),
        came_back: open.asked_by().is_some_and(|team| team.reference == *owner),
    }
}

pub(super) async fn ask(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let open = Open::read(&state, &staff, &id).await?;
    Ok(Page::new("team/hand_on", &view(&open)))
}

#[derive(Deserialize)]
pub(super) struct Handed {
    #[serde(default)]
    to: String,
    #[serde(default)]
    colleague: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn hand_on(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Handed>,
) -> WebResult {
    let open = Open::read(&state, &staff, &id).await?;
    let view = view(&open);
    let mut errors = FormErrors::new();
    match form.to.as_str() {
        "colleague" => {
            if !view.colleagues.iter().any(|c| c.value == form.colleague) {
                errors.add("colleague", "Choose a colleague");
            }
        }
        "team" => {
            if !view.teams.iter().flat_map(|g| &g.choices).any(|c| c.value == form.team) {
                errors.add("team", "Choose a team");
            }
        }
        _ => errors.add("to", "Choose who it goes to"),
    }
    errors.required("note", &form.note, "Write a note for whoever has it next");
    if errors.is_empty() {
        let task = &open.work.reference;
        let done = if form.to == "colleague" {
            let who = reference("Practitioner", &form.colleague)?;
            kith_handover::hand_to_colleague(&staff.access, task, &who, &form.note).await.map(|_| ())
        } else {
            let team = reference("HealthcareService", &form.team)?;
            if view.came_back {
                kith_handover::refer_again(&staff.access, task, &team, &form.note).await
            } else {
                kith_handover::hand_to_team(&staff.access, task, &team, &form.note).await.map(|_| ())
            }
        };
        match done {
            Ok(()) => return Ok(Reply::to("/team").done("Handed on.")),
            Err(Error::Step(refusal)) => errors.add("to", refusal.to_string()),
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(Page::new("team/hand_on", &view).with_form(&fields, &errors).into())
}
