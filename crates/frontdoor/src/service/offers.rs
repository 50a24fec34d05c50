//! What can be offered to a person now, from the services that can help and their free times.

use jiff::Timestamp;
use kith_booking::{Wanted, free_slots_each};
use kith_directory::{Candidate, Directory, PersonFacts, Service, WhyNot};
use kith_trust::Access;

use super::{Error, known::Known};
use crate::{
    Assessment, Disposition, Facts, Offer, Urgency, Weights,
    route::{self, Available, Continuity},
};

/// What a person can choose from. Never empty: there is always somebody who takes a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Offers {
    /// The best first.
    pub offers: Vec<Offer>,
    /// Services that could have been meant, and why not, to follow the name: "no step-free way in".
    pub not_possible: Vec<(String, String)>,
    pub fallback: Fallback,
    /// What the record says of the person, as read for this.
    pub facts: Facts,
}

/// The team that takes a request when nothing is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Id of the HealthcareService.
    pub service_id: String,
    pub service_name: String,
    /// By when it answers.
    pub due: Timestamp,
}

/// What can be offered for an assessment: free times and places to walk into, the best first, and the team that takes a
/// request otherwise. For self care, an ambulance and A&E there are no offers.
pub async fn offers(
    access: &Access,
    directory: &Directory,
    patient_id: &str,
    assessment: &Assessment,
) -> Result<Offers, Error> {
    let known = Known::read(access, patient_id).await?;
    let weights = Weights::built_in();
    let disposition = &assessment.disposition;
    let now = known.now;
    let latest = weights.latest(disposition.urgency, now);
    let person = known.person_facts(directory, latest);
    let continuity = known.continuity(&disposition.need, weights);
    let candidates = directory.candidates(&disposition.need, &person, now);
    let fallback = fallback(directory, disposition, &candidates, &person, now, weights).ok_or(Error::NoTeam)?;
    let asked = Asked { access, directory, disposition, person: &person, continuity: &continuity, latest };
    let mut not_possible = Vec::new();
    let mut found: Vec<Available> = Vec::new();
    // Read together, as many as are still wanted.
    let mut next: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        if !candidate.why_not.iter().all(WhyNot::is_wish) {
            // That other practices are for their own patients, and who does other things, helps nobody to know.
            let noise = |reason: &WhyNot| matches!(reason, WhyNot::NotOffered | WhyNot::RegisteredOnly(_));
            if !candidate.why_not.iter().any(noise) {
                not_possible.push((candidate.service.name.clone(), candidate.why_not_words(now)));
            }
            continue;
        }
        if next.len() == wanted_still(&found, weights) {
            asked.read_free(&mut found, std::mem::take(&mut next)).await?;
            if wanted_still(&found, weights) == 0 {
                break;
            }
        }
        next.push(candidate);
    }
    asked.read_free(&mut found, next).await?;
    let why_none = |service: &Service| {
        let away = disposition.at_home && !service.has("home-visits");
        if away { "you would have to go there" } else { "no free time soon enough" }
    };
    let searched: Vec<(String, String, &str)> = found
        .iter()
        .map(|f| &f.candidate.service)
        .map(|service| (service.id.clone(), service.name.clone(), why_none(service)))
        .collect();
    let offers = route::rank(disposition, found, &person, &continuity, now, weights);
    let none_free = searched
        .into_iter()
        .filter(|(id, ..)| *id != fallback.service_id && !offers.iter().any(|offer| offer.service_id == *id));
    not_possible.extend(none_free.map(|(_, name, why)| (name, why.to_owned())));
    Ok(Offers { offers, not_possible, fallback, facts: known.facts })
}

/// How many more services are to be looked at: those with nothing free do not count, up to a bound, so that somebody far
/// away is still found.
fn wanted_still(found: &[Available], weights: &Weights) -> usize {
    let with_free = found.iter().filter(|f| !f.free.is_empty()).count();
    (weights.show.services.saturating_sub(with_free)).min((4 * weights.show.services).saturating_sub(found.len()))
}

/// What free times are asked for.
struct Asked<'a> {
    access: &'a Access,
    directory: &'a Directory,
    disposition: &'a Disposition,
    person: &'a PersonFacts,
    continuity: &'a Continuity,
    latest: Timestamp,
}

