//! What people see and do.

mod acting;
pub(crate) mod appointment;
pub(crate) mod care;
mod choices;
mod details;
mod home;
mod looked;
mod messages;
mod record;
mod results;

use std::sync::Arc;

use axum::routing::{get, post};
use jiff::Timestamp;
use kith_directory::Directory;
use kith_trust::Record;

use crate::reply::WebResult;
use crate::signed::Me;
use crate::state::{AppState, Routes};

/// The pages of people: each handler starts from [`crate::signed::Me`].
pub(crate) fn routes() -> Routes {
    let mut routes: Routes = vec![
        ("/", get(home::show)),
        // My care
        ("/care", get(care::show)),
        ("/care/requests/{id}", get(care::request)),
        ("/care/appointments/{id}", get(appointment::show)),
        ("/care/appointments/{id}/change", get(appointment::times).post(appointment::change)),
        ("/care/appointments/{id}/cancel", get(appointment::ask_cancel).post(appointment::cancel)),
        ("/care/messages", get(messages::list)),
        ("/care/messages/new", get(messages::new).post(messages::send)),
        ("/care/messages/{id}", get(messages::show).post(messages::reply)),
        ("/care/results", get(results::list)),
        ("/care/results/{key}", get(results::show)),
        // My record
        ("/record", get(record::show)),
        ("/record/timeline", get(record::timeline)),
        ("/record/documents/{id}", get(record::document)),
        ("/who-looked", get(looked::show)),
        // Me, and who acts for whom
        ("/details", get(details::show)),
        ("/choices", get(choices::show).post(choices::save)),
        ("/details/change", get(details::edit).post(details::save)),
        ("/acting", get(acting::show)),
        ("/acting/switch", post(acting::switch)),
        ("/acting/add", get(acting::add).post(acting::allow)),
        ("/acting/{id}/end", get(acting::ask_end).post(acting::end)),
    ];
    routes.sort_by_key(|(path, _)| *path);
    routes
}

/// The record of whoever the page is about, with the neighbourhood it refers to.
pub(crate) struct Mine {
    pub record: Arc<Record>,
    pub directory: Arc<Directory>,
    pub now: Timestamp,
}

impl Mine {
    pub async fn open(state: &AppState, me: &Me) -> WebResult<Self> {
        let record = me.access.open(&me.person).await?;
        let directory = state.directory.get(&me.access).await?;
        Ok(Self { record, directory, now: me.access.now() })
    }
}

/// The name of a Patient as shown; never empty.
pub(crate) fn full_name(patient: &kith_fhir::Value) -> String {
    let name = kith_fhir::views::Patient::of(patient).map(|p| p.name()).unwrap_or_default();
    if name.is_empty() { "Name not known".to_owned() } else { name }
}

/// `Type/id` from an id in an address; not found where it is no id.
pub(crate) fn reference(kind: &str, id: &str) -> WebResult<String> {
    let fits = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if fits { Ok(format!("{kind}/{id}")) } else { Err(crate::reply::WebError::not_found()) }
}

/// The id part of `Type/id`.
pub(crate) fn id_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, id)| id)
}
