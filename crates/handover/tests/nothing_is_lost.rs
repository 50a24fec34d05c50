//! Whatever teams do, in whatever order: an open request has exactly one open Task with an owner and a due time, and a
//! closed one has told its outcome to the person and to whoever asked.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use kith_contact::fields::{extension, items, own_reference, text};
use kith_contact::{Category, Party};
use kith_fhir::{Value, system};
use kith_handover::referral::{self, Ending, Loop, Outcome, Person, Told, Voice, can_close};
use kith_handover::work::{Refusal, Step, step};
use kith_handover::{HelpRequest, ReferralRequest, RequestKind, State, TaskKind, Urgency, Work, Writes, help};
use proptest::prelude::*;

/// A record in memory that applies writes as the store does: all or nothing, with versions.
#[derive(Default)]
struct Model {
    resources: BTreeMap<String, (Value, u32)>,
    notices: BTreeMap<String, usize>,
}

impl Model {
    fn apply(&mut self, writes: Writes) {
        for resource in &writes.creates {
            assert!(!self.resources.contains_key(&own_reference(resource)), "created twice");
        }
        for (resource, version) in &writes.updates {
            assert_eq!(self.resources[&own_reference(resource)].1, *version, "updated from a stale version");
        }
        for resource in writes.creates {
            self.resources.insert(own_reference(&resource), (resource, 1));
        }
        for (resource, version) in writes.updates {
            self.resources.insert(own_reference(&resource), (resource, version + 1));
        }
        for (key, _) in writes.notices {
            *self.notices.entry(key).or_default() += 1;
        }
    }

    fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.resources.values().map(|(v, _)| v).filter(move |v| text(v, "/resourceType") == Some(kind))
    }

    fn works(&self) -> Vec<Work> {
        self.of("Task").map(|t| Work::of(t).expect("every Task is work with an owner and a due time")).collect()
    }

    fn check(&self) {
        let works = self.works();
        for request in self.of("ServiceRequest") {
            let reference = own_reference(request);
            let about: Vec<&Work> = works.iter().filter(|w| w.focus.as_deref() == Some(&reference)).collect();
            let open: Vec<_> = about.iter().filter(|w| w.is_open()).collect();
            if text(request, "/status") == Some("active") {
                assert_eq!(open.len(), 1, "an open request has one open Task");
                assert!(open[0].owner.reference.starts_with("HealthcareService/"));
            } else {
                assert!(open.is_empty(), "a closed request has no open Task");
                let told: Vec<&Value> =
                    about.iter().flat_map(|w| &w.told).map(|c| &self.resources[c.as_str()].0).collect();
                let reached = |who: &str| {
                    told.iter().any(|c| {
                        Category::of(c) == Some(Category::Outcome)
                            && items(c, "recipient").any(|r| text(r, "/reference") == Some(who))
                    })
                };
                assert!(reached("Patient/p1"), "the person knows");
                let closer = about.iter().find(|w| !w.told.is_empty()).expect("told by the Task that closed it");
                if let Some(team) = referral::referring_team(request) {
                    assert!(closer.owner.reference == team.reference || reached(&team.reference), "the referrer knows");
                }
            }
        }
        // What a team is told, it is asked to read.
        for message in self.of("Communication").filter(|c| Category::of(c) == Some(Category::Outcome)) {
            let to_team = items(message, "recipient")
                .any(|r| text(r, "/reference").is_some_and(|r| r.starts_with("HealthcareService/")));
            if to_team {
                let reference = own_reference(message);
                assert!(works.iter().any(|w| w.focus.as_deref() == Some(&reference)));
            }
        }
        assert!(self.notices.values().all(|sent| *sent == 1), "each notice has a key of its own");
    }
}

fn team(n: usize) -> Party {
    Party::new(&format!("HealthcareService/h{n}"), &format!("Team {n}"))
}

