//! People who act for others: parents, carers, neighbours. The permission stands in the record of the person it concerns.

use jiff::civil::Date;
use kith_fhir::{Value, build, json, system};
use kith_trust::{Access, Change, Record, RelationshipKind, Role};
use serde::{Deserialize, Serialize};

use crate::error::{Error, FieldProblem};
use crate::fields::{extension, fresh_id, items, own_reference, text};
use crate::notification::{Notification, TemplateId};
use crate::time;

/// A parent or guardian acts for a child until the day before this birthday; then the young person decides.
/// Family Law Reform Act 1969, section 8 (consent to treatment at 16); NHS England, "Proxy access to GP online services"
/// (read November 2026).
pub const PARENT_ACTS_UNTIL_AGE: i16 = 16;

/// What somebody is to the person they act for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relationship {
    Parent,
    Guardian,
    Carer,
    /// Holds a lasting power of attorney.
    Attorney,
    Family,
    Friend,
    Neighbour,
}

impl Relationship {
    pub const ALL: [Self; 7] =
        [Self::Parent, Self::Guardian, Self::Carer, Self::Attorney, Self::Family, Self::Friend, Self::Neighbour];

    pub fn words(self) -> &'static str {
        match self {
            Self::Parent => "Parent",
            Self::Guardian => "Guardian",
            Self::Carer => "Carer",
            Self::Attorney => "Has power of attorney",
            Self::Family => "Family member",
            Self::Friend => "Friend",
            Self::Neighbour => "Neighbour",
        }
    }

    /// HL7 v3 RoleCode.
    fn code(self) -> &'static str {
        match self {
            Self::Parent => "PRN",
            Self::Guardian => "GUARD",
            Self::Carer => "CGVR",
            Self::Attorney => "POWATT",
            Self::Family => "FAMMEMB",
            Self::Friend => "FRND",
            Self::Neighbour => "NBOR",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.code() == code)
    }

    /// Whether the permission comes from being in charge of a child.
    fn is_parental(self) -> bool {
        matches!(self, Self::Parent | Self::Guardian)
    }
}

const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";

/// Somebody who may act, or might have, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `RelatedPerson/…` in the record of the person acted for.
    pub reference: String,
    /// `Patient/…` of the one who acts.
    pub who: String,
    pub name: String,
    /// "Parent", "Neighbour", or what an imported record calls them.
    pub relationship: String,
    pub from: Option<Date>,
    /// The last day on which they may act.
    pub until: Option<Date>,
    /// Whether they may act today.
    pub current: bool,
}

/// A person the reader may act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependant {
    pub patient_id: String,
    pub name: String,
}

/// A wish to let somebody act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProxy {
    /// Id of the person acted for.
    pub patient: String,
    /// Id of the person who will act; they must be in the record too.
    pub proxy: String,
    /// Their name as the person acted for will see it.
    pub proxy_name: String,
    pub relationship: Relationship,
    /// The last day, if it is to end by itself.
    pub until: Option<Date>,
}

/// Everybody who may act, or might have, for the person of this record; those who may today come first.
pub fn proxies_of(record: &Record, today: Date) -> Vec<Proxy> {
    let mut found: Vec<Proxy> =
        record.entries().iter().filter(|e| e.kind == "RelatedPerson").filter_map(|e| read(&e.value, today)).collect();
    found.sort_by_key(|p| (!p.current, p.name.clone()));
    found
}

/// Reads one RelatedPerson; `None` if it names nobody who may act.
pub fn read(related: &Value, today: Date) -> Option<Proxy> {
    let who = text(extension(related, system::EXT_PROXY_PATIENT)?, "/valueReference/reference")?;
    let day = |pointer| text(related, pointer).and_then(|d| d.get(..10)?.parse::<Date>().ok());
    let relationship = items(related, "relationship")
        .find_map(|r| text(r, "/coding/0/code").and_then(Relationship::from_code))
        .map(|r| r.words().to_owned())
        .or_else(|| items(related, "relationship").find_map(|r| text(r, "/text")).map(str::to_owned));
    Some(Proxy {
        reference: own_reference(related),
        who: who.to_owned(),
        name: crate::fields::person_name(related).unwrap_or_else(|| "Name not given".to_owned()),
        relationship: relationship.unwrap_or_else(|| "Acts for this person".to_owned()),
        from: day("/period/start"),
        until: day("/period/end"),
        current: is_current(related, today),
    })
}

