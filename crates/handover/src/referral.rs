//! Requests that pass from one to another, and the promise that each comes back with an answer: an open ServiceRequest has
//! exactly one open Task with an owner and a due time; a closed one has told its outcome to whoever asked and to the
//! person. Pure.

use jiff::Timestamp;
use kith_contact::fields::{code, extension, has_code, items, own_reference, text};
use kith_contact::{Category, Draft, Notification, Party, TemplateId, time};
use kith_fhir::{Value, build, json, system};

use crate::kind::{TaskKind, Urgency, acknowledge_due};
use crate::work::{Refusal, Step, Work, said, step};
use crate::writes::Writes;

/// Whether a team is asked to take a person on, or a professional to answer a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    Referral,
    Advice,
}

impl RequestKind {
    pub fn code(self) -> &'static str {
        match self {
            Self::Referral => "referral",
            Self::Advice => "advice",
        }
    }

    fn task_kind(self) -> TaskKind {
        match self {
            Self::Referral => TaskKind::Referral,
            Self::Advice => TaskKind::Advice,
        }
    }
}

/// What a professional asks of another team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralRequest {
    /// Id of the person.
    pub patient: String,
    /// `HealthcareService/…` that is asked.
    pub to_service: String,
    /// `HealthcareService/…` that asks, and is told the outcome; `None` for the first of the actor's own.
    pub from_service: Option<String>,
    pub kind: RequestKind,
    /// A `need` code, and the need in words.
    pub need: String,
    pub need_label: String,
    /// The problem in a line; receptionists may read it.
    pub reason: String,
    /// What the receiver is asked, with the clinical detail they need.
    pub question: String,
    pub urgency: Urgency,
    /// `DocumentReference/…`, `QuestionnaireResponse/…` or results that go with it.
    pub attachments: Vec<String>,
    /// Whether the receiver takes over; otherwise the referrer stays responsible and follows up.
    pub transfer_of_responsibility: bool,
}

/// A member of staff, and the team they speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// `Practitioner/…`
    pub who: Party,
    /// `HealthcareService/…`
    pub team: Party,
}

/// A request and the one Task that is open for it, each with the version it was read at.
#[derive(Debug, Clone)]
pub struct Loop {
    pub request: Value,
    pub request_version: u32,
    pub task: Value,
    pub task_version: u32,
}

/// A person whom an outcome reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: String,
    pub name: String,
}

