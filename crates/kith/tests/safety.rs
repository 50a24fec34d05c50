//! The safety case, as the binary prints it.

mod support;

use hyper::StatusCode;
use support::browser::Browser;
use support::{Server, neighbourhood, run};

#[test]
fn the_safety_case_is_one_page_that_says_it_is_not_signed_off() {
    let folder = tempfile::tempdir().unwrap();
    let page = run(folder.path(), &["safety", "report"]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("Not clinically signed off."));
    assert!(page.matches("<article id=\"H").count() >= 40);
    assert!(page.contains("<code>kith::every_attack_is_refused</code>"));
    let file = folder.path().join("case.html");
    run(folder.path(), &["safety", "report", "--to", file.to_str().unwrap()]);
    // The same page but for the minute it was printed in.
    let kept = std::fs::read_to_string(file).unwrap();
    assert_eq!(kept.lines().count(), page.lines().count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_safety_case_tells_what_went_wrong_in_a_record() {
    let data = neighbourhood();
    let nobody = run(data.path(), &["safety", "report", "--learning"]);
    assert!(nobody.contains("Nobody has reported anything."));
    let mut server = Server::demo(data.path());
    let mut person = Browser::new(&server.address);
    person.sign_in_as(&[("identity", "person:sore-throat")]).await.unwrap();
    person.get("/went-wrong?page=%2Fhelp%2F%7Bpathway%7D&about=sore-throat").await.unwrap();
    let told = [
        ("page", "/help/{pathway}"),
        ("about", "sore-throat"),
        ("what", "It said to wait"),
        ("harm", "hurt"),
        ("hazard", "H01"),
    ];
    person.post("/went-wrong", &told).await.unwrap();
    assert_eq!(person.page.status, StatusCode::SEE_OTHER, "{}", person.page.body);
    server.stop();
    let page = run(data.path(), &["safety", "report", "--learning"]);
    for words in [
        "1 reported, 1 without an outcome yet",
        "It said to wait",
        "sore-throat@",
        "/help/{pathway}",
        "1 report of this",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("Marsden"), "the case names nobody");
}
