//! Which of the services that can help comes first, and why, in words a person understands. Pure.
//!
//! What cannot be (whom a service is for, when it is open, steps) was decided by `kith_directory` and keeps an offer out.
//! What somebody wishes for only moves offers and is said as a caution. The numbers stand in `content/routing.toml`.

use std::cmp::Ordering;

use jiff::Timestamp;
use kith_contact::preferences::language_words;
use kith_directory::{
    Candidate, Clinician, LanguageMatch, Mode, Named, OpenState, PartOfDay, PersonFacts, Sex, WhyNot, distance, words,
};

use crate::{Disposition, Weights};

/// A service that may help, with its free times.
#[derive(Debug, Clone)]
pub struct Available {
    pub candidate: Candidate,
    pub free: Vec<kith_booking::Offer>,
}

/// Who knows the person, and whether that matters now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Continuity {
    /// The person lives with a long-term condition.
    pub long_term: bool,
    /// `Practitioner/…` of the usual GP or nurse.
    pub usual_clinician: Option<String>,
    /// Who saw the person about the same problem lately.
    pub seen: Vec<Seen>,
}

/// A visit about the same problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `HealthcareService/…` or `Organization/…`.
    pub by: Option<String>,
    /// `Practitioner/…`.
    pub clinician: Option<String>,
    pub when: jiff::civil::Date,
}

impl Continuity {
    fn matters(&self) -> bool {
        self.long_term || !self.seen.is_empty()
    }
}

/// A service offered, with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Id of the HealthcareService.
    pub service_id: String,
    pub service_name: String,
    /// "pharmacy".
    pub kind_words: String,
    /// Why it is a good choice, the most telling first.
    pub reasons: Vec<String>,
    /// In order of time.
    pub slots: Vec<SlotOffer>,
    /// Straight-line miles from home.
    pub distance_miles: Option<f64>,
    /// The person can go without booking.
    pub walk_in: Option<WalkIn>,
    /// Points by `content/routing.toml`; only their order means something.
    pub score: f64,
    /// What the person should know before choosing it: wishes it cannot meet, a time that is late.
    pub cautions: Vec<String>,
}

/// A time that can be held and booked.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotOffer {
    /// `Slot/…`.
    pub slot_ref: String,
    pub start: Timestamp,
    pub end: Timestamp,
    pub clinician: Option<Clinician>,
    pub mode: Mode,
    pub place: Option<Named>,
}

/// Going without booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkIn {
    /// From when: now, or when it opens.
    pub from: Timestamp,
    /// "Open until 8pm".
    pub words: String,
}

/// Puts what is available in order, the best first; the same input gives the same order. Leaves out what is not possible
/// for this person, services with nothing in time, and late times wherever something is in time.
pub fn rank(
    disposition: &Disposition,
    found: Vec<Available>,
    person: &PersonFacts,
    continuity: &Continuity,
    now: Timestamp,
    weights: &Weights,
) -> Vec<Offer> {
    let view = View {
        due: Weights::due(disposition.urgency, now),
        latest: weights.latest(disposition.urgency, now),
        at_home: disposition.at_home,
        person,
        continuity,
        now,
        weights,
    };
    let possible = found.into_iter().filter(|f| f.candidate.why_not.iter().all(WhyNot::is_wish));
    let mut drafts: Vec<Draft> = possible.map(|f| view.draft(f)).collect();
    if drafts.iter().any(|draft| draft.in_time(view.due)) {
        for draft in &mut drafts {
            draft.times.retain(|time| time.start <= view.due);
            draft.walk_in = draft.walk_in.take().filter(|walk_in| walk_in.from <= view.due);
        }
    }
    let mut offers: Vec<Offer> =
        drafts.into_iter().filter(|d| !d.times.is_empty() || d.walk_in.is_some()).map(|d| view.offer(d)).collect();
    offers.sort_by(by_score);
    offers
}

