//! How far away something is: straight-line miles, and an estimate of the walk.

use serde::{Deserialize, Serialize};

/// Mean radius of the Earth in miles: 6371.0088 km (IUGG, Moritz 1980) at 1.609344 km a mile.
const EARTH_RADIUS_MILES: f64 = 3958.7613;

/// How much longer the way is than the straight line. 1.40 for England: Ballou, Rahardja and Sakai, "Selected country
/// circuity factors for road travel distance estimation", Transportation Research Part A 36 (2002) 843–848.
const WAY_OVER_LINE: f64 = 1.4;

/// Walking speed in miles an hour: 4.8 km/h, as in the Department for Transport's journey time statistics (2019).
const WALKING_MPH: f64 = 3.0;

/// A place on the Earth in decimal degrees, WGS84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub latitude: f64,
    pub longitude: f64,
}

impl Position {
    /// A position, if both numbers are on the globe.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let on_globe = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        on_globe.then_some(Self { latitude, longitude })
    }

    /// Straight-line distance in miles, by the haversine formula on a sphere (within 0.5% of the ellipsoid).
    pub fn miles_to(self, other: Self) -> f64 {
        let half_latitude = ((other.latitude - self.latitude).to_radians() / 2.0).sin();
        let half_longitude = ((other.longitude - self.longitude).to_radians() / 2.0).sin();
        let across = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let h = half_latitude * half_latitude + across * half_longitude * half_longitude;
        2.0 * EARTH_RADIUS_MILES * h.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// "0.6 miles", "1 mile", "12 miles", "less than 0.1 miles".
pub fn words(miles: f64) -> String {
    let tenths = (miles * 10.0).round();
    if tenths < 1.0 {
        "less than 0.1 miles".to_owned()
    } else if (tenths - 10.0).abs() < 0.5 {
        "1 mile".to_owned()
    } else if tenths >= 100.0 || tenths % 10.0 < 0.5 {
        format!("{:.0} miles", tenths / 10.0)
    } else {
        format!("{:.1} miles", tenths / 10.0)
    }
}

/// An estimate of the walk in minutes, at least 1, from the straight-line distance. Say that it is an estimate:
/// [`walking_words`] does.
pub fn walking_minutes(miles: f64) -> u32 {
    (miles * WAY_OVER_LINE / WALKING_MPH * 60.0).round().max(1.0) as u32
}

/// "about 17 minutes’ walk (estimate)"; `None` beyond an hour, where walking is no use to most people.
pub fn walking_words(miles: f64) -> Option<String> {
    match walking_minutes(miles) {
        1 => Some("about 1 minute’s walk (estimate)".to_owned()),
        minutes @ 2..=60 => Some(format!("about {minutes} minutes’ walk (estimate)")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_known_distance_is_right() {
        // Leeds and Manchester town halls, 35.6 miles apart by the WGS84 ellipsoid.
        let leeds = Position::new(53.8008, -1.5491).unwrap();
        let manchester = Position::new(53.4794, -2.2453).unwrap();
        let miles = leeds.miles_to(manchester);
        assert!((miles - 36.0).abs() < 1.0, "{miles}");
        // One minute of latitude is about one nautical mile, 1.1508 miles.
        let a = Position::new(53.0, -1.5).unwrap();
        let b = Position::new(53.0 + 1.0 / 60.0, -1.5).unwrap();
        assert!((a.miles_to(b) - 1.1508).abs() < 0.002);
    }

    #[test]
    fn distances_are_said_plainly() {
        let said: Vec<_> = [0.0, 0.04, 0.62, 0.97, 1.0, 1.26, 2.0, 9.94, 12.4].map(words).into();
        assert_eq!(
            said,
            [
                "less than 0.1 miles",
                "less than 0.1 miles",
                "0.6 miles",
                "1 mile",
                "1 mile",
                "1.3 miles",
                "2 miles",
                "9.9 miles",
                "12 miles"
            ]
        );
    }

    #[test]
    fn a_walk_is_called_an_estimate() {
        assert_eq!(walking_words(0.6).unwrap(), "about 17 minutes’ walk (estimate)");
        assert_eq!(walking_words(0.01).unwrap(), "about 1 minute’s walk (estimate)");
        assert_eq!(walking_words(5.0), None);
    }

    #[test]
    fn a_place_off_the_globe_is_refused() {
        assert!(Position::new(91.0, 0.0).is_none());
        assert!(Position::new(0.0, f64::NAN).is_none());
    }

    proptest! {
        #[test]
        fn distance_is_a_metric(
            a in (-90.0..90.0f64, -180.0..180.0f64), b in (-90.0..90.0f64, -180.0..180.0f64),
            c in (-90.0..90.0f64, -180.0..180.0f64),
        ) {
            let [a, b, c] = [a, b, c].map(|(lat, lon)| Position::new(lat, lon).unwrap());
            prop_assert!(a.miles_to(a) < 1e-6);
            prop_assert!((a.miles_to(b) - b.miles_to(a)).abs() < 1e-6);
            prop_assert!(a.miles_to(c) <= a.miles_to(b) + b.miles_to(c) + 1e-6);
        }
    }
}
