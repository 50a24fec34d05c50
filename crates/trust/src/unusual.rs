//! Accesses worth a question: what the audit chain says of who opened what, weighed by signs that each say why.
//!
//! The rules are content (`content/governance/unusual.toml`). [`Watch`] goes along with the chain: each entry is read once,
//! and what is kept is bounded by the window, so that the privacy officer's page costs what is new and no more.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use kith_fhir::{Value, system};
use kith_store::AuditEntry;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::Origin;
use crate::access::Access;
use crate::actor::Role;
use crate::error::Error;

const BUILT_IN: &str = include_str!("../../../content/governance/unusual.toml");

/// Why an access is worth a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// The member of staff and the person are the same, or have the same name.
    OwnRecord,
    /// They live at one address.
    SameAddress,
    /// The record is marked as of somebody well known, or of staff.
    Flagged,
    /// Opened without a relationship, in an emergency.
    Emergency,
    /// Many people's records within minutes.
    ManyRecords,
    /// The same family name.
    SameName,
    /// The same postcode.
    Neighbour,
    /// Tried, and refused.
    Refused,
    /// Nothing was written, booked or said after.
    NoWork,
    /// At night or at a weekend.
    OutOfHours,
}

impl Sign {
    pub const ALL: [Self; 10] = [
        Self::OwnRecord,
        Self::SameAddress,
        Self::Flagged,
        Self::Emergency,
        Self::ManyRecords,
        Self::SameName,
        Self::Neighbour,
        Self::Refused,
        Self::NoWork,
        Self::OutOfHours,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Self::OwnRecord => "It may be their own record",
            Self::SameAddress => "They live at the same address",
            Self::Flagged => "The record is marked as of somebody well known or of staff",
            Self::Emergency => "Opened as an emergency, without a relationship",
            Self::ManyRecords => "Many records in a short time",
            Self::SameName => "They have the same family name",
            Self::Neighbour => "They live in the same postcode",
            Self::Refused => "Tried, and was refused",
            Self::NoWork => "No work on the record followed",
            Self::OutOfHours => "Outside working hours",
        }
    }
}

/// The rules, as content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub version: u32,
    /// Findings below this weight are not shown.
    pub shown_from: u32,
    pub days: i64,
    pub entries: i64,
    pub work_within_hours: i64,
    /// Hours of the day in London.
    pub day_from: i8,
    pub day_until: i8,
    pub many: usize,
    pub many_within_minutes: i64,
    weights: BTreeMap<Sign, u32>,
}

impl Rules {
    /// The rules in the binary.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// Rules as TOML; each sign must have a weight.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rules: Self =
            toml::from_str(text).map_err(|e| Error::Content(format!("rules of unusual access: {}", e.message())))?;
        match Sign::ALL.into_iter().find(|sign| !rules.weights.contains_key(sign)) {
            Some(sign) => Err(Error::Content(format!("rules of unusual access: {sign:?} has no weight"))),
            None => Ok(rules),
        }
    }

    fn weight(&self, sign: Sign) -> u32 {
        self.weights.get(&sign).copied().unwrap_or(0)
    }

    fn out_of_hours(&self, at: Timestamp) -> bool {
        let there = at.to_zoned(london());
        let weekend = matches!(there.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
        weekend || there.hour() < self.day_from || there.hour() >= self.day_until
    }
}

fn london() -> TimeZone {
    TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)
}

/// What is known of a person or a member of staff, to tell whether they are close to each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    given: String,
    family: String,
    born: Option<String>,
    nhs_number: Option<String>,
    /// First line and postcode, without case and spaces.
    address: Option<(String, String)>,
    flagged: bool,
}

/// Security labels that mark a record as one to watch: somebody well known, or staff. HL7 v3 ActCode, 2023-08.
const FLAGS: [&str; 2] = ["CEL", "EMP"];

fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Facts {
    /// Of a Patient or a Practitioner.
    pub fn of(value: &Value) -> Self {
        let name = value["name"].as_array().and_then(|names| {
            names.iter().find(|n| n["use"] == "official" || n["use"] == "usual").or_else(|| names.first())
        });
        let text = |value: &Value| value.as_str().map(plain).unwrap_or_default();
        let address = &value["address"][0];
        let codes = value["meta"]["security"].as_array();
        Self {
            given: name.map(|n| text(&n["given"][0])).unwrap_or_default(),
            family: name.map(|n| text(&n["family"])).unwrap_or_default(),
            born: value["birthDate"].as_str().map(str::to_owned),
            nhs_number: value["identifier"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|i| i["system"] == system::NHS_NUMBER)
                .and_then(|i| i["value"].as_str().map(str::to_owned)),
            address: address["postalCode"].as_str().map(|code| (text(&address["line"][0]), plain(code))),
            flagged: codes.is_some_and(|c| c.iter().any(|c| FLAGS.iter().any(|flag| c["code"] == *flag))),
        }
    }

    /// Signs that this member of staff and this person are close.
    fn close_to(&self, person: &Self) -> Vec<Sign> {
        let mut signs = Vec::new();
        let same_name = !self.family.is_empty() && self.family == person.family;
        let same_born = self.born.is_none() || person.born.is_none() || self.born == person.born;
        let same_number = self.nhs_number.is_some() && self.nhs_number == person.nhs_number;
        if same_number || (same_name && self.given == person.given && same_born) {
            signs.push(Sign::OwnRecord);
        } else if same_name {
            signs.push(Sign::SameName);
        }
        if let (Some(ours), Some(theirs)) = (&self.address, &person.address)
            && !ours.1.is_empty()
            && ours.1 == theirs.1
            && !same_number
        {
            signs.push(if !ours.0.is_empty() && ours.0 == theirs.0 { Sign::SameAddress } else { Sign::Neighbour });
        }
        if person.flagged {
            signs.push(Sign::Flagged);
        }
        signs
    }
}

/// One member of staff and one person on one day.
#[derive(Debug, Clone)]
struct Seen {
    origin: Arc<Origin>,
    first: Timestamp,
    last: Timestamp,
    times: u32,
    worked: bool,
    refused: bool,
    emergency: bool,
    out_of_hours: bool,
    opened: bool,
    /// Not only tried.
    got_in: bool,
    close: Vec<Sign>,
    name: String,
}

/// Many records by one member of staff on one day.
#[derive(Debug, Clone)]
struct Burst {
    origin: Arc<Origin>,
    first: Timestamp,
    last: Timestamp,
    most: usize,
}

/// An access worth a question, with why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Lasting: of the member of staff, the person and the day.
    pub id: String,
    /// Patient id; `None` where it is about many.
    pub person: Option<String>,
    /// The person's name, for the officer and for who opened the record.
    pub person_name: String,
    /// Who, in what role, where.
    pub origin: Arc<Origin>,
    pub first: Timestamp,
    pub last: Timestamp,
    /// How often that day.
    pub times: u32,
    /// A record was opened, not only tried for.
    pub got_in: bool,
    /// Each sign with its words, the heaviest first.
    pub signs: Vec<(Sign, String)>,
    pub weight: u32,
}

/// What the officer's page shows.
#[derive(Debug, Clone)]
pub struct Unusual {
    /// The heaviest first.
    pub findings: Vec<Finding>,
    /// The chain was looked through from this moment on.
    pub since: Timestamp,
    /// There are more than are given.
    pub more: bool,
}

type Key = (String, String, Date);

/// What has been seen in the window. See the module.
#[derive(Default)]
pub(crate) struct Watch {
    last: i64,
    begun: Option<Timestamp>,
    seen: HashMap<Key, Seen>,
    bursts: HashMap<(String, Date), Burst>,
    recent: HashMap<String, VecDeque<(Timestamp, String)>>,
    facts: HashMap<String, (Facts, String)>,
}