fn staff(n: usize) -> Party {
    Party::new(&format!("Practitioner/s{n}"), &format!("Staff {n}"))
}

fn person() -> Person {
    Person { id: "p1".to_owned(), name: "Test Person".to_owned() }
}

fn request(kind: RequestKind, to: usize, urgency: Urgency, transfer: bool) -> ReferralRequest {
    ReferralRequest {
        patient: "p1".to_owned(),
        to_service: team(to).reference,
        from_service: None,
        kind,
        need: "wound-care".to_owned(),
        need_label: "Wound care by a nurse".to_owned(),
        reason: "Leg wound".to_owned(),
        question: "Please dress it".to_owned(),
        urgency,
        attachments: vec![],
        transfer_of_responsibility: transfer,
    }
}

fn help_request(owner: usize) -> HelpRequest {
    HelpRequest {
        coming: None,
        person: person(),
        requester: Party::new("Patient/p1", "Test Person"),
        owner: team(owner),
        need: "practice-triage".to_owned(),
        need_label: "Read by your practice".to_owned(),
        urgency: Urgency::SameDay,
        reason: "Something else".to_owned(),
        channel: "web".to_owned(),
        supporting: vec![],
        disposition: None,
    }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Ask { from: usize, to: usize, advice: bool, transfer: bool, urgency: usize },
    Help { owner: usize },
    Claim,
    Release,
    Start,
    HandToTeam { to: usize },
    HandToColleague { to: usize },
    Return { silent: bool },
    ReferAgain { to: usize },
    Close { silent: bool, own_words: bool },
    CallOff,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..3usize, 0..3usize, any::<bool>(), any::<bool>(), 0..7usize)
            .prop_map(|(from, to, advice, transfer, urgency)| Act::Ask { from, to, advice, transfer, urgency }),
        (0..3usize).prop_map(|owner| Act::Help { owner }),
        Just(Act::Claim),
        Just(Act::Release),
        Just(Act::Start),
        (0..3usize).prop_map(|to| Act::HandToTeam { to }),
        (0..3usize).prop_map(|to| Act::HandToColleague { to }),
        any::<bool>().prop_map(|silent| Act::Return { silent }),
        (0..3usize).prop_map(|to| Act::ReferAgain { to }),
        (any::<bool>(), any::<bool>()).prop_map(|(silent, own_words)| Act::Close { silent, own_words }),
        Just(Act::CallOff),
    ]
}

fn now_after(steps: usize) -> Timestamp {
    "2026-10-24T08:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(steps as i64 * 5)
}

