//! One question a page, and checking the answers.

use axum::extract::{Path, State};
use kith_contact::{document, photo};
use kith_frontdoor::{Answer, Kind, Pathway, Question, Step};
use serde::Serialize;

use super::draft::{self, Draft};
use super::start::{Content, next};
use super::stop::{self, stopped_by};
use super::{AtQuestion, InPathway, pathway};
use crate::form::{Checked, CheckedUpload, Fields, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Me;
use crate::state::AppState;

#[derive(Serialize)]
struct View<'a> {
    pathway: &'a str,
    title: &'a str,
    id: &'a str,
    text: &'a str,
    help: &'a str,
    why: &'a str,
    kind: Kind,
    options: Vec<Choice<'a>>,
    optional: bool,
    unit: &'a str,
    decimal: bool,
    back: String,
    /// A photo was added already.
    photo: bool,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    value: &'a str,
    text: &'a str,
    hint: Option<Hint<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive: Option<bool>,
}

#[derive(Serialize)]
struct Hint<'a> {
    text: &'a str,
}

/// The draft and the question, if it is one that may be asked now: the next, or one answered before.
async fn at<'a>(me: &Me, pathway: &'a Pathway, question: &str) -> WebResult<Result<(Draft, &'a Question), Reply>> {
    let Some(draft) = draft::find(me, pathway).await?.filter(|draft| draft.sent.is_none()) else {
        return Ok(Err(Reply::to(format!("/help/{}", pathway.id))));
    };
    let found = pathway.question(question).ok_or_else(WebError::not_found)?;
    let asked = pathway.asked(&draft.facts, &draft.answers).iter().any(|q| q.id == found.id);
    let is_next = matches!(pathway.next(&draft.facts, &draft.answers), Step::Ask(q) if q.id == found.id);
    if asked || is_next { Ok(Ok((draft, found))) } else { Ok(Err(Reply::to(next(pathway, &draft)))) }
}

fn view<'a>(me: &'a Me, pathway: &'a Pathway, draft: &Draft, question: &'a Question) -> View<'a> {
    let asked = pathway.asked(&draft.facts, &draft.answers);
    let before = asked.iter().take_while(|q| q.id != question.id).last();
    View {
        pathway: &pathway.id,
        title: &pathway.title,
        id: &question.id,
        text: &question.text,
        help: &question.help,
        why: &question.why,
        kind: question.kind,
        options: question
            .options
            .iter()
            .map(|o| Choice {
                value: &o.id,
                text: &o.label,
                hint: (!o.help.is_empty()).then_some(Hint { text: &o.help }),
                exclusive: o.none.then_some(true),
            })
            .collect(),
        optional: question.optional,
        unit: &question.unit,
        decimal: question.decimals > 0,
        back: match before {
            Some(before) => format!("/help/{}/question/{}", pathway.id, before.id),
            None => format!("/help/{}", pathway.id),
        },
        photo: matches!(draft.answers.get(&question.id), Some(Answer::Photo(_))),
        content: Content::of(pathway),
        acting_for: me.acting_for.as_deref(),
    }
}

/// What was answered before, to show it again.
fn answered(question: &Question, draft: &Draft) -> Fields {
    let values: Vec<String> = match draft.answers.get(&question.id) {
        Some(Answer::Chosen(ids)) => ids.clone(),
        Some(Answer::Number(text) | Answer::Text(text)) => vec![text.clone()],
        Some(Answer::Photo(_) | Answer::Skipped) | None => Vec::new(),
    };
    Fields::known(values.into_iter().map(|value| ("answer", value)))
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Path((id, question)): AtQuestion) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let (draft, question) = match at(&me, pathway, &question).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let page = Page::new("help/question", &view(&me, pathway, &draft, question));
    Ok(page.with_form(&answered(question, &draft), &FormErrors::new()).into())
}

#[derive(serde::Deserialize)]
pub(crate) struct Sent {
    #[serde(default)]
    answer: Vec<String>,
}

pub(crate) async fn answer(
    State(state): State<AppState>,
    me: Me,
    Path((id, question)): AtQuestion,
    Checked { form, fields, .. }: Checked<Sent>,
) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let (draft, question) = match at(&me, pathway, &question).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let sent: Vec<&str> = form.answer.iter().map(String::as_str).collect();
    // A photo that is there already stays, unless another comes.
    let kept =
        draft.answers.get(&question.id).filter(|a| question.kind == Kind::Photo && matches!(a, Answer::Photo(_)));
    let answer = match kept {
        Some(kept) => Ok(kept.clone()),
        // The photo form sends files elsewhere; a reference typed in here is not one.
        None if question.kind == Kind::Photo => question.read(&[]),
        None => question.read(&sent),
    };
    match answer {
        Ok(answer) => go_on(&me, pathway, draft, question, answer).await,
        Err(error) => {
            let mut errors = FormErrors::new();
            errors.add("answer", error.problem.to_string());
            Ok(Page::new("help/question", &view(&me, pathway, &draft, question)).with_form(&fields, &errors).into())
        }
    }
}

