//! Photos and letters, and the picture itself.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::chart::{Chart, Frame};
use super::reference;
use crate::record_view::{self, Document};
use crate::reply::{Page, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct List {
    frame: Frame,
    documents: Vec<Document>,
}

pub(super) async fn list(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut documents = record_view::documents(&chart.record);
    chart.authors().sign_documents(&mut documents);
    Ok(Page::new("team/documents", &List { frame: chart.frame("documents"), documents }))
}

#[derive(Serialize)]
struct One {
    frame: Frame,
    document: Document,
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, document)): Path<(String, String)>,
) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let found = record_view::documents(&chart.record).into_iter().find(|d| d.id == document);
    let mut document = found.ok_or_else(WebError::not_found)?;
    chart.authors().sign_documents(std::slice::from_mut(&mut document));
    Ok(Page::new("team/document", &One { frame: chart.frame("documents"), document }))
}

/// The bytes of a photo that Kith wrote itself. Anything else is offered to keep, never shown in the page.
pub(super) async fn image(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, document)): Path<(String, String)>,
) -> WebResult<Response> {
    let chart = Chart::open(&state, &staff, &id).await?;
    let wanted = reference("DocumentReference", &document)?;
    if chart.record.get(&wanted).is_none() {
        return Err(WebError::not_found());
    }
    let read = kith_contact::document::read(&chart.access, &wanted).await?;
    let picture = matches!(read.content_type.as_str(), "image/jpeg" | "image/png" | "image/webp" | "image/gif");
    let content_type = if picture { read.content_type.as_str() } else { "application/octet-stream" };
    let disposition = if picture { "inline" } else { "attachment" };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_str(content_type).map_err(WebError::internal)?),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, read.bytes).into_response())
}