/// Findings given at once.
const SHOWN: usize = 200;
/// Facts kept before they are all looked up anew.
const FACTS: usize = 50_000;

impl Watch {
    /// Takes one entry in. `facts` are of the member of staff and of the person, if known, with the person's name.
    fn feed(&mut self, entry: &AuditEntry, rules: &Rules, staff: &Facts, person: &(Facts, String)) {
        let Some(patient) = entry.person.as_deref() else { return };
        let fields = &entry.fields;
        let refused = fields.action == "refused";
        let opened = matches!(fields.action.as_str(), "open" | "read" | "history") || refused;
        let worked = fields.action == "write";
        let emergency = fields.action.contains("emergency") || fields.decided_by.contains("emergency");
        if !opened && !worked && !emergency {
            return;
        }
        let actor = &entry.origin.actor;
        let day = entry.at.to_zoned(london()).date();
        let seen = self.seen.entry((actor.clone(), patient.to_owned(), day)).or_insert_with(|| Seen {
            origin: Arc::clone(&entry.origin),
            first: entry.at,
            last: entry.at,
            times: 0,
            worked: false,
            refused: false,
            emergency: false,
            out_of_hours: false,
            opened: false,
            got_in: false,
            close: staff.close_to(&person.0),
            name: person.1.clone(),
        });
        seen.worked |=
            worked && entry.at.duration_since(seen.first) <= SignedDuration::from_hours(rules.work_within_hours);
        seen.emergency |= emergency;
        if opened {
            if !seen.opened {
                seen.first = entry.at;
            }
            seen.opened = true;
            seen.last = entry.at;
            seen.times += 1;
            seen.refused |= refused;
            seen.got_in |= !refused;
            seen.out_of_hours |= rules.out_of_hours(entry.at);
            self.burst(entry, rules, patient, day);
        }
    }

    fn burst(&mut self, entry: &AuditEntry, rules: &Rules, patient: &str, day: Date) {
        let within = SignedDuration::from_mins(rules.many_within_minutes);
        let recent = self.recent.entry(entry.origin.actor.clone()).or_default();
        recent.push_back((entry.at, patient.to_owned()));
        while recent.front().is_some_and(|(at, _)| entry.at.duration_since(*at) > within) {
            recent.pop_front();
        }
        let people: HashSet<&str> = recent.iter().map(|(_, person)| person.as_str()).collect();
        if people.len() >= rules.many {
            let first = recent.front().map_or(entry.at, |(at, _)| *at);
            let burst = self.bursts.entry((entry.origin.actor.clone(), day)).or_insert_with(|| Burst {
                origin: Arc::clone(&entry.origin),
                first,
                last: entry.at,
                most: 0,
            });
            burst.last = entry.at;
            burst.most = burst.most.max(people.len());
        }
    }

    fn forget_before(&mut self, from: Timestamp) {
        self.seen.retain(|_, seen| seen.last >= from);
        self.bursts.retain(|_, burst| burst.last >= from);
        self.recent.retain(|_, recent| recent.back().is_some_and(|(at, _)| *at >= from));
        if self.facts.len() > FACTS {
            self.facts.clear();
        }
    }

