//! What deciding costs: one question with 200 agreements loaded, opening a record, a worklist. In this process, through the
//! door, on a folder of its own.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use kith_fhir::search::Query;
use kith_fhir::{json, system};
use kith_trust::{
    Action, Actor, AgreementFiles, Agreements, Change, DataKind, Door, DoorConfig, Facts, OrganisationKind, Purpose,
    Question, Role, built_in_files,
};

use crate::measures::{Table, Target};

/// How many agreements are loaded.
const AGREEMENTS: usize = 200;
/// People on the worklist.
const WORKLIST: usize = 200;

/// The built-in agreements and as many between two organisations as it takes to be 200.
fn many() -> AgreementFiles {
    let mut files = built_in_files();
    let mut in_force: Vec<String> = files.agreements.keys().cloned().collect();
    for n in files.agreements.len()..AGREEMENTS {
        let id = format!("bilateral-{n}");
        let rules = "@id(\"clinical\") @words(\"They work together.\")\npermit (principal, action in [Action::\"read\", \
             Action::\"write\"], resource) when { context.clinical && (context.relation.booked || context.relation.requested \
             || context.relation.caseload) };\n@id(\"desk\") @words(\"They work together.\")\npermit (principal, action == \
             Action::\"read\", resource == Data::\"administrative\") when { [Role::\"receptionist\", Role::\"manager\"]\
             .contains(principal) && (context.relation.booked || context.relation.requested) };";
        let page = format!(
            "+++\ntitle = \"Two organisations\"\nversion = 1\ndate = \"2026-11-20\"\nstatus = \"illustrative\"\nsigned = []\n\
             parties = [\"Organization/a{n}\", \"Organization/b{n}\"]\ncontrollers = \"joint\"\npurposes = [\"direct-care\", \
             \"administration\"]\ndata = [\"administrative\", \"clinical\", \"contribution\"]\nlawful_basis = \"9(2)(h)\"\n\
             review = \"2027-11-20\"\n+++\nTwo organisations work together.\n"
        );
        files.agreements.insert(id.clone(), (Some(rules.to_owned()), Some(page)));
        in_force.push(id);
    }
    let list: Vec<String> = in_force.iter().map(|id| format!("{id:?}")).collect();
    files.neighbourhood = format!(
        "name = \"Many\"\ncontrollers = [\"all\"]\nessence = \"\"\nagreed = \"for measuring\"\nin_force = [{}]\n",
        list.join(", ")
    );
    files
}

/// Distinct questions in an order that repeats nothing: no answer is ready.
fn questions(agreements: &Agreements) -> Vec<Question> {
    let mut all = Vec::new();
    let facts: Vec<Facts> = Facts::ALL.iter().map(|f| f.0).collect();
    let mut seed = 1u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or(0) % below
    };
    let mut seen = std::collections::HashSet::new();
    while all.len() < 20_000 {
        let organisation = OrganisationKind::ALL[1 + next(12)];
        let named = format!("Organization/{}{}", if next(2) == 0 { "a" } else { "b" }, 11 + next(AGREEMENTS - 11));
        let question = Question {
            role: Role::ALL[next(Role::ALL.len())],
            purpose: if next(3) == 0 { Purpose::ALL[next(9)] } else { Purpose::DirectCare },
            action: Action::ALL[next(5)],
            kind: DataKind::ALL[next(9)],
            organisation,
            party: agreements.party(Some(&named)),
            facts: facts[next(11)] | facts[next(11)] | facts[11 + next(8)],
        };
        if seen.insert(question) {
            all.push(question);
        }
    }
    all
}

fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

pub async fn access(table: &mut Table, quick: bool) -> anyhow::Result<()> {
    decisions(table, quick)?;
    through_the_door(table, quick).await
}

fn decisions(table: &mut Table, quick: bool) -> anyhow::Result<()> {
    let agreements = Agreements::compose(&many())?;
    let mut questions = questions(&agreements);
    if quick {
        questions.truncate(500);
    }
    let time = |ask: &dyn Fn(&Question) -> bool, questions: &[Question]| {
        let mut allowed = 0;
        let times = questions
            .iter()
            .map(|question| {
                let began = Instant::now();
                allowed += usize::from(ask(question));
                began.elapsed()
            })
            .collect();
        (spread(times), allowed)
    };
    // Each question for the first time: nothing is remembered of it.
    let ((half, most), allowed) = time(&|q| agreements.decide(q).allowed, &questions);
    let few = &questions[..questions.len().min(500)];
    let ((all_half, all_most), _) = time(&|q| agreements.decide_with_every_rule(q).allowed, few);
    let rules = agreements.names().len();
    table.line(&format!("decision, {AGREEMENTS} agreements, half within"), "µs", half, Some(all_half), Target::None);
    table.line("  p99", "µs", most, Some(all_most), Target::Most(60.0));
    crate::measures::note(format_args!(
        "{} distinct questions put once ({allowed} yes), {rules} rules; baseline: Cedar with every rule, no index",
        questions.len()
    ));
    let recent = &questions[questions.len().saturating_sub(500)..];
    let ((half, most), _) = time(&|q| agreements.decide(q).allowed, recent);
    table.line("  the same question again, half within", "µs", half, None, Target::None);
    table.line("  p99", "µs", most, None, Target::None);
    Ok(())
}

