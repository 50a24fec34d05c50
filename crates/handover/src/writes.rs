//! What an act will write, worked out before anything is written: pure rules make it, a service commits it whole.

use kith_contact::Notification;
use kith_contact::fields::{fresh_id, own_reference};
use kith_fhir::{Value, json};
use kith_trust::Change;

/// Resources to create and update, and notices to send, all or nothing.
#[derive(Debug, Clone, Default)]
pub struct Writes {
    pub creates: Vec<Value>,
    /// With the version each was read at.
    pub updates: Vec<(Value, u32)>,
    /// With the key that sends each once.
    pub notices: Vec<(String, Notification)>,
}

impl Writes {
    /// Adds a new resource, with a fresh id if it has none; returns its `Type/id`.
    pub fn create(&mut self, mut resource: Value) -> String {
        if resource.get("id").is_none() {
            resource["id"] = json!(fresh_id());
        }
        let reference = own_reference(&resource);
        self.creates.push(resource);
        reference
    }

    pub fn update(&mut self, resource: Value, if_version: u32) {
        self.updates.push((resource, if_version));
    }

    pub fn notify(&mut self, key: String, notice: Notification) {
        self.notices.push((key, notice));
    }

    pub fn append(&mut self, other: Self) {
        self.creates.extend(other.creates);
        self.updates.extend(other.updates);
        self.notices.extend(other.notices);
    }

    /// Puts everything into a change.
    pub fn add_to(self, change: &mut Change) {
        for resource in self.creates {
            change.create(resource);
        }
        for (resource, version) in self.updates {
            change.update(resource, version);
        }
        for (key, notice) in self.notices {
            notice.publish(change, &key);
        }
    }

    /// A change of its own; `reason` is short and without personal data.
    pub fn into_change(self, reason: &str) -> Change {
        let mut change = Change::new(reason);
        self.add_to(&mut change);
        change
    }
}