    fn findings(&self, rules: &Rules, now: Timestamp) -> Vec<Finding> {
        let patience = SignedDuration::from_hours(rules.work_within_hours);
        let told = |signs: Vec<Sign>| {
            let mut signs: Vec<(Sign, String)> = signs.into_iter().map(|s| (s, s.words().to_owned())).collect();
            signs.sort_by_key(|(sign, _)| (std::cmp::Reverse(rules.weight(*sign)), *sign));
            signs
        };
        let weigh = |signs: &[(Sign, String)]| signs.iter().map(|(sign, _)| rules.weight(*sign)).sum();
        let mut findings = Vec::new();
        for ((actor, person, day), seen) in &self.seen {
            if !seen.opened {
                continue;
            }
            let mut signs = seen.close.clone();
            for (holds, sign) in [
                (seen.emergency, Sign::Emergency),
                (seen.refused, Sign::Refused),
                (!seen.worked && now.duration_since(seen.last) > patience, Sign::NoWork),
                (seen.out_of_hours, Sign::OutOfHours),
            ] {
                if holds {
                    signs.push(sign);
                }
            }
            let signs = told(signs);
            let weight: u32 = weigh(&signs);
            if weight >= rules.shown_from {
                findings.push(Finding {
                    id: id(&[actor, person, &day.to_string()]),
                    person: Some(person.clone()),
                    person_name: seen.name.clone(),
                    origin: Arc::clone(&seen.origin),
                    first: seen.first,
                    last: seen.last,
                    times: seen.times,
                    got_in: seen.got_in,
                    signs,
                    weight,
                });
            }
        }
        for ((actor, day), burst) in &self.bursts {
            let mut signs = told(vec![Sign::ManyRecords]);
            signs[0].1 = format!("{} people's records within {} minutes", burst.most, rules.many_within_minutes);
            findings.push(Finding {
                id: id(&[actor, "many", &day.to_string()]),
                person: None,
                person_name: String::new(),
                origin: Arc::clone(&burst.origin),
                first: burst.first,
                last: burst.last,
                times: burst.most as u32,
                got_in: true,
                weight: weigh(&signs),
                signs,
            });
        }
        findings.sort_by(|a, b| (b.weight, b.last, &b.id).cmp(&(a.weight, a.last, &a.id)));
        findings
    }
}

fn id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    kith_store::sqlite::hex(&hash.finalize()[..12])
}

fn name_of(value: &Value) -> String {
    let name = &value["name"][0];
    let given = name["given"][0].as_str().unwrap_or_default();
    format!("{given} {}", name["family"].as_str().unwrap_or_default()).trim().to_owned()
}

impl Access {
    /// Accesses of the window that are worth a question, the heaviest first. For the privacy officer; looking is recorded.
    /// Each entry of the chain is read once, whoever asks and however often.
    pub async fn unusual(&self) -> Result<Unusual, Error> {
        self.must_audit("unusual access").await?;
        let rules = Rules::built_in()?;
        let mut fields = self.fields("audit", "privacy-officer-audits");
        "unusual access".clone_into(&mut fields.reason);
        let now = self.now();
        let from = now.checked_sub(SignedDuration::from_hours(24 * rules.days)).unwrap_or(Timestamp::MIN);
        let mut watch = self.inner.watch.lock().await;
        self.catch_up(&mut watch, &rules, from).await?;
        watch.forget_before(from);
        let mut findings = watch.findings(&rules, now);
        let since = watch.begun.unwrap_or(from).max(from);
        drop(watch);
        let more = findings.len() > SHOWN;
        findings.truncate(SHOWN);
        fields.count = findings.len() as u64;
        self.note(None, fields).await?;
        Ok(Unusual { findings, since, more })
    }

    /// Reads what is new in the chain, at the first time no more than the window holds.
    async fn catch_up(&self, watch: &mut Watch, rules: &Rules, from: Timestamp) -> Result<(), Error> {
        if watch.begun.is_none() {
            let newest = kith_store::AuditQuery { limit: 1, ..kith_store::AuditQuery::default() };
            let head = self.inner.store.audit_search(&newest).await?.entries.first().map_or(0, |e| e.seq);
            watch.last = (head - rules.entries).max(0);
        }
        loop {
            let entries = self.inner.store.audit_after(watch.last, 1000).await?;
            let Some(last) = entries.last() else { break };
            watch.last = last.seq;
            if watch.begun.is_none() {
                watch.begun = entries.first().map(|entry| entry.at);
            }
            for entry in &entries {
                let staff = Role::from_code(&entry.origin.role).is_some_and(Role::is_staff);
                let Some(patient) = entry.person.as_deref().filter(|_| staff && entry.at >= from) else { continue };
                let person = self.facts(watch, &format!("Patient/{patient}")).await?;
                let actor = self.facts(watch, &entry.origin.actor).await?;
                watch.feed(entry, rules, &actor.0, &person);
            }
        }
        Ok(())
    }

