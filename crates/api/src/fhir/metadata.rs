//! `GET /fhir/metadata`: what works here. No token: it speaks of nobody.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::caller::Manner;
use super::capability::{Searchable, statement};
use super::outcome::Failure;
use super::reply;
use crate::state::Api;

pub async fn get(State(api): State<Api>, manner: Manner) -> Result<Response, Failure> {
    let searchable = Searchable::of(&api).await?;
    Ok(reply::resource(StatusCode::OK, &statement(searchable, &manner.base, api.door.now()), &manner))
}