/// Whether a RelatedPerson lets somebody act on this day: active, begun and not ended. A day that cannot be read closes
/// the door.
pub fn is_current(related: &Value, today: Date) -> bool {
    let within = |pointer: &str, holds: fn(Date, Date) -> bool| match related.pointer(pointer) {
        None => true,
        Some(day) => {
            day.as_str().and_then(|d| d.get(..10)).and_then(|d| d.parse::<Date>().ok()).is_some_and(|d| holds(d, today))
        }
    };
    related.get("active").and_then(Value::as_bool) != Some(false)
        && extension(related, system::EXT_PROXY_PATIENT).is_some()
        && within("/period/start", |start, today| start <= today)
        && within("/period/end", |end, today| today <= end)
}

/// The last day this relationship can give: the day before the 16th birthday for the parent of somebody younger, no end
/// otherwise. After it, a parent acts only when the young person agrees, which makes a new permission.
pub fn latest_day(relationship: Relationship, birth: Option<Date>, today: Date) -> Option<Date> {
    if !relationship.is_parental() {
        return None;
    }
    let birthday = birthday(birth?, PARENT_ACTS_UNTIL_AGE)?;
    (today < birthday).then(|| birthday.yesterday().ok()).flatten()
}

/// A person's birth date. When only the year or month is known, its first day: a child's age is then over-, never
/// underestimated, and a parent's permission ends early rather than late.
pub fn birth_date(patient: &Value) -> Option<Date> {
    let written = text(patient, "/birthDate")?;
    let full = match written.len() {
        4 => format!("{written}-01-01"),
        7 => format!("{written}-01"),
        _ => written.to_owned(),
    };
    full.parse().ok()
}

/// Completed years on a day; 0 before birth.
pub fn age_on(birth: Date, day: Date) -> i16 {
    let years = day.year() - birth.year();
    let had = (day.month(), day.day()) >= (birth.month(), birth.day());
    (if had { years } else { years - 1 }).max(0)
}

/// The birthday on which somebody completes `age` years; for 29 February in a common year, 1 March.
fn birthday(birth: Date, age: i16) -> Option<Date> {
    let year = birth.year().checked_add(age)?;
    Date::new(year, birth.month(), birth.day()).or_else(|_| Date::new(year, 3, 1)).ok()
}

/// Lets somebody act for a person, and tells that person. The person themselves (from 16) or a member of staff may do so.
/// Returns the reference of the permission (`RelatedPerson/…`).
pub async fn add_proxy(access: &Access, new: &NewProxy) -> Result<String, Error> {
    let today = time::day(access.now());
    let record = access.open(&new.patient).await?;
    let birth = birth_date(record.patient());
    may_decide(access, &new.patient, birth, today)?;
    if new.patient == new.proxy {
        return Err(Error::field("proxy", "Choose somebody else: nobody is a proxy for themselves"));
    }
    let name = new.proxy_name.trim();
    if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
        return Err(Error::field("proxy_name", "Give their name in one line of at most 120 letters"));
    }
    if new.until.is_some_and(|until| until < today) {
        return Err(Error::field("until", "The last day must be today or later"));
    }
    let who = format!("Patient/{}", new.proxy);
    if proxies_of(&record, today).iter().any(|p| p.current && p.who == who) {
        return Err(Error::Conflict { what: "They can act for this person already.".to_owned() });
    }
    let related = related_person(new, name, birth, today);
    let mut change = Change::new("add proxy");
    let made = change.create(related);
    Notification::new(&new.patient, TemplateId::ProxyAdded)
        .with("who", name)
        .about(&made)
        .publish(&mut change, &format!("proxy-added/{made}"));
    access.commit(change).await?;
    Ok(made)
}

