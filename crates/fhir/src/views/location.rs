use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// A place: a site, or a room of one.
    Location
}

impl<'a> Location<'a> {
    /// Its name as shown.
    pub fn name(&self) -> Option<&'a str> {
        common::text(self.0, "name")
    }

    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// Latitude and longitude, decimal degrees.
    pub fn position(&self) -> Option<(f64, f64)> {
        let position = self.0.get("position")?;
        common::position(position.get("latitude")?.as_f64()?, position.get("longitude")?.as_f64()?)
    }

    /// Its address as lines to print.
    pub fn address_lines(&self) -> Vec<&'a str> {
        self.0.get("address").map(common::address_lines).unwrap_or_default()
    }

    /// Its postcode.
    pub fn postcode(&self) -> Option<&'a str> {
        common::text(self.0.get("address")?, "postalCode")
    }

    /// Whether one gets in without steps.
    pub fn step_free(&self) -> bool {
        common::extension_value(self.0, system::EXT_STEP_FREE, "valueBoolean") == Some(&Value::Bool(true))
    }

    /// Whether it is a room.
    pub fn is_room(&self) -> bool {
        common::first_code(self.0, "physicalType") == Some("ro")
    }

    /// Whose it is: `Organization/…`
    pub fn managing_organization(&self) -> Option<&'a str> {
        common::reference(self.0, "managingOrganization")
    }

    /// The site of a room: `Location/…`
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
}
