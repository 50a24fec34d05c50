//! One list of work for all channels and kinds, soonest due first.

use axum::extract::{Query, State};
use kith_directory::Directory;
use kith_handover::worklist::{Filter, Item};
use kith_handover::{Priority, TaskKind, Worklist};
use kith_trust::Role;
use serde::{Deserialize, Serialize};

use super::{Choice, channel_words, id_of, own_services, refused, team_name};
use crate::form::{Checked, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// Rows on a page.
const PAGE: usize = 40;

/// Which work is wanted. Codes and ids alone, so it may stand in an address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    show: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    team: String,
    #[serde(default)]
    page: usize,
}

#[derive(Serialize)]
struct View {
    tabs: Vec<Tab>,
    show: String,
    kinds: Vec<Choice>,
    kind: String,
    teams: Vec<Choice>,
    team: String,
    rows: Vec<Row>,
    shown: usize,
    page: usize,
    pages: usize,
    more_waiting: bool,
    /// How many pieces of work from other systems lack what every piece must have.
    unreadable: usize,
    /// What was looked for; never in an address.
    searched: bool,
    no_team: bool,
    back: String,
    /// Questions of the privacy officer that wait for an answer.
    questions: usize,
}

#[derive(Serialize)]
struct Tab {
    code: &'static str,
    text: &'static str,
    count: usize,
}

#[derive(Serialize)]
struct Row {
    id: String,
    person: String,
    born: Option<String>,
    kind: &'static str,
    problem: String,
    channel: Option<String>,
    from: Option<String>,
    due: String,
    due_words: String,
    overdue: bool,
    state: &'static str,
    priority: &'static str,
    pressing: bool,
    owner: String,
    claimed_by: Option<String>,
    mine: bool,
}

impl Row {
    fn of(item: Item, directory: &Directory) -> Self {
        let work = item.work;
        let owner = team_name(&work.owner, directory);
        Self {
            id: id_of(&work.reference).to_owned(),
            person: item.name.unwrap_or_else(|| "Name not shown".to_owned()),
            born: item.born.map(|day| day.to_string()),
            kind: work.kind.words(),
            problem: item.problem.unwrap_or(work.description),
            channel: work.channel.as_deref().map(|code| channel_words(code).to_owned()),
            from: item.from,
            due: work.due.to_string(),
            due_words: item.due_words,
            overdue: item.overdue,
            state: work.state.code(),
            priority: work.priority.words(),
            pressing: work.priority != Priority::Routine,
            owner,
            claimed_by: work.claimed_by.map(|who| who.name),
            mine: item.mine,
        }
    }
}

async fn view(state: &AppState, staff: &Staff, wanted: &Wanted, text: Option<String>) -> WebResult<View> {
    let directory = state.directory.get(&staff.access).await?;
    let teams = own_services(staff.actor(), &directory);
    let team = teams.iter().find(|team| team.value == wanted.team).map(|team| team.value.clone());
    let kind = TaskKind::from_code(&wanted.kind);
    let filter = Filter {
        services: team.iter().map(|id| format!("HealthcareService/{id}")).collect(),
        mine: wanted.show == "mine",
        unassigned: wanted.show == "unassigned",
        overdue: wanted.show == "overdue",
        kinds: kind.into_iter().collect(),
        page: wanted.page,
        page_size: PAGE,
        text: text.clone(),
    };
    let Worklist { items, counts, page, pages, more_waiting, unreadable } =
        kith_handover::worklist(&staff.access, &filter).await.map_err(refused)?;
    let show = ["mine", "unassigned", "overdue"].into_iter().find(|code| *code == wanted.show).unwrap_or("team");
    let back = format!(
        "/team?show={show}&kind={}&team={}&page={page}",
        kind.map_or("", TaskKind::code),
        team.as_deref().unwrap_or_default()
    );
    Ok(View {
        tabs: vec![
            Tab { code: "team", text: "My team's", count: counts.open },
            Tab { code: "mine", text: "Mine", count: counts.mine },
            Tab { code: "unassigned", text: "Unassigned", count: counts.unassigned },
            Tab { code: "overdue", text: "Overdue", count: counts.overdue },
        ],
        show: show.to_owned(),
        kinds: TaskKind::ALL.iter().map(|kind| Choice::new(kind.code(), kind.words())).collect(),
        kind: kind.map_or("", TaskKind::code).to_owned(),
        no_team: teams.is_empty(),
        team: team.unwrap_or_default(),
        teams,
        rows: items.into_iter().map(|item| Row::of(item, &directory)).collect(),
        shown: counts.shown,
        page,
        pages,
        more_waiting,
        unreadable: unreadable.len(),
        searched: text.is_some(),
        back,
        questions: crate::governance::waiting(staff).await?,
    })
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff, Query(wanted): Query<Wanted>) -> WebResult {
    if staff.role() == Role::PrivacyOfficer {
        return Ok(Reply::to("/governance"));
    }
    if staff.role() == Role::SafetyOfficer {
        return Ok(Reply::to("/team/learning"));
    }
    Ok(Page::new("team/worklist", &view(&state, &staff, &wanted, None).await?).into())
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    words: String,
}

/// Finds work by words of a name or a problem: sent, because words about people do not belong into an address.
pub(super) async fn search(
    State(state): State<AppState>,
    staff: Staff,
    Checked { form, fields, .. }: Checked<Search>,
) -> WebResult<Page> {
    let words = form.words.trim().to_owned();
    let text = (!words.is_empty()).then_some(words);
    let view = view(&state, &staff, &Wanted::default(), text).await?;
    Ok(Page::new("team/worklist", &view).with_form(&fields, &FormErrors::new()))
}
