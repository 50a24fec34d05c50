use serde_json::Value;

use super::common;
use crate::identifier::{self, Register};

view! {
    /// A professional or other member of staff.
    Practitioner
}

impl<'a> Practitioner<'a> {
    /// The name to show. Empty where there is none.
    pub fn name(&self) -> String {
        common::Name::best(self.0).map(|name| name.line()).unwrap_or_default()
    }

    /// Title.
    pub fn title(&self) -> Option<&'a str> {
        common::Name::best(self.0)?.prefix()
    }

    /// `male`, `female`, `other` or `unknown`.
    pub fn gender(&self) -> Option<&'a str> {
        common::text(self.0, "gender")
    }

    /// The registers they are on, with their numbers there.
    pub fn registrations(&self) -> Vec<(Register, &'a str)> {
        Register::ALL
            .into_iter()
            .filter_map(|register| Some((register, identifier::of(self.0, register.system())?)))
            .collect()
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}
