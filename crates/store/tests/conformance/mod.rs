//! What every backend of [`Store`] must do. A backend's own tests call [`conformance!`] with a function that opens a fresh,
//! empty store.

pub mod beside;
pub mod model;
pub mod searching;
pub mod versions;

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kith_fhir::{Value, json};
use kith_store::{
    AuditDraft, AuditFields, Batch, Expect, Link, Occupancy, Origin, Person, Prepared, Receipt, Store, StoreError,
    Write,
};

/// A store and whatever must live as long as it.
pub struct Fresh {
    pub store: Arc<dyn Store>,
    pub _keep: Box<dyn Any + Send>,
}

impl std::ops::Deref for Fresh {
    type Target = Arc<dyn Store>;

    fn deref(&self) -> &Arc<dyn Store> {
        &self.store
    }
}

/// Makes one test of each promise for a backend.
macro_rules! conformance {
    ($fresh:path; $($module:ident: $($name:ident),* $(,)?);* $(;)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::conformance::$module::$name($fresh().await).await;
            }
        )*)*
    };
    ($fresh:path) => {
        conformance!($fresh;
            versions: what_is_created_is_read_back, an_update_needs_the_version_it_saw, a_deletion_is_a_version_and_can_be_undone,
                every_version_stays_readable, the_same_content_makes_no_new_version, nothing_of_a_refused_batch_is_left,
                a_broken_reference_is_refused, entries_of_a_batch_may_refer_to_each_other,
                a_resource_never_moves_between_people, a_compartment_is_the_persons_live_resources,
                a_walk_meets_everything_once, decimals_and_unknown_elements_survive;
            searching: an_undeclared_parameter_is_a_clear_error, the_worklist_and_the_slots_are_found_in_order,
                what_has_no_due_time_comes_last_either_way, a_bad_page_marker_is_an_error,
                paging_is_stable_while_others_write;
            beside: links_follow_the_resource, a_slot_is_never_given_twice, a_lapsed_hold_gives_way,
                release_and_take_again_in_one_act, impossible_times_are_refused, a_repeated_request_is_answered_once,
                a_request_key_is_forgotten_when_nothing_can_send_it_again,
                a_message_is_delivered_until_settled, a_dead_message_is_kept_for_a_person_to_see, a_job_runs_when_due,
                small_values_lapse, the_audit_chain_is_whole_and_told_by_person, a_closed_store_says_so;
        );
    };
}
pub(crate) use conformance;

/// `seconds` after a Sunday in March 2026, 00:00 UTC.
pub fn at(seconds: i64) -> Timestamp {
    "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

pub fn origin(actor: &str) -> Origin {
    Origin {
        actor: actor.to_owned(),
        name: "Somebody".into(),
        role: "gp".into(),
        organization: Some("Organization/practice".into()),
        organization_name: Some("Practice".into()),
        system: "test".into(),
    }
}

/// A batch with one audit entry for each person it writes to.
pub struct Act {
    pub batch: Batch,
    people: BTreeSet<Person>,
}

impl Act {
    pub fn new(seconds: i64) -> Self {
        Self { batch: Batch::new(at(seconds), origin("Practitioner/p")), people: BTreeSet::new() }
    }

    pub fn put_expecting(mut self, value: Value, expect: Expect, links: Vec<Link>) -> Self {
        let resource = Prepared::new(value).unwrap();
        self.people.insert(resource.patient.clone());
        self.batch.writes.push(Write::Put { resource: Arc::new(resource), expect, links });
        self
    }

    pub fn put(self, value: Value) -> Self {
        self.put_expecting(value, Expect::Any, Vec::new())
    }

    pub fn create(self, value: Value) -> Self {
        self.put_expecting(value, Expect::Absent, Vec::new())
    }

    pub fn update(self, value: Value, version: u32) -> Self {
        self.put_expecting(value, Expect::Version(version), Vec::new())
    }

    pub fn delete(mut self, kind: &'static str, id: &str, person: Option<&str>, expect: Expect) -> Self {
        self.people.insert(person.map(Arc::from));
        self.batch.writes.push(Write::Delete { kind, id: id.to_owned(), expect });
        self
    }

    pub fn occupy(mut self, calendar: &str, from: i64, to: i64, holder: &str, until: Option<i64>) -> Self {
        self.batch.occupy.push(Occupancy {
            calendar: calendar.into(),
            start: at(from),
            end: at(to),
            holder: holder.into(),
            until: until.map(at),
        });
        self
    }

    pub fn release(mut self, holder: &str) -> Self {
        self.batch.releases.push(holder.into());
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Batch)) -> Self {
        change(&mut self.batch);
        self
    }

    /// References need not resolve.
    pub fn loose(self) -> Self {
        self.with(|b| b.allow_broken_references = true)
    }

    pub fn finish(mut self) -> Batch {
        for person in self.people {
            self.batch.audit.push(AuditDraft { person, fields: fields("write"), covers_writes: true });
        }
        self.batch
    }

    pub async fn commit(self, store: &Arc<dyn Store>) -> Result<Receipt, StoreError> {
        store.commit(self.finish()).await
    }
}

pub fn fields(action: &str) -> AuditFields {
    AuditFields {
        action: action.into(),
        purpose: "direct-care".into(),
        decided_by: "a-rule".into(),
        reason: String::new(),
        what: Vec::new(),
        count: 0,
        digest: String::new(),
    }
}

pub fn patient(id: &str) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": true})
}

pub fn observation(id: &str, patient: &str, value: i64) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Pulse"},
        "subject": {"reference": format!("Patient/{patient}")}, "valueInteger": value})
}

/// What the store must always be able to prove.
pub async fn assert_sound(store: &Arc<dyn Store>) {
    let report = store.check().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.problem_count, 0);
}