    async fn facts(&self, watch: &mut Watch, reference: &str) -> Result<(Facts, String), Error> {
        if let Some(known) = watch.facts.get(reference) {
            return Ok(known.clone());
        }
        let (kind, id) = reference.split_once('/').unwrap_or_default();
        let stored = self.inner.store.read(kind, id).await?.and_then(|stored| stored.value);
        let facts = stored.map(|value| (Facts::of(&value), name_of(&value))).unwrap_or_default();
        watch.facts.insert(reference.to_owned(), facts.clone());
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use kith_fhir::json;
    use kith_store::AuditFields;

    use super::*;

    fn entry(seq: i64, at: &str, actor: &str, person: &str, action: &str) -> AuditEntry {
        AuditEntry {
            seq,
            at: at.parse().unwrap(),
            person: Some(Arc::from(person)),
            origin: Arc::new(Origin {
                actor: actor.into(),
                name: "Staff".into(),
                role: "gp".into(),
                organization: None,
                organization_name: None,
                system: "test".into(),
            }),
            fields: AuditFields {
                action: action.into(),
                purpose: "direct-care".into(),
                decided_by: String::new(),
                reason: String::new(),
                what: Vec::new(),
                count: 0,
                digest: String::new(),
            },
            hash: [0; 32],
        }
    }

    fn somebody(given: &str, family: &str, line: &str, code: &str) -> Value {
        json!({"name": [{"given": [given], "family": family}], "birthDate": "1980-02-29",
            "address": [{"line": [line], "postalCode": code}]})
    }

    /// A Tuesday in working hours, and later the same day.
    const MORNING: &str = "2026-03-03T10:00:00Z";

    fn found(staff: &Value, person: &Value, entries: &[AuditEntry], now: &str) -> Vec<Finding> {
        let rules = Rules::built_in().unwrap();
        let mut watch = Watch::default();
        for entry in entries {
            watch.feed(entry, &rules, &Facts::of(staff), &(Facts::of(person), "Ada".into()));
        }
        watch.findings(&rules, now.parse().unwrap())
    }

    fn signs(findings: &[Finding]) -> Vec<Sign> {
        findings.iter().flat_map(|f| f.signs.iter().map(|(sign, _)| *sign)).collect()
    }

    #[test]
    fn closeness_of_staff_and_person_is_weighed_with_its_reason() {
        let ada = somebody("Ada", "Test", "1 High Street", "ZZ1 1AA");
        let looks = [entry(1, MORNING, "Practitioner/p", "ada", "open")];
        let soon = "2026-03-03T10:30:00Z";
        let of = |staff: Value| signs(&found(&staff, &ada, &looks, soon));
        assert_eq!(of(somebody("Ada", "TEST", "", "")), [Sign::OwnRecord]);
        assert_eq!(of(somebody("Ben", "Test", "9 Low Road", "zz9 9zz")), [Sign::SameName]);
        assert_eq!(of(somebody("Ben", "Other", "1 high street", "zz11aa")), [Sign::SameAddress]);
        assert_eq!(of(somebody("Ben", "Other", "2 High Street", "ZZ1 1AA")), [Sign::Neighbour]);
        assert_eq!(of(somebody("Ben", "Other", "9 Low Road", "ZZ9 9ZZ")), []);
        let mut well_known = ada.clone();
        well_known["meta"] = json!({"security": [{"code": "CEL"}]});
        let stranger = somebody("Ben", "Other", "9 Low Road", "ZZ9 9ZZ");
        assert_eq!(signs(&found(&stranger, &well_known, &looks, soon)), [Sign::Flagged]);
    }

    #[test]
    fn work_on_the_record_explains_an_access_and_its_absence_does_not() {
        let (ada, ben) = (somebody("Ada", "Test", "1", "ZZ1 1AA"), somebody("Ben", "Test", "9", "ZZ9 9ZZ"));
        let open = entry(1, MORNING, "Practitioner/p", "ada", "open");
        let write = entry(2, "2026-03-03T10:10:00Z", "Practitioner/p", "ada", "write");
        let late = "2026-03-03T18:00:00Z";
        assert_eq!(signs(&found(&ben, &ada, std::slice::from_ref(&open), late)), [Sign::SameName, Sign::NoWork]);
        assert_eq!(signs(&found(&ben, &ada, &[open, write], late)), [Sign::SameName]);
    }

    #[test]
    fn nights_weekends_refusals_and_emergencies_are_seen_in_london_time() {
        let (ada, ben) = (somebody("Ada", "Test", "1", "ZZ1 1AA"), somebody("Ben", "Other", "9", "ZZ9 9ZZ"));
        let rules = Rules::built_in().unwrap();
        for (at, out) in [
            ("2026-03-03T06:59:00Z", true),
            ("2026-03-03T07:00:00Z", false),
            ("2026-07-07T06:30:00Z", false), // 07:30 in summer
            ("2026-07-07T19:30:00Z", true),  // 20:30 in summer
            ("2026-03-07T12:00:00Z", true),  // a Saturday
        ] {
            assert_eq!(rules.out_of_hours(at.parse().unwrap()), out, "{at}");
        }
        let refused = [entry(1, "2026-03-07T12:00:00Z", "Practitioner/p", "ada", "refused")];
        let findings = found(&ben, &ada, &refused, "2026-03-07T12:10:00Z");
        assert_eq!(signs(&findings), [Sign::Refused, Sign::OutOfHours]);
        assert_eq!(findings[0].weight, 4);
        let emergency = [
            entry(1, MORNING, "Practitioner/p", "ada", "emergency-open"),
            entry(2, MORNING, "Practitioner/p", "ada", "open"),
        ];
        assert_eq!(signs(&found(&ben, &ada, &emergency, MORNING)), [Sign::Emergency]);
    }

    #[test]
    fn many_records_in_a_short_time_are_one_finding() {
        let nobody = json!({});
        let many: Vec<AuditEntry> =
            (0..60).map(|n| entry(n, MORNING, "Practitioner/p", &format!("person-{n}"), "open")).collect();
        let findings = found(&nobody, &nobody, &many, MORNING);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].person.as_deref(), findings[0].times), (None, 60));
        assert!(findings[0].signs[0].1.contains("60 people's records within 15 minutes"));
        let few = found(&nobody, &nobody, &many[..30], MORNING);
        assert!(few.is_empty());
    }

    #[test]
    fn the_heaviest_comes_first_and_what_is_old_is_forgotten() {
        let rules = Rules::built_in().unwrap();
        let mut watch = Watch::default();
        let ada = (Facts::of(&somebody("Ada", "Test", "1", "ZZ1 1AA")), "Ada".to_owned());
        let own = Facts::of(&somebody("Ada", "Test", "1", "ZZ1 1AA"));
        let same = Facts::of(&somebody("Ben", "Test", "9", "ZZ9 9ZZ"));
        watch.feed(&entry(1, MORNING, "Practitioner/same", "ada", "open"), &rules, &same, &ada);
        watch.feed(&entry(2, MORNING, "Practitioner/own", "ada", "open"), &rules, &own, &ada);
        let findings = watch.findings(&rules, MORNING.parse().unwrap());
        assert_eq!(findings[0].origin.actor, "Practitioner/own");
        assert_ne!(findings[0].id, findings[1].id);
        watch.forget_before("2026-03-04T00:00:00Z".parse().unwrap());
        assert!(watch.findings(&rules, MORNING.parse().unwrap()).is_empty());
    }

    #[test]
    fn a_sign_without_a_weight_is_an_error() {
        let without = BUILT_IN.replace("own-record = 10", "");
        assert!(Rules::parse(&without).is_err());
    }
}
