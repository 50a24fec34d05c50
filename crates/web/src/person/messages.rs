//! Messages between a person and the teams that look after them. Each has an owner and a due time on the other side.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use kith_contact::message::{self, MAX_TEXT, Thread, ToTeam};
use kith_contact::{Channel, time};
use kith_directory::Directory;
use kith_trust::RelationshipKind;
use serde::{Deserialize, Serialize};

use super::{Mine, id_of, reference};
use crate::conversation::{self, Line, Side};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct List {
    threads: Vec<Line>,
}

pub(crate) async fn list(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    Ok(Page::new("person/messages", &List { threads: conversation::lines(&mine.record, Side::Person, mine.now) }))
}

fn one(thread: &Thread, mine: &Mine) -> Page {
    Page::new("person/message", &conversation::view(thread, Side::Person, mine.now))
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let thread = conversation::find(&mine.record, &id)?;
    let page = one(&thread, &mine);
    conversation::mark_read(&me.access, &me.person, &thread, Side::Person).await;
    Ok(page)
}

#[derive(Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    team: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
}

fn check_text(errors: &mut FormErrors, text: &str) {
    errors.required("text", text, "Write your message");
    if text.chars().count() > MAX_TEXT {
        errors.add("text", format!("Your message must be {MAX_TEXT} letters or fewer"));
    }
}

pub(crate) async fn reply(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    Checked { form, key, fields }: Checked<Written>,
) -> WebResult {
    let mine = Mine::open(&state, &me).await?;
    let thread = conversation::find(&mine.record, &id)?;
    let mut errors = FormErrors::new();
    check_text(&mut errors, &form.text);
    if !errors.is_empty() {
        return Ok(one(&thread, &mine).with_form(&fields, &errors).into());
    }
    let team = match &thread.team {
        Some(team) => team.reference.clone(),
        None => practice_team(&mine).ok_or_else(WebError::not_found)?,
    };
    let answers = thread.messages.last().map(|m| m.reference.clone());
    let sent = message::send_to_team_once(
        &me.access,
        &ToTeam {
            patient: me.person.clone(),
            team,
            subject: thread.subject.clone(),
            text: form.text,
            answers,
            about: Vec::new(),
            channel: Channel::Web,
        },
        &key.to_string(),
    )
    .await?;
    Ok(Reply::to(format!("/care/messages/{id}")).done(sent_words(sent.due, &mine)))
}

fn sent_words(due: Option<jiff::Timestamp>, mine: &Mine) -> String {
    match due {
        Some(due) => format!("Your message is sent. You should have an answer by {}.", time::by_words(due, mine.now)),
        None => "Your message is sent.".to_owned(),
    }
}

#[derive(Clone, Serialize)]
struct Team {
    value: String,
    text: String,
}

#[derive(Serialize)]
struct New {
    teams: Vec<Team>,
    longest: usize,
}

/// The practice's own team first, then services that know the person now.
fn teams(mine: &Mine) -> Vec<Team> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for related in mine.record.relationships() {
        let ours =
            matches!(related.kind, RelationshipKind::Booked | RelationshipKind::Requested | RelationshipKind::Tasked);
        if ours && let Some(service) = mine.directory.service(&related.with) {
            found.insert(service.reference.clone(), service.name.clone());
        }
    }
    let practice = practice_team(mine);
    let mut teams = Vec::new();
    if let Some(practice) = &practice {
        found.remove(practice);
        let name = mine.directory.name(practice).unwrap_or("Your practice");
        teams.push(Team { value: id_of(practice).to_owned(), text: format!("{name} (your practice)") });
    }
    teams.extend(found.into_iter().map(|(reference, name)| Team { value: id_of(&reference).to_owned(), text: name }));
    teams
}

/// The service of the registered practice that reads what people write.
pub(crate) fn practice_team(mine: &Mine) -> Option<String> {
    let practice = kith_fhir::views::Patient::of(mine.record.patient())?.practice()?;
    team_of_practice(&mine.directory, practice)
}

/// The service of a practice that answers what no other service meets.
fn team_of_practice(directory: &Directory, practice: &str) -> Option<String> {
    let services: Vec<_> = directory.services_of(practice).collect();
    let triage = services.iter().find(|s| s.meets("practice-triage"));
    triage.or_else(|| services.first()).map(|s| s.reference.clone())
}

pub(crate) async fn new(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    Ok(Page::new("person/message_new", &New { teams: teams(&mine), longest: MAX_TEXT }))
}

pub(crate) async fn send(
    State(state): State<AppState>,
    me: Me,
    Checked { form, key, fields }: Checked<Written>,
) -> WebResult {
    let mine = Mine::open(&state, &me).await?;
    let teams = teams(&mine);
    let mut errors = FormErrors::new();
    if !teams.iter().any(|team| team.value == form.team) {
        errors.add("team", "Choose who to write to");
    }
    errors.required("subject", &form.subject, "Say in a few words what it is about");
    if form.subject.chars().count() > 120 {
        errors.add("subject", "Say what it is about in 120 letters or fewer");
    }
    check_text(&mut errors, &form.text);
    if !errors.is_empty() {
        let view = New { teams, longest: MAX_TEXT };
        return Ok(Page::new("person/message_new", &view).with_form(&fields, &errors).into());
    }
    let sent = message::send_to_team_once(
        &me.access,
        &ToTeam {
            patient: me.person.clone(),
            team: reference("HealthcareService", &form.team)?,
            subject: form.subject,
            text: form.text,
            answers: None,
            about: Vec::new(),
            channel: Channel::Web,
        },
        &key.to_string(),
    )
    .await?;
    Ok(Reply::to("/care/messages").done(sent_words(sent.due, &mine)))
}