fn by_score(a: &Offer, b: &Offer) -> Ordering {
    let first = |offer: &Offer| {
        let slot = offer.slots.first().map(|slot| slot.start);
        slot.into_iter().chain(offer.walk_in.as_ref().map(|walk_in| walk_in.from)).min()
    };
    let miles = |offer: &Offer| offer.distance_miles.unwrap_or(f64::INFINITY);
    b.score
        .total_cmp(&a.score)
        .then_with(|| first(a).cmp(&first(b)))
        .then_with(|| miles(a).total_cmp(&miles(b)))
        .then_with(|| (&a.service_name, &a.service_id).cmp(&(&b.service_name, &b.service_id)))
}

/// A service with the times of it that could be.
struct Draft {
    candidate: Candidate,
    times: Vec<kith_booking::Offer>,
    walk_in: Option<WalkIn>,
}

impl Draft {
    fn in_time(&self, due: Timestamp) -> bool {
        self.times.iter().any(|time| time.start <= due) || self.walk_in.as_ref().is_some_and(|w| w.from <= due)
    }

    fn comes_to_you(&self) -> bool {
        self.candidate.service.has("home-visits")
    }
}

struct View<'a> {
    /// Nobody is seen anywhere but at home.
    at_home: bool,
    due: Timestamp,
    latest: Timestamp,
    person: &'a PersonFacts,
    continuity: &'a Continuity,
    now: Timestamp,
    weights: &'a Weights,
}

