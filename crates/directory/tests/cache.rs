//! The directory through a real door.

use std::sync::Arc;
use std::time::Duration;

use kith_directory::{DirectoryCache, load};
use kith_fhir::{Value, json, system};
use kith_trust::{Actor, Change, Purpose};

fn optician(id: &str, name: &str) -> Value {
    json!({"resourceType": "HealthcareService", "id": id, "name": name,
        "category": [{"coding": [{"system": system::CS_SERVICE_KIND, "code": "optician"}]}],
        "type": [{"coding": [{"system": system::CS_NEED, "code": "urgent-eye"}]}]})
}

#[tokio::test]
async fn a_change_to_the_directory_shows_and_bookings_cost_no_reload() {
    let door = kith_trust::testing::door().await.unwrap();
    let kith = door.system("test");
    let mut change = Change::new("lay out");
    change.put(optician("eyes", "Bright Eyes"));
    change.put(json!({"resourceType": "Schedule", "id": "eyes", "actor": [{"reference": "HealthcareService/eyes"}]}));
    kith.commit(change).await.unwrap();

    let person = door.enter(Actor::person("nobody", "Nobody", "test"), Purpose::OwnRecord);
    let cache = DirectoryCache::with_max_age(Duration::ZERO);
    let first = cache.get(&person).await.unwrap();
    assert_eq!(first.service("eyes").unwrap().name, "Bright Eyes");
    assert!(Arc::ptr_eq(&first, &cache.get(&person).await.unwrap()), "nothing changed, nothing is loaded");

    // Slots come and go all day.
    let mut change = Change::new("lay out");
    change.put(json!({"resourceType": "Slot", "id": "s", "status": "free", "schedule": {"reference": "Schedule/eyes"},
        "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:10:00Z"}));
    kith.commit(change).await.unwrap();
    assert!(Arc::ptr_eq(&first, &cache.get(&person).await.unwrap()));

    let mut change = Change::new("rename");
    change.put(optician("eyes", "Brighter Eyes"));
    kith.commit(change).await.unwrap();
    let second = cache.get(&person).await.unwrap();
    assert_eq!(second.service("eyes").unwrap().name, "Brighter Eyes");
    assert_eq!(first.service("eyes").unwrap().name, "Bright Eyes", "a snapshot in use does not change");

    // With an age, the change shows when the age is up, or when the cache is told to forget.
    let slow = DirectoryCache::with_max_age(Duration::from_hours(1));
    let kept = slow.get(&person).await.unwrap();
    let mut change = Change::new("rename");
    change.put(optician("eyes", "Brightest Eyes"));
    kith.commit(change).await.unwrap();
    assert!(Arc::ptr_eq(&kept, &slow.get(&person).await.unwrap()));
    slow.forget();
    assert_eq!(slow.get(&person).await.unwrap().service("eyes").unwrap().name, "Brightest Eyes");
}

#[tokio::test]
async fn a_directory_of_more_than_a_page_is_loaded_whole() {
    let door = kith_trust::testing::door().await.unwrap();
    let kith = door.system("test");
    let mut change = Change::new("lay out");
    for number in 0..1_500 {
        change.put(optician(&format!("eyes-{number}"), "Eyes"));
    }
    kith.commit(change).await.unwrap();
    assert_eq!(load(&kith).await.unwrap().services().count(), 1_500);
}
