//! A Door for the tests of other rooms.

use crate::{Door, DoorConfig, Error};

/// A Door on a temporary folder that goes when this does. Not durable: tests need no disk syncs.
pub struct TestDoor {
    pub door: Door,
    pub folder: tempfile::TempDir,
}

impl std::ops::Deref for TestDoor {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// Opens one with the built-in agreement.
pub async fn door() -> Result<TestDoor, Error> {
    let folder = tempfile::tempdir().map_err(|e| Error::Storage(e.to_string()))?;
    let mut config = DoorConfig::new(folder.path());
    config.durable = false;
    Ok(TestDoor { door: Door::open(config).await?, folder })
}
