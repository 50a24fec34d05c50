//! Messages between the person and teams, as staff see and answer them.

use axum::extract::{Path, State};
use kith_contact::message::{self, MAX_TEXT, Thread, ToPerson, ToTeam};
use kith_contact::{Channel, Error};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, id_of, own_services};
use crate::conversation::{self, Line, Side, View};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct List {
    frame: Frame,
    threads: Vec<Line>,
}

pub(super) async fn list(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let threads = conversation::lines(&chart.record, Side::Team, chart.now);
    Ok(Page::new("team/messages", &List { frame: chart.frame("messages"), threads }))
}

#[derive(Serialize)]
struct One {
    frame: Frame,
    thread: View,
    teams: Vec<Choice>,
}

fn one(chart: &Chart, thread: &Thread) -> Page {
    let view = One {
        frame: chart.frame("messages"),
        thread: conversation::view(thread, Side::Team, chart.now),
        teams: own_services(chart.access.actor(), &chart.directory),
    };
    Page::new("team/message", &view)
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, thread)): Path<(String, String)>,
) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let thread = conversation::find(&chart.record, &thread)?;
    let page = one(&chart, &thread);
    if chart.can.message {
        conversation::mark_read(&chart.access, chart.id(), &thread, Side::Team).await;
    }
    Ok(page)
}

#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    text: String,
    #[serde(default)]
    team: String,
    /// Where to go afterwards: the piece of work the answer was written from.
    #[serde(default)]
    back: String,
}

/// The team the writer speaks for: the one chosen, the thread's own if it is theirs, or their first.
fn voice(chart: &Chart, chosen: &str, thread: Option<&Thread>) -> Option<String> {
    let actor = chart.access.actor();
    let own = |team: &str| actor.services().any(|service| service == team);
    let chosen = format!("HealthcareService/{chosen}");
    if own(&chosen) {
        return Some(chosen);
    }
    let theirs = thread.and_then(|thread| thread.team.as_ref()).map(|team| team.reference.clone());
    theirs.filter(|team| own(team)).or_else(|| actor.services().next().map(str::to_owned))
}

fn beside_fields(error: Error, errors: &mut FormErrors) -> WebResult<()> {
    match error {
        Error::Invalid { problems } => {
            for problem in problems {
                errors.add(problem.field, problem.message);
            }
            Ok(())
        }
        // This very form was sent before with other words: they are still here, and can be sent anew.
        Error::Door(kith_trust::Error::Conflict { .. }) => {
            errors.add("text", "You sent this form before, with other words. To send these too, send them again");
            Ok(())
        }
        error => Err(error.into()),
    }
}

pub(super) async fn reply(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, thread)): Path<(String, String)>,
    Checked { form, fields, key }: Checked<Answer>,
) -> WebResult {
    let chart = Chart::open(&state, &staff, &id).await?;
    let thread = conversation::find(&chart.record, &thread)?;
    let mut errors = FormErrors::new();
    let Some(team) = voice(&chart, &form.team, Some(&thread)) else {
        return Err(WebError::forbidden("You do not work in a team that can answer."));
    };
    let last = thread.messages.last().map_or_else(|| thread.root.clone(), |m| m.reference.clone());
    let answer = ToPerson {
        patient: id.clone(),
        team,
        subject: String::new(),
        text: form.text.clone(),
        answers: Some(last),
        about: Vec::new(),
        answer_by: None,
    };
    match message::send_to_person_once(&chart.access, &answer, &key.to_string()).await {
        Ok(_) => {
            let to = if form.back.is_empty() {
                chart.path(&format!("/messages/{}", id_of(&thread.root)))
            } else {
                form.back.clone()
            };
            Ok(Reply::to(to).done("Your answer is sent."))
        }
        Err(error) => {
            beside_fields(error, &mut errors)?;
            Ok(one(&chart, &thread).with_form(&fields, &errors).into())
        }
    }
}

#[derive(Serialize)]
struct New {
    frame: Frame,
    teams: Vec<Choice>,
    channels: Vec<Choice>,
    longest: usize,
}

fn new_view(chart: &Chart) -> New {
    New {
        frame: chart.frame("messages"),
        teams: own_services(chart.access.actor(), &chart.directory),
        channels: [Channel::Phone, Channel::Letter, Channel::Text]
            .into_iter()
            .map(|channel| Choice::new(channel.code(), channel.words()))
            .collect(),
        longest: MAX_TEXT,
    }
}

pub(super) async fn new(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    Ok(Page::new("team/message_new", &new_view(&chart)))
}

#[derive(Deserialize)]
pub(super) struct Written {
    #[serde(default)]
    team: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    /// `to-person`, or `from-person` for words taken down on the phone or at the desk.
    #[serde(default)]
    direction: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    answer_wanted: Option<String>,
}

pub(super) async fn send(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, key }: Checked<Written>,
) -> WebResult {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    errors.required("subject", &form.subject, "Write what it is about, in a few words");
    errors.required("text", &form.text, "Write your message");
    let team = voice(&chart, &form.team, None);
    if team.is_none() {
        errors.add("team", "You do not work in a team that can write");
    }
    if errors.is_empty() {
        let (team, key) = (team.unwrap_or_default(), key.to_string());
        let sent = if form.direction == "from-person" {
            let taken_down = ToTeam {
                patient: id.clone(),
                team,
                subject: form.subject.clone(),
                text: form.text.clone(),
                answers: None,
                about: Vec::new(),
                channel: Channel::from_code(&form.channel).unwrap_or(Channel::Phone),
            };
            message::send_to_team_once(&chart.access, &taken_down, &key).await
        } else {
            let message = ToPerson {
                patient: id.clone(),
                team,
                subject: form.subject.clone(),
                text: form.text.clone(),
                answers: None,
                about: Vec::new(),
                answer_by: form.answer_wanted.as_ref().map(|_| message::answer_due(chart.now)),
            };
            message::send_to_person_once(&chart.access, &message, &key).await
        };
        match sent {
            Ok(sent) => {
                let to = chart.path(&format!("/messages/{}", id_of(&sent.message)));
                return Ok(Reply::to(to).done("The message is sent."));
            }
            Err(error) => beside_fields(error, &mut errors)?,
        }
    }
    Ok(Page::new("team/message_new", &new_view(&chart)).with_form(&fields, &errors).into())
}
