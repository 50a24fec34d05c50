//! The embedded store keeps what every backend promises, and what only it can be asked: planted damage is found, a kill or
//! a full disk loses nothing.

mod attachments;
mod checkpoints;
#[path = "../conformance/mod.rs"]
mod conformance;
mod crash;
mod damage;
mod disk;

use std::path::Path;
use std::sync::Arc;

use conformance::{Fresh, conformance, model, searching};
use kith_store::sqlite::{Options, Sqlite};
use proptest::collection::vec;
use proptest::prelude::*;

/// Not durable against power cuts: tests need no syncs.
fn open(folder: &Path) -> Arc<Sqlite> {
    Arc::new(Sqlite::open(folder, &Options { durable: false, ..Options::default() }).unwrap())
}

fn fresh_now() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    Fresh { store: open(folder.path()), _keep: Box::new(folder) }
}

async fn fresh() -> Fresh {
    tokio::task::spawn_blocking(fresh_now).await.unwrap()
}

conformance!(fresh);

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_and_model_agree(acts in model::acts()) {
        block_on(async {
            let store = fresh_now();
            model::store_and_model_agree(&store, &acts).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_filter_over_everything_finds(
        values in searching::resources(), asks in vec(searching::queries(), 12), count in 1usize..8
    ) {
        block_on(async {
            let store = fresh_now();
            searching::agrees_with_a_filter(&store, &values, &asks, count).await;
        });
    }
}

#[tokio::test]
async fn two_processes_may_write_one_after_the_other() {
    use conformance::{Act, assert_sound, patient};
    let folder = tempfile::tempdir().unwrap();
    let server: Arc<dyn kith_store::Store> = open(folder.path());
    let tool: Arc<dyn kith_store::Store> = open(folder.path());
    for n in 0..4 {
        // As `kith token` does beside a running server: each sees what the other wrote, the chain stays one.
        Act::new(n).create(patient(&format!("s{n}"))).commit(&server).await.unwrap();
        assert_eq!(server.compartment(&format!("t{n}")).await.unwrap().len(), 0);
        Act::new(n).create(patient(&format!("t{n}"))).commit(&tool).await.unwrap();
        assert_eq!(server.compartment(&format!("t{n}")).await.unwrap().len(), 1);
    }
    assert_eq!(server.verify_audit(None).await.unwrap().entries, 8);
    assert_sound(&server).await;
    assert_sound(&tool).await;
}
