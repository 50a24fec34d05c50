//! A request for help that nothing bookable meets: it becomes work with an owner and a due time.

use jiff::Timestamp;
use kith_contact::{Notification, Party, TemplateId, time};
use kith_fhir::{Value, build, system};
use kith_trust::Change;

use crate::kind::{TaskKind, Urgency};
use crate::referral::{Person, task_for, with_team};
use crate::work::{Refusal, said};
use crate::writes::Writes;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct HelpRequest {
    pub person: Person,
    /// Who asks: `Patient/…`, `RelatedPerson/…` (a proxy) or `Practitioner/…`.
    pub requester: Party,
    /// The team that answers: `HealthcareService/…`
    pub owner: Party,
    /// A `need` code, and the need in words.
    pub need: String,
    pub need_label: String,
    pub urgency: Urgency,
    /// From when the person comes by themselves, without a booking; the team then sees them instead of answering.
    pub coming: Option<Timestamp>,
    /// The problem in the person's own words.
    pub reason: String,
    /// `web`, `phone`, `desk`, `letter` or `practice`.
    pub channel: String,
    /// `QuestionnaireResponse/…`, `DocumentReference/…` that go with it.
    pub supporting: Vec<String>,
    /// The disposition extension (`kith_fhir::build::Disposition`), if an assessment led here.
    pub disposition: Option<Value>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `ServiceRequest/…`
    pub request: String,
    /// `Task/…`
    pub task: String,
    /// When the team is due to have answered.
    pub due: Timestamp,
}

/// Adds the request, the team's Task and a notice to the person to a change. `now` is `access.now()`. Refuses an empty
/// reason and an owner that is no team; then nothing is added.
pub fn ask(change: &mut Change, help: &HelpRequest, now: Timestamp) -> Result<Asked, Refusal> {
    let (writes, asked) = plan(help, now)?;
    writes.add_to(change);
    Ok(asked)
}

/// [`ask`], before it is put into a change.
pub fn plan(help: &HelpRequest, now: Timestamp) -> Result<(Writes, Asked), Refusal> {
    let reason = said(&help.reason, "what the person needs help with")?;
    if !help.owner.reference.starts_with("HealthcareService/") {
        return Err(Refusal::Unsaid { what: "which team answers" });
    }
    // Nobody is late before the doors are open.
    let due = help.urgency.due(now).max(help.coming.unwrap_or(now));
    let supporting: Vec<&str> = help.supporting.iter().map(String::as_str).collect();
    let mut request = build::ServiceRequest {
        person: &format!("Patient/{}", help.person.id),
        need: &help.need,
        need_label: &help.need_label,
        category: "help-request",
        priority: help.urgency.priority().code(),
        authored: now,
        requester: &help.requester.reference,
        performers: &[&help.owner.reference],
        due: Some(due),
        reason,
        supporting: &supporting,
        disposition: None,
    }
    .build();
    build::set(&mut request, "requester", help.requester.reference());
    build::set(&mut request, "performer", Value::Array(vec![help.owner.reference()]));
    if let Some(disposition) = &help.disposition {
        build::add_extension(&mut request, disposition.clone());
    }
    build::add_extension(&mut request, build::extension_code(system::EXT_CHANNEL, &help.channel));
    let mut writes = Writes::default();
    let request = writes.create(request);
    let mut task = task_for(
        TaskKind::Triage,
        &help.person,
        &help.owner,
        &help.requester,
        &request,
        help.urgency,
        due,
        if help.coming.is_some() { "Comes without a booking" } else { "Request for help" },
        now,
    );
    build::add_extension(&mut task, build::extension_code(system::EXT_CHANNEL, &help.channel));
    let task = writes.create(task);
    writes.notify(
        format!("asked/{request}"),
        with_team(Notification::new(&help.person.id, TemplateId::RequestReceived), &help.owner)
            .with("due", &time::full_words(due))
            .about(&request),
    );
    Ok((writes, Asked { request, task, due }))
}
