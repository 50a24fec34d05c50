//! What signing in promises, asked of the real router: with the demonstration's providers, over the road used in earnest.

mod support;

use axum::http::StatusCode;
use jiff::SignedDuration;
use kith_trust::PROVED_FOR;
use support::{Browser, NOW, Place, place};

fn later(place: &Place, by: SignedDuration) {
    place.door.set_clock(Some(NOW.parse::<jiff::Timestamp>().unwrap() + by));
}

/// Chooses somebody and stops at the first step: where the provider is.
async fn begun(place: &Place, identity: &str) -> Browser {
    let mut browser = Browser::new(place);
    browser.get("/sign-in").await;
    let (token, key) = (browser.page.hidden("/sign-in", "_csrf"), browser.page.hidden("/sign-in", "_key"));
    browser.post_with("/sign-in", &token, &key, &[("identity", identity)]).await;
    browser
}

#[tokio::test]
async fn signing_in_goes_through_the_provider_with_pkce_state_and_nonce() {
    let place = place().await;
    let mut browser = begun(&place, "person:sore-throat").await;
    let to = browser.page.location().to_owned();
    assert!(to.starts_with("/demo/nhs-login/authorize?"), "{to}");
    for part in ["code_challenge=", "code_challenge_method=S256", "state=", "nonce=", "response_type=code", "vtr="] {
        assert!(to.contains(part), "{part} is not in {to}");
    }
    assert!(!to.contains("999"), "no NHS number travels in an address: {to}");
    browser.follow().await;
    assert!(browser.page.location().starts_with("/sign-in/back?code="), "{}", browser.page.location());
    browser.follow().await;
    assert_eq!(browser.page.location(), "/");
    browser.open("/").await.says("Leah Marsden");
}

#[tokio::test]
async fn an_answer_for_another_sign_in_lets_nobody_in() {
    let place = place().await;
    // An attacker's own answer, given to somebody else's browser: their session must not become the attacker's.
    let mut attacker = begun(&place, "person:sore-throat").await;
    attacker.follow().await;
    let answer = attacker.page.location().to_owned();
    let mut victim = begun(&place, "person:red-eye").await;
    assert_eq!(victim.get(&answer).await.status, StatusCode::BAD_REQUEST);
    victim.page.says("out of date");
    assert_eq!(victim.get("/").await.location(), "/sign-in");
    let mut nobody = Browser::new(&place);
    assert_eq!(nobody.get(&answer).await.status, StatusCode::BAD_REQUEST);
    // The answer itself is good once, and only once.
    assert_eq!(attacker.get(&answer).await.location(), "/");
    let mut again = attacker.clone();
    assert_eq!(again.get(&answer).await.status, StatusCode::BAD_REQUEST);
    for broken in
        ["/sign-in/back", "/sign-in/back?code=x", "/sign-in/back?state=x&code=y", "/sign-in/back?error=access_denied"]
    {
        assert_eq!(Browser::new(&place).get(broken).await.status, StatusCode::BAD_REQUEST, "{broken}");
    }
}

