//! What teams see and do.

mod appointment;
mod audit;
mod book;
mod care;
mod chart;
mod close;
mod day;
mod details;
mod documents;
mod emergency;
mod find;
mod hand_on;
mod help;
mod messages;
mod protect;
mod record;
mod refer;
mod register;
mod results;
mod undelivered;
mod visit;
mod work;
mod worklist;

use axum::http::StatusCode;
use axum::routing::{get, post};
use kith_contact::Party;
use kith_directory::Directory;
use kith_handover::Refusal;
use kith_trust::Actor;
use serde::Serialize;

use crate::reply::{WebError, WebResult};
use crate::state::Routes;

/// The pages of teams: each handler starts from [`crate::signed::Staff`].
pub(crate) fn routes() -> Routes {
    vec![
        // Work
        ("/team", get(worklist::show).post(worklist::search)),
        ("/team/work/{id}", get(work::show)),
        ("/team/work/{id}/claim", post(work::claim)),
        ("/team/work/{id}/release", post(work::release)),
        ("/team/work/{id}/start", post(work::start)),
        ("/team/work/{id}/hand-on", get(hand_on::ask).post(hand_on::hand_on)),
        ("/team/work/{id}/complete", get(close::ask_complete).post(close::complete)),
        ("/team/work/{id}/call-off", get(close::ask_call_off).post(close::call_off)),
        ("/team/work/{id}/return", get(close::ask_return).post(close::send_back)),
        ("/team/undelivered", get(undelivered::show)),
        // A service's day
        ("/team/day", get(day::show)),
        // Finding and registering people
        ("/team/people", get(find::show)),
        ("/team/people/identify", post(find::identify)),
        ("/team/people/search", post(find::search)),
        ("/team/people/new", get(register::show).post(register::register)),
        // A person's record
        ("/team/people/{id}", get(record::summary)),
        ("/team/people/{id}/timeline", get(record::timeline)),
        ("/team/people/{id}/results", get(results::list)),
        ("/team/people/{id}/results/{key}", get(results::show)),
        ("/team/people/{id}/documents", get(documents::list)),
        ("/team/people/{id}/documents/{document}", get(documents::show)),
        ("/team/people/{id}/documents/{document}/image", get(documents::image)),
        ("/team/people/{id}/emergency", get(emergency::ask).post(emergency::claim)),
        ("/team/people/{id}/protect/{kind}/{item}", get(protect::ask).post(protect::save)),
        ("/team/people/{id}/details", get(details::show).post(details::save)),
        ("/team/people/{id}/proxies/{proxy}/end", get(details::ask_end).post(details::end)),
        // What is arranged for them
        ("/team/people/{id}/care", get(care::show)),
        ("/team/people/{id}/book", get(book::show).post(book::book)),
        ("/team/people/{id}/help", get(help::choose).post(help::begin)),
        ("/team/people/{id}/help/{pathway}", get(help::show).post(help::answer)),
        ("/team/people/{id}/help/{pathway}/photo", post(help::photo)),
        ("/team/people/{id}/help/{pathway}/go/{service}", post(help::go)),
        ("/team/people/{id}/help/{pathway}/book", post(help::book)),
        ("/team/people/{id}/help/{pathway}/ask", post(help::ask)),
        ("/team/people/{id}/help/{pathway}/advice", post(help::advice)),
        ("/team/people/{id}/appointments/{appointment}", get(appointment::show)),
        ("/team/people/{id}/appointments/{appointment}/arrived", post(appointment::arrived)),
        ("/team/people/{id}/appointments/{appointment}/missed", post(appointment::missed)),
        ("/team/people/{id}/appointments/{appointment}/move", get(appointment::times).post(appointment::change)),
        ("/team/people/{id}/appointments/{appointment}/cancel", get(appointment::ask_cancel).post(appointment::cancel)),
        // What is said and written
        ("/team/people/{id}/messages", get(messages::list)),
        ("/team/people/{id}/messages/new", get(messages::new).post(messages::send)),
        ("/team/people/{id}/messages/{thread}", get(messages::show).post(messages::reply)),
        ("/team/people/{id}/visit", get(visit::show).post(visit::record)),
        ("/team/people/{id}/refer", get(refer::show).post(refer::refer)),
        // The privacy officer
        ("/team/audit", get(audit::show).post(audit::look)),
        ("/team/emergencies", get(emergency::list)),
        ("/team/emergencies/{id}", post(emergency::review)),
    ]
}