/// What an act would write, if the rules allow it.
fn plan(model: &Model, act: Act, on: usize, who: usize, now: Timestamp) -> Result<Writes, Refusal> {
    if let Act::Ask { from, to, advice, transfer, urgency } = act {
        let kind = if advice { RequestKind::Advice } else { RequestKind::Referral };
        let from = Voice { who: staff(who), team: team(from) };
        let asked = request(kind, to, Urgency::ALL[urgency], transfer);
        return referral::ask(&asked, &from, &team(to), &person(), now).map(|(writes, _, _)| writes);
    }
    if let Act::Help { owner } = act {
        return help::plan(&help_request(owner), now).map(|(writes, _)| writes);
    }
    let works = model.works();
    if works.is_empty() {
        return Ok(Writes::default());
    }
    // Any Task, closed ones too: these must refuse.
    let work = &works[on % works.len()];
    let (task, version) = model.resources[&work.reference].clone();
    let by = Voice { who: staff(who), team: work.owner.clone() };
    let simple = |what: Step| {
        let mut writes = Writes::default();
        writes.update(step(&task, &what, &by.who, now)?, version);
        Ok(writes)
    };
    let request = work.focus.as_ref().filter(|f| f.starts_with("ServiceRequest/")).map(|f| model.resources[f].clone());
    let open = request.map(|(request, request_version)| Loop {
        request,
        request_version,
        task: task.clone(),
        task_version: version,
    });
    let nothing = Err(Refusal::NotHere { why: "not about a request" });
    match (act, open) {
        (Act::Claim, _) => simple(Step::Claim),
        (Act::Release, _) => simple(Step::Release),
        (Act::Start, _) => simple(Step::Start),
        (Act::HandToTeam { to }, _) => simple(Step::HandToTeam { team: team(to), note: "note".to_owned() }),
        (Act::HandToColleague { to }, _) => {
            simple(Step::HandToColleague { colleague: staff(to), note: "note".to_owned() })
        }
        (Act::Return { silent }, Some(open)) => {
            referral::return_with(&open, if silent { " " } else { "Not for us" }, &by, &person(), now)
        }
        (Act::ReferAgain { to }, Some(open)) => {
            referral::refer_again(&open, &team(to), "Try these", &by, &person(), now)
        }
        (Act::Close { silent, own_words }, Some(open)) => {
            let outcome = Outcome {
                to_person: if silent { String::new() } else { "Dressed, come back on Friday".to_owned() },
                to_referrer: if own_words { "Clean, 2 cm".to_owned() } else { String::new() },
            };
            referral::close(&open, Ending::Done, &outcome, &by, &person(), now)
        }
        (Act::CallOff, Some(open)) => {
            referral::close(&open, Ending::CalledOff, &Outcome::same("No longer needed"), &by, &person(), now)
        }
        (Act::Close { .. }, None) => simple(Step::Complete { outcome: "Read".to_owned(), told: vec![] }),
        (Act::Return { .. } | Act::ReferAgain { .. } | Act::CallOff, None) => nothing,
        (Act::Ask { .. } | Act::Help { .. }, _) => Ok(Writes::default()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_open_with_one_owner_or_closed_with_everybody_told(
        acts in prop::collection::vec((act(), any::<prop::sample::Index>(), 0..3usize), 1..40)
    ) {
        let mut model = Model::default();
        for (n, (act, on, who)) in acts.into_iter().enumerate() {
            let on = on.index(model.of("Task").count().max(1));
            if let Ok(writes) = plan(&model, act, on, who, now_after(n)) {
                model.apply(writes);
            }
            model.check();
        }
    }
}

fn asked(transfer: bool) -> (Model, Loop) {
    let now = now_after(0);
    let from = Voice { who: staff(0), team: team(0) };
    let (writes, request_ref, task_ref) =
        referral::ask(&request(RequestKind::Referral, 1, Urgency::SameDay, transfer), &from, &team(1), &person(), now)
            .unwrap();
    let mut model = Model::default();
    model.apply(writes);
    let open = Loop {
        request: model.resources[&request_ref].0.clone(),
        request_version: 1,
        task: model.resources[&task_ref].0.clone(),
        task_version: 1,
    };
    (model, open)
}

fn receiver() -> Voice {
    Voice { who: staff(1), team: team(1) }
}

#[test]
fn a_request_cannot_close_until_both_the_person_and_the_referrer_know() {
    let (_, open) = asked(false);
    for (told_person, told_referrer, refused) in [
        (false, false, Some("the person")),
        (false, true, Some("the person")),
        (true, false, Some("whoever asked")),
        (true, true, None),
    ] {
        let answer = can_close(&open.task, Told { person: told_person, referrer: told_referrer });
        assert_eq!(answer.err(), refused.map(|who| Refusal::NotTold { who }));
    }
    // Saying nothing tells nobody.
    let silent = referral::close(&open, Ending::Done, &Outcome::same("  "), &receiver(), &person(), now_after(1));
    assert!(matches!(silent, Err(Refusal::Unsaid { .. })));
}

#[test]
fn telling_is_read_from_what_was_written_not_from_what_was_meant() {
    let (_, open) = asked(false);
    let writes =
        referral::close(&open, Ending::Done, &Outcome::same("Done"), &receiver(), &person(), now_after(1)).unwrap();
    let told = |keep: &dyn Fn(&Value) -> bool| {
        Told::by(writes.creates.iter().filter(|c| keep(c)), &open.request, &receiver().team.reference)
    };
    assert_eq!(told(&|_| true), Told { person: true, referrer: true });
    let to = |c: &Value, who: &str| items(c, "recipient").any(|r| text(r, "/reference") == Some(who));
    assert_eq!(told(&|c| !to(c, "Patient/p1")), Told { person: false, referrer: true });
    assert_eq!(told(&|c| !to(c, "HealthcareService/h0")), Told { person: true, referrer: false });
    assert_eq!(told(&|_| false), Told::default());
}

#[test]
fn the_referrer_is_asked_to_read_the_answer_and_to_follow_up_unless_they_handed_over() {
    for (transfer, kind) in [(false, TaskKind::FollowUp), (true, TaskKind::Result)] {
        let (mut model, open) = asked(transfer);
        let outcome = Outcome { to_person: "Dressed".to_owned(), to_referrer: "2 cm, clean, no infection".to_owned() };
        model.apply(referral::close(&open, Ending::Done, &outcome, &receiver(), &person(), now_after(1)).unwrap());
        let waiting: Vec<Work> = model.works().into_iter().filter(Work::is_open).collect();
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].kind, &waiting[0].owner), (kind, &team(0)));
        // The clinical words are not in the message itself, which a front desk may read, but where clinicians find them.
        let message = &model.resources[waiting[0].focus.as_ref().unwrap()].0;
        assert!(!message.to_string().contains("2 cm"));
        let letter = text(message, "/payload/1/contentReference/reference").unwrap();
        assert_eq!(text(&model.resources[letter].0, "/summary"), Some("2 cm, clean, no infection"));
    }
}

