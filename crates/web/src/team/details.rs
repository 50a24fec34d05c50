//! How a person wants to be reached and seen, as staff ask them; and who acts for them.

use axum::extract::{Path, State};
use kith_contact::proxy::{self, Proxy};
use kith_contact::{Preferences, time};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{id_of, reference};
use crate::form::{Checked, Fields, FormErrors};
use crate::preferences_form::{Choices, Sent, choices, known};
use crate::reply::{Page, Reply, WebError, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

#[derive(Serialize)]
struct View {
    frame: Frame,
    #[serde(flatten)]
    choices: Choices,
    /// What is said now, so that the form can tell what it was filled in upon.
    seen: String,
    proxies: Vec<ProxyLine>,
    past: Vec<ProxyLine>,
}

#[derive(Serialize)]
struct ProxyLine {
    id: String,
    name: String,
    relationship: String,
    from: Option<String>,
    until: Option<String>,
}

impl ProxyLine {
    fn of(proxy: &Proxy) -> Self {
        Self {
            id: id_of(&proxy.reference).to_owned(),
            name: proxy.name.clone(),
            relationship: proxy.relationship.clone(),
            from: proxy.from.map(|day| day.to_string()),
            until: proxy.until.map(|day| day.to_string()),
        }
    }
}

/// The record, for whoever may change how the person is reached.
async fn open(state: &AppState, staff: &Staff, id: &str) -> WebResult<Chart> {
    let chart = Chart::open(state, staff, id).await?;
    let who = "Only teams that give this person care now can change how they are reached.";
    chart.only_if(chart.can.change_details, who)?;
    Ok(chart)
}

fn page(chart: &Chart, form: Option<(&Fields, &FormErrors)>) -> Page {
    let said = Preferences::of(&chart.record);
    let proxies = proxy::proxies_of(&chart.record, time::day(chart.now));
    let lines = |current: bool| proxies.iter().filter(|p| p.current == current).map(ProxyLine::of).collect();
    let view = View {
        frame: chart.frame("details"),
        choices: choices(),
        seen: said.mark(),
        proxies: lines(true),
        past: lines(false),
    };
    let page = Page::new("team/details", &view);
    match form {
        Some((fields, errors)) => page.with_form(fields, errors),
        None => page.with_form(&known(&said), &FormErrors::new()),
    }
}

pub(super) async fn show(State(state): State<AppState>, staff: Staff, Path(id): Path<String>) -> WebResult<Page> {
    let chart = open(&state, &staff, &id).await?;
    Ok(page(&chart, None))
}

pub(super) async fn save(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, .. }: Checked<Sent>,
) -> WebResult {
    let chart = open(&state, &staff, &id).await?;
    match form.save(&chart.access, chart.id()).await? {
        Ok(()) => Ok(Reply::to(chart.path("/details")).done("Saved. Everybody who sees them is shown it.")),
        Err(errors) => Ok(page(&chart, Some((&fields, &errors))).into()),
    }
}

#[derive(Serialize)]
struct Ending {
    frame: Frame,
    proxy: ProxyLine,
}

fn one(chart: &Chart, id: &str) -> WebResult<Proxy> {
    let wanted = reference("RelatedPerson", id)?;
    proxy::proxies_of(&chart.record, time::day(chart.now))
        .into_iter()
        .find(|proxy| proxy.reference == wanted && proxy.current)
        .ok_or_else(WebError::not_found)
}

pub(super) async fn ask_end(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, proxy)): Path<(String, String)>,
) -> WebResult<Page> {
    let chart = open(&state, &staff, &id).await?;
    let proxy = ProxyLine::of(&one(&chart, &proxy)?);
    Ok(Page::new("team/proxy_end", &Ending { proxy, frame: chart.frame("details") }))
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn end(
    State(state): State<AppState>,
    staff: Staff,
    Path((id, proxy)): Path<(String, String)>,
    _: Checked<Nothing>,
) -> WebResult {
    let chart = open(&state, &staff, &id).await?;
    let wanted = reference("RelatedPerson", &proxy)?;
    proxy::end_proxy(&chart.access, &wanted).await?;
    Ok(Reply::to(chart.path("/details")).done("They cannot act for this person any more. The person is told."))
}
