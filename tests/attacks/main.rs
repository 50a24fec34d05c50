//! Attacks on the running program, over a real socket: each item of the OWASP API security top ten (2023) and of ASVS 4.0.3
//! level 2 that applies, tried and refused. `attempts.md` beside this lists every attempt; write it anew with
//! `KITH_WRITE_TABLES=1 cargo test -p kith --test attacks`.
//!
//! An attempt is counted only when it was really sent and what came back was looked at. A suite that cannot see a hole is
//! worth nothing, so `a_hole_would_be_seen` proves that the judges here say no to answers that give something away.

mod access;
mod authentication;
mod forms;
mod injection;
mod ledger;
mod machines;
mod protocol;
mod site;
#[path = "../../crates/kith/tests/support/mod.rs"]
mod support;
mod uploads;
mod walk;
mod wire;

use ledger::Ledger;
use site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_is_refused() {
    let site = Site::start().await;
    let mut ledger = Ledger::default();
    // Who speaks slowly is waited for while the others are tried.
    let slow = tokio::spawn(protocol::slow(site.address.clone()));

    access::objects(&site, &mut ledger).await;
    access::functions(&site, &mut ledger).await;
    access::properties(&site, &mut ledger).await;
    access::enumeration(&site, &mut ledger).await;
    authentication::sessions(&site, &mut ledger).await;
    authentication::tokens(&site, &mut ledger).await;
    forms::cross_site(&site, &mut ledger).await;
    forms::redirects(&site, &mut ledger).await;
    forms::replays(&site, &mut ledger).await;
    injection::stored(&site, &mut ledger).await;
    injection::reflected(&site, &mut ledger).await;
    injection::addresses(&site, &mut ledger).await;
    injection::numbers(&site, &mut ledger).await;
    machines::bodies(&site, &mut ledger).await;
    machines::elsewhere(&site, &mut ledger).await;
    machines::hostile_records(&site, &mut ledger).await;
    uploads::photos(&site, &mut ledger).await;
    protocol::heads(&site, &mut ledger).await;
    protocol::configuration(&site, &mut ledger).await;
    protocol::inventory(&site, &mut ledger).await;
    protocol::slow_ends(&mut ledger, slow.await.unwrap());

    // After all of it the server answers, the record is whole and its audit chain unbroken.
    site.is_well().await;
    ledger.finish();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_yours_is_not_there_on_any_address() {
    walk::every_address().await;
}

#[test]
fn a_hole_would_be_seen() {
    wire::sees_holes();
    injection::sees_holes();
}
