//! Asking for help on somebody's behalf, on the phone or at the desk: the same pathways as people use themselves, made for
//! the keyboard: one address, the next question always under the cursor, what was said beside it.

mod acts;

use axum::extract::{Path, Query, State};
use jiff::SignedDuration;
use kith_contact::preferences::{self, LANGUAGES};
use kith_contact::{Preferences, document, photo, time};
use kith_directory::{distance, words};
use kith_frontdoor::{
    Answer, Answers, Assessment, Channel, Facts, Kind, Offer, Pathway, Question, Step, Urgency, service,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use acts::ask_of;
pub(super) use acts::{advice, ask, book, go};

use super::chart::{Chart, Frame};
use super::{Choice, id_of};
use crate::form::{Checked, CheckedUpload, Fields, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

const SPACE: &str = "team-help";
/// A call that was cut off can be taken up again for this long.
const KEPT: SignedDuration = SignedDuration::from_hours(12);
/// The pathway for whatever no other is about.
const SOMETHING_ELSE: &str = "something-else";
/// How many times of each service are offered at once.
const TIMES: usize = 6;

/// What was said so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Draft {
    /// What the record says; never shown, only what the pathway concludes from it.
    facts: Facts,
    answers: Answers,
    channel: Channel,
    /// Names this asking for help: sending it twice is sending it once.
    key: String,
    /// The team that checks that an emergency got help, once it was recorded.
    checks: Option<String>,
}

fn kept_at(chart: &Chart, pathway: &Pathway) -> String {
    format!("{}|{}", chart.id(), pathway.id)
}

async fn recall(chart: &Chart, pathway: &Pathway) -> WebResult<Option<Draft>> {
    let kept = chart.access.recall(SPACE, &kept_at(chart, pathway)).await?;
    Ok(kept.and_then(|value| serde_json::from_value(value).ok()))
}

async fn keep(chart: &Chart, pathway: &Pathway, draft: &Draft) -> WebResult<()> {
    let value = serde_json::to_value(draft).map_err(WebError::internal)?;
    let until = chart.now.saturating_add(KEPT).ok();
    Ok(chart.access.remember(SPACE, &kept_at(chart, pathway), &value, until).await?)
}

async fn forget(chart: &Chart, pathway: &Pathway) -> WebResult<()> {
    Ok(chart.access.forget(SPACE, &kept_at(chart, pathway)).await?)
}

fn pathway<'a>(state: &'a AppState, id: &str) -> WebResult<&'a Pathway> {
    state.pathways.get(id).ok_or_else(WebError::not_found)
}

// ── choosing what is wrong ──────────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize)]
struct Choose {
    frame: Frame,
    pathways: Vec<Choice>,
    channels: Vec<Choice>,
    languages: Vec<Choice>,
    language: String,
    interpreter: bool,
}

async fn choices(state: &AppState, chart: &Chart) -> WebResult<Choose> {
    let facts = service::facts(&chart.access, chart.id()).await?;
    let mut suit: Vec<&Pathway> = state.pathways.iter().filter(|p| p.audience.suits(&facts)).collect();
    // What no other is about comes last.
    suit.sort_by_key(|p| (p.id == SOMETHING_ELSE, p.title.clone()));
    let known = Preferences::of(&chart.record);
    Ok(Choose {
        frame: chart.frame("help"),
        pathways: suit.into_iter().map(|p| Choice::new(&p.id, &p.title)).collect(),
        channels: vec![
            Choice::new("phone", "On the phone"),
            Choice::new("desk", "At the desk"),
            Choice::new("letter", "By letter"),
            Choice::new("practice", "We ask for them ourselves"),
        ],
        languages: LANGUAGES.iter().map(|(code, name)| Choice::new(*code, *name)).collect(),
        language: known.language.unwrap_or_default(),
        interpreter: known.interpreter,
    })
}

pub(super) async fn choose(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = Chart::open(&state, &staff, &id).await?;
    Ok(Page::new("team/help", &choices(&state, &chart).await?))
}

#[derive(Deserialize)]
pub(super) struct Begin {
    #[serde(default)]
    pathway: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    interpreter: Option<String>,
}

fn channel(code: &str) -> Option<Channel> {
    [Channel::Phone, Channel::Desk, Channel::Letter, Channel::Practice].into_iter().find(|c| c.code() == code)
}

