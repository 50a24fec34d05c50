//! "This went wrong", from the foot of every page: anybody who is signed in tells what happened, and sees later what came
//! of it. The report names the pattern of the page, the content shown and the hazard, and neither an id nor who told it.

use std::sync::LazyLock;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use kith_contact::time;
use kith_fhir::identifier::NhsNumber;
use kith_fhir::{Value, json};
use kith_handover::learning::{self, Event, Harm, MAX_TEXT, Report};
use kith_safety::{Hazard, Log};
use kith_trust::Access;
use serde::{Deserialize, Serialize};

use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Signed;
use crate::state::{AppState, Routes};

/// The hazard log of this version.
pub(crate) static LOG: LazyLock<Log> = LazyLock::new(Log::built_in);

/// How many hazards a form suggests.
const SUGGESTED: usize = 6;
/// Reports by one person in a day: more is a mistake or mischief.
const A_DAY: usize = 20;
/// Where a reporter's own reports are kept.
const SPACE: &str = "went-wrong";
const MINE: &str = "mine";

pub(crate) fn routes() -> Routes {
    vec![("/went-wrong", get(ask).post(tell)), ("/went-wrong/reports", get(mine))]
}

/// Where the foot of a page leads: to the form, with the pattern of the page and the pathway it shows, and nobody's id.
pub(crate) fn address(route: &str, path: &str) -> String {
    let known = route == "/" || (!route.is_empty() && is_page(route));
    if !known {
        return "/went-wrong".to_owned();
    }
    let pathway = route.split('/').zip(path.split('/')).find(|(pattern, _)| *pattern == "{pathway}");
    let about = pathway.map(|(_, id)| id).filter(|id| is_name(id)).unwrap_or_default();
    let mut pairs = vec![("page", route)];
    if !about.is_empty() {
        pairs.push(("about", about));
    }
    format!("/went-wrong?{}", serde_html_form::to_string(pairs).unwrap_or_default())
}

/// Whether a page of this pattern is there.
fn is_page(route: &str) -> bool {
    static PAGES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        let mut pages = crate::router::guarded_paths();
        pages.extend(["/accessibility", "/privacy", "/sign-in"]);
        pages
    });
    PAGES.contains(&route)
}

/// Whether it can be the name of a pathway: anything else is not repeated.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Areas of the hazard log that a page touches, the likeliest first.
fn areas(page: &str) -> &'static [&'static str] {
    let has = |part: &str| page.contains(part);
    if has("/help") {
        &["front door", "booking"]
    } else if has("message") || has("undelivered") {
        &["messages", "handover"]
    } else if has("appointment") || has("/book") || has("/day") {
        &["booking", "messages"]
    } else if has("/work") || has("/refer") || page == "/team" {
        &["handover", "messages"]
    } else if has("looked") || has("audit") || has("sign-in") || has("privacy") {
        &["trust", "identity"]
    } else if has("/acting") || has("/details") || has("/people/new") || page == "/team/people" {
        &["identity", "trust"]
    } else if has("/record") || has("/people/{id}") || has("/care") {
        &["record", "identity"]
    } else {
        &["front door", "record", "booking", "messages"]
    }
}

/// Hazards that what happened on this page may belong to, from each of its areas in turn.
fn suggested(page: &str) -> Vec<&'static Hazard> {
    let areas = areas(page);
    let each = SUGGESTED.div_ceil(areas.len());
    let of = |area: &&'static str| {
        let area = *area;
        LOG.hazard.iter().filter(move |hazard| hazard.area == area).take(each)
    };
    areas.iter().flat_map(of).take(SUGGESTED).collect()
}

#[derive(Serialize)]
pub(crate) struct Choice {
    value: String,
    text: String,
}

impl Choice {
    pub(crate) fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: text.into() }
    }
}

#[derive(Serialize)]
struct View<'a> {
    page: &'a str,
    about: &'a str,
    /// Title of the pathway the page shows.
    about_words: Option<&'a str>,
    harms: Vec<Choice>,
    hazards: Vec<Choice>,
    longest: usize,
    staff: bool,
}

