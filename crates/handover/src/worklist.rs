//! One list of work for all channels and kinds, soonest due first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use kith_contact::fields::{person_name, text};
use kith_contact::message::Message;
use kith_contact::{proxy, time};
use kith_fhir::{Value, search::Query};
use kith_trust::{Access, Entry};

use crate::error::Error;
use crate::kind::TaskKind;
use crate::work::Work;

/// The most pieces of open work looked at: the soonest due. A team with more sees [`Worklist::more_waiting`].
const MOST: usize = 2_000;
/// How many are asked of the store at once.
const PAGE: usize = 500;
/// How many ids one question names.
const IDS: usize = 100;

/// Which work to show. The default is all open work of all the actor's teams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `HealthcareService/…` of the actor; all of theirs if empty. Others are left out.
    pub services: Vec<String>,
    /// Only what I have taken.
    pub mine: bool,
    /// Only what nobody has taken.
    pub unassigned: bool,
    /// Only what is late.
    pub overdue: bool,
    /// Only these kinds; all if empty.
    pub kinds: Vec<TaskKind>,
    /// Only where the person's name, the description or the problem holds these words.
    pub text: Option<String>,
    /// From 0.
    pub page: usize,
    /// Items a page, 1 to 200; 0 for 50.
    pub page_size: usize,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub work: Work,
    /// The person's name; `None` if the actor may not see it.
    pub name: Option<String>,
    /// In years, if the birth date is known.
    pub age: Option<i16>,
    /// The birth date, where it is known: the age of a baby is said in weeks and months.
    pub born: Option<Date>,
    /// "Overdue by 3 hours", "Due by 6:30pm today".
    pub due_words: String,
    pub overdue: bool,
    /// Taken by the actor.
    pub mine: bool,
    /// The problem in a line: the person's own words, where the work is about a request; the subject, where it is about a
    /// message.
    pub problem: Option<String>,
    /// Who wrote the message it is about, where it was not the person themselves.
    pub from: Option<String>,
}

/// How many of each, before paging, for the tabs above the list. All but `shown` ignore the filter apart from services.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All open work of the teams.
    pub open: usize,
    pub mine: usize,
    pub unassigned: usize,
    pub overdue: usize,
    /// What the filter leaves.
    pub shown: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worklist {
    pub items: Vec<Item>,
    pub counts: Counts,
    pub page: usize,
    pub pages: usize,
    /// More work is open than one list holds; what is left out is due later than all of this.
    pub more_waiting: bool,
    /// `Task/…` that lack a due time, a person or a known kind (from another system): shown apart, so that none is lost.
    pub unreadable: Vec<String>,
}

/// The open work of the actor's teams. What policy hides is not in it.
pub async fn worklist(access: &Access, filter: &Filter) -> Result<Worklist, Error> {
    let services: Vec<String> = access
        .actor()
        .services()
        .filter(|s| filter.services.is_empty() || filter.services.iter().any(|f| f == s))
        .map(str::to_owned)
        .collect();
    let (tasks, more_waiting) = open_tasks(access, &services).await?;
    let now = access.now();
    let unreadable = tasks.iter().filter(|t| Work::of(&t.value).is_none()).map(Entry::reference).collect();
    let mut works: Vec<Work> = tasks.iter().filter_map(|t| Work::of(&t.value)).filter(Work::is_open).collect();
    sort(&mut works);
    let me = access.actor().reference.clone();
    let mut counts = count(&works, &me, now);
    works.retain(|w| keeps(filter, w, &me, now));
    // The words searched for may stand in a name or a problem, so these are looked up first; otherwise for one page only.
    let needle = filter.text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_lowercase);
    let size = if filter.page_size == 0 { 50 } else { filter.page_size.min(200) };
    let mut items = Vec::new();
    if let Some(needle) = needle {
        items = dress(access, works, &me, now).await?;
        items.retain(|i| mentions(i, &needle));
        counts.shown = items.len();
        items = items.into_iter().skip(filter.page.saturating_mul(size)).take(size).collect();
    } else {
        counts.shown = works.len();
        let page: Vec<Work> = works.into_iter().skip(filter.page.saturating_mul(size)).take(size).collect();
        if !page.is_empty() {
            items = dress(access, page, &me, now).await?;
        }
    }
    Ok(Worklist {
        items,
        counts,
        page: filter.page,
        pages: counts.shown.div_ceil(size).max(1),
        more_waiting,
        unreadable,
    })
}

/// Soonest due first; of two due at once the more urgent, then the older.
pub fn sort(works: &mut [Work]) {
    works.sort_by(|a, b| {
        (a.due, a.priority, a.authored, &a.reference).cmp(&(b.due, b.priority, b.authored, &b.reference))
    });
}