pub(super) async fn begin(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Begin>,
) -> WebResult {
    let chart = Chart::open(&state, &staff, &id).await?;
    let mut errors = FormErrors::new();
    let wanted = state.pathways.get(&form.pathway);
    if wanted.is_none() {
        errors.add("pathway", "Choose what it is about");
    }
    let channel = channel(&form.channel);
    if channel.is_none() {
        errors.add("channel", "Choose how they are asking");
    }
    let (Some(pathway), Some(channel)) = (wanted, channel) else {
        return Ok(Page::new("team/help", &choices(&state, &chart).await?).with_form(&fields, &errors).into());
    };
    keep_language(&chart, &form).await?;
    let draft = Draft {
        facts: service::facts(&chart.access, chart.id()).await?,
        answers: Answers::new(),
        channel,
        key: Uuid::new_v4().to_string(),
        checks: None,
    };
    keep(&chart, pathway, &draft).await?;
    Ok(Reply::to(chart.path(&format!("/help/{}", pathway.id))))
}

/// What is said now about language and interpreter is kept for everybody who will see the person.
async fn keep_language(chart: &Chart, form: &Begin) -> WebResult<()> {
    let known = Preferences::of(&chart.record);
    let language = LANGUAGES.iter().find(|(code, _)| *code == form.language).map(|(code, _)| (*code).to_owned());
    let mut edit = known.edit();
    edit.language = language.or_else(|| known.language.clone());
    edit.interpreter = form.interpreter.is_some();
    if edit.language != known.language || edit.interpreter != known.interpreter {
        preferences::save(&chart.access, chart.id(), &edit).await?;
    }
    Ok(())
}

// ── asking, and what it comes to ────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize)]
struct View<'a> {
    frame: Frame,
    pathway: &'a str,
    title: &'a str,
    heading: String,
    channel: &'static str,
    said: Vec<Said>,
    question: Option<Asking<'a>>,
    stop: Option<Emergency>,
    outcome: Option<Outcome>,
    content: String,
}

#[derive(Serialize)]
struct Said {
    id: String,
    question: String,
    answer: String,
}

#[derive(Serialize)]
struct Asking<'a> {
    id: &'a str,
    text: &'a str,
    help: &'a str,
    why: &'a str,
    kind: Kind,
    options: Vec<Choice>,
    optional: bool,
    unit: &'a str,
}

#[derive(Serialize)]
struct Emergency {
    ambulance: bool,
    reasons: Vec<String>,
    advice: Vec<String>,
    safety_net: String,
    checks: Option<String>,
}

#[derive(Serialize)]
struct Outcome {
    urgency: &'static str,
    self_care: bool,
    reasons: Vec<String>,
    advice: Vec<String>,
    safety_net: String,
    for_professional: Option<String>,
    offers: Vec<Offered>,
    not_possible: Vec<String>,
    team: String,
    due: String,
}

#[derive(Serialize)]
struct Offered {
    id: String,
    name: String,
    kind: String,
    away: Option<String>,
    reasons: Vec<String>,
    cautions: Vec<String>,
    walk_in: Option<String>,
    times: Vec<Choice>,
}

fn offered(offer: &Offer, now: jiff::Timestamp) -> Offered {
    let times = offer.slots.iter().take(TIMES).map(|slot| {
        let who = slot.clinician.as_ref().map(|c| format!(", {}", c.name)).unwrap_or_default();
        let how = match slot.mode {
            kith_directory::Mode::InPerson => String::new(),
            mode => format!(", {}", mode.words()),
        };
        Choice::new(id_of(&slot.slot_ref), format!("{}{who}{how}", words::when(slot.start, now)))
    });
    Offered {
        id: offer.service_id.clone(),
        name: offer.service_name.clone(),
        kind: offer.kind_words.clone(),
        away: offer.distance_miles.map(|miles| format!("{} away", distance::words(miles))),
        reasons: offer.reasons.clone(),
        cautions: offer.cautions.clone(),
        walk_in: offer.walk_in.as_ref().map(|walk_in| walk_in.words.clone()),
        times: times.collect(),
    }
}

/// The red flag that stops the questions, if one does.
fn stopped_by(pathway: &Pathway, draft: &Draft) -> Option<String> {
    match pathway.next(&draft.facts, &draft.answers) {
        Step::Stop(flag) => Some(flag.id.clone()),
        Step::Ask(_) => None,
        Step::Done => {
            let assessment = pathway.assess(&draft.facts, &draft.answers);
            let first = assessment.red_flags.first().cloned();
            assessment.disposition.urgency.is_emergency().then_some(first)?
        }
    }
}