fn page(state: &AppState, signed: &Signed, from: &Wanted) -> Page {
    let (page, about) = from.checked();
    let mut hazards: Vec<Choice> = suggested(page).into_iter().map(|h| Choice::new(&h.id, &h.name)).collect();
    hazards.push(Choice::new("", "None of these, or I am not sure"));
    let view = View {
        page,
        about,
        about_words: state.pathways.get(about).map(|pathway| pathway.title.as_str()),
        harms: Harm::ALL.into_iter().map(|harm| Choice::new(harm.code(), harm.words())).collect(),
        hazards,
        longest: MAX_TEXT,
        staff: signed.access.actor().role.is_staff(),
    };
    Page::new("went_wrong/tell", &view)
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    page: String,
    #[serde(default)]
    about: String,
}

impl Wanted {
    /// The page's pattern and the pathway, if they are what our own pages send; empty otherwise.
    fn checked(&self) -> (&str, &str) {
        let page = if self.page == "/" || is_page(&self.page) { self.page.as_str() } else { "" };
        let about = if is_name(&self.about) { self.about.as_str() } else { "" };
        (page, about)
    }
}

async fn ask(State(state): State<AppState>, signed: Signed, Query(wanted): Query<Wanted>) -> Page {
    page(&state, &signed, &wanted)
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    from: Wanted,
    #[serde(default)]
    what: String,
    #[serde(default)]
    harm: String,
    #[serde(default)]
    hazard: String,
}

/// A report of somebody's own, as kept for them.
#[derive(Serialize, Deserialize)]
struct Kept {
    task: String,
    at: Timestamp,
}

async fn kept(access: &Access) -> WebResult<Vec<Kept>> {
    let kept = access.recall(SPACE, MINE).await?;
    Ok(kept.and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default())
}

async fn tell(
    State(state): State<AppState>,
    signed: Signed,
    Checked { form, key, fields }: Checked<Told>,
) -> WebResult {
    let mut errors = FormErrors::new();
    let what = errors.required("what", &form.what, "Write what happened").to_owned();
    if what.chars().count() > MAX_TEXT {
        errors.add("what", format!("What you write must be {MAX_TEXT} letters or fewer"));
    }
    if holds_nhs_number(&what) {
        errors.add("what", "Leave out NHS numbers: we do not need to know who it was about");
    }
    let harm = Harm::from_code(&form.harm);
    if harm.is_none() {
        errors.add("harm", "Say whether anybody was hurt");
    }
    let hazard = LOG.hazard(&form.hazard).map(|hazard| hazard.id.clone());
    let (Some(harm), true) = (harm, errors.is_empty()) else {
        return Ok(page(&state, &signed, &form.from).with_form(&fields, &errors).into());
    };
    let access = &signed.access;
    let mut mine = kept(access).await?;
    let yesterday = access.now().saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    if mine.iter().filter(|kept| kept.at > yesterday).count() >= A_DAY {
        return Err(WebError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "You have sent many reports today",
            "We have your earlier reports and will look at each. Please ring your practice if there is more to say.",
        )
        .kept("What you just wrote was not sent."));
    }
    let (page, about) = form.from.checked();
    let content = state.pathways.get(about).map(kith_frontdoor::Pathway::content).unwrap_or_default();
    let report = Report {
        what,
        harm,
        page: page.to_owned(),
        content,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        hazard,
        role: access.actor().role.words(),
    };
    // Filed by Kith itself: the report does not say who told it.
    let task = learning::file(&state.door.system("Kith safety"), &report, &key.to_string())
        .await
        .map_err(crate::learning::refused)?;
    let number = learning::number(&task);
    if mine.iter().all(|kept| kept.task != task) {
        mine.insert(0, Kept { task, at: access.now() });
        mine.truncate(100);
        let value: Value = serde_json::to_value(&mine).map_err(WebError::internal)?;
        access.remember(SPACE, MINE, &json!(value), None).await?;
    }
    Ok(Reply::to("/went-wrong/reports").done(format!("Thank you. Your report is number {number}.")))
}

