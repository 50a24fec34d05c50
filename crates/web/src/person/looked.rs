//! Who looked at my record: when, who, from where, why and what, in words; refused attempts too.

use axum::extract::{Query, State};
use kith_trust::{Agreements, AuditEntry, Purpose, Role};
use serde::{Deserialize, Serialize};

use crate::filters::date;
use crate::reply::{Page, WebResult};
use crate::signed::Me;
use crate::state::AppState;

const ROWS: usize = 40;

#[derive(Deserialize)]
pub(crate) struct From {
    before: Option<i64>,
}

#[derive(Serialize)]
struct View {
    looks: Vec<Look>,
    older: Option<i64>,
    first: bool,
    acting_for: Option<String>,
}

#[derive(Serialize)]
struct Look {
    on: String,
    who: String,
    place: String,
    did: String,
    what: String,
    why: String,
    allowed_by: String,
    refused: bool,
    me: bool,
    /// How often in a row on that day, and when first.
    times: usize,
    first: String,
}

impl Look {
    /// Whether `before` is the same act by the same, earlier the same day: one line says both.
    fn repeats(&self, before: &Self) -> bool {
        let act =
            |look: &Self| (look.who.clone(), look.place.clone(), look.did.clone(), look.why.clone(), look.refused);
        date(&self.on) == date(&before.on) && act(self) == act(before) && (self.what == before.what || self.me)
    }
}

pub(crate) async fn show(State(state): State<AppState>, me: Me, Query(from): Query<From>) -> WebResult<Page> {
    let entries = me.access.who_looked_before(&me.person, from.before, ROWS + 1).await?;
    let older = entries.get(ROWS).and_then(|_| entries.get(ROWS - 1)).map(|entry| entry.seq);
    let own = me.access.actor().reference.clone();
    let mut looks: Vec<Look> = Vec::new();
    for next in entries.iter().take(ROWS).map(|entry| look(entry, &own, state.door.agreements())) {
        match looks.last_mut() {
            Some(last) if last.repeats(&next) => {
                last.times += 1;
                last.first = next.first;
            }
            _ => looks.push(next),
        }
    }
    Ok(Page::new("person/looked", &View { looks, older, first: from.before.is_none(), acting_for: me.acting_for }))
}