#[test]
fn what_is_sent_back_lands_with_the_referrer_with_a_new_due_time() {
    let (mut model, open) = asked(false);
    model.apply(referral::return_with(&open, "We have no nurse", &receiver(), &person(), now_after(30)).unwrap());
    model.check();
    let back: Vec<Work> = model.works().into_iter().filter(Work::is_open).collect();
    assert_eq!((back.len(), back[0].kind, &back[0].owner), (1, TaskKind::FollowUp, &team(0)));
    assert_eq!(back[0].notes, ["We have no nurse"]);
    assert!(back[0].due > now_after(30));
    assert_eq!(text(model.of("ServiceRequest").next().unwrap(), "/status"), Some("active"));
    assert_eq!(model.works().iter().filter(|w| w.state == State::Rejected).count(), 1);
}

#[test]
fn a_persons_own_request_is_handed_on_never_sent_back() {
    let now = now_after(0);
    let (writes, asked) = help::plan(&help_request(0), now).unwrap();
    let mut model = Model::default();
    model.apply(writes);
    let (request, task) = (model.resources[&asked.request].0.clone(), model.resources[&asked.task].0.clone());
    assert_eq!(Work::of(&task).unwrap().due, asked.due);
    assert!(extension(&task, system::EXT_CHANNEL).is_some());
    let open = Loop { request, request_version: 1, task, task_version: 1 };
    let by = Voice { who: staff(0), team: team(0) };
    assert!(matches!(referral::return_with(&open, "no", &by, &person(), now), Err(Refusal::NotHere { .. })));
    model.apply(referral::close(&open, Ending::Done, &Outcome::same("Rest"), &by, &person(), now).unwrap());
    model.check();
    assert!(model.works().iter().all(|w| !w.is_open()));
}

#[test]
fn the_question_is_clinical_and_the_request_itself_is_not() {
    let (model, open) = asked(false);
    assert!(!open.request.to_string().contains("Please dress it"));
    let question = referral::question_of(&open.request).unwrap();
    assert_eq!(text(&model.resources[question].0, "/summary"), Some("Please dress it"));
    assert!(!open.task.to_string().contains("Leg wound"));
}
