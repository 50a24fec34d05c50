//! Who can do this for this person, when, how far away, and why not: pure rules over a [`Directory`].

use crate::directory::Directory;
use crate::distance::{self, Position};
use crate::hours::OpenState;
use crate::model::{Eligibility, Mode, Place, Service, Sex};
use crate::person::PersonFacts;
use crate::words;
use jiff::Timestamp;
use std::sync::Arc;

/// A service of the right kind, and whether it can help.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub service: Arc<Service>,
    /// No reason stands against it.
    pub eligible: bool,
    /// Every reason that stands against it, the ones nobody can change first.
    pub why_not: Vec<WhyNot>,
    /// Its place nearest to the person's home.
    pub place: Option<Arc<Place>>,
    /// Straight-line miles from home to `place`; `None` where either is not on the map.
    pub distance_miles: Option<f64>,
    pub open: OpenState,
    pub language: LanguageMatch,
    pub step_free: bool,
    /// Ways its calendars can be booked; empty if it keeps none.
    pub modes: Vec<Mode>,
    /// A woman works there, as far as is on record.
    pub female_clinician: bool,
    /// It is, or belongs to, the person's own practice, or knows them already.
    pub knows_person: bool,
}

impl Candidate {
    /// Whether only the person's own wishes stand against it: it may be shown as "further than you asked for".
    pub fn only_wishes_against(&self) -> bool {
        !self.why_not.is_empty() && self.why_not.iter().all(WhyNot::is_wish)
    }

    /// The reasons in one line: "not taking new NHS adults; 2.4 miles, more than you asked for".
    pub fn why_not_words(&self, now: Timestamp) -> String {
        let reasons: Vec<String> = self.why_not.iter().map(|reason| reason.words(now)).collect();
        reasons.join("; ")
    }
}

/// How a person and a service can speak together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanguageMatch {
    /// In English, and no interpreter was asked for.
    English,
    /// The person's own language is spoken there.
    Spoken,
    /// An interpreter has to be booked.
    Interpreter,
}

/// A reason against a service.
#[derive(Debug, Clone, PartialEq)]
pub enum WhyNot {
    /// It is of the right kind, but does not do this.
    NotOffered,
    /// Whom it is for.
    NotFor(Vec<Eligibility>),
    /// A dentist with no room for new NHS patients of this age.
    NotTakingNew { adults: bool },
    /// For people registered there; its organisation's name.
    RegisteredOnly(String),
    /// Closed until after the need must be met.
    ClosedUntil(Timestamp),
    /// Closed, with no opening in sight.
    Closed,
    /// No step-free way in, and everything it does is done there.
    Steps,
    /// Straight-line miles, more than the person asked for.
    TooFar(f64),
    /// It cannot be held in the way asked for.
    NoMode(Mode),
    /// No woman works there.
    NoFemaleClinician,
}

impl WhyNot {
    /// Whether it is the person's wish that is not met, rather than something that cannot be.
    pub fn is_wish(&self) -> bool {
        matches!(self, Self::TooFar(_) | Self::NoMode(_) | Self::NoFemaleClinician)
    }

    /// The reason in plain words, to follow the service's name.
    pub fn words(&self, now: Timestamp) -> String {
        match self {
            Self::NotOffered => "does not offer this".to_owned(),
            Self::NotFor(rules) => {
                let who: Vec<String> = rules.iter().map(Eligibility::words).collect();
                format!("treats {}", who.join(" or "))
            }
            Self::NotTakingNew { adults: true } => "not taking new NHS adults".to_owned(),
            Self::NotTakingNew { adults: false } => "not taking new NHS children".to_owned(),
            Self::RegisteredOnly(name) => format!("for people registered at {name} only"),
            Self::ClosedUntil(opens) => {
                let (at, today) = (words::london(*opens), words::london(now).date());
                if at.date() == today {
                    format!("closed until {}", words::time(at.time()))
                } else {
                    let day = words::day(at.date(), today);
                    format!("closed until {}", day.strip_prefix("on ").unwrap_or(&day))
                }
            }
            Self::Closed => "closed for now".to_owned(),
            Self::Steps => "no step-free way in".to_owned(),
            Self::TooFar(miles) => format!("{}, more than you asked for", distance::words(*miles)),
            Self::NoMode(mode) => format!("cannot be done {}", mode.words()),
            Self::NoFemaleClinician => "no female clinician".to_owned(),
        }
    }
}

impl Directory {
    /// Every service of the kinds that may meet the need, each with the reasons against it in this person's case. First
    /// those who can, nearest first; then those whom only a wish stands against; then the rest. Empty for a need that no
    /// service meets (self care, 999) and for a code that is no need.
    pub fn candidates(&self, need: &str, person: &PersonFacts, now: Timestamp) -> Vec<Candidate> {
        let Some(known) = self.needs().get(need) else { return Vec::new() };
        let mut found: Vec<Candidate> = self
            .services()
            .filter(|service| known.kinds.contains(&service.kind))
            .map(|service| self.candidate(service, need, person, now))
            .collect();
        found.sort_by(|a, b| {
            let rank = |c: &Candidate| if c.eligible { 0 } else { 1 + u8::from(!c.only_wishes_against()) };
            let miles = |c: &Candidate| c.distance_miles.unwrap_or(f64::INFINITY);
            rank(a).cmp(&rank(b)).then(miles(a).total_cmp(&miles(b))).then_with(|| a.service.name.cmp(&b.service.name))
        });
        found
    }

