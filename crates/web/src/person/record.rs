//! My record: what is known, and what happened, across all organisations.

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Mine, reference};
use crate::record_view::{self, Authors, Document, Event, Line, Measured};
use crate::reply::{Page, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    allergies: Vec<Line>,
    problems: Vec<Line>,
    past_problems: Vec<Line>,
    medicines: Vec<Line>,
    past_medicines: Vec<Line>,
    immunisations: Vec<Line>,
    results: Vec<Measured>,
    documents: Vec<Document>,
    recent: Vec<Event>,
    acting_for: Option<String>,
}

pub(crate) async fn show(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let record = &mine.record;
    let authors = Authors { record, directory: &mine.directory };
    let signed = |mut lines: Vec<Line>| {
        authors.sign(&mut lines);
        lines
    };
    let (problems, past_problems) = signed(record_view::problems(record)).into_iter().partition(|line| line.active);
    let (medicines, past_medicines) = signed(record_view::medicines(record)).into_iter().partition(|line| line.active);
    let mut recent = record_view::latest(record, None, mine.now, 8);
    authors.sign_events(&mut recent);
    let mut results = record_view::measured(record);
    results.truncate(8);
    let mut documents = record_view::documents(record);
    authors.sign_documents(&mut documents);
    let view = View {
        allergies: signed(record_view::allergies(record)).into_iter().filter(|line| line.active).collect(),
        problems,
        past_problems,
        medicines,
        past_medicines,
        immunisations: signed(record_view::immunisations(record)),
        results,
        documents,
        recent,
        acting_for: me.acting_for,
    };
    Ok(Page::new("person/record", &view))
}

const EVENTS: usize = 50;

#[derive(Deserialize)]
pub(crate) struct From {
    page: Option<usize>,
}

#[derive(Serialize)]
struct Timeline {
    events: Vec<Event>,
    page: usize,
    pages: usize,
    total: usize,
}

pub(crate) async fn timeline(State(state): State<AppState>, me: Me, Query(from): Query<From>) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let all = record_view::happened(record_view::timeline(&mine.record, None), mine.now);
    let pages = all.len().div_ceil(EVENTS).max(1);
    let page = from.page.unwrap_or(1).clamp(1, pages);
    let total = all.len();
    let mut events: Vec<Event> = all.into_iter().skip((page - 1) * EVENTS).take(EVENTS).collect();
    Authors { record: &mine.record, directory: &mine.directory }.sign_events(&mut events);
    Ok(Page::new("person/timeline", &Timeline { events, page, pages, total }))
}

/// The bytes of a photo or letter. Photos are pictures we wrote ourselves; anything else is offered as a download, and
/// nothing in it may run.
pub(crate) async fn document(State(_): State<AppState>, me: Me, Path(id): Path<String>) -> WebResult<Response> {
    let record = me.access.open(&me.person).await?;
    let wanted = reference("DocumentReference", &id)?;
    record.get(&wanted).ok_or_else(crate::reply::WebError::not_found)?;
    let document = kith_contact::document::read(&me.access, &wanted).await?;
    Ok(served(document))
}

/// A document as a browser may have it.
pub(crate) fn served(document: kith_contact::document::Document) -> Response {
    let picture = matches!(document.content_type.as_str(), "image/jpeg" | "image/png");
    let kind = if picture { document.content_type } else { "application/octet-stream".to_owned() };
    let how = if picture { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, how.to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    (headers, document.bytes).into_response()
}
