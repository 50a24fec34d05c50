//! The day the demonstration tells, and that a broken promise is not told as a kept one.

mod support;

use rusqlite::Connection;
use support::{checked, kith, neighbourhood, stderr, stdout};

fn tell(data: &std::path::Path) -> (bool, String) {
    let output = kith(data).args(["demo", "--people", support::PEOPLE, "--story"]).output().unwrap();
    (output.status.success(), format!("{}\n{}", stdout(&output), stderr(&output)))
}

#[test]
fn the_story_keeps_every_promise_each_time_it_is_told() {
    let data = neighbourhood();
    for _ in 0..2 {
        let (kept, told) = tell(data.path());
        assert!(kept && told.contains(" 0 broken") && !told.contains("BROKEN"), "{told}");
        for part in
            ["sore throat", "red eye", "chest pain", "phones", "Maureen Thornton", "toothache", "lonely", "who looked"]
        {
            assert!(told.contains(part), "{part} is not told: {told}");
        }
    }
    checked(data.path());
}

#[test]
fn a_story_over_a_record_that_was_tampered_with_says_so_and_fails() {
    let data = neighbourhood();
    let store = Connection::open(data.path().join("kith.sqlite")).unwrap();
    store.execute_batch("UPDATE audit SET at = at + 1 WHERE seq = 5").unwrap();
    drop(store);
    let (kept, told) = tell(data.path());
    assert!(!kept && told.contains("BROKEN: The audit chain is whole"), "{told}");
}
