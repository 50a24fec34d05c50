//! The shortest way through the door and back.

use kith_fhir::json;
use kith_fhir::search::Query;
use kith_trust::{Actor, Change, Door, DoorConfig, Error, Purpose};

#[tokio::test]
async fn what_goes_in_through_the_door_comes_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let door = Door::open(DoorConfig::new(folder.path())).await.unwrap();
    let kith = door.system("test");
    let mut change = Change::new("register");
    let practice = change.create(json!({"resourceType": "Organization", "name": "High Street Surgery"}));
    change.create(json!({
        "resourceType": "Patient", "id": "ada", "birthDate": "1980-02-29", "name": [{"family": "Test", "given": ["Ada"]}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "generalPractitioner": [{"reference": practice}],
    }));
    let seen = change.create(json!({
        "resourceType": "Observation", "status": "final", "code": {"text": "Pulse"},
        "subject": {"reference": "Patient/ada"}, "valueQuantity": {"value": 72},
    }));
    let receipt = kith.commit(change).await.unwrap();
    assert_eq!(receipt.changed, 3);

    let ada = door.enter(Actor::person("ada", "Ada", "test"), Purpose::OwnRecord);
    let record = ada.open("ada").await.unwrap();
    assert_eq!(record.patient()["birthDate"], "1980-02-29");
    assert_eq!(record.entries().len(), 2);
    assert_eq!(ada.read(&seen).await.unwrap().version, 1);
    assert!(matches!(ada.open("nobody").await, Err(Error::NotFound)));

    let query = Query::new("Patient").unwrap().where_("family", "tes").unwrap();
    assert_eq!(kith.search(&query).await.unwrap().entries.len(), 1);
    assert_eq!(ada.who_looked("ada", 10).await.unwrap().len(), 3);
    let report = door.check().await.unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.resources, 3);
    door.close().await.unwrap();

    let door = Door::open(DoorConfig::new(folder.path())).await.unwrap();
    assert_eq!(door.system("test").open("ada").await.unwrap().entries().len(), 2);
    assert_eq!(door.verify_audit().await.unwrap().broken, None);
}