impl Person {
    fn party(&self) -> Party {
        Party::new(&format!("Patient/{}", self.id), &self.name)
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// For the person, in plain words.
    pub to_person: String,
    /// For the professional who asked; the same words where it is empty.
    pub to_referrer: String,
}

impl Outcome {
    /// The same words for both.
    pub fn same(words: &str) -> Self {
        Self { to_person: words.to_owned(), to_referrer: String::new() }
    }
}

/// Where the referring team is kept on a ServiceRequest.
pub use kith_fhir::system::{EXT_REFERRING_SERVICE, EXT_TRANSFER_OF_RESPONSIBILITY};

/// The team that asked, if a team did.
pub fn referring_team(request: &Value) -> Option<Party> {
    let reference = extension(request, EXT_REFERRING_SERVICE)?.get("valueReference")?;
    Some(Party::new(text(reference, "/reference")?, text(reference, "/display").unwrap_or("The team that asked")))
}

/// Whether responsibility for the problem passed to the receiver.
pub fn is_transfer(request: &Value) -> bool {
    extension(request, EXT_TRANSFER_OF_RESPONSIBILITY)
        .and_then(|e| e.get("valueBoolean"))
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// Where the receiver finds what they were asked: the `ClinicalImpression/…` that came with the request. It is clinical,
/// so a front desk that may read the request does not see it.
pub fn question_of(request: &Value) -> Option<&str> {
    items(request, "supportingInfo")
        .filter_map(|s| text(s, "/reference"))
        .find(|r| r.starts_with("ClinicalImpression/"))
}

/// Words for clinicians alone, as a ClinicalImpression; returns its reference.
fn for_clinicians(
    writes: &mut Writes,
    title: &str,
    words: &str,
    by: &Party,
    person: &Person,
    now: Timestamp,
) -> String {
    writes.create(json!({
        "resourceType": "ClinicalImpression",
        "status": "completed",
        "description": title,
        "subject": build::reference(&person.party().reference),
        "date": build::instant(now),
        "assessor": by.reference(),
        "summary": words,
    }))
}

/// A new referral or request for advice: the ServiceRequest, the receiver's Task, and word of it to the person.
/// Returns the writes with the references of both.
pub fn ask(
    asked: &ReferralRequest,
    from: &Voice,
    to: &Party,
    person: &Person,
    now: Timestamp,
) -> Result<(Writes, String, String), Refusal> {
    let reason = said(&asked.reason, "the problem")?;
    let question = said(&asked.question, "what you ask them")?;
    if to.reference == from.team.reference {
        return Err(Refusal::NotHere { why: "Choose another team than your own." });
    }
    let due = asked.urgency.due(now);
    let mut writes = Writes::default();
    let title = format!("To {}", to.name);
    let letter = for_clinicians(&mut writes, &title, question, &from.who, person, now);
    let attachments: Vec<&str> =
        std::iter::once(letter.as_str()).chain(asked.attachments.iter().map(String::as_str)).collect();
    let mut request = build::ServiceRequest {
        person: &person.party().reference,
        need: &asked.need,
        need_label: &asked.need_label,
        category: asked.kind.code(),
        priority: asked.urgency.priority().code(),
        authored: now,
        requester: &from.who.reference,
        performers: &[&to.reference],
        due: Some(due),
        reason,
        supporting: &attachments,
        disposition: None,
    }
    .build();
    build::set(&mut request, "requester", from.who.reference());
    build::set(&mut request, "performer", json!([to.reference()]));
    build::add_extension(
        &mut request,
        build::extension(EXT_REFERRING_SERVICE, "valueReference", from.team.reference()),
    );
    if asked.transfer_of_responsibility {
        build::add_extension(&mut request, build::extension_boolean(EXT_TRANSFER_OF_RESPONSIBILITY, true));
    }
    let request = writes.create(request);
    let task = writes.create(task_for(
        asked.kind.task_kind(),
        person,
        to,
        &from.who,
        &request,
        asked.urgency,
        due,
        &match asked.kind {
            RequestKind::Referral => format!("Referral from {}", from.team.name),
            RequestKind::Advice => format!("Question from {}", from.team.name),
        },
        now,
    ));
    let words = match asked.kind {
        RequestKind::Referral => format!(
            "{} has asked {} to help you. You should hear from them by {}. If you have not, tell us.",
            from.team.name,
            to.name,
            time::by_words(due, now)
        ),
        RequestKind::Advice => format!(
            "{} has asked {} for advice about you. They should answer by {}, and we will tell you what they say.",
            from.team.name,
            to.name,
            time::by_words(due, now)
        ),
    };
    tell(&mut writes, Category::Message, &from.team, &[person.party()], person, &words, &[&request], now);
    writes.notify(
        format!("referral/{request}"),
        with_team(Notification::new(&person.id, TemplateId::ReferralMade), to)
            .with("due", &time::full_words(due))
            .about(&request),
    );
    Ok((writes, request, task))
}

/// The receiver sends the request back. It stays open: the referrer's team now has it, with a new due time, and both they
/// and the person are told. A request that no team made (a person's own) cannot go back; it is handed on instead.
pub fn return_with(open: &Loop, reason: &str, by: &Voice, person: &Person, now: Timestamp) -> Result<Writes, Refusal> {
    let work = Work::of(&open.task).ok_or(Refusal::Malformed)?;
    let from = referring_team(&open.request)
        .ok_or(Refusal::NotHere { why: "The person asked for this themselves. Hand it to another team instead." })?;
    if from.reference == work.owner.reference {
        return Err(Refusal::NotHere { why: "This came back to your own team. Send it to another, or close it." });
    }
    let reason = said(reason, "why it goes back")?;
    let request = own_reference(&open.request);
    let urgency = Urgency::of_priority(work.priority);
    let due = urgency.due(now);
    let mut writes = Writes::default();
    let task = step(&open.task, &Step::Return { reason: reason.to_owned() }, &by.who, now)?;
    writes.update(task, open.task_version);
    // The team that sent it back is no longer the one asked, and has no more business in the record.
    let mut returned = open.request.clone();
    build::set(&mut returned, "performer", json!([from.reference()]));
    build::set(&mut returned, "occurrencePeriod", build::period(None, Some(due)));
    writes.update(returned, open.request_version);
    let mut back = task_for(
        TaskKind::FollowUp,
        person,
        &from,
        &by.who,
        &request,
        urgency,
        due,
        &format!("Returned by {}", by.team.name),
        now,
    );
    build::push(&mut back, "note", json!({ "authorString": by.who.name, "time": build::instant(now), "text": reason }));
    let back = writes.create(back);
    let words = format!("{} sent this back: {reason}", by.team.name);
    tell(&mut writes, Category::Message, &by.team, std::slice::from_ref(&from), person, &words, &[&request], now);
    let words = format!(
        "{} could not help with this and has told {}, who will decide what to do next and tell you by {}.",
        by.team.name,
        from.name,
        time::by_words(due, now)
    );
    tell(&mut writes, Category::Message, &by.team, &[person.party()], person, &words, &[&request], now);
    writes.notify(
        format!("returned/{back}"),
        with_team(Notification::new(&person.id, TemplateId::RequestUpdate), &from).about(&request),
    );
    Ok(writes)
}

/// After a return: the referrer's team sends the same request to another team.
pub fn refer_again(
    open: &Loop,
    to: &Party,
    note: &str,
    by: &Voice,
    person: &Person,
    now: Timestamp,
) -> Result<Writes, Refusal> {
    let work = Work::of(&open.task).ok_or(Refusal::Malformed)?;
    if referring_team(&open.request).is_none_or(|from| from.reference != work.owner.reference) {
        return Err(Refusal::NotHere { why: "Only the team that asked can send it to another. Hand it on instead." });
    }
    if to.reference == work.owner.reference {
        return Err(Refusal::NotHere { why: "Choose another team than your own." });
    }
    let note = said(note, "a note for the new team")?;
    let urgency = Urgency::of_priority(work.priority);
    let due = urgency.due(now);
    let kind = if has_code(&open.request, "category", system::CS_CATEGORY, "advice") {
        RequestKind::Advice
    } else {
        RequestKind::Referral
    };
    let request_reference = own_reference(&open.request);
    let mut writes = Writes::default();
    let done = Step::Complete { outcome: format!("Sent to {}", to.name), told: Vec::new() };
    writes.update(step(&open.task, &done, &by.who, now)?, open.task_version);
    let mut request = open.request.clone();
    build::set(&mut request, "performer", json!([to.reference()]));
    build::set(&mut request, "occurrencePeriod", build::period(None, Some(due)));
    writes.update(request, open.request_version);
    let mut task = task_for(
        kind.task_kind(),
        person,
        to,
        &by.who,
        &request_reference,
        urgency,
        due,
        &format!("{} from {}", if kind == RequestKind::Advice { "Question" } else { "Referral" }, by.team.name),
        now,
    );
    build::push(&mut task, "note", json!({ "authorString": by.who.name, "time": build::instant(now), "text": note }));
    let task = writes.create(task);
    let words = format!(
        "{} has now asked {} to help you. You should hear from them by {}.",
        by.team.name,
        to.name,
        time::by_words(due, now)
    );
    tell(&mut writes, Category::Message, &by.team, &[person.party()], person, &words, &[&request_reference], now);
    writes.notify(
        format!("referral/{task}"),
        with_team(Notification::new(&person.id, TemplateId::ReferralMade), to)
            .with("due", &time::full_words(due))
            .about(&request_reference),
    );
    Ok(writes)
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// What was asked has been done or answered.
    Done,
    /// It is no longer wanted or needed.
    CalledOff,
}

/// Who has been told an outcome, worked out from the Communications that carry it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    pub person: bool,
    pub referrer: bool,
}

impl Told {
    /// Reads who is told by these Communications of the outcome of this request. Somebody who asked without a team (the
    /// person themselves, or a proxy) is told by being told as the person; a team that closes its own request knows.
    pub fn by<'a>(communications: impl IntoIterator<Item = &'a Value>, request: &Value, closing_team: &str) -> Self {
        let patient = text(request, "/subject/reference").unwrap_or_default();
        let asked_by = referring_team(request);
        let mut told =
            Self { person: false, referrer: asked_by.as_ref().is_some_and(|team| team.reference == closing_team) };
        for communication in communications {
            let said = items(communication, "payload")
                .any(|p| text(p, "/contentString").is_some_and(|words| !words.trim().is_empty()));
            if !said || Category::of(communication) != Some(Category::Outcome) {
                continue;
            }
            for to in items(communication, "recipient").filter_map(|r| text(r, "/reference")) {
                told.person |= to == patient;
                told.referrer |= asked_by.as_ref().is_some_and(|team| team.reference == to);
            }
        }
        told.referrer |= asked_by.is_none() && told.person;
        told
    }
}