impl View<'_> {
    fn draft(&self, found: Available) -> Draft {
        let Available { candidate, free } = found;
        let comes_to_you = candidate.service.has("home-visits");
        // Where the way in has steps, those who cannot climb them are only offered what is not done there; nobody who
        // cannot travel is offered anything that is done elsewhere.
        let steps = self.person.needs_step_free() && !candidate.step_free;
        let barred = (steps || self.at_home) && !comes_to_you;
        let mut times: Vec<_> = free
            .into_iter()
            .filter(|time| time.start > self.now && time.start <= self.latest)
            .filter(|time| !(barred && time.mode == Mode::InPerson))
            .collect();
        times.sort_by(|a, b| (a.start, &a.slot).cmp(&(b.start, &b.slot)));
        times.dedup_by(|a, b| a.slot == b.slot);
        let opens = match candidate.open {
            OpenState::Open { .. } => Some(self.now),
            OpenState::Closed { next, .. } => next,
            OpenState::Unknown => None,
        };
        let walk_in = opens
            .filter(|from| !candidate.service.appointment_required && !barred && *from <= self.latest)
            .map(|from| WalkIn { from, words: candidate.open.words(self.now) });
        Draft { candidate, times, walk_in }
    }

    fn offer(&self, draft: Draft) -> Offer {
        let points = &self.weights.points;
        let mut times: Vec<(f64, &kith_booking::Offer)> =
            draft.times.iter().map(|time| (self.points_of(time), time)).collect();
        times.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1.start, &a.1.slot).cmp(&(b.1.start, &b.1.slot))));
        times.truncate(self.weights.show.times.max(1));
        let walk_in = draft.walk_in.as_ref().map(|w| self.timeliness(w.from) + points.walk_in);
        let best = times.first().map(|(score, _)| *score).into_iter().chain(walk_in).fold(f64::MIN, f64::max);
        let mut slots: Vec<SlotOffer> = times.into_iter().map(|(_, time)| slot_offer(time)).collect();
        slots.sort_by(|a, b| (a.start, &a.slot_ref).cmp(&(b.start, &b.slot_ref)));
        let service = &draft.candidate.service;
        Offer {
            service_id: service.id.clone(),
            service_name: service.name.clone(),
            kind_words: service.kind_words().to_owned(),
            reasons: self.reasons(&draft, &slots),
            cautions: self.cautions(&draft, &slots),
            distance_miles: draft.candidate.distance_miles,
            score: best + self.points_of_service(&draft, &slots),
            walk_in: draft.walk_in,
            slots,
        }
    }

    fn timeliness(&self, start: Timestamp) -> f64 {
        let points = &self.weights.points;
        if start <= self.due {
            let whole = self.due.duration_since(self.now).as_secs_f64().max(1.0);
            let wait = start.duration_since(self.now).as_secs_f64().max(0.0);
            points.soon * (1.0 - wait / whole)
        } else {
            points.late + points.late_per_day * start.duration_since(self.due).as_secs_f64() / 86_400.0
        }
    }

    fn points_of(&self, time: &kith_booking::Offer) -> f64 {
        let points = &self.weights.points;
        let wishes = &self.person.preferences;
        let mut score = self.timeliness(time.start);
        if wishes.mode.is_some_and(|mode| mode != time.mode) {
            score += points.other_mode;
        }
        if wishes.when.is_some_and(|when| PartOfDay::of(time.start) != when) {
            score += points.other_part_of_day;
        }
        if wishes.female_clinician && time.practitioner.as_ref().is_none_or(|c| c.sex != Some(Sex::Female)) {
            score += points.no_woman;
        }
        if let Some(clinician) = time.practitioner.as_ref().filter(|_| self.continuity.matters()) {
            if self.is_usual(clinician) {
                score += points.usual_clinician;
            } else if self.has_seen(clinician) {
                score += points.seen_clinician;
            }
        }
        score
    }

    fn points_of_service(&self, draft: &Draft, slots: &[SlotOffer]) -> f64 {
        let points = &self.weights.points;
        let candidate = &draft.candidate;
        let mut score = 0.0;
        let in_person = draft.walk_in.is_some() || slots.iter().any(|slot| slot.mode == Mode::InPerson);
        if in_person && !draft.comes_to_you() {
            score += points.per_mile * candidate.distance_miles.unwrap_or(points.unknown_miles).min(points.most_miles);
        }
        if too_far(candidate) {
            score += points.too_far;
        }
        if self.continuity.matters() && (candidate.knows_person || self.seen_at(candidate).is_some()) {
            score += points.known_service;
        }
        if candidate.language == LanguageMatch::Spoken {
            score += points.language;
        }
        if self.person.needs_step_free() && candidate.step_free {
            score += points.step_free;
        }
        if candidate.open.is_open() {
            score += points.open_now;
        }
        score
    }

    fn is_usual(&self, clinician: &Clinician) -> bool {
        self.continuity.usual_clinician.as_deref() == Some(clinician.reference.as_str())
    }

    fn has_seen(&self, clinician: &Clinician) -> bool {
        self.continuity.seen.iter().any(|seen| seen.clinician.as_deref() == Some(clinician.reference.as_str()))
    }

    /// When the service saw the person about the same problem last.
    fn seen_at(&self, candidate: &Candidate) -> Option<jiff::civil::Date> {
        let organization = candidate.service.organization.as_ref().map(|o| o.reference.as_str());
        let here = |by: &String| *by == candidate.service.reference || Some(by.as_str()) == organization;
        self.continuity.seen.iter().filter(|seen| seen.by.as_ref().is_some_and(here)).map(|seen| seen.when).max()
    }

    fn reasons(&self, draft: &Draft, slots: &[SlotOffer]) -> Vec<String> {
        let candidate = &draft.candidate;
        let service = &candidate.service;
        let today = words::london(self.now).date();
        let day = |start: Timestamp| words::day(words::london(start).date(), today);
        let mut reasons = Vec::new();
        let with = |who: &dyn Fn(&Clinician) -> bool| slots.iter().find(|s| s.clinician.as_ref().is_some_and(who));
        if let Some(slot) = with(&|clinician| self.is_usual(clinician)) {
            let role = slot.clinician.as_ref().and_then(|clinician| clinician.role.as_deref());
            let who = match role {
                Some("gp") | None => "GP",
                Some("nurse") => "nurse",
                Some(_) => "clinician",
            };
            reasons.push(format!("Your usual {who} is free {}", day(slot.start)));
        } else if let Some(slot) = with(&|clinician| self.has_seen(clinician)) {
            let name = slot.clinician.as_ref().map_or("Who", |clinician| clinician.name.as_str());
            reasons.push(format!("{name}, who saw you about this, is free {}", day(slot.start)));
        } else if let Some(when) = self.seen_at(candidate) {
            reasons.push(format!("Saw you about this {}", words::day(when, today)));
        } else if service.kind == "general-practice" && candidate.knows_person {
            reasons.push("Your own practice".to_owned());
        }
        if self.weights.words.without_gp.contains(&service.kind) {
            reasons.push("Can treat this without a GP visit".to_owned());
        }
        if candidate.open.is_open() {
            reasons.push(candidate.open.words(self.now));
        }
        if draft.comes_to_you() {
            reasons.push("Can come to your home".to_owned());
        } else if let Some(miles) = candidate.distance_miles.filter(|_| !too_far(candidate)) {
            reasons.push(format!("{} away", capital(&distance::words(miles))));
        }
        if candidate.language == LanguageMatch::Spoken
            && let Some(language) = self.person.language.as_deref()
        {
            reasons.push(format!("Speaks {}", language_words(language)));
        }
        if candidate.step_free && self.person.needs_step_free() {
            reasons.push("Step-free".to_owned());
        }
        let wishes = &self.person.preferences;
        if wishes.female_clinician && slots.iter().any(is_with_woman) {
            reasons.push("You can see a woman".to_owned());
        }
        if let Some(mode) = wishes.mode.filter(|mode| slots.iter().any(|slot| slot.mode == *mode)) {
            reasons.push(format!("Can be done {}, as you asked", mode.words()));
        }
        if let Some(when) = wishes.when.filter(|when| slots.iter().any(|slot| PartOfDay::of(slot.start) == *when)) {
            reasons.push(format!("Has times in the {}, as you asked", when.code()));
        }
        reasons
    }

    fn cautions(&self, draft: &Draft, slots: &[SlotOffer]) -> Vec<String> {
        let wishes = &self.person.preferences;
        let mut cautions = Vec::new();
        let in_time = |slot: &SlotOffer| slot.start <= self.due;
        let walk_in_time = draft.walk_in.as_ref().is_some_and(|walk_in| walk_in.from <= self.due);
        if !walk_in_time && !slots.iter().any(in_time) {
            cautions.push("This is later than you should be seen. Use 111 if you get worse before then".to_owned());
        }
        for reason in &draft.candidate.why_not {
            if matches!(reason, WhyNot::TooFar(_)) {
                cautions.push(capital(&reason.words(self.now)));
            }
        }
        if let Some(mode) = wishes.mode.filter(|mode| slots.iter().all(|slot| slot.mode != *mode)) {
            cautions.push(capital(&WhyNot::NoMode(mode).words(self.now)));
        }
        if wishes.female_clinician && !slots.iter().any(is_with_woman) {
            cautions.push("No time with a woman".to_owned());
        }
        if let Some(when) = wishes.when.filter(|when| slots.iter().all(|slot| PartOfDay::of(slot.start) != *when)) {
            cautions.push(format!("No times in the {}", when.code()));
        }
        if draft.candidate.language == LanguageMatch::Interpreter {
            cautions.push("An interpreter has to be booked".to_owned());
        }
        if self.person.needs_step_free() && !draft.candidate.step_free && !draft.comes_to_you() {
            cautions.push("The building has steps, so this is not done there".to_owned());
        }
        cautions
    }
}

fn too_far(candidate: &Candidate) -> bool {
    candidate.why_not.iter().any(|reason| matches!(reason, WhyNot::TooFar(_)))
}

fn is_with_woman(slot: &SlotOffer) -> bool {
    slot.clinician.as_ref().is_some_and(|clinician| clinician.sex == Some(Sex::Female))
}

fn slot_offer(time: &kith_booking::Offer) -> SlotOffer {
    SlotOffer {
        slot_ref: time.slot.clone(),
        start: time.start,
        end: time.end,
        clinician: time.practitioner.clone(),
        mode: time.mode,
        place: time.place.clone(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