/// Ten digits that are a valid NHS number, as people write them.
fn holds_nhs_number(text: &str) -> bool {
    let digits: Vec<(usize, char)> = text.char_indices().filter(|(_, letter)| !matches!(letter, ' ' | '-')).collect();
    digits.windows(10).enumerate().any(|(at, ten)| {
        let before = at.checked_sub(1).and_then(|i| digits.get(i)).is_some_and(|(_, c)| c.is_ascii_digit());
        let after = digits.get(at + 10).is_some_and(|(_, c)| c.is_ascii_digit());
        let number: String = ten.iter().map(|(_, letter)| letter).collect();
        !before && !after && number.bytes().all(|b| b.is_ascii_digit()) && NhsNumber::parse(&number).is_ok()
    })
}

#[derive(Serialize)]
struct Mine {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    number: String,
    told: String,
    state: &'static str,
    due: Option<String>,
    finding: Option<&'static str>,
    outcome: Option<String>,
}

impl Row {
    fn of(event: &Event, now: Timestamp) -> Self {
        let open = event.state.is_open();
        Self {
            number: event.number(),
            told: event.told.map_or_else(String::new, |at| at.to_string()),
            state: state_words(event),
            due: open.then(|| {
                let by = time::by_words(event.due, now);
                if event.is_overdue(now) {
                    format!("Late: somebody should have looked by {by}")
                } else {
                    format!("Somebody looks by {by}")
                }
            }),
            finding: event.finding.map(learning::Finding::words),
            outcome: event.outcome.clone(),
        }
    }
}

/// How a report stands, in words.
pub(crate) fn state_words(event: &Event) -> &'static str {
    use kith_handover::State;
    match event.state {
        State::Requested => "Waiting to be looked at",
        State::Accepted | State::InProgress => "Being looked into",
        State::Completed => "Closed",
        State::Rejected | State::Cancelled => "Withdrawn",
    }
}

/// Those whose own reports they are see what came of them; Kith reads them on their behalf, as they name nobody.
async fn mine(State(state): State<AppState>, signed: Signed) -> WebResult<Page> {
    let kith = state.door.system("Kith safety");
    let now = signed.access.now();
    let mut rows = Vec::new();
    for kept in kept(&signed.access).await? {
        match learning::event(&kith, &kept.task).await {
            Ok(event) => rows.push(Row::of(&event, now)),
            Err(kith_handover::Error::Door(kith_trust::Error::NotFound)) => {}
            Err(error) => return Err(crate::learning::refused(error)),
        }
    }
    Ok(Page::new("went_wrong/reports", &Mine { rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_form_names_the_page_and_never_a_person() {
        let person = "ca570000-0000-8000-8000-000000000001";
        let to = address("/team/people/{id}/help/{pathway}", &format!("/team/people/{person}/help/sore-throat"));
        assert_eq!(to, "/went-wrong?page=%2Fteam%2Fpeople%2F%7Bid%7D%2Fhelp%2F%7Bpathway%7D&about=sore-throat");
        assert_eq!(address("/help/{pathway}", "/help/%3Cscript%3E"), "/went-wrong?page=%2Fhelp%2F%7Bpathway%7D");
        assert_eq!(address("", &format!("/nowhere/{person}")), "/went-wrong");
        assert_eq!(address("/", "/"), "/went-wrong?page=%2F");
    }

    #[test]
    fn every_page_suggests_hazards_of_its_own_kind() {
        for page in crate::router::guarded_paths() {
            let hazards = suggested(page);
            assert!(hazards.len() >= 3, "{page}: {}", hazards.len());
            assert!(hazards.iter().all(|h| areas(page).contains(&h.area.as_str())), "{page}");
        }
        assert!(suggested("/help/{pathway}").iter().any(|h| h.id == "H01"));
    }

    #[test]
    fn an_nhs_number_is_seen_however_it_is_written() {
        for with in ["It was 999 000 0018 I think", "9990000018", "999-000-0018."] {
            assert!(holds_nhs_number(with), "{with}");
        }
        for without in ["", "ring 01632 960 001", "9990000019", "19990000018", "0 1 2"] {
            assert!(!holds_nhs_number(without), "{without}");
        }
    }
}
