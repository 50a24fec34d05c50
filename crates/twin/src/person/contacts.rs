//! Having been seen, letters, and what is booked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kith_fhir::system;
use serde_json::json;

use super::Record;
use crate::bookings::Booking;
use crate::chance::{Domain, id};
use crate::estate::key;
use crate::estate_fhir::slot_id;
use crate::shape::{code, instant, profile, reference};
use crate::tables::{ContactKind, TABLES};

impl Record<'_> {
    pub fn contacts(&mut self) {
        let table = &TABLES.contacts;
        let mean = table.rate[match self.who.age {
            0..=4 => 0,
            5..=15 => 1,
            16..=44 => 2,
            45..=64 => 3,
            65..=74 => 4,
            _ => 5,
        }];
        // More of those with long-term conditions.
        let mean = mean * (0.75 + 0.15 * self.conditions.len() as f64);
        let drawn = self.stream.count(mean);
        let count = self.who.cast.map_or(drawn, |member| member.contacts);
        let years = if count > 60 { 15.0 } else { 3.0 };
        let suitable: Vec<&ContactKind> = table
            .contact
            .iter()
            .filter(|c| {
                (c.from..=c.to).contains(&self.who.age) && c.sex.as_deref().is_none_or(|s| s == self.who.sex.code())
            })
            .collect();
        let span = ((years * 365.0) as i64).min(self.days_old() - 1).max(1);
        let mut days: Vec<i64> = (0..count)
            .map(|_| {
                // Nearer years weigh more: the square of a uniform.
                let draw = self.stream.unit();
                1 + (draw * draw * span as f64) as i64
            })
            .collect();
        days.sort_unstable_by(|a, b| b.cmp(a));
        let last = days.len().saturating_sub(1);
        for (n, back) in days.into_iter().enumerate() {
            let Some(kind) = (!suitable.is_empty()).then(|| *self.stream.pick(&suitable)) else { return };
            let (n_days, score) = (self.stream.between(2, 9), self.stream.between(11, 19));
            let mut note =
                self.stream.pick(&kind.notes).replace("{n}", &n_days.to_string()).replace("{m}", &score.to_string());
            let mut reason = kind.reason.as_str();
            if let (Some(member), true) = (self.who.cast, n == last)
                && !member.note.is_empty()
            {
                member.note.clone_into(&mut note);
                reason = "Review";
            }
            self.contact(kind, reason, &note, back);
        }
    }

    fn contact(&mut self, kind: &ContactKind, reason: &str, note: &str, back: i64) {
        let day = self.working_day(self.ago(back));
        if day < self.who.born {
            return;
        }
        let start = self.surgery_time();
        let phone = self.stream.chance(0.26);
        let (from, to) = (self.instant(day, start), self.instant(day, start + 10));
        let seen_by = self.usual(&kind.role);
        let participant = seen_by.iter().map(|who| json!({ "individual": who })).collect::<Vec<_>>();
        let encounter = json!({
            "meta": profile("Encounter"),
            "status": "finished",
            "class": {
                "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                "code": if phone { "VR" } else { "AMB" }
            },
            "subject": self.me(),
            "participant": participant,
            "period": { "start": from, "end": to },
            "reasonCode": [{ "text": reason }],
            "serviceProvider": self.practice_reference()
        });
        let encounter = self.add("Encounter", encounter);
        let mut impression = json!({
            "status": "completed",
            "subject": self.me(),
            "encounter": reference("Encounter", &encounter),
            "date": to,
            "summary": note
        });
        if let Some(seen_by) = seen_by {
            impression["assessor"] = seen_by;
        }
        self.add("ClinicalImpression", impression);
    }

    pub fn letters(&mut self) {
        for letter in &TABLES.contacts.letter {
            let fits = if letter.needs.is_empty() {
                self.who.age > 30 && self.stream.chance(0.06)
            } else {
                letter.needs.iter().any(|key| self.has(key)) && self.stream.chance(0.45)
            };
            if !fits {
                continue;
            }
            let back = self.stream.between(15, 900);
            let day = self.working_day(self.ago(back));
            let when = self.instant(day, 12 * 60);
            let body = json!({
                "meta": profile("DocumentReference"),
                "status": "current",
                "type": { "text": letter.title },
                "subject": self.me(),
                "date": when,
                "author": [self.usual("gp").unwrap_or_else(|| self.practice_reference())],
                "custodian": self.practice_reference(),
                "description": letter.title,
                "content": [{ "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "language": "en-GB",
                    "data": STANDARD.encode(&letter.text),
                    "title": letter.title,
                    "creation": day.to_string()
                } }]
            });
            self.add("DocumentReference", body);
        }
    }

    /// What is booked in the coming weeks: one Appointment for each taken slot.
    pub fn appointments(&mut self, bookings: &[Booking]) {
        let world = self.world;
        for booking in bookings {
            let calendar = &world.estate.calendars[booking.calendar];
            let service = &world.estate.services[calendar.service];
            let staff = &world.estate.staff[calendar.staff];
            let day = world.days[booking.time.day].date;
            let start = booking.time.start;
            let in_person = calendar.row.mode == "in-person";
            let place = match &staff.room_id {
                Some(room) if in_person => room,
                _ => &service.site_id,
            };
            let actors = [
                self.me(),
                reference("HealthcareService", &service.id),
                reference("Practitioner", &staff.practitioner_id),
                reference("Location", place),
            ];
            let made = self.ago(((booking.time.day as i64) / 2 + 1).min(10));
            let body = json!({
                "meta": profile("Appointment"),
                "extension": [{ "url": system::EXT_MODE, "valueCode": calendar.row.mode }],
                "status": "booked",
                "serviceType": [code(system::CS_NEED, booking.need)],
                "description": service.row.name,
                "start": instant(world.london, day, start),
                "end": instant(world.london, day, start + calendar.row.minutes),
                "minutesDuration": calendar.row.minutes,
                "slot": [reference("Slot", &slot_id(world.seed, booking.calendar, booking.time))],
                "created": self.instant(made, 10 * 60),
                "participant": actors.map(|actor| json!({ "actor": actor, "status": "accepted" }))
            });
            let id = id(world.seed, Domain::Appointment, booking.calendar as u64, key(booking.time));
            self.add_as("Appointment", &id, body);
        }
    }
}