    /// One service for one person: as [`Self::candidates`] would say it.
    pub fn candidate(&self, service: &Arc<Service>, need: &str, person: &PersonFacts, now: Timestamp) -> Candidate {
        let (place, distance_miles) = service.nearest(person.home);
        let schedules = self.schedules_of(&service.reference).iter().filter(|s| s.may_be_booked_for(need));
        let schedules: Vec<_> = schedules.collect();
        let mut modes: Vec<Mode> = schedules.iter().map(|schedule| schedule.mode).collect();
        modes.sort_unstable();
        modes.dedup();
        let women = schedules.iter().filter_map(|s| s.practitioner.as_ref()).any(|c| c.sex == Some(Sex::Female));
        let step_free = service.has("step-free") || place.is_some_and(|place| place.step_free);
        let mut candidate = Candidate {
            eligible: false,
            why_not: Vec::new(),
            place: place.cloned(),
            distance_miles,
            open: service.hours.at(now, self.bank_holidays()),
            language: language(service, person),
            step_free,
            modes,
            female_clinician: women || service.has("female-clinician"),
            knows_person: knows(service, person),
            service: service.clone(),
        };
        candidate.why_not = why_not(&candidate, need, person);
        candidate.eligible = candidate.why_not.is_empty();
        candidate
    }
}

fn knows(service: &Service, person: &PersonFacts) -> bool {
    let organization = service.organization.as_ref().map(|o| o.reference.as_str());
    let is = |reference: &String| Some(reference.as_str()) == organization || *reference == service.reference;
    person.registered_practice.iter().any(is) || person.known_to.iter().any(is)
}

fn language(service: &Service, person: &PersonFacts) -> LanguageMatch {
    match person.language.as_deref() {
        Some(language) if !language.to_ascii_lowercase().starts_with("en") && service.speaks(language) => {
            LanguageMatch::Spoken
        }
        _ if person.interpreter => LanguageMatch::Interpreter,
        _ => LanguageMatch::English,
    }
}

fn why_not(candidate: &Candidate, need: &str, person: &PersonFacts) -> Vec<WhyNot> {
    let service = &candidate.service;
    let mut reasons = Vec::new();
    if !service.meets(need) {
        reasons.push(WhyNot::NotOffered);
    }
    let rules = service.eligibility_for(need);
    if !rules.is_empty() && !rules.iter().any(|rule| rule.admits(person.age, person.sex)) {
        reasons.push(WhyNot::NotFor(rules.into_iter().cloned().collect()));
    }
    if let Some(reason) = no_room(service, need, person) {
        reasons.push(reason);
    }
    if service.kind == "general-practice" && !candidate.knows_person {
        let name = service.organization.as_ref().map_or(&service.name, |organization| &organization.name);
        reasons.push(WhyNot::RegisteredOnly(name.clone()));
    }
    match candidate.open {
        OpenState::Closed { next: None, .. } => reasons.push(WhyNot::Closed),
        OpenState::Closed { next: Some(opens), .. } if person.needed_by.is_some_and(|by| opens > by) => {
            reasons.push(WhyNot::ClosedUntil(opens));
        }
        _ => {}
    }
    let comes_to_you = service.has("home-visits");
    let remote = service.has("phone") || service.has("video") || candidate.modes.iter().any(|m| *m != Mode::InPerson);
    if person.needs_step_free() && !candidate.step_free && !comes_to_you && !remote {
        reasons.push(WhyNot::Steps);
    }
    let wishes = &person.preferences;
    let must_travel = !comes_to_you && !matches!(wishes.mode, Some(Mode::Phone | Mode::Video));
    if let Some((miles, limit)) = candidate.distance_miles.zip(wishes.max_miles) {
        // A tenth of a mile is as exact as the words are.
        if must_travel && (miles * 10.0).round() > (limit * 10.0).round() {
            reasons.push(WhyNot::TooFar(miles));
        }
    }
    if let Some(mode) = wishes.mode {
        let offered = candidate.modes.contains(&mode)
            || service.has(mode.code())
            || (candidate.modes.is_empty() && mode == Mode::InPerson);
        if !offered {
            reasons.push(WhyNot::NoMode(mode));
        }
    }
    if wishes.female_clinician && !candidate.female_clinician {
        reasons.push(WhyNot::NoFemaleClinician);
    }
    reasons
}

/// Dentists take new NHS patients for ongoing care as they have room. Urgent care is open to everybody: it is
/// commissioned apart and does not make anybody a patient of the practice.
fn no_room(service: &Service, need: &str, person: &PersonFacts) -> Option<WhyNot> {
    if service.kind != "dental-practice" || need != "routine-dental" || knows(service, person) {
        return None;
    }
    // Children's dental care is for those under 18 (NHS Dental Charges Regulations 2005).
    let adults = person.age.is_none_or(|age| age >= 18);
    let room = if adults { "nhs-taking-new-adults" } else { "nhs-taking-new-children" };
    (!service.has(room)).then_some(WhyNot::NotTakingNew { adults })
}

/// Straight-line distance in words, with the walk where it helps: "0.6 miles, about 17 minutes’ walk (estimate)".
pub fn distance_words(miles: f64) -> String {
    match distance::walking_words(miles) {
        Some(walk) => format!("{}, {walk}", distance::words(miles)),
        None => distance::words(miles),
    }
}

/// Straight-line miles between two places that may not be known.
pub fn miles_between(from: Option<Position>, to: Option<Position>) -> Option<f64> {
    from.zip(to).map(|(from, to)| from.miles_to(to))
}
