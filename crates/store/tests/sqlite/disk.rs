//! A full disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kith_fhir::json;
use kith_store::{Store, StoreError};

use crate::conformance::{Act, assert_sound, observation, patient};

/// A small file system of its own, taken away when this goes.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|out| out.status.success());
        mounted.then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn incompressible(n: i64) -> String {
    // splitmix64, so that the disk fills as fast as it looks.
    let mut state = n as u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (0..1500).fold(String::new(), |text, _| text + &format!("{:016x}", next()))
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let Some(small) = Small::mount(6) else {
        println!("not tested here: a small file system cannot be mounted");
        return;
    };
    let ballast: PathBuf = small.path().join("ballast");
    std::fs::write(&ballast, vec![7u8; 1 << 20]).unwrap();
    crate::block_on(async {
        let store: Arc<dyn Store> = crate::open(small.path());
        Act::new(0).create(patient("a")).commit(&store).await.unwrap();
        let put = |n: i64| {
            let mut value = observation(&format!("o{n}"), "a", n);
            value["note"] = json!([{"text": incompressible(n)}]);
            Act::new(n).create(value)
        };
        let mut accepted = Vec::new();
        let mut refused = 0;
        // Eight at a time, so that one transaction holds commits that fitted and one that did not.
        for round in 0..200 {
            let tries: Vec<_> = (0..8)
                .map(|i| {
                    let (store, n) = (store.clone(), round * 8 + i);
                    let act = put(n);
                    tokio::spawn(async move { (n, act.commit(&store).await) })
                })
                .collect();
            for one in tries {
                match one.await.unwrap() {
                    (n, Ok(_)) => accepted.push(n),
                    (_, Err(StoreError::Full)) => refused += 1,
                    (n, Err(other)) => panic!("{n}: {other:?}"),
                }
            }
            if refused > 20 {
                break;
            }
        }
        assert!(refused > 20 && accepted.len() > 20, "{} accepted, {refused} refused", accepted.len());
        let all_there = async |store: &Arc<dyn Store>, accepted: &[i64]| {
            assert_eq!(store.compartment("a").await.unwrap().len(), accepted.len() + 1);
            for n in accepted {
                assert!(store.read("Observation", &format!("o{n}")).await.unwrap().is_some(), "o{n} was accepted");
            }
        };
        all_there(&store, &accepted).await;
        assert_eq!(store.audit_after(0, 10_000).await.unwrap().len(), accepted.len() + 1);
        // Somebody makes room, and the same process goes on.
        std::fs::remove_file(&ballast).unwrap();
        for n in 10_000..10_005 {
            put(n).commit(&store).await.unwrap();
            accepted.push(n);
        }
        all_there(&store, &accepted).await;
        assert_sound(&store).await;
        store.close().await.unwrap();
        let store: Arc<dyn Store> = crate::open(small.path());
        all_there(&store, &accepted).await;
        assert_sound(&store).await;
        store.close().await.unwrap();
    });
}
