use jiff::Timestamp;

use super::common;
use crate::system;

view! {
    /// A time that can be booked.
    Slot
}

impl<'a> Slot<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// Whether it says it is free. Whether it may be given is for the store's occupancy to say.
    pub fn is_free(&self) -> bool {
        self.status() == Some("free")
    }

    /// Its calendar: `Schedule/…`
    pub fn schedule(&self) -> Option<&'a str> {
        common::reference(self.0, "schedule")
    }

    /// Start.
    pub fn start(&self) -> Option<Timestamp> {
        common::moment(self.0, "start")
    }

    /// End.
    pub fn end(&self) -> Option<Timestamp> {
        common::moment(self.0, "end")
    }

    /// Needs it may be booked for (`need`).
    pub fn needs(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "serviceType", system::CS_NEED)
    }
}