/// Whether this work may be closed as done or called off: a request only when its outcome has reached the person and
/// whoever asked; other work always.
pub fn can_close(task: &Value, told: Told) -> Result<(), Refusal> {
    if !text(task, "/focus/reference").is_some_and(|focus| focus.starts_with("ServiceRequest/")) {
        return Ok(());
    }
    if !told.person {
        return Err(Refusal::NotTold { who: "the person" });
    }
    if !told.referrer {
        return Err(Refusal::NotTold { who: "whoever asked" });
    }
    Ok(())
}

/// Closes a request: tells the person and the team that asked, gives that team a Task to read it, and only then closes the
/// Task and the request, all in one.
pub fn close(
    open: &Loop,
    ending: Ending,
    outcome: &Outcome,
    by: &Voice,
    person: &Person,
    now: Timestamp,
) -> Result<Writes, Refusal> {
    let work = Work::of(&open.task).ok_or(Refusal::Malformed)?;
    let for_person = said(&outcome.to_person, "what to tell the person")?;
    let request_reference = own_reference(&open.request);
    let about = [request_reference.as_str()];
    let mut writes = Writes::default();
    let mut told =
        vec![tell(&mut writes, Category::Outcome, &by.team, &[person.party()], person, for_person, &about, now)];
    let other = referring_team(&open.request).filter(|team| team.reference != by.team.reference);
    if let Some(team) = other {
        let message = tell_team(&mut writes, &team, outcome, by, person, &about, now);
        let kind = if is_transfer(&open.request) { TaskKind::Result } else { TaskKind::FollowUp };
        writes.create(task_for(
            kind,
            person,
            &team,
            &by.who,
            &message,
            Urgency::of_priority(work.priority),
            acknowledge_due(now),
            &format!("Read what {} says", by.team.name),
            now,
        ));
        told.push(message);
    }
    can_close(&open.task, Told::by(&writes.creates, &open.request, &by.team.reference))?;
    let last = match ending {
        Ending::Done => Step::Complete { outcome: for_person.to_owned(), told },
        Ending::CalledOff => Step::Cancel { reason: for_person.to_owned() },
    };
    let mut task = step(&open.task, &last, &by.who, now)?;
    if let (Step::Cancel { .. }, true) = (&last, ending == Ending::CalledOff) {
        for message in writes.creates.iter().filter(|c| Category::of(c) == Some(Category::Outcome)).map(own_reference) {
            build::Task::add_told(&mut task, &message);
        }
    }
    let mut request = open.request.clone();
    build::set_status(&mut request, if ending == Ending::Done { "completed" } else { "revoked" });
    writes.update(task, open.task_version);
    writes.update(request, open.request_version);
    writes.notify(
        format!("outcome/{request_reference}"),
        with_team(Notification::new(&person.id, TemplateId::OutcomeReady), &by.team).about(&request_reference),
    );
    Ok(writes)
}