fn look(entry: &AuditEntry, own: &str, agreements: &Agreements) -> Look {
    let origin = &entry.origin;
    let mine = origin.actor == own;
    let role = Role::from_code(&origin.role);
    let who = match role {
        _ if mine => "You".to_owned(),
        Some(Role::System) if origin.name.is_empty() => "Kith".to_owned(),
        Some(Role::Person | Role::System | Role::Machine) | None => origin.name.clone(),
        Some(role) => format!("{}, {}", origin.name, role.words()),
    };
    let refused = entry.fields.action == "refused";
    let count = entry.fields.count;
    let reading = matches!(entry.fields.action.as_str(), "open" | "read" | "history" | "search" | "audit");
    let did = match entry.fields.action.as_str() {
        // One visit of the person opens many things: what matters is that it was them.
        _ if mine && reading => "Looked at the record".to_owned(),
        "open" => "Opened the record".to_owned(),
        "read" => "Looked at one thing".to_owned(),
        "history" => "Looked at how one thing changed".to_owned(),
        "search" => "Found it in a list".to_owned(),
        "write" => match entry.fields.reason.as_str() {
            "" => "Wrote in the record".to_owned(),
            reason => written(reason),
        },
        "audit" => "Looked at this list".to_owned(),
        "emergency" => format!("Opened the record in an emergency ({})", entry.fields.reason),
        "emergency-review" => format!("Reviewed an emergency access: {}", entry.fields.reason),
        "subject-access" => "Took a copy of the record".to_owned(),
        "inquiry-asked" => "Asked why the record was opened".to_owned(),
        "inquiry-answered" => "Answered why the record was opened".to_owned(),
        "inquiry-closed" => "Closed the question why the record was opened".to_owned(),
        "legal-hold" => "Kept the record from erasure".to_owned(),
        "legal-hold-released" => "Ended the keeping from erasure".to_owned(),
        "identify" => "Found the record by NHS number and date of birth".to_owned(),
        "refused" => format!("Tried to {}, and was refused", attempted(&entry.fields.reason)),
        other => sentence(other),
    };
    let why = Purpose::ALL.into_iter().find(|p| p.code() == entry.fields.purpose);
    let why = match why {
        Some(Purpose::OwnRecord) if !mine => "to act for you".to_owned(),
        Some(purpose) => purpose.words().to_owned(),
        None => entry.fields.purpose.clone(),
    };
    Look {
        on: entry.at.to_string(),
        who,
        place: match (&origin.organization_name, origin.system.as_str()) {
            (Some(organisation), system) => format!("{organisation}, through {system}"),
            (None, system) => format!("Through {system}"),
        },
        did,
        what: if reading && (mine || entry.fields.what.is_empty()) {
            String::new()
        } else {
            what(&entry.fields.what, count)
        },
        why,
        allowed_by: if refused {
            let rule = entry.fields.decided_by.strip_prefix("forbidden by ");
            rule.and_then(|rule| agreements.words(rule)).unwrap_or(&entry.fields.decided_by).to_owned()
        } else {
            let mut words: Vec<&str> = Vec::new();
            for rule in entry.fields.decided_by.split(", ") {
                let said = agreements.words(rule).unwrap_or(rule);
                if !words.contains(&said) {
                    words.push(said);
                }
            }
            words.join(" ")
        },
        refused,
        me: mine,
        times: 1,
        first: entry.at.to_string(),
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What was written, from the name of the operation, in words.
fn written(operation: &str) -> String {
    let words = match operation {
        "make neighbourhood" | "lay out" | "transaction" => "Put things in the record",
        "create" => "Added to the record",
        "update" => "Changed the record",
        "delete" => "Took something out of the record",
        "register" | "register person" => "Registered the person",
        "choose about sharing" => "Changed who the record is shared with",
        "protect an item" => "Sealed or marked something in the record",
        "add photo" => "Added a photo",
        "add proxy" => "Let somebody act for the person",
        "end proxy" => "Ended that somebody acts for the person",
        "adopt bookings" | "book appointment" | "book through the front door" => "Booked an appointment",
        "ask through the front door" => "Asked for help",
        "emergency advice given" => "Emergency advice was given",
        "self care advice given" => "Advice on looking after yourself was given",
        "hand on work" => "Handed work on to another team",
        "hold time" => "Kept a time free",
        "release held time" => "Let a kept time go",
        "read messages" => "Read messages",
        "remind of appointment" => "Sent a reminder of an appointment",
        "save preferences" => "Changed how the person wants to be helped",
        "send message" => "Sent a message",
        "send notice" => "Sent a notice",
        other => return sentence(other),
    };
    words.to_owned()
}

fn attempted(reason: &str) -> &str {
    match reason {
        "open" => "open the record",
        "read" => "look at something",
        "history" => "see how something changed",
        "write" => "write in the record",
        "audit" => "see who looked at the record",
        _ => "use the record",
    }
}

/// The references of an entry, counted by what they are called.
fn what(references: &[String], count: u64) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for reference in references {
        let kind = kind_words(reference.split('/').next().unwrap_or_default());
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, n)) => *n += 1,
            None => kinds.push((kind, 1)),
        }
    }
    if kinds.is_empty() {
        return match count {
            0 => String::new(),
            1 => "one part of the record".to_owned(),
            n => format!("{n} parts of the record"),
        };
    }
    let named: Vec<String> =
        kinds.into_iter().map(|(kind, n)| if n == 1 { kind.to_owned() } else { format!("{kind} ({n})") }).collect();
    named.join(", ")
}

/// What a type of resource is called.
pub(crate) fn kind_words(kind: &str) -> &str {
    match kind {
        "Patient" => "name and contact details",
        "Consent" => "choices about sharing",
        "RelatedPerson" => "people who act for you",
        "Flag" => "access needs",
        "Appointment" => "appointment",
        "ServiceRequest" => "request",
        "Task" => "work on a request",
        "Communication" => "message",
        "QuestionnaireResponse" => "answers you gave",
        "DocumentReference" | "Binary" => "photo or letter",
        "Condition" => "problem",
        "Observation" => "result",
        "DiagnosticReport" => "test report",
        "MedicationRequest" => "medicine",
        "AllergyIntolerance" => "allergy",
        "Immunization" => "vaccination",
        "Encounter" => "visit",
        "ClinicalImpression" => "note",
        _ => "part of the record",
    }
}
