//! What accounts of this site promise, asked of the real router.

mod support;

use axum::http::{StatusCode, header};
use jiff::SignedDuration;
use kith_trust::{AccountOf, totp};
use kith_twin::STAFF_CAST;
use support::{Browser, NOW, Place, in_earnest};

const LEAH: &str = "Patient/ca570000-0000-8000-8000-000000000001";
const PASSWORD: &str = "violet-kettle-osprey";

/// The step of codes after the present one, so that no test uses a code twice.
fn later(place: &Place, seconds: i64) {
    let at = NOW.parse::<jiff::Timestamp>().unwrap() + SignedDuration::from_secs(seconds);
    place.door.set_clock(Some(at));
}

fn code(place: &Place, secret: &str) -> String {
    totp::code_now(secret, place.door.now()).unwrap()
}

/// Sets an account up through the pages; gives the app's secret and the recovery codes.
async fn set_up(place: &Place, name: &str, of: AccountOf) -> (String, Vec<String>) {
    let given = place.door.add_account(name, of).await.unwrap();
    let mut browser = Browser::new(place);
    browser.open("/sign-in/account/start").await;
    browser.post("/sign-in/account/start", &[("name", name), ("code", "AAAA-BBBB")]).await;
    assert_eq!(browser.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    browser.post("/sign-in/account/start", &[("name", name), ("code", &given.to_lowercase())]).await;
    browser.page.says("Choose a password and add your app");
    let secret = browser.page.body.split("secret=").nth(1).unwrap();
    let secret: String = secret.chars().take_while(char::is_ascii_alphanumeric).collect();
    let hidden = [("name", name), ("code", given.as_str())];
    let send = |password: &str, first: &str| {
        let mut fields = hidden.iter().copied().map(|(k, v)| (k, v.to_owned())).collect::<Vec<_>>();
        fields.extend([("password", password.to_owned()), ("first", first.to_owned())]);
        fields
    };
    for (password, first, said) in
        [("short", code(place, &secret), "12 characters or more"), (PASSWORD, "000000".to_owned(), "is not right")]
    {
        let fields = send(password, &first);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        browser.post("/sign-in/account/set-up", &fields).await;
        assert_eq!(browser.page.status, StatusCode::UNPROCESSABLE_ENTITY);
        browser.page.says(said).says_not("short\"");
    }
    let fields = send(PASSWORD, &code(place, &secret));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
    browser.post("/sign-in/account/set-up", &fields).await;
    browser.page.says("Keep these recovery codes");
    let list = browser.page.body.split("<ul class=\"nhsuk-list nhsuk-list--bullet\">").nth(1).unwrap();
    let list = list.split("</ul>").next().unwrap();
    let codes: Vec<String> = list.split("<li>").skip(1).map(|c| c.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    // The set-up code is used up.
    let mut again = Browser::new(place);
    again.open("/sign-in/account/start").await;
    again.post("/sign-in/account/start", &[("name", name), ("code", &given)]).await;
    assert_eq!(again.page.status, StatusCode::UNPROCESSABLE_ENTITY);
    (secret, codes)
}

async fn attempt(browser: &mut Browser, name: &str, password: &str, code: &str) -> StatusCode {
    browser.open("/sign-in/account").await;
    browser.post("/sign-in/account", &[("name", name), ("password", password), ("code", code)]).await;
    browser.page.status
}

#[tokio::test]
async fn an_account_signs_in_with_password_and_code_and_each_code_works_once() {
    let place = in_earnest(false).await;
    let (secret, recovery) = set_up(&place, "leah", AccountOf::Person(LEAH.to_owned())).await;
    later(&place, 60);
    let right = code(&place, &secret);
    let mut browser = Browser::new(&place);
    for (name, password, code) in [
        ("leah", "violet-kettle-ospre", right.as_str()),
        ("leah", PASSWORD, "123456"),
        ("nobody", PASSWORD, right.as_str()),
    ] {
        assert_eq!(attempt(&mut browser, name, password, code).await, StatusCode::UNPROCESSABLE_ENTITY);
        browser.page.says("is not right").says_not(password);
        browser = Browser::new(&place);
    }
    assert_eq!(attempt(&mut browser, "Leah ", PASSWORD, &right).await, StatusCode::SEE_OTHER);
    browser.open("/").await.says("Leah Marsden");
    let mut second = Browser::new(&place);
    assert_eq!(attempt(&mut second, "leah", PASSWORD, &right).await, StatusCode::UNPROCESSABLE_ENTITY, "seen and used");
    let mut lost = Browser::new(&place);
    assert_eq!(attempt(&mut lost, "leah", PASSWORD, &recovery[0]).await, StatusCode::SEE_OTHER);
    let mut lost = Browser::new(&place);
    assert_eq!(attempt(&mut lost, "leah", PASSWORD, &recovery[0]).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(place.door.accounts().await.unwrap()[0].recovery_codes_left, 9);
}

#[tokio::test]
async fn a_reset_or_disabled_account_ends_every_session_and_opens_nothing() {
    let place = in_earnest(false).await;
    let nurse = STAFF_CAST.iter().find(|member| member.role == "nurse").unwrap();
    let post = AccountOf::Post(format!("PractitionerRole/{}", nurse.practitioner_role_id));
    let (secret, _) = set_up(&place, "nurse.one", post).await;
    later(&place, 60);
    let mut browser = Browser::new(&place);
    let now = code(&place, &secret);
    assert_eq!(attempt(&mut browser, "nurse.one", PASSWORD, &now).await, StatusCode::SEE_OTHER);
    assert_eq!(browser.page.location(), "/team");
    browser.open("/team").await;
    place.door.reset_account("nurse.one").await.unwrap();
    assert!(browser.get("/team").await.location().starts_with("/sign-in"));
    later(&place, 120);
    let now = code(&place, &secret);
    assert_eq!(attempt(&mut browser, "nurse.one", PASSWORD, &now).await, StatusCode::UNPROCESSABLE_ENTITY);
    place.door.disable_account("nurse.one").await.unwrap();
    assert_eq!(place.door.accounts().await.unwrap()[0].state, "disabled");
}

#[tokio::test]
async fn wrong_tries_elsewhere_do_not_lock_the_holder_out_of_their_own_browser() {
    let place = in_earnest(false).await;
    let (secret, _) = set_up(&place, "leah", AccountOf::Person(LEAH.to_owned())).await;
    later(&place, 60);
    let mut own = Browser::new(&place);
    let now = code(&place, &secret);
    assert_eq!(attempt(&mut own, "leah", PASSWORD, &now).await, StatusCode::SEE_OTHER);
    let mut waits = false;
    for _ in 0..8 {
        let mut attacker = Browser::new(&place);
        waits |= attempt(&mut attacker, "leah", "a wrong password", "000000").await == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(waits, "guessing is slowed down");
    later(&place, 120);
    let now = code(&place, &secret);
    assert_eq!(attempt(&mut own, "leah", PASSWORD, &now).await, StatusCode::SEE_OTHER, "{}", own.page.body);
}

#[tokio::test]
async fn pages_carry_the_headers_that_keep_them_private_and_cookies_are_bound_to_the_host() {
    let place = in_earnest(true).await;
    let mut browser = Browser::new(&place);
    browser.open("/sign-in").await;
    let headers = browser.page.headers.clone();
    let of = |name: &str| headers.get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
    assert!(of("strict-transport-security").starts_with("max-age=63072000"), "{headers:?}");
    assert_eq!(of("referrer-policy"), "same-origin");
    assert_eq!(of("cache-control"), "no-store");
    assert_eq!(of("x-content-type-options"), "nosniff");
    assert!(of("permissions-policy").contains("camera=()"));
    let csp = of("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(csp.contains(part), "{csp}");
    }
    assert!(!csp.contains("unsafe"), "{csp}");
    for cookie in headers.get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for part in ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let (secret, _) = set_up(&place, "leah", AccountOf::Person(LEAH.to_owned())).await;
    later(&place, 60);
    let now = code(&place, &secret);
    assert_eq!(attempt(&mut browser, "leah", PASSWORD, &now).await, StatusCode::SEE_OTHER);
    assert!(browser.cookie("__Host-kith").is_some() && browser.cookie("kith").is_none());
    browser.open("/record").await;
    assert_eq!(browser.page.headers.get("cache-control").unwrap(), "no-store");
    assert!(!in_earnest(false).await.app_has_hsts().await, "over plain HTTP there is no promise of TLS to keep");
}