fn asking(question: &Question) -> Asking<'_> {
    Asking {
        id: &question.id,
        text: &question.text,
        help: &question.help,
        why: &question.why,
        kind: question.kind,
        options: question.options.iter().map(|o| Choice::new(&o.id, &o.label)).collect(),
        optional: question.optional,
        unit: &question.unit,
    }
}

/// The page as the answers stand; `change` is a question to be asked again.
async fn view<'a>(chart: &Chart, pathway: &'a Pathway, draft: &Draft, change: Option<&str>) -> WebResult<View<'a>> {
    let asked = pathway.asked(&draft.facts, &draft.answers);
    let again = change.and_then(|id| asked.iter().find(|question| question.id == id)).copied();
    let said = asked
        .iter()
        .filter_map(|question| {
            let answer = draft.answers.get(&question.id)?;
            Some(Said { id: question.id.clone(), question: question.text.clone(), answer: question.words(answer) })
        })
        .collect();
    let next = pathway.next(&draft.facts, &draft.answers);
    let question = again.or(match next {
        Step::Ask(question) => Some(question),
        Step::Stop(_) | Step::Done => None,
    });
    let (mut stop, mut outcome) = (None, None);
    let mut heading = question.map_or_else(String::new, |question| question.text.clone());
    if question.is_none() {
        let assessment = pathway.assess(&draft.facts, &draft.answers);
        heading.clone_from(&assessment.disposition.title);
        if stopped_by(pathway, draft).is_some() {
            stop = Some(emergency(assessment, draft));
        } else {
            outcome = Some(outcome_of(chart, assessment).await?);
        }
    }
    Ok(View {
        frame: chart.frame("help"),
        pathway: &pathway.id,
        title: &pathway.title,
        heading,
        channel: match draft.channel {
            Channel::Phone => "on the phone",
            Channel::Desk => "at the desk",
            Channel::Letter => "by letter",
            Channel::Practice => "asked by us",
            Channel::Web => "online",
        },
        said,
        question: question.map(asking),
        stop,
        outcome,
        content: pathway.content(),
    })
}

fn emergency(assessment: Assessment, draft: &Draft) -> Emergency {
    let disposition = assessment.disposition;
    Emergency {
        ambulance: disposition.urgency == Urgency::Emergency999,
        reasons: disposition.reasons.into_iter().map(|reason| reason.text).collect(),
        advice: disposition.advice,
        safety_net: disposition.safety_net,
        checks: draft.checks.clone(),
    }
}

async fn outcome_of(chart: &Chart, assessment: Assessment) -> WebResult<Outcome> {
    let offers = service::offers(&chart.access, &chart.directory, chart.id(), &assessment).await?;
    let disposition = assessment.disposition;
    // What is written for professionals may name what the record says.
    let for_professional =
        Some(disposition.for_professional).filter(|words| chart.can.see_clinical && !words.is_empty());
    Ok(Outcome {
        urgency: disposition.urgency.words(),
        self_care: disposition.urgency == Urgency::SelfCare,
        reasons: disposition.reasons.into_iter().map(|reason| reason.text).collect(),
        advice: disposition.advice,
        safety_net: disposition.safety_net,
        for_professional,
        offers: offers.offers.iter().map(|offer| offered(offer, chart.now)).collect(),
        not_possible: offers.not_possible.iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        team: offers.fallback.service_name,
        due: time::by_words(offers.fallback.due, chart.now),
    })
}

/// Which question is to be asked again.
#[derive(Deserialize)]
pub(super) struct Again {
    change: Option<String>,
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    Query(again): Query<Again>,
) -> WebResult {
    let pathway = pathway(&state, &wanted)?;
    let chart = Chart::open(&state, &staff, &id).await?;
    let Some(draft) = recall(&chart, pathway).await? else { return Ok(Reply::to(chart.path("/help"))) };
    let view = view(&chart, pathway, &draft, again.change.as_deref()).await?;
    let known = again.change.as_deref().map_or_else(Vec::new, |question| answered(&draft, question));
    Ok(Page::new("team/help_ask", &view).with_form(&Fields::known(known), &FormErrors::new()).into())
}