impl Asked<'_> {
    /// Adds the free times of services: the first ones, the first that meet the person's wishes, and the first with who
    /// knows them.
    async fn read_free(&self, found: &mut Vec<Available>, candidates: Vec<Candidate>) -> Result<(), Error> {
        let read = Weights::built_in().show.read;
        let from = self.access.now();
        let Ok(to) = self.latest.checked_add(jiff::SignedDuration::from_secs(1)) else {
            found.extend(candidates.into_iter().map(|candidate| Available { candidate, free: Vec::new() }));
            return Ok(());
        };
        let any =
            |candidate: &Candidate| (Wanted::new(&candidate.service.reference, &self.disposition.need, from, to), read);
        let questions: Vec<(Wanted, usize)> = candidates.iter().map(any).collect();
        let mut free = free_slots_each(self.access, self.directory, &questions).await?;
        let mut more = Vec::new();
        for (at, (candidate, (any, _))) in candidates.iter().zip(questions).enumerate() {
            if free[at].len() == read {
                more.extend(self.wished(candidate, &any).into_iter().map(|question| (at, question)));
            }
        }
        let (whose, questions): (Vec<usize>, Vec<(Wanted, usize)>) = more.into_iter().unzip();
        for (at, times) in whose.into_iter().zip(free_slots_each(self.access, self.directory, &questions).await?) {
            free[at].extend(times);
        }
        found.extend(candidates.into_iter().zip(free).map(|(candidate, free)| Available { candidate, free }));
        Ok(())
    }

    /// What else is worth asking of a service that has more free times than are read.
    fn wished(&self, candidate: &Candidate, any: &Wanted) -> Vec<(Wanted, usize)> {
        let mut questions = Vec::new();
        let wishes = &self.person.preferences;
        if wishes.mode.is_some() || wishes.female_clinician || wishes.when.is_some() {
            let wished = Wanted {
                mode: wishes.mode,
                female_clinician: wishes.female_clinician,
                part_of_day: wishes.when,
                ..any.clone()
            };
            questions.push((wished, Weights::built_in().show.read));
        }
        let here = |who: &String| {
            let theirs = |c: &kith_directory::Clinician| c.reference == *who;
            let schedules = self.directory.schedules_of(&candidate.service.reference);
            schedules.iter().any(|s| s.practitioner.as_ref().is_some_and(theirs))
        };
        let seen = self.continuity.seen.iter().filter_map(|s| s.clinician.as_ref());
        let mut familiar: Vec<&String> = self.continuity.usual_clinician.iter().chain(seen).collect();
        familiar.sort_unstable();
        familiar.dedup();
        let with = |who: &String| (Wanted { practitioner: Some(who.clone()), ..any.clone() }, 3);
        questions.extend(familiar.into_iter().filter(|who| here(who)).map(with));
        questions
    }
}

/// Who takes a request: the need's own service where such teams take requests, or else the person's practice; for somebody
/// without one, whoever is nearest that treats everybody. `None` where the directory holds no service at all.
pub(super) fn fallback(
    directory: &Directory,
    disposition: &Disposition,
    candidates: &[Candidate],
    person: &PersonFacts,
    now: Timestamp,
    weights: &Weights,
) -> Option<Fallback> {
    let takes = |candidate: &&Candidate| {
        weights.requests.kinds.contains(&candidate.service.kind)
            && candidate.service.meets(&disposition.need)
            && candidate.why_not.iter().all(|reason| {
                reason.is_wish() || matches!(reason, WhyNot::Closed | WhyNot::ClosedUntil(_) | WhyNot::Steps)
            })
    };
    let practice = || {
        let practice = person.registered_practice.as_deref()?;
        directory.services_of(practice).find(|service| service.kind == "general-practice")
    };
    let anybody = || {
        let near = |service: &&std::sync::Arc<Service>| {
            let miles = service.nearest(person.home).1.unwrap_or(f64::INFINITY);
            (u8::from(service.kind != "urgent-treatment-hub"), u8::from(service.kind != "general-practice"), miles)
        };
        directory.services().min_by(|a, b| {
            let ((a1, a2, a3), (b1, b2, b3)) = (near(a), near(b));
            (a1, a2).cmp(&(b1, b2)).then(a3.total_cmp(&b3))
        })
    };
    let comes = |candidate: &&Candidate| takes(candidate) && candidate.service.has("home-visits");
    let at_home = candidates.iter().filter(|_| disposition.at_home).find(comes);
    let service =
        at_home.or_else(|| candidates.iter().find(takes)).map(|c| &c.service).or_else(practice).or_else(anybody)?;
    let due = work_urgency(disposition.urgency).due(now);
    Some(Fallback { service_id: service.id.clone(), service_name: service.name.clone(), due })
}

/// The same urgency as work knows it.
pub(super) fn work_urgency(urgency: Urgency) -> kith_handover::Urgency {
    // The codes are the same; a test holds them to it. Were one missing, somebody would look today.
    kith_handover::Urgency::from_code(urgency.code()).unwrap_or(kith_handover::Urgency::SameDay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_knows_every_urgency() {
        for urgency in Urgency::ALL {
            assert_eq!(work_urgency(urgency).code(), urgency.code());
        }
        assert_eq!(
            kith_directory::words::time_of(work_urgency(Urgency::SameDay).due("2026-11-20T09:00:00Z".parse().unwrap())),
            "6:30pm"
        );
    }
}