fn keeps(filter: &Filter, work: &Work, me: &str, now: Timestamp) -> bool {
    (!filter.mine || taken_by(work, me))
        && (!filter.unassigned || work.claimed_by.is_none())
        && (!filter.overdue || work.overdue_by(now).is_some())
        && (filter.kinds.is_empty() || filter.kinds.contains(&work.kind))
}

fn taken_by(work: &Work, me: &str) -> bool {
    work.claimed_by.as_ref().is_some_and(|c| c.reference == me)
}

fn count(works: &[Work], me: &str, now: Timestamp) -> Counts {
    Counts {
        open: works.len(),
        mine: works.iter().filter(|w| taken_by(w, me)).count(),
        unassigned: works.iter().filter(|w| w.claimed_by.is_none()).count(),
        overdue: works.iter().filter(|w| w.overdue_by(now).is_some()).count(),
        shown: 0,
    }
}

fn mentions(item: &Item, needle: &str) -> bool {
    [item.name.as_deref(), item.problem.as_deref(), Some(item.work.description.as_str())]
        .into_iter()
        .flatten()
        .any(|words| words.to_lowercase().contains(needle))
}

async fn open_tasks(access: &Access, services: &[String]) -> Result<(Vec<Entry>, bool), Error> {
    let mut found = Vec::new();
    if services.is_empty() {
        return Ok((found, false));
    }
    let mut query = query("Task")?;
    for (code, value) in [("owner", services.join(",")), ("status", "requested,accepted,in-progress".to_owned())] {
        query = query.where_(code, &value).map_err(unsearchable)?;
    }
    query = query.sorted_by("due").map_err(unsearchable)?.limit(PAGE);
    loop {
        let page = access.search(&query).await?;
        found.extend(page.entries);
        match page.next {
            Some(next) if found.len() < MOST => query.cursor = Some(next),
            next => return Ok((found, next.is_some())),
        }
    }
}

/// Adds what a row shows: the person, and the problem.
async fn dress(access: &Access, works: Vec<Work>, me: &str, now: Timestamp) -> Result<Vec<Item>, Error> {
    let people: BTreeSet<&str> = works.iter().map(|w| w.patient.as_str()).collect();
    let requests: BTreeSet<&str> =
        works.iter().filter_map(|w| w.focus.as_deref()?.strip_prefix("ServiceRequest/")).collect();
    let people = by_id(access, "Patient", &people).await?;
    let messages: BTreeSet<&str> =
        works.iter().filter_map(|w| w.focus.as_deref()?.strip_prefix("Communication/")).collect();
    let requests = by_id(access, "ServiceRequest", &requests).await?;
    let messages = by_id(access, "Communication", &messages).await?;
    let today = time::day(now);
    Ok(works
        .into_iter()
        .map(|work| {
            let patient = people.get(&work.patient);
            let request = work.focus.as_deref().and_then(|f| requests.get(f.strip_prefix("ServiceRequest/")?));
            let message = work.focus.as_deref().and_then(|f| messages.get(f.strip_prefix("Communication/")?));
            let message = message.map(|entry| Message::of(&entry.value)).filter(|_| work.kind != TaskKind::Result);
            Item {
                name: patient.and_then(|p| person_name(&p.value)),
                age: patient.and_then(|p| Some(proxy::age_on(proxy::birth_date(&p.value)?, today))),
                born: patient.and_then(|p| proxy::birth_date(&p.value)),
                due_words: time::due_words(work.due, now),
                overdue: work.overdue_by(now).is_some(),
                mine: taken_by(&work, me),
                problem: request
                    .and_then(|r| problem_of(&r.value))
                    .map(str::to_owned)
                    .or_else(|| message.as_ref().and_then(|m| m.subject.clone())),
                from: message
                    .filter(|m| !m.from.reference.starts_with("Patient/") && !m.from.name.is_empty())
                    .map(|m| m.from.name),
                work,
            }
        })
        .collect())
}

fn problem_of(request: &Value) -> Option<&str> {
    text(request, "/reasonCode/0/text").or_else(|| text(request, "/code/text"))
}

async fn by_id(access: &Access, kind: &str, ids: &BTreeSet<&str>) -> Result<BTreeMap<String, Entry>, Error> {
    let mut found = BTreeMap::new();
    let ids: Vec<&str> = ids.iter().copied().collect();
    for some in ids.chunks(IDS) {
        let query = query(kind)?.where_("_id", &some.join(",")).map_err(unsearchable)?.limit(IDS);
        found.extend(access.search(&query).await?.entries.into_iter().map(|e| (e.id.clone(), e)));
    }
    Ok(found)
}

fn query(kind: &str) -> Result<Query, Error> {
    Query::new(kind).map_err(unsearchable)
}

fn unsearchable(error: kith_fhir::search::QueryError) -> Error {
    Error::Door(kith_trust::Error::Unsearchable { what: error.to_string() })
}
