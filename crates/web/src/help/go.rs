//! Going to a service that takes people without booking: it knows who is coming, and why.

use axum::extract::{Path, State};
use kith_frontdoor::{Error, service};

use super::ask_of;
use super::confirm::{changed, sent};
use super::draft::Sent;
use super::offers::{Nothing, first_sentence, ready};
use crate::form::Checked;
use crate::reply::{Reply, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// The person will go there. Sent twice, they come once.
pub(crate) async fn go(
    State(state): State<AppState>,
    me: Me,
    Path((id, service_id)): Path<(String, String)>,
    _: Checked<Nothing>,
) -> WebResult {
    let (pathway, draft, _) = match ready(&state, &me, &id).await? {
        Ok(ready) => ready,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let directory = state.directory.get(&me.access).await?;
    let ask = ask_of(&me, pathway, &draft);
    match service::go_there(&me.access, &directory, &ask, &service_id, &draft.key).await {
        Ok(made) => sent(&me, pathway, draft, Sent::Going(made.service_request)).await,
        Err(Error::Changed(_)) => changed(&me, pathway, draft).await,
        Err(error @ Error::NotForYou { .. }) => {
            Ok(Reply::to(format!("/help/{id}/result")).note(first_sentence(&error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}
