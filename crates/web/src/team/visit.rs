//! Writing down that a person was seen: what was found, what happens next, and the words they are told.

use axum::extract::{Path, Query, State};
use kith_booking::Appointment;
use kith_contact::{Party, time};
use kith_handover::encounter::{EncounterNote, FollowUp, Medicine, Problem, Setting};
use kith_handover::observation::{Entered, MEASURES, check};
use kith_handover::work::Work;
use kith_handover::{Error, Refusal};
use serde::{Deserialize, Serialize};

use super::chart::{Chart, Frame};
use super::{Choice, Group, optional, own_services, refused, services_by_kind};
use crate::form::{Checked, Fields, FormErrors};
use crate::reply::{Page, Reply, WebResult};
use crate::signed::Staff;
use crate::state::AppState;

/// The longest note, in characters.
const LONGEST: usize = kith_contact::message::MAX_TEXT;

/// What the visit answers: ids alone.
#[derive(Debug, Default, Deserialize)]
pub(super) struct About {
    #[serde(default)]
    appointment: String,
    #[serde(default)]
    task: String,
}

#[derive(Serialize)]
struct View {
    frame: Frame,
    appointment: String,
    task: String,
    /// What the visit answers, in words.
    answers: Option<String>,
    /// Known already: why they came.
    reason: String,
    settings: Vec<Choice>,
    setting: &'static str,
    measures: Vec<Measure>,
    services: Vec<Choice>,
    teams: Vec<Group>,
    follow_ups: Vec<Choice>,
    /// Whether the registered practice is another organisation's, and is told too.
    practice_told: Option<String>,
}

#[derive(Serialize)]
struct Measure {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
}

/// How soon something is to be followed up: a code, words, days.
const FOLLOW_UPS: [(&str, &str, i64); 5] = [
    ("tomorrow", "Tomorrow", 1),
    ("3-days", "In 3 days", 3),
    ("week", "In a week", 7),
    ("2-weeks", "In 2 weeks", 14),
    ("month", "In 4 weeks", 28),
];

fn view(chart: &Chart, about: &About) -> WebResult<View> {
    let appointment = optional("Appointment", &about.appointment)?
        .and_then(|reference| Appointment::of(&chart.record.get(&reference)?.value));
    let task = optional("Task", &about.task)?.and_then(|reference| Work::of(&chart.record.get(&reference)?.value));
    let request = task
        .as_ref()
        .and_then(|work| work.focus.clone())
        .or_else(|| appointment.as_ref().and_then(|a| a.based_on.clone()))
        .and_then(|focus| kith_fhir::views::ServiceRequest::of(&chart.record.get(&focus)?.value));
    let answers = match (&appointment, &task) {
        (Some(a), _) => Some(format!("the appointment {}", time::by_words(a.start, chart.now))),
        (None, Some(work)) => Some(work.description.clone()),
        (None, None) => None,
    };
    let reason = request
        .and_then(|request| request.reason().map(str::to_owned))
        .or_else(|| appointment.as_ref().map(|a| a.reason.clone()))
        .unwrap_or_default();
    let remote = appointment.as_ref().is_some_and(|a| a.mode != kith_directory::Mode::InPerson);
    let frame = chart.frame("visit");
    let own = chart.access.actor().organization.as_deref();
    let registered = kith_fhir::views::Patient::of(chart.record.patient()).and_then(|p| p.practice());
    Ok(View {
        practice_told: registered
            .filter(|practice| Some(*practice) != own)
            .and_then(|practice| chart.directory.name(practice))
            .map(str::to_owned),
        appointment: about.appointment.clone(),
        task: about.task.clone(),
        answers,
        reason,
        settings: vec![
            Choice::new("in-person", "In person"),
            Choice::new("remote", "By phone or video"),
            Choice::new("at-home", "At home"),
        ],
        setting: if remote { "remote" } else { "in-person" },
        measures: MEASURES.iter().map(|m| Measure { key: m.key, label: m.label, unit: m.unit }).collect(),
        services: own_services(chart.access.actor(), &chart.directory),
        teams: services_by_kind(&chart.directory, |_| true),
        follow_ups: FOLLOW_UPS.iter().map(|(code, words, _)| Choice::new(*code, *words)).collect(),
        frame,
    })
}

/// The record, for whoever may write a visit into it.
async fn open(state: &AppState, staff: &Staff, id: &str) -> WebResult<Chart> {
    let chart = Chart::open(state, staff, id).await?;
    chart.only_if(chart.can.write_clinical, "Only clinicians who give this person care can write down a visit.")?;
    Ok(chart)
}

pub(super) async fn show(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Query(about): Query<About>,
) -> WebResult<Page> {
    let chart = open(&state, &staff, &id).await?;
    Ok(Page::new("team/visit", &view(&chart, &about)?))
}

#[derive(Debug, Deserialize)]
pub(super) struct Form {
    #[serde(default)]
    appointment: String,
    #[serde(default)]
    task: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    setting: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    problem: String,
    #[serde(default)]
    medicine: String,
    #[serde(default)]
    dose: String,
    #[serde(default)]
    supplied: Option<String>,
    #[serde(default)]
    follow_up: String,
    #[serde(default)]
    follow_up_when: String,
    #[serde(default)]
    follow_up_team: String,
}

