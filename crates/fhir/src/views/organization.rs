use serde_json::Value;

use super::common;
use crate::{identifier, system};

view! {
    /// An organisation.
    Organization
}

impl<'a> Organization<'a> {
    /// Its name as shown.
    pub fn name(&self) -> Option<&'a str> {
        common::text(self.0, "name")
    }

    /// ODS code.
    pub fn ods_code(&self) -> Option<&'a str> {
        identifier::of(self.0, system::ODS_ORGANISATION)
    }

    /// Kinds of provider (`service-kind`).
    pub fn kinds(&self) -> Vec<&'a str> {
        common::codes_in(self.0, "type", system::CS_SERVICE_KIND)
    }

    /// What it is part of: `Organization/…`
    pub fn part_of(&self) -> Option<&'a str> {
        common::reference(self.0, "partOf")
    }

    /// Telephone number.
    pub fn phone(&self) -> Option<&'a str> {
        common::telecom(self.0, "phone")
    }

    /// Email address.
    pub fn email(&self) -> Option<&'a str> {
        common::telecom(self.0, "email")
    }

    /// Its address as lines to print.
    pub fn address_lines(&self) -> Vec<&'a str> {
        common::address(self.0).map(common::address_lines).unwrap_or_default()
    }

    /// Its postcode.
    pub fn postcode(&self) -> Option<&'a str> {
        common::text(common::address(self.0)?, "postalCode")
    }

    /// Whether it is in use.
    pub fn active(&self) -> bool {
        self.0.get("active") != Some(&Value::Bool(false))
    }
}