pub(crate) use find::nhs_number;

/// `Type/id` from an id in an address; not found where it is no id.
fn reference(kind: &str, id: &str) -> WebResult<String> {
    let fits = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if fits { Ok(format!("{kind}/{id}")) } else { Err(WebError::not_found()) }
}

/// As [`reference`], for a field that may be left empty.
fn optional(kind: &str, id: &str) -> WebResult<Option<String>> {
    if id.is_empty() { Ok(None) } else { reference(kind, id).map(Some) }
}

/// The id part of `Type/id`.
fn id_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, id)| id)
}

/// What a refusal of a piece of work means to somebody looking at a page.
fn refused(error: kith_handover::Error) -> WebError {
    use kith_handover::Error;
    match error {
        Error::Door(door) => door.into(),
        Error::Step(Refusal::Claimed { .. } | Refusal::Closed { .. }) | Error::Changed | Error::SentBefore => {
            WebError::conflict(error.to_string()).kept("Nothing was changed.").next("Go to the worklist", "/team")
        }
        Error::Step(_) | Error::Invalid { .. } => WebError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "This was not done",
            format!("{error} Nothing was changed."),
        )
        .next("Go to the worklist", "/team"),
        Error::NotYours { .. } => WebError::forbidden(error.to_string()).next("Go to the worklist", "/team"),
    }
}

/// A choice of a form.
#[derive(Clone, Debug, Serialize)]
struct Choice {
    value: String,
    text: String,
}

impl Choice {
    fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self { value: value.into(), text: text.into() }
    }
}

/// Choices under a heading.
#[derive(Clone, Debug, Serialize)]
struct Group {
    label: String,
    choices: Vec<Choice>,
}

/// The actor's own services by id and name, in order of name.
fn own_services(actor: &Actor, directory: &Directory) -> Vec<Choice> {
    let mut services: Vec<Choice> = actor
        .services()
        .filter_map(|reference| directory.service(reference))
        .map(|service| Choice::new(&service.id, &service.name))
        .collect();
    services.sort_by(|a, b| a.text.cmp(&b.text));
    services
}

/// Every service that `fits`, by kind, each kind in order of name.
fn services_by_kind(directory: &Directory, fits: impl Fn(&kith_directory::Service) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut services: Vec<_> =
        directory.services().filter(|service| service.kind != "clinical-safety" && fits(service)).collect();
    services.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    for service in services {
        let label = capital(service.kind_words());
        let choice = Choice::new(&service.id, &service.name);
        match groups.last_mut() {
            Some(last) if last.label == label => last.choices.push(choice),
            _ => groups.push(Group { label, choices: vec![choice] }),
        }
    }
    groups
}

/// With a capital first letter.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The name of the team that has a piece of work: as the work says, or as the directory knows it.
fn team_name(owner: &Party, directory: &Directory) -> String {
    if owner.name.is_empty() {
        directory.name(&owner.reference).unwrap_or("Another team").to_owned()
    } else {
        owner.name.clone()
    }
}

/// How a request came in, in words.
fn channel_words(code: &str) -> &str {
    match code {
        "web" => "online",
        "phone" => "by phone",
        "desk" => "at the desk",
        "letter" => "by letter",
        "text" => "by text",
        "practice" => "by a professional",
        other => other,
    }
}
