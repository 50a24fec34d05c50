//! What one decision costs, and what opening a record costs on top of reading it.
//!
//! `cargo run --release -p kith-trust --example decide`

use std::time::Instant;

use kith_fhir::json;
use kith_trust::{
    Action, Actor, Agreements, Change, DataKind, Door, DoorConfig, Facts, OrganisationKind, Purpose, Question, Role,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let agreements = Agreements::built_in()?;
    let mut asked = 0u32;
    let mut allowed = 0;
    let began = Instant::now();
    for _ in 0..20 {
        for role in Role::ALL {
            for kind in DataKind::ALL {
                for action in Action::ALL {
                    let question = Question {
                        role,
                        purpose: Purpose::DirectCare,
                        action,
                        kind,
                        organisation: OrganisationKind::GeneralPractice,
                        party: 0,
                        facts: Facts::REGISTERED,
                    };
                    asked += 1;
                    allowed += u32::from(agreements.decide_afresh(&question).allowed);
                }
            }
        }
    }
    println!(
        "{asked} decisions ({allowed} yes), {:.1} µs each",
        began.elapsed().as_secs_f64() * 1e6 / f64::from(asked)
    );

    let folder = tempfile::tempdir()?;
    let door = Door::open(DoorConfig::new(folder.path())).await?;
    let mut change = Change::new("begin");
    change.create(json!({"resourceType": "Patient", "id": "ada"}));
    for n in 0..1000 {
        change.create(json!({"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"},
            "subject": {"reference": "Patient/ada"}, "valueInteger": n}));
    }
    door.system("example").commit(change).await?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let began = Instant::now();
        let record = door.enter(Actor::person("ada", "Ada", "example"), Purpose::OwnRecord).open("ada").await?;
        assert_eq!(record.entries().len(), 1001);
        times.push(began.elapsed());
    }
    times.sort();
    println!(
        "a record of 1,001 opened, decided, audited and synced: p50 {:.2} ms, p99 {:.2} ms",
        times[250].as_secs_f64() * 1e3,
        times[495].as_secs_f64() * 1e3
    );
    door.close().await?;
    Ok(())
}