/// The note, if everything that must be said is said and every figure can be one.
fn read(form: &Form, fields: &Fields, chart: &Chart) -> WebResult<Result<EncounterNote, FormErrors>> {
    let mut errors = FormErrors::new();
    let setting = match form.setting.as_str() {
        "in-person" => Some(Setting::InPerson),
        "remote" => Some(Setting::Remote),
        "at-home" => Some(Setting::AtHome),
        _ => {
            errors.add("setting", "Choose how the person was seen");
            None
        }
    };
    let reason = errors.required("reason", &form.reason, "Write why the person came").to_owned();
    let note = errors.required("note", &form.note, "Write what you found").to_owned();
    let mut observations = Vec::new();
    for measure in &MEASURES {
        let typed = fields.get(measure.key).unwrap_or_default().trim();
        if typed.is_empty() {
            continue;
        }
        let entered = Entered { key: measure.key.to_owned(), value: typed.to_owned() };
        match check(&entered) {
            Ok(_) => observations.push(entered),
            Err(message) => errors.add(measure.key, message),
        }
    }
    let both = ["systolic", "diastolic"].map(|key| observations.iter().any(|o| o.key == key));
    if both[0] != both[1] && errors.is_empty() {
        errors.add(if both[0] { "diastolic" } else { "systolic" }, "A blood pressure needs both numbers");
    }
    let medicine = form.medicine.trim();
    let dose = form.dose.trim();
    if medicine.is_empty() && (!dose.is_empty() || form.supplied.is_some()) {
        errors.add("medicine", "Write which medicine");
    } else if !medicine.is_empty() && dose.is_empty() {
        errors.add("dose", "Write how to take the medicine");
    }
    let outcome = errors.required("outcome", &form.outcome, "Write what the person is told").to_owned();
    let follow_up = form.follow_up.trim();
    let days = FOLLOW_UPS.iter().find(|(code, ..)| *code == form.follow_up_when).map(|(.., days)| *days);
    if !follow_up.is_empty() && days.is_none() {
        errors.add("follow_up_when", "Choose when to follow up");
    }
    if follow_up.is_empty() && days.is_some() {
        errors.add("follow_up", "Write what is to be followed up");
    }
    for (field, text) in [("note", &note), ("outcome", &outcome), ("reason", &reason)] {
        if text.chars().count() > LONGEST {
            errors.add(field, format!("This must be {LONGEST} characters or fewer"));
        }
    }
    let (Some(setting), true) = (setting, errors.is_empty()) else { return Ok(Err(errors)) };
    let team = optional("HealthcareService", &form.follow_up_team)?
        .and_then(|team| chart.directory.service(&team))
        .map(|service| Party::new(&service.reference, &service.name));
    let follow_up = match days {
        Some(days) => {
            let day = time::day(chart.now).saturating_add(jiff::Span::new().days(days));
            Some(FollowUp { what: follow_up.to_owned(), team, due: time::on(day, 18, 30) })
        }
        None => None,
    };
    Ok(Ok(EncounterNote {
        patient: chart.id().to_owned(),
        appointment: optional("Appointment", &form.appointment)?,
        task: optional("Task", &form.task)?,
        service: optional("HealthcareService", &form.service)?,
        setting,
        reason,
        note,
        outcome,
        observations,
        problem: Some(form.problem.trim())
            .filter(|text| !text.is_empty())
            .map(|text| Problem { text: text.to_owned(), snomed: None }),
        medicines: if medicine.is_empty() {
            Vec::new()
        } else {
            vec![Medicine {
                text: medicine.to_owned(),
                dmd: None,
                dose: dose.to_owned(),
                supplied: form.supplied.is_some(),
            }]
        },
        follow_up,
    }))
}

pub(super) async fn record(
    State(state): State<AppState>,
    staff: Staff,
    Path(id): Path<String>,
    Checked { form, fields, key }: Checked<Form>,
) -> WebResult {
    let chart = open(&state, &staff, &id).await?;
    let about = About { appointment: form.appointment.clone(), task: form.task.clone() };
    let view = view(&chart, &about)?;
    let again = |errors: &FormErrors| Ok(Page::new("team/visit", &view).with_form(&fields, errors).into());
    let note = match read(&form, &fields, &chart)? {
        Ok(note) => note,
        Err(errors) => return again(&errors),
    };
    match kith_handover::record_encounter_once(&staff.access, &note, &key.to_string()).await {
        Ok(recorded) => {
            let said = if recorded.told_practice.is_some() {
                "The visit is written down. The person and their practice have been told."
            } else {
                "The visit is written down. The person has been told."
            };
            Ok(Reply::to(chart.path("")).done(said))
        }
        // What was typed must not be lost because something else moved on.
        Err(error @ (Error::Changed | Error::Step(_) | Error::Invalid { .. })) => {
            let mut errors = FormErrors::new();
            let field = match &error {
                Error::Invalid { field: "appointment", .. } | Error::Changed => "reason",
                Error::Step(Refusal::Claimed { .. } | Refusal::Closed { .. }) => "reason",
                _ => "note",
            };
            errors.add(field, format!("{error} What you wrote is still here, and was not saved."));
            again(&errors)
        }
        Err(error) => Err(refused(error)),
    }
}