fn staff(role: Role, organization: &str, service: &str) -> Actor {
    Actor {
        reference: format!("Practitioner/{}", role.code()),
        name: "Staff".into(),
        role,
        organization: Some(organization.into()),
        organization_name: Some("Place".into()),
        acts_for: vec![organization.into(), service.into()],
        system: "bench".into(),
        scopes: Vec::new(),
    }
}

async fn through_the_door(table: &mut Table, quick: bool) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut config = DoorConfig::new(folder.path());
    config.cached_people = 2 * WORKLIST;
    let door = Door::open(config).await?;
    let kith = door.system("bench");
    let mut change = Change::new("lay out");
    change.create(json!({"resourceType": "Organization", "id": "practice",
        "type": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": "general-practice"}]}]}));
    change.create(json!({"resourceType": "Organization", "id": "pharmacy",
        "type": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": "community-pharmacy"}]}]}));
    change.create(json!({"resourceType": "HealthcareService", "id": "chemist", "providedBy": {"reference": "Organization/pharmacy"}}));
    let due = (door.now() + SignedDuration::from_hours(24)).to_string();
    for n in 0..WORKLIST {
        let person = format!("p{n}");
        let about = json!({"reference": format!("Patient/{person}")});
        change.create(json!({"resourceType": "Patient", "id": person, "birthDate": "1980-01-01",
            "generalPractitioner": [{"reference": "Organization/practice"}]}));
        change.create(json!({"resourceType": "Task", "id": format!("t{n}"), "status": "requested", "intent": "order",
            "for": about, "owner": {"reference": "HealthcareService/chemist"}, "restriction": {"period": {"end": due}}}));
    }
    for n in 0..1000 {
        change.create(json!({"resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/p0"},
            "code": {"coding": [{"system": system::SNOMED, "code": format!("{n}")}], "text": "Pulse"}, "valueInteger": n}));
    }
    kith.commit(change).await?;
    let rounds = if quick { 20 } else { 400 };
    let pharmacist = staff(Role::Pharmacist, "Organization/pharmacy", "HealthcareService/chemist");
    let mut times = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        let record = door.enter(pharmacist.clone(), Purpose::DirectCare).open("p0").await?;
        times.push(began.elapsed());
        anyhow::ensure!(record.entries().len() > 1000, "a record of 1,000 things");
    }
    let (half, most) = spread(times);
    let events = {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let began = Instant::now();
            kith.record_event("measure", "one entry of the chain, synced").await?;
            times.push(began.elapsed());
        }
        spread(times)
    };
    table.line("open 1,000 things: access and audit, half", "ms", half / 1e3, Some(events.0 / 1e3), Target::Most(2.0));
    table.line("  p99", "ms", most / 1e3, Some(events.1 / 1e3), Target::None);
    crate::measures::note(
        "the record is in memory, so this is deciding, filtering and auditing; baseline: one audit entry, synced",
    );
    let query = Query::new("Task")?.where_("owner", "HealthcareService/chemist")?.limit(WORKLIST);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds / 4 {
        for (actor, purpose, times) in [
            (pharmacist.clone(), Purpose::DirectCare, &mut ours),
            (Actor::system("bench"), Purpose::Operations, &mut plain),
        ] {
            let access = door.enter(actor, purpose);
            let began = Instant::now();
            let page = access.search(&query).await?;
            times.push(began.elapsed());
            anyhow::ensure!(page.entries.len() == WORKLIST, "a worklist of {WORKLIST}: {}", page.entries.len());
        }
    }
    let (ours, plain) = (spread(ours), spread(plain));
    table.line(
        "worklist of 200, filtered and audited, half",
        "ms",
        ours.0 / 1e3,
        Some(plain.0 / 1e3),
        Target::Most(15.0),
    );
    table.line("  p99", "ms", ours.1 / 1e3, Some(plain.1 / 1e3), Target::None);
    crate::measures::note("baseline: the same search by Kith itself");
    door.close().await?;
    Ok(())
}
