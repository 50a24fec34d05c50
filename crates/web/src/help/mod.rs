//! Getting help: a problem, its questions one at a time, where it leads, and a place that can help.

mod draft;
mod question;
mod start;

use axum::extract::Path;
use axum::routing::{get, post};
use kith_frontdoor::Pathway;

pub(crate) use draft::{Waiting, waiting};

use crate::reply::{WebError, WebResult};
use crate::state::{AppState, Routes};

/// From "what is wrong?" to "you are booked".
pub(crate) fn routes() -> Routes {
    vec![
        ("/help", get(start::list).post(start::search)),
        ("/help/{pathway}", get(start::show).post(start::begin)),
        ("/help/{pathway}/question/{question}", get(question::show).post(question::answer)),
        ("/help/{pathway}/question/{question}/photo", post(question::photo)),
        ("/help/{pathway}/stop", get(question::stop)),
        ("/help/{pathway}/check", get(question::check)),
    ]
}

/// The pathway an address names.
fn pathway<'a>(state: &'a AppState, id: &str) -> WebResult<&'a Pathway> {
    state.pathways.get(id).ok_or_else(WebError::not_found)
}

type InPathway = Path<String>;
type AtQuestion = Path<(String, String)>;
