//! For the privacy officer: accesses worth a question, the questions and their answers, and the audit itself. For staff: the
//! questions put to them. For a person: a copy of their record.

mod answer;
pub mod copy;
mod questions;
mod search;
mod unusual;
mod zip;

use axum::routing::{get, post};
use kith_trust::{InquiryState, Role};

use crate::reply::{WebError, WebResult};
use crate::signed::Staff;
use crate::state::Routes;

pub(crate) fn routes() -> Routes {
    vec![
        // The privacy officer
        ("/governance", get(unusual::show)),
        ("/governance/ask/{finding}", post(unusual::ask)),
        ("/governance/questions", get(questions::show)),
        ("/governance/questions/{id}/close", post(questions::close)),
        ("/governance/audit", get(search::show).post(search::search)),
        // A person's copy of their record
        ("/record/copy", get(copy::show).post(copy::give)),
        // Who was asked
        ("/team/questions", get(answer::show)),
        ("/team/questions/{id}", post(answer::answer)),
    ]
}

/// Not found for everybody but the privacy officer.
fn officer(staff: &Staff) -> WebResult<()> {
    if staff.role() != Role::PrivacyOfficer {
        return Err(WebError::not_found());
    }
    // What these pages show is about everybody: an unlocked screen must not be enough.
    staff.prove_first("/governance")
}

/// How many questions wait for this member of staff: their page of work says so.
pub(crate) async fn waiting(staff: &Staff) -> WebResult<usize> {
    let mine = staff.access.my_inquiries().await?;
    Ok(mine.iter().filter(|inquiry| inquiry.state == InquiryState::Asked).count())
}
