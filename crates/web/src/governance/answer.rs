//! Questions of the privacy officer to the member of staff who is signed in.

use axum::extract::{Path, State};
use kith_trust::Error;
use serde::{Deserialize, Serialize};

use super::questions::Row;
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    rows: Vec<Row>,
}

async fn page(staff: &Staff) -> WebResult<Page> {
    let now = staff.access.now();
    let rows = staff.access.my_inquiries().await?.into_iter().map(|inquiry| Row::of(inquiry, now)).collect();
    Ok(Page::new("governance/answer", &View { rows }))
}

pub(super) async fn show(State(_): State<AppState>, staff: Staff) -> WebResult<Page> {
    page(&staff).await
}

#[derive(Deserialize)]
pub(super) struct Answered {
    #[serde(default)]
    answer: String,
}

pub(super) async fn answer(
    State(_): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Answered>,
) -> WebResult {
    match staff.access.answer_inquiry(&id, &form.answer).await {
        Ok(_) => Ok(Reply::to("/team/questions").done("Your answer is with the privacy officer.")),
        Err(Error::Invalid { .. }) => {
            let mut errors = FormErrors::new();
            errors.add("answer", "Write why you opened the record, in 2,000 characters or fewer");
            Ok(page(&staff).await?.with_form(&fields, &errors).into())
        }
        Err(other) => Err(other.into()),
    }
}