fn related_person(new: &NewProxy, name: &str, birth: Option<Date>, today: Date) -> Value {
    let latest = latest_day(new.relationship, birth, today);
    let until = match (new.until, latest) {
        (Some(until), Some(latest)) => Some(until.min(latest)),
        (until, latest) => until.or(latest),
    };
    let mut period = json!({ "start": today.to_string() });
    if let Some(until) = until {
        period["end"] = json!(until.to_string());
    }
    let mut extensions = vec![build::extension_reference(system::EXT_PROXY_PATIENT, &format!("Patient/{}", new.proxy))];
    // Chosen by somebody old enough to choose: it does not follow their age, as a child's parent's does.
    if birth.is_some_and(|birth| age_on(birth, today) >= PARENT_ACTS_UNTIL_AGE) {
        extensions.push(build::extension_code(system::EXT_PROXY_SCOPE, "own-choice"));
    }
    json!({
        "resourceType": "RelatedPerson",
        "id": fresh_id(),
        "active": true,
        "patient": { "reference": format!("Patient/{}", new.patient) },
        "extension": extensions,
        "relationship": [{
            "coding": [{ "system": ROLE_CODE, "code": new.relationship.code() }],
            "text": new.relationship.words(),
        }],
        "name": [{ "text": name }],
        "period": period,
    })
}

/// Ends a permission (`RelatedPerson/…`) now: from here on that somebody sees nothing of this person. The person
/// themselves or a member of staff may end it. Ending it twice is no error.
pub async fn end_proxy(access: &Access, permission: &str) -> Result<(), Error> {
    let entry = access.read(permission).await?;
    let today = time::day(access.now());
    let proxy = read(&entry.value, today).ok_or(kith_trust::Error::NotFound)?;
    let patient = text(&entry.value, "/patient/reference").unwrap_or_default().to_owned();
    let actor = access.actor();
    if actor.reference == proxy.who {
        return Err(Error::Refused { why: "Ask the person you act for, or their practice, to end this.".to_owned() });
    }
    if actor.reference != patient && !actor.role.is_staff() && actor.role != Role::System {
        return Err(kith_trust::Error::NotFound.into());
    }
    end(access, &entry, &proxy, &patient, today).await
}

/// Ends the permission that `me` has (`RelatedPerson/…`): nobody has to act for another for longer than they want to. They
/// may not write what says who acts, so Kith does it for them (`kith`, its own access); the person is told. `NotFound`
/// where the permission is another's. Ending it twice is no error.
pub async fn give_up(me: &Access, kith: &Access, permission: &str) -> Result<(), Error> {
    let entry = me.read(permission).await?;
    let today = time::day(me.now());
    let proxy = read(&entry.value, today).filter(|proxy| proxy.who == me.actor().reference);
    let proxy = proxy.ok_or(kith_trust::Error::NotFound)?;
    let patient = text(&entry.value, "/patient/reference").unwrap_or_default().to_owned();
    me.record_event("give-up-proxy", "gave up acting for somebody").await?;
    end(kith, &entry, &proxy, &patient, today).await
}

async fn end(
    access: &Access,
    entry: &kith_trust::Entry,
    proxy: &Proxy,
    patient: &str,
    today: Date,
) -> Result<(), Error> {
    let permission = proxy.reference.as_str();
    if entry.value.get("active").and_then(Value::as_bool) == Some(false) {
        return Ok(());
    }
    let mut related = (*entry.value).clone();
    related["active"] = json!(false);
    related["period"]["end"] = json!(proxy.from.map_or(today, |from| from.max(today)).to_string());
    let mut change = Change::new("end proxy");
    change.update(related, entry.version);
    let id = patient.strip_prefix("Patient/").unwrap_or_default();
    Notification::new(id, TemplateId::ProxyEnded)
        .with("who", &proxy.name)
        .about(permission)
        .publish(&mut change, &format!("proxy-ended/{permission}"));
    access.commit(change).await?;
    Ok(())
}