#[tokio::test]
async fn a_sign_in_begun_long_ago_comes_to_nothing() {
    let place = place().await;
    let mut browser = begun(&place, "person:sore-throat").await;
    browser.follow().await;
    later(&place, SignedDuration::from_mins(11));
    browser.follow().await;
    assert_eq!(browser.page.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn an_answer_with_a_changed_code_or_state_is_refused() {
    let place = place().await;
    for (part, with) in
        [("code=", "code=x"), ("state=", "state=x"), ("iss=https%3A%2F%2Fdemo", "iss=https%3A%2F%2Fevil")]
    {
        let mut browser = begun(&place, "staff:0").await;
        browser.follow().await;
        let answer = browser.page.location().replacen(part, with, 1);
        assert_ne!(answer, browser.page.location());
        assert!(!browser.get(&answer).await.status.is_success(), "{part}");
        assert_eq!(browser.get("/team").await.location(), "/sign-in?next=%2Fteam", "{part}");
    }
}

#[tokio::test]
async fn who_has_not_proved_who_they_are_gets_no_record_and_is_told_what_to_do() {
    let place = place().await;
    let mut browser = begun(&place, "unproved").await;
    browser.through_provider().await;
    assert_eq!(browser.page.status, StatusCode::FORBIDDEN);
    browser.page.says("Prove who you are to see your record").says("phone or visit your practice");
    browser.page.says("nhs-login?next=").says_not("Marsden").says_not("999 000");
    assert_eq!(browser.get("/").await.location(), "/sign-in");
}

#[tokio::test]
async fn staff_with_several_roles_choose_one_and_act_in_it_alone() {
    let place = place().await;
    let mut browser = begun(&place, "roles:0").await;
    browser.through_provider().await;
    assert_eq!(browser.page.location(), "/sign-in/role");
    assert_eq!(browser.clone().get("/team").await.location(), "/sign-in?next=%2Fteam", "no session before a choice");
    browser.follow().await;
    browser.page.says("In which role do you work now?").says("GP at");
    browser.post("/sign-in/role", &[]).await;
    assert_eq!(browser.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut second = browser.clone();
    browser.post("/sign-in/role", &[("role", "1")]).await;
    assert_eq!(browser.page.location(), "/team", "{}", browser.page.body);
    browser.open("/team").await.says("Urgent");
    second.post("/sign-in/role", &[("role", "0")]).await;
    assert_eq!(second.page.status, StatusCode::BAD_REQUEST, "one sign-in gives one session");
}

#[tokio::test]
async fn signing_in_again_gives_a_new_session_and_ends_the_old_one() {
    let place = place().await;
    let mut browser = Browser::signed_in(&place, "person:sore-throat").await;
    let first = browser.clone();
    browser.get("/sign-in").await;
    browser.post("/sign-in", &[("identity", "person:red-eye")]).await;
    browser.open("/").await.says("Desmond Bailey");
    let mut first = first;
    assert_eq!(first.get("/").await.location(), "/sign-in", "the secret from before is worth nothing");
    // A secret that somebody planted in the browser never becomes a session.
    let mut planted = Browser::new(&place);
    planted.plant("kith", &"A".repeat(43));
    planted.get("/sign-in").await;
    planted.post("/sign-in", &[("identity", "person:sore-throat")]).await;
    assert_ne!(planted.cookie("kith").unwrap(), "A".repeat(43));
}

#[tokio::test]
async fn sensitive_acts_ask_for_proof_again_after_ten_minutes() {
    let place = place().await;
    let mut browser = Browser::signed_in(&place, "person:sore-throat").await;
    browser.open("/acting/add").await;
    let waiting = browser.clone();
    later(&place, PROVED_FOR + SignedDuration::from_secs(1));
    browser.get("/acting/add").await;
    assert_eq!(browser.page.status, StatusCode::FORBIDDEN);
    browser.page.says("Prove it is you first");
    let mut form = waiting;
    form.post("/acting/add", &[("name", "Somebody")]).await;
    assert_eq!(form.page.status, StatusCode::FORBIDDEN, "a form opened before is refused as well");
    let again = browser.page.link("/sign-in/again");
    let before = browser.cookie("kith").unwrap();
    browser.get(&again).await;
    assert!(browser.page.location().contains("prompt=login"), "{}", browser.page.location());
    browser.through_provider().await;
    assert_eq!(browser.page.location(), "/acting/add", "{}", browser.page.body);
    assert_ne!(browser.cookie("kith").unwrap(), before, "under a new secret");
    browser.open("/acting/add").await;
    let mut officer = Browser::staff(&place, "privacy-officer").await;
    officer.open("/team/audit").await;
    later(&place, (PROVED_FOR + SignedDuration::from_secs(1)) * 2);
    assert_eq!(officer.get("/team/audit").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn somebody_sees_where_they_are_signed_in_and_ends_it_everywhere() {
    let place = place().await;
    let mut here = Browser::signed_in(&place, "person:sore-throat").await;
    let mut there = Browser::signed_in(&place, "person:sore-throat").await;
    let mut other = Browser::signed_in(&place, "person:red-eye").await;
    here.open("/sessions").await.says("this one").says("Sign out everywhere");
    assert_eq!(here.page.body.matches("action=\"/sessions/end\"").count(), 2, "mine and nobody else's");
    // Somebody else's handle ends nothing.
    other.open("/sessions").await;
    let theirs = other.page.hidden("/sessions/end", "handle");
    here.post("/sessions/end", &[("handle", &theirs)]).await;
    other.open("/").await;
    here.open("/sessions").await;
    here.post("/sessions/end-all", &[]).await;
    for browser in [&mut here, &mut there] {
        assert_eq!(browser.get("/").await.location(), "/sign-in");
    }
    other.open("/").await;
}

#[tokio::test]
async fn a_role_that_is_not_here_and_a_weak_proof_open_nothing_and_say_so() {
    // The rules themselves stand in `sign_in::staff` and `sign_in::roles`; here: an unknown way is no page.
    let place = place().await;
    let mut browser = Browser::new(&place);
    assert_eq!(browser.get("/sign-in/with/nonsense").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/sign-in/role").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(browser.get("/sign-in/again").await.location(), "/sign-in");
    assert_eq!(browser.get("/sign-in/account").await.status, StatusCode::NOT_FOUND);
}
