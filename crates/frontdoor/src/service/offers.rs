//! What can be offered to a person now, from the services that can help and their free times.

use jiff::Timestamp;
use kith_booking::{Wanted, free_slots};
use kith_directory::{Candidate, Directory, PersonFacts, Service, WhyNot};
use kith_trust::Access;

use super::{Error, known::Known};
use crate::{
    Assessment, Disposition, Offer, Urgency, Weights,
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
    let mut not_possible = Vec::new();
    let mut found = Vec::new();
    for candidate in candidates {
        let service = candidate.service.clone();
        if !candidate.why_not.iter().all(WhyNot::is_wish) {
            // That other practices are for their own patients, and who does other things, helps nobody to know.
            let noise = |reason: &WhyNot| matches!(reason, WhyNot::NotOffered | WhyNot::RegisteredOnly(_));
            if !candidate.why_not.iter().any(noise) {
                not_possible.push((service.name.clone(), candidate.why_not_words(now)));
            }
            continue;
        }
        // Those with nothing free do not count, up to a bound, so that somebody far away is still found.
        let with_free = found.iter().filter(|f: &&Available| !f.free.is_empty()).count();
        if with_free == weights.show.services || found.len() == 4 * weights.show.services {
            break;
        }
        let free = read_free(access, directory, &service, disposition, &person, &continuity, latest).await?;
        found.push(Available { candidate, free });
    }
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
    Ok(Offers { offers, not_possible, fallback })
}

/// The free times of a service: the first ones, the first that meet the person's wishes, and the first with who knows them.
async fn read_free(
    access: &Access,
    directory: &Directory,
    service: &Service,
    disposition: &Disposition,
    person: &PersonFacts,
    continuity: &Continuity,
    latest: Timestamp,
) -> Result<Vec<kith_booking::Offer>, Error> {
    let read = Weights::built_in().show.read;
    let from = access.now();
    let Ok(to) = latest.checked_add(jiff::SignedDuration::from_secs(1)) else { return Ok(Vec::new()) };
    let any = Wanted::new(&service.reference, &disposition.need, from, to);
    let mut free = free_slots(access, directory, &any, read).await?;
    if free.len() < read {
        return Ok(free);
    }
    let wishes = &person.preferences;
    if wishes.mode.is_some() || wishes.female_clinician || wishes.when.is_some() {
        let wished = Wanted {
            mode: wishes.mode,
            female_clinician: wishes.female_clinician,
            part_of_day: wishes.when,
            ..any.clone()
        };
        free.extend(free_slots(access, directory, &wished, read).await?);
    }
    let here = |who: &String| {
        let theirs = |c: &kith_directory::Clinician| c.reference == *who;
        directory.schedules_of(&service.reference).iter().any(|s| s.practitioner.as_ref().is_some_and(theirs))
    };
    let mut familiar: Vec<&String> =
        continuity.usual_clinician.iter().chain(continuity.seen.iter().filter_map(|s| s.clinician.as_ref())).collect();
    familiar.sort_unstable();
    familiar.dedup();
    for who in familiar.into_iter().filter(|who| here(who)) {
        let with = Wanted { practitioner: Some(who.clone()), ..any.clone() };
        free.extend(free_slots(access, directory, &with, 3).await?);
    }
    Ok(free)
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