/// Tells another team an outcome. Words meant for professionals are kept as clinical and pointed to, so that a front desk
/// sees that there is an answer, and a clinician what it says. Returns the Communication's reference.
pub(crate) fn tell_team(
    writes: &mut Writes,
    team: &Party,
    outcome: &Outcome,
    by: &Voice,
    person: &Person,
    about: &[&str],
    now: Timestamp,
) -> String {
    let own = outcome.to_referrer.trim();
    if own.is_empty() {
        let words = outcome.to_person.trim();
        return tell(writes, Category::Outcome, &by.team, std::slice::from_ref(team), person, words, about, now);
    }
    let letter = for_clinicians(writes, &format!("To {}", team.name), own, &by.who, person, now);
    let words = format!("{} has answered.", by.team.name);
    let told = tell(writes, Category::Outcome, &by.team, std::slice::from_ref(team), person, &words, about, now);
    if let Some(message) = writes.creates.iter_mut().find(|c| own_reference(c) == told) {
        build::push(message, "payload", json!({ "contentReference": build::reference(&letter) }));
    }
    told
}

/// A Communication to add; returns its reference.
#[allow(clippy::too_many_arguments, reason = "each is a part of a message")]
pub(crate) fn tell(
    writes: &mut Writes,
    category: Category,
    from: &Party,
    to: &[Party],
    person: &Person,
    words: &str,
    about: &[&str],
    now: Timestamp,
) -> String {
    let subject = match category {
        Category::Outcome => "What came of your request",
        _ => "About your request",
    };
    writes.create(
        Draft {
            category,
            patient: person.id.clone(),
            sender: Some(from.clone()),
            recipients: to.to_vec(),
            text: words.to_owned(),
            subject: Some(subject.to_owned()),
            about: about.iter().map(|a| (*a).to_owned()).collect(),
            answers: None,
            channel: None,
        }
        .build(now),
    )
}

