//! What is done about it: a time booked, a team asked, a place to go to, advice kept.

use axum::extract::{Path, State};
use kith_contact::time;
use kith_frontdoor::{Answer, Ask, Error, Pathway, Photo, Step, service};
use serde::Deserialize;

use super::super::chart::Chart;
use super::super::{id_of, reference};
use super::{Draft, forget, keep, pathway, recall, stopped_by, view};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

pub(super) fn ask_of<'a>(chart: &Chart, pathway: &'a Pathway, draft: &Draft) -> Ask<'a> {
    let asked = pathway.asked(&draft.facts, &draft.answers);
    let own_words = asked.iter().find_map(|question| match draft.answers.get(&question.id)? {
        Answer::Text(text) => Some(text.clone()),
        _ => None,
    });
    Ask {
        patient_id: chart.id().to_owned(),
        pathway,
        answers: draft.answers.clone(),
        assessment: pathway.assess(&draft.facts, &draft.answers),
        channel: draft.channel,
        own_words,
        photos: asked
            .iter()
            .filter_map(|question| match draft.answers.get(&question.id)? {
                Answer::Photo(reference) => Some(Photo::Kept(reference.clone())),
                _ => None,
            })
            .collect(),
        author: Ask::author_of(&chart.access),
    }
}

/// The record, the pathway and its whole draft, or elsewhere to go: a question is still to be asked, or it was sent already.
async fn ready<'a>(
    state: &'a AppState,
    staff: &Staff,
    id: &str,
    wanted: &str,
) -> WebResult<Result<(Chart, &'a Pathway, Draft), Reply>> {
    let pathway = pathway(state, wanted)?;
    let chart = Chart::open(state, staff, id).await?;
    let Some(draft) = recall(&chart, pathway).await? else {
        return Ok(Err(Reply::to(chart.path("/care")).note("This was sent already, or it is too long ago.")));
    };
    let done = matches!(pathway.next(&draft.facts, &draft.answers), Step::Done);
    if done && stopped_by(pathway, &draft).is_none() {
        return Ok(Ok((chart, pathway, draft)));
    }
    Ok(Err(Reply::to(chart.path(&format!("/help/{}", pathway.id)))))
}

/// Says what came of it, on the page of what is arranged; the draft is done with.
async fn finished(chart: &Chart, pathway: &Pathway, draft: Draft, said: Result<String, Error>) -> WebResult {
    match said {
        Ok(said) => {
            forget(chart, pathway).await?;
            Ok(Reply::to(chart.path("/care")).done(said))
        }
        Err(Error::Changed(_)) => changed(chart, pathway, draft).await,
        Err(error) => Err(error.into()),
    }
}

/// What the record knows has changed since the answers were read out.
async fn changed(chart: &Chart, pathway: &Pathway, mut draft: Draft) -> WebResult {
    draft.facts = service::facts(&chart.access, chart.id()).await?;
    keep(chart, pathway, &draft).await?;
    Ok(Reply::to(chart.path(&format!("/help/{}", pathway.id)))
        .note("The record has changed since you began. Look at this again before you go on."))
}

#[derive(Deserialize)]
pub(in crate::team) struct Chosen {
    #[serde(default)]
    slot: String,
}

pub(in crate::team) async fn book(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    Checked { form, fields, .. }: Checked<Chosen>,
) -> WebResult {
    let (chart, pathway, draft) = match ready(&state, &staff, &id, &wanted).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let mut errors = FormErrors::new();
    if !errors.required("slot", &form.slot, "Choose a time").is_empty() {
        let slot = reference("Slot", &form.slot)?;
        let ask = ask_of(&chart, pathway, &draft);
        match service::book(&chart.access, &chart.directory, &ask, &slot, None, &draft.key).await {
            Ok(booked) => {
                forget(&chart, pathway).await?;
                let to = chart.path(&format!("/appointments/{}", id_of(&booked.appointment)));
                return Ok(Reply::to(to).done("Booked. The person is told."));
            }
            Err(Error::Changed(_)) => return changed(&chart, pathway, draft).await,
            Err(Error::Booking(error @ (kith_booking::Error::Taken { .. } | kith_booking::Error::Past))) => {
                errors.add("slot", crate::team::appointment::without_next(&error));
            }
            Err(error @ (Error::TooLate | Error::NotForYou { .. })) => errors.add("slot", error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    let view = view(&chart, pathway, &draft, None).await?;
    Ok(Page::new("team/help_ask", &view).with_form(&fields, &errors).into())
}

#[derive(Deserialize)]
pub(in crate::team) struct Nothing {}

/// The team decides.
pub(in crate::team) async fn ask(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    _: Checked<Nothing>,
) -> WebResult {
    let (chart, pathway, draft) = match ready(&state, &staff, &id, &wanted).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let made = service::request(&chart.access, &chart.directory, &ask_of(&chart, pathway, &draft), &draft.key).await;
    let said = made.map(|made| {
        let by = time::by_words(made.due, chart.now);
        format!("{} has this and answers by {by}. Tell the person.", made.owner.name)
    });
    finished(&chart, pathway, draft, said).await
}

/// They go to a service that takes people without booking, which then expects them.
pub(in crate::team) async fn go(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted, to)): Path<(String, String, String)>,
    _: Checked<Nothing>,
) -> WebResult {
    let (chart, pathway, draft) = match ready(&state, &staff, &id, &wanted).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let ask = ask_of(&chart, pathway, &draft);
    let made = service::go_there(&chart.access, &chart.directory, &ask, &to, &draft.key).await;
    let said = made.map(|made| format!("{} knows that they are coming.", made.owner.name));
    finished(&chart, pathway, draft, said).await
}

/// The advice was read out, and is kept for the person.
pub(in crate::team) async fn advice(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    _: Checked<Nothing>,
) -> WebResult {
    let (chart, pathway, draft) = match ready(&state, &staff, &id, &wanted).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let kept = service::self_care(&chart.access, &ask_of(&chart, pathway, &draft), &draft.key).await;
    let said = kept.map(|_| "The advice is kept, and the person can read it again.".to_owned());
    finished(&chart, pathway, draft, said).await
}
