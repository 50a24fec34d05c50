//! My choices: who my record is shared with, and what it may be used for beside my care.

use axum::extract::State;
use kith_contact::time;
use kith_trust::{Choices, OrganisationKind};
use serde::{Deserialize, Serialize};

use super::Mine;
use crate::form::{Checked, Fields, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    kinds: Vec<Choice>,
    /// A proxy reads; only the person chooses.
    acting_for: Option<String>,
    denied: Vec<&'static str>,
    opted_out: bool,
}

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    text: String,
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn view(choices: &Choices, me: &Me) -> View {
    View {
        kinds: OrganisationKind::CHOICES.map(|k| Choice { value: k.code(), text: capital(k.words()) }).into(),
        acting_for: me.acting_for.clone(),
        denied: choices.dissent.iter().map(|kind| kind.words()).collect(),
        opted_out: choices.national_opt_out || choices.type_1_opt_out,
    }
}

fn known(choices: &Choices) -> Fields {
    let mut fields: Vec<(&str, &str)> = choices.dissent.iter().map(|kind| ("deny", kind.code())).collect();
    if choices.national_opt_out {
        fields.push(("opt_out", "national"));
    }
    if choices.type_1_opt_out {
        fields.push(("opt_out", "type-1"));
    }
    Fields::known(fields)
}

pub(crate) async fn show(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    let mine = Mine::open(&state, &me).await?;
    let choices = Choices::of(&mine.record);
    Ok(Page::new("person/choices", &view(&choices, &me)).with_form(&known(&choices), &FormErrors::new()))
}

#[derive(Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    deny: Vec<String>,
    #[serde(default)]
    opt_out: Vec<String>,
}

/// Takes effect with the next request of anybody.
pub(crate) async fn save(State(state): State<AppState>, me: Me, Checked { form, .. }: Checked<Sent>) -> WebResult {
    if me.is_proxy() {
        return Err(WebError::forbidden("Only the person themselves or their practice can make these choices."));
    }
    let mine = Mine::open(&state, &me).await?;
    let wanted = Choices {
        dissent: OrganisationKind::CHOICES.into_iter().filter(|k| form.deny.iter().any(|d| d == k.code())).collect(),
        national_opt_out: form.opt_out.iter().any(|o| o == "national"),
        type_1_opt_out: form.opt_out.iter().any(|o| o == "type-1"),
    };
    if wanted == Choices::of(&mine.record) {
        return Ok(Reply::to("/choices").note("Nothing was changed."));
    }
    me.access.commit(wanted.into_change(&mine.record, time::day(mine.now))).await?;
    Ok(Reply::to("/choices").done("Your choices are saved. They hold from now on."))
}