/// A Task for a team.
#[allow(clippy::too_many_arguments, reason = "each is a part of a Task")]
pub(crate) fn task_for(
    kind: TaskKind,
    person: &Person,
    owner: &Party,
    requester: &Party,
    focus: &str,
    urgency: Urgency,
    due: Timestamp,
    description: &str,
    now: Timestamp,
) -> Value {
    let mut task = build::Task {
        kind: kind.code(),
        person: &person.party().reference,
        owner: &owner.reference,
        due,
        authored: now,
        priority: urgency.priority().code(),
        description,
        requester: Some(&requester.reference),
        focus: Some(focus),
    }
    .build();
    build::set(&mut task, "owner", owner.reference());
    build::set(&mut task, "requester", requester.reference());
    task
}

/// Names the team in a notice, unless its very name would tell what somebody is treated for.
pub(crate) fn with_team(notice: Notification, team: &Party) -> Notification {
    const TELLING: [&str; 12] = [
        "mental",
        "psych",
        "sexual",
        "hiv",
        "drug",
        "alcohol",
        "addiction",
        "memory",
        "cancer",
        "abuse",
        "fertility",
        "maternity",
    ];
    let name = team.name.to_lowercase();
    if TELLING.iter().any(|word| name.contains(word)) { notice } else { notice.with("team", &team.name) }
}

/// The need a request is about: code and words.
pub fn need_of(request: &Value) -> (Option<&str>, Option<&str>) {
    (
        code(request, "code", system::CS_NEED),
        text(request, "/code/text").or_else(|| text(request, "/code/coding/0/display")),
    )
}