async fn go_on(me: &Me, pathway: &Pathway, mut draft: Draft, question: &Question, answer: Answer) -> WebResult {
    draft.answers.insert(&question.id, answer);
    let mut draft = draft::save(me, pathway, draft).await?;
    if stopped_by(pathway, &draft).is_some() {
        draft = stop::record(me, pathway, draft).await;
    }
    Ok(Reply::to(next(pathway, &draft)))
}

/// Takes a photo: written anew, upright and without what the camera added, and kept in the record at once.
pub(crate) async fn photo(
    State(state): State<AppState>,
    me: Me,
    Path((id, question)): AtQuestion,
    CheckedUpload { key, fields, file }: CheckedUpload,
) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let (draft, question) = match at(&me, pathway, &question).await? {
        Ok(found) => found,
        Err(elsewhere) => return Ok(elsewhere),
    };
    if question.kind != Kind::Photo {
        return Err(WebError::unreadable());
    }
    let mut errors = FormErrors::new();
    let answer = match file {
        None => match draft.answers.get(&question.id) {
            Some(kept @ Answer::Photo(_)) => Some(kept.clone()),
            _ => question.read(&[]).map_err(|error| errors.add("answer", error.problem.to_string())).ok(),
        },
        Some(file) => match photo::accept_async(file.bytes.to_vec(), file.media_type).await {
            Ok(jpeg) => Some(Answer::Photo(keep_photo(&me, pathway, &jpeg, &key.to_string()).await?)),
            Err(problem) => {
                errors.add("answer", problem.to_string());
                None
            }
        },
    };
    match answer {
        Some(answer) => go_on(&me, pathway, draft, question, answer).await,
        None => {
            Ok(Page::new("help/question", &view(&me, pathway, &draft, question)).with_form(&fields, &errors).into())
        }
    }
}

/// Keeps the photo, once for each sending of the form.
async fn keep_photo(me: &Me, pathway: &Pathway, jpeg: &photo::Jpeg, key: &str) -> WebResult<String> {
    let title = format!("Photo: {}", pathway.title);
    let (kept, _) = document::keep_once(&me.access, &me.person, jpeg, &title, key).await?;
    Ok(kept)
}

#[derive(Serialize)]
struct Check<'a> {
    pathway: &'a str,
    title: &'a str,
    answers: Vec<Given<'a>>,
    known: Vec<&'a str>,
    back: String,
    content: Content<'a>,
    acting_for: Option<&'a str>,
}

#[derive(Serialize)]
struct Given<'a> {
    id: &'a str,
    question: &'a str,
    answer: String,
    photo: Option<String>,
}

pub(crate) async fn check(State(state): State<AppState>, me: Me, Path(id): InPathway) -> WebResult {
    let pathway = pathway(&state, &id)?;
    let Some(draft) = draft::find(&me, pathway).await?.filter(|draft| draft.sent.is_none()) else {
        return Ok(Reply::to(format!("/help/{id}")));
    };
    let here = format!("/help/{id}/check");
    if next(pathway, &draft) != here {
        return Ok(Reply::to(next(pathway, &draft)));
    }
    let asked = pathway.asked(&draft.facts, &draft.answers);
    let back = asked.last().map_or_else(|| format!("/help/{id}"), |q| format!("/help/{id}/question/{}", q.id));
    let given = |question: &&'_ Question| {
        let answer = draft.answers.get(&question.id);
        let photo = match answer {
            Some(Answer::Photo(reference)) => Some(crate::person::id_of(reference).to_owned()),
            _ => None,
        };
        (answer.map(|a| question.words(a)).unwrap_or_default(), photo)
    };
    let view = Check {
        pathway: &pathway.id,
        title: &pathway.title,
        answers: asked
            .iter()
            .map(|question| {
                let (answer, photo) = given(question);
                Given { id: &question.id, question: &question.text, answer, photo }
            })
            .collect(),
        known: pathway.known(&draft.facts, &draft.answers).iter().map(|q| q.text.as_str()).collect(),
        back,
        content: Content::of(pathway),
        acting_for: me.acting_for.as_deref(),
    };
    Ok(Page::new("help/check", &view).into())
}