/// What was answered before, to show it again.
fn answered(draft: &Draft, question: &str) -> Vec<(&'static str, String)> {
    let values = match draft.answers.get(question) {
        Some(Answer::Chosen(ids)) => ids.clone(),
        Some(Answer::Number(text) | Answer::Text(text)) => vec![text.clone()],
        Some(Answer::Photo(_) | Answer::Skipped) | None => Vec::new(),
    };
    values.into_iter().map(|value| ("answer", value)).collect()
}

#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    question: String,
    #[serde(default)]
    answer: Vec<String>,
}

pub(super) async fn answer(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    Checked { form, fields, .. }: Checked<Sent>,
) -> WebResult {
    let pathway = pathway(&state, &wanted)?;
    let chart = Chart::open(&state, &staff, &id).await?;
    let here = chart.path(&format!("/help/{}", pathway.id));
    let Some(mut draft) = recall(&chart, pathway).await? else { return Ok(Reply::to(chart.path("/help"))) };
    let Some(question) = pathway.question(&form.question) else { return Ok(Reply::to(here)) };
    let sent: Vec<&str> = match question.kind {
        // A photo is sent as a file; a reference typed in here is not one.
        Kind::Photo => Vec::new(),
        _ => form.answer.iter().map(String::as_str).collect(),
    };
    let again = |error: String| wrong(&chart, pathway, &draft, question, &fields, error);
    match question.read(&sent) {
        Ok(answer) => {
            draft.answers.insert(&question.id, answer);
            answered_so_far(&chart, pathway, &mut draft).await?;
            Ok(Reply::to(here))
        }
        Err(error) => again(error.problem.to_string()).await,
    }
}

/// The question again, with what is wrong with its answer.
async fn wrong(
    chart: &Chart,
    pathway: &Pathway,
    draft: &Draft,
    question: &Question,
    fields: &Fields,
    error: String,
) -> WebResult {
    let mut errors = FormErrors::new();
    errors.add("answer", error);
    let view = view(chart, pathway, draft, Some(&question.id)).await?;
    Ok(Page::new("team/help_ask", &view).with_form(fields, &errors).into())
}

/// Keeps the answers, and records an emergency that they come to.
async fn answered_so_far(chart: &Chart, pathway: &Pathway, draft: &mut Draft) -> WebResult<()> {
    if let Some(flag) = stopped_by(pathway, draft) {
        // Whatever goes wrong with this must not keep staff from reading out what to do.
        match service::stopped(&chart.access, &ask_of(chart, pathway, draft), &flag).await {
            Ok(recorded) => draft.checks = Some(recorded.owner.name),
            Err(error) => tracing::error!(%error, "an emergency stop could not be recorded"),
        }
    }
    keep(chart, pathway, draft).await
}

/// Takes a photo that the person sent or that was taken at the desk: written anew as any photo is, and kept in the record.
pub(super) async fn photo(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, wanted)): Path<(String, String)>,
    CheckedUpload { key, fields, file }: CheckedUpload,
) -> WebResult {
    let pathway = pathway(&state, &wanted)?;
    let chart = Chart::open(&state, &staff, &id).await?;
    let here = chart.path(&format!("/help/{}", pathway.id));
    let Some(mut draft) = recall(&chart, pathway).await? else { return Ok(Reply::to(chart.path("/help"))) };
    let asked = fields.get("question").and_then(|question| pathway.question(question));
    let Some(question) = asked.filter(|question| question.kind == Kind::Photo) else { return Ok(Reply::to(here)) };
    let answer = match file {
        None => match draft.answers.get(&question.id) {
            Some(kept @ Answer::Photo(_)) => kept.clone(),
            _ => match question.read(&[]) {
                Ok(skipped) => skipped,
                Err(error) => {
                    return wrong(&chart, pathway, &draft, question, &fields, error.problem.to_string()).await;
                }
            },
        },
        Some(file) => match photo::accept_async(file.bytes.to_vec(), file.media_type).await {
            Ok(jpeg) => {
                let title = format!("Photo: {}", pathway.title);
                let kept = document::keep_once(&chart.access, chart.id(), &jpeg, &title, &key.to_string()).await?;
                Answer::Photo(kept.0)
            }
            Err(problem) => return wrong(&chart, pathway, &draft, question, &fields, problem.to_string()).await,
        },
    };
    draft.answers.insert(&question.id, answer);
    answered_so_far(&chart, pathway, &mut draft).await?;
    Ok(Reply::to(here))
}