/// Everybody the reader may act for today.
pub async fn people_i_act_for(access: &Access) -> Result<Vec<Dependant>, Error> {
    let mut found = Vec::new();
    for patient_id in access.people_linked(RelationshipKind::Proxy, None, 100).await? {
        match access.read(&format!("Patient/{patient_id}")).await {
            Ok(entry) => found.push(Dependant {
                name: crate::fields::person_name(&entry.value).unwrap_or_else(|| "Name not given".to_owned()),
                patient_id,
            }),
            // Ended since it was listed.
            Err(kith_trust::Error::NotFound | kith_trust::Error::Refused { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// Only the person themselves, from 16, and staff decide who may act. A proxy cannot let others in.
fn may_decide(access: &Access, patient: &str, birth: Option<Date>, today: Date) -> Result<(), Error> {
    let actor = access.actor();
    if actor.role.is_staff() || actor.role == Role::System {
        return Ok(());
    }
    if actor.reference != format!("Patient/{patient}") {
        return Err(Error::Refused {
            why: "Only the person themselves or their practice can choose who acts for them.".to_owned(),
        });
    }
    match birth {
        Some(birth) if age_on(birth, today) >= PARENT_ACTS_UNTIL_AGE => Ok(()),
        _ => Err(Error::Invalid {
            problems: vec![FieldProblem::new("patient", "Ask your practice to set this up with you")],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn permission(relationship: Relationship, birth: Date, until: Option<Date>, today: Date) -> Value {
        let new = NewProxy {
            patient: "child".to_owned(),
            proxy: "adult".to_owned(),
            proxy_name: "Test Adult".to_owned(),
            relationship,
            until,
        };
        related_person(&new, "Test Adult", Some(birth), today)
    }

    #[test]
    fn a_parent_stops_acting_when_the_child_turns_sixteen() {
        let born = date(2012, 6, 10);
        let made = permission(Relationship::Parent, born, None, date(2026, 11, 20));
        assert_eq!(made["period"]["end"], "2028-06-09");
        assert!(is_current(&made, date(2028, 6, 9)));
        assert!(!is_current(&made, date(2028, 6, 10)));
        // A later wish does not go past it; an earlier one is kept.
        let late = permission(Relationship::Guardian, born, Some(date(2040, 1, 1)), date(2026, 11, 20));
        assert_eq!(late["period"]["end"], "2028-06-09");
        let early = permission(Relationship::Parent, born, Some(date(2027, 1, 1)), date(2026, 11, 20));
        assert_eq!(early["period"]["end"], "2027-01-01");
    }

    #[test]
    fn at_sixteen_a_parent_can_be_chosen_anew() {
        let made = permission(Relationship::Parent, date(2010, 1, 1), None, date(2026, 11, 20));
        assert!(made["period"].get("end").is_none());
        assert!(is_current(&made, date(2030, 1, 1)));
    }

    #[test]
    fn a_neighbour_acts_for_as_long_as_they_are_wanted() {
        let made = permission(Relationship::Neighbour, date(1940, 1, 1), None, date(2026, 11, 20));
        let proxy = read(&made, date(2026, 11, 20)).unwrap();
        assert_eq!(
            (proxy.who.as_str(), proxy.relationship.as_str(), proxy.until),
            ("Patient/adult", "Neighbour", None)
        );
        assert!(proxy.current);
    }

    #[test]
    fn an_ended_unbegun_or_unreadable_permission_lets_nobody_in() {
        let today = date(2026, 11, 20);
        let good = permission(Relationship::Carer, date(1940, 1, 1), None, today);
        assert!(is_current(&good, today));
        let mut ended = good.clone();
        ended["active"] = json!(false);
        assert!(!is_current(&ended, today));
        assert!(!is_current(&good, today.yesterday().unwrap()), "not begun");
        for end in [json!("soon"), json!(7), json!("2026-99-99")] {
            let mut bad = good.clone();
            bad["period"]["end"] = end;
            assert!(!is_current(&bad, today));
        }
        let mut nobody = good;
        nobody["extension"] = json!([]);
        assert!(!is_current(&nobody, today));
    }

    #[test]
    fn ages_are_counted_in_completed_years() {
        assert_eq!(age_on(date(2010, 11, 20), date(2026, 11, 19)), 15);
        assert_eq!(age_on(date(2010, 11, 20), date(2026, 11, 20)), 16);
        assert_eq!(age_on(date(2008, 2, 29), date(2026, 2, 28)), 17);
        assert_eq!(age_on(date(2008, 2, 29), date(2026, 3, 1)), 18);
        assert_eq!(birthday(date(2008, 2, 29), 18), Some(date(2026, 3, 1)));
        assert_eq!(birth_date(&json!({"birthDate": "2010"})), Some(date(2010, 1, 1)));
        assert_eq!(birth_date(&json!({"birthDate": "2010-05"})), Some(date(2010, 5, 1)));
        assert_eq!(birth_date(&json!({"birthDate": "x"})), None);
    }
}
