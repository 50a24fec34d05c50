//! Getting help: a problem, its questions one at a time, where it leads, and a place that can help.

mod confirm;
mod draft;
mod go;
mod offers;
mod question;
mod start;
mod stop;

use axum::extract::Path;
use axum::routing::{get, post};
use kith_frontdoor::{Answer, Ask, Channel, Pathway, Photo};

use draft::Draft;
pub(crate) use draft::{Waiting, waiting};

use crate::reply::{WebError, WebResult};
use crate::signed::Me;
use crate::state::{AppState, Routes};

/// From "what is wrong?" to "you are booked".
pub(crate) fn routes() -> Routes {
    vec![
        ("/help", get(start::list).post(start::search)),
        ("/help/{pathway}", get(start::show).post(start::begin)),
        ("/help/{pathway}/question/{question}", get(question::show).post(question::answer)),
        ("/help/{pathway}/question/{question}/photo", post(question::photo)),
        ("/help/{pathway}/stop", get(stop::show)),
        ("/help/{pathway}/check", get(question::check).post(offers::find)),
        ("/help/{pathway}/result", get(offers::show)),
        ("/help/{pathway}/times/{service}", get(offers::times).post(offers::hold)),
        ("/help/{pathway}/confirm", get(confirm::show).post(confirm::book)),
        ("/help/{pathway}/ask", post(confirm::ask)),
        ("/help/{pathway}/go/{service}", post(go::go)),
        ("/help/{pathway}/advice", post(confirm::advice)),
        ("/help/{pathway}/done", get(confirm::done)),
    ]
}

/// The pathway an address names.
fn pathway<'a>(state: &'a AppState, id: &str) -> WebResult<&'a Pathway> {
    state.pathways.get(id).ok_or_else(WebError::not_found)
}

/// What the person asks, with the outcome they were shown.
fn ask_of<'a>(me: &Me, pathway: &'a Pathway, draft: &Draft) -> Ask<'a> {
    let asked = pathway.asked(&draft.facts, &draft.answers);
    let answers = || asked.iter().filter_map(|question| draft.answers.get(&question.id));
    let own_words = answers().find_map(|answer| match answer {
        Answer::Text(text) => Some(text.clone()),
        _ => None,
    });
    let photos = answers().filter_map(|answer| match answer {
        Answer::Photo(reference) => Some(Photo::Kept(reference.clone())),
        _ => None,
    });
    Ask {
        patient_id: me.person.clone(),
        pathway,
        answers: draft.answers.clone(),
        assessment: pathway.assess(&draft.facts, &draft.answers),
        channel: Channel::Web,
        own_words,
        photos: photos.collect(),
        author: Ask::author_of(&me.access),
    }
}

type InPathway = Path<String>;
type AtQuestion = Path<(String, String)>;
