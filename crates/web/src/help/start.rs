//! What is wrong: the list of problems, and the first page of each.

use axum::extract::{Path, State};
use kith_frontdoor::{Facts, Pathway, Sex, Step};
use serde::{Deserialize, Serialize};

use super::{InPathway, draft, pathway};
use crate::form::Checked;
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Me;
use crate::state::AppState;

/// The pathway for whatever no other is about.
pub(super) const SOMETHING_ELSE: &str = "something-else";

#[derive(Serialize)]
struct List<'a> {
    problems: Vec<Problem<'a>>,
    other: Option<Problem<'a>>,
    searched: Option<&'a str>,
    acting_for: Option<&'a str>,
    draft: Option<draft::Waiting>,
}

#[derive(Serialize)]
struct Problem<'a> {
    id: &'a str,
    title: &'a str,
    summary: &'a str,
}

impl<'a> Problem<'a> {
    fn of(pathway: &'a Pathway) -> Self {
        Self { id: &pathway.id, title: &pathway.title, summary: &pathway.summary }
    }
}

async fn page(state: &AppState, me: &Me, searched: Option<&str>) -> WebResult<Page> {
    let facts = draft::facts_lately(state, me).await?;
    let mut found: Vec<&Pathway> = match searched {
        Some(text) => state.pathways.search(text, &facts),
        None => state.pathways.iter().filter(|p| p.audience.suits(&facts)).collect(),
    };
    found.retain(|p| p.id != SOMETHING_ELSE);
    if searched.is_none() {
        found.sort_by(|a, b| a.title.cmp(&b.title));
    }
    let list = List {
        problems: found.into_iter().map(Problem::of).collect(),
        other: state.pathways.get(SOMETHING_ELSE).map(Problem::of),
        searched,
        acting_for: me.acting_for.as_deref(),
        draft: draft::waiting(state, me).await?,
    };
    Ok(Page::new("help/list", &list))
}

pub(crate) async fn list(State(state): State<AppState>, me: Me) -> WebResult<Page> {
    page(&state, &me, None).await
}

#[derive(Deserialize)]
pub(crate) struct Search {
    #[serde(default)]
    words: String,
}

/// Finds problems by words. Posted, because what somebody types about their health does not belong in an address.
pub(crate) async fn search(
    State(state): State<AppState>,
    me: Me,
    Checked { form, .. }: Checked<Search>,
) -> WebResult<Page> {
    let words = form.words.trim();
    page(&state, &me, (!words.is_empty()).then_some(words)).await
}

#[derive(Serialize)]
struct Start<'a> {
    id: &'a str,
    title: &'a str,
    summary: &'a str,
    suits: bool,
    begun: bool,
    known: Vec<String>,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

/// Where the words on the page come from.
#[derive(Serialize)]
pub(super) struct Content<'a> {
    id: &'a str,
    version: &'a str,
    signed_off: bool,
    note: &'a str,
}

impl<'a> Content<'a> {
    pub fn of(pathway: &'a Pathway) -> Self {
        Self {
            id: &pathway.id,
            version: &pathway.version,
            signed_off: pathway.signed_off,
            note: &pathway.sign_off_note,
        }
    }
}

/// What the record says that this pathway will not ask again.
fn known(facts: &Facts) -> Vec<String> {
    let mut known = vec![match facts.age_years() {
        0 if facts.age_months == 0 => "Age: less than 1 month".to_owned(),
        0 if facts.age_months == 1 => "Age: 1 month".to_owned(),
        0 | 1 => format!("Age: {} months", facts.age_months),
        years => format!("Age: {years} years"),
    }];
    if facts.sex != Sex::NotKnown {
        known.push(format!("Sex: {}", facts.sex.word()));
    }
    let list = |facts: &[kith_frontdoor::Fact]| {
        let mut words: Vec<&str> =
            facts.iter().filter(|f| f.active && !f.text.is_empty()).map(|f| f.text.as_str()).collect();
        words.dedup();
        words.join(", ")
    };
    for (name, facts) in
        [("Problems", &facts.conditions), ("Medicines", &facts.medicines), ("Allergies", &facts.allergies)]
    {
        let words = list(facts);
        if !words.is_empty() {
            known.push(format!("{name}: {words}"));
        }
    }
    known
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult<Page> {
    let pathway = pathway(&state, &id)?;
    let kept = draft::find(&me, pathway).await?.filter(|draft| draft.sent.is_none() && !draft.answers.is_empty());
    let facts = match &kept {
        Some(draft) => draft.facts.clone(),
        None => draft::facts_lately(&state, &me).await?,
    };
    let start = Start {
        id: &pathway.id,
        title: &pathway.title,
        summary: &pathway.summary,
        suits: pathway.audience.suits(&facts),
        begun: kept.is_some(),
        known: known(&facts),
        content: Content::of(pathway),
        acting_for: me.acting_for.as_deref(),
    };
    Ok(Page::new("help/start", &start))
}

#[derive(Deserialize)]
pub(crate) struct Begin {
    #[serde(default)]
    go: String,
}

/// Begins, or goes on where the person left.
pub(crate) async fn begin(
    State(state): State<AppState>,
    me: Me,
    Path(id): InPathway,
    Checked { form, .. }: Checked<Begin>,
) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let kept = match form.go.as_str() {
        "on" => draft::find(&me, pathway).await?.filter(|draft| draft.sent.is_none()),
        _ => None,
    };
    let draft = match kept {
        Some(draft) => draft,
        None => draft::start(&state, &me, pathway).await?,
    };
    if !pathway.audience.suits(&draft.facts) {
        return Ok(Reply::to(format!("/help/{SOMETHING_ELSE}")));
    }
    Ok(Reply::to(next(pathway, &draft)))
}

/// The page that comes next with these answers.
pub(super) fn next(pathway: &Pathway, draft: &draft::Draft) -> String {
    let id = &pathway.id;
    match pathway.next(&draft.facts, &draft.answers) {
        Step::Ask(question) => format!("/help/{id}/question/{}", question.id),
        Step::Stop(_) => format!("/help/{id}/stop"),
        Step::Done if pathway.assess(&draft.facts, &draft.answers).disposition.urgency.is_emergency() => {
            format!("/help/{id}/stop")
        }
        Step::Done => format!("/help/{id}/check"),
    }
}
