//! How long records are kept, as content; legal holds; and erasure that leaves the audit chain and the versions whole.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, Timestamp, tz::TimeZone};
use kith_fhir::Value;
use kith_store::{AuditDraft, Batch, Erased, Erasure, KeyValue};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::actor::Role;
use crate::error::Error;

const BUILT_IN: &str = include_str!("../../../content/retention.toml");
const HOLDS: &str = "legal-hold";

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A person's whole record.
    Record,
    /// Single resources.
    Item,
}

/// From when the time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Since {
    /// The person's death.
    Death,
    /// The resource's last change.
    LastChange,
}

/// What happens when the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// Erased by `kith retention apply --erase`.
    Erase,
    /// Somebody decides, item by item.
    Review,
}

/// One line of the schedule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: String,
    pub name: String,
    pub scope: Scope,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default)]
    pub statuses: Vec<String>,
    #[serde(rename = "from")]
    pub since: Since,
    pub years: u16,
    #[serde(rename = "action")]
    pub then: Then,
    pub source: String,
}

/// The schedule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub version: u32,
    #[serde(rename = "rule")]
    pub rules: Vec<Rule>,
}

impl Schedule {
    /// The schedule in the binary.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(BUILT_IN)
    }

    /// A schedule as TOML. Refused: a rule without a source, a record's rule that does not run from death, an item's rule
    /// without types, a time of no years.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::Content(format!("retention schedule: {what}"));
        let schedule: Self = toml::from_str(text).map_err(|e| wrong(e.message().to_owned()))?;
        for rule in &schedule.rules {
            let fault = match rule.scope {
                _ if rule.source.trim().is_empty() => "has no source",
                _ if rule.years == 0 => "keeps for no time at all",
                Scope::Record if rule.since != Since::Death => "would erase the record of somebody who may live",
                Scope::Item if rule.types.is_empty() => "names no types",
                _ => continue,
            };
            return Err(wrong(format!("{} {fault}", rule.id)));
        }
        Ok(schedule)
    }
}

impl Rule {
    /// When the time of a resource is over; `None` if the rule does not speak of it.
    fn over(&self, kind: &str, value: &Value, updated: Timestamp) -> Option<Date> {
        let since = match self.since {
            Since::Death if kind == "Patient" => died(value)?,
            Since::Death => return None,
            Since::LastChange => updated.to_zoned(TimeZone::UTC).date(),
        };
        let fits = match self.scope {
            Scope::Record => kind == "Patient",
            Scope::Item => {
                let status = value["status"].as_str().unwrap_or_default();
                self.types.iter().any(|t| t == kind)
                    && (self.statuses.is_empty() || self.statuses.iter().any(|s| s == status))
            }
        };
        if fits { since.checked_add(Span::new().years(i64::from(self.years))).ok() } else { None }
    }
}

/// The day a person died, as far as it is known: of a year or a month alone, its last day.
fn died(patient: &Value) -> Option<Date> {
    let text = patient["deceasedDateTime"].as_str()?;
    let day = text.get(..10).unwrap_or(text);
    match day.split('-').collect::<Vec<_>>()[..] {
        [_, _, _] => day.parse().ok(),
        [year, month] => Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok().map(Date::last_of_month),
        [year] => Date::new(year.parse().ok()?, 12, 31).ok(),
        _ => None,
    }
}

/// Something whose time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Id of the rule.
    pub rule: String,
    /// Patient id.
    pub person: String,
    /// `Type/id`; `None` for the whole record.
    pub item: Option<String>,
    /// The day its time was over.
    pub since: String,
    pub then: Then,
    /// Under legal hold: kept.
    pub held: bool,
}

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Patient id.
    pub person: String,
    /// Why, without clinical detail: a court's or inquiry's reference.
    pub reason: String,
    pub since: Timestamp,
    pub by: String,
}

impl Access {
    fn only_operator(&self) -> Result<(), Error> {
        if self.actor().role == Role::System {
            Ok(())
        } else {
            Err(Error::Refused { why: "only Kith's operator applies the retention schedule".into() })
        }
    }

    /// Everything whose time is over today, in order of the record. Reads every live resource once.
    pub async fn retention_due(&self, schedule: &Schedule) -> Result<Vec<Due>, Error> {
        self.only_operator()?;
        let today = self.now().to_zoned(TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC)).date();
        let held: BTreeMap<String, Hold> =
            self.legal_holds().await?.into_iter().map(|hold| (hold.person.clone(), hold)).collect();
        let mut due = Vec::new();
        let mut after = None;
        loop {
            let page = self.inner.store.walk(after, 1000).await?;
            let Some((mark, _)) = page.last() else { break };
            after = Some(*mark);
            for (_, stored) in &page {
                let (Some(person), Some(value)) = (&stored.person, stored.value.as_deref()) else { continue };
                for rule in &schedule.rules {
                    let Some(over) = rule.over(stored.kind, value, stored.updated).filter(|over| *over <= today) else {
                        continue;
                    };
                    due.push(Due {
                        rule: rule.id.clone(),
                        person: person.to_string(),
                        item: (rule.scope == Scope::Item).then(|| stored.reference()),
                        since: over.to_string(),
                        then: rule.then,
                        held: held.contains_key(person.as_ref()),
                    });
                }
            }
        }
        let mut fields = self.fields("retention-report", "retention schedule");
        fields.count = due.len() as u64;
        self.note(None, fields).await?;
        Ok(due)
    }

    /// Erases a person's record, or items of it, for a reason that is a rule's id or a legal ground, never personal data.
    /// The entry of the erasure is the tombstone: what there was, when and by whom stays known. Refused under legal hold.
    pub async fn erase(&self, person: &str, only: Option<Vec<String>>, ground: &str) -> Result<Erased, Error> {
        self.only_operator()?;
        if ground.trim().is_empty() || ground.len() > 200 {
            return Err(Error::invalid("ground", "must have 1 to 200 characters"));
        }
        if self.inner.store.get(HOLDS, person, self.now()).await?.is_some() {
            return self.refuse(Some(person), "erase", "under legal hold", false).await;
        }
        let mut batch = Batch::new(self.now(), self.origin());
        let mut fields = self.fields("erase", "retention schedule");
        ground.trim().clone_into(&mut fields.reason);
        fields.what = only.iter().flatten().take(20).cloned().collect();
        batch.audit.push(AuditDraft { person: Some(std::sync::Arc::from(person)), fields, covers_writes: false });
        Ok(self.inner.store.erase(Erasure { patient: person.to_owned(), only }, batch).await?)
    }

    /// Keeps a person's record from erasure until it is released.
    pub async fn hold(&self, person: &str, reason: &str) -> Result<(), Error> {
        self.only_operator()?;
        if reason.trim().is_empty() || reason.len() > 200 {
            return Err(Error::invalid("reason", "must have 1 to 200 characters"));
        }
        if self.inner.store.person_of("Patient", person).await?.is_none() {
            return Err(Error::NotFound);
        }
        let hold = Hold {
            person: person.to_owned(),
            reason: reason.trim().to_owned(),
            since: self.now(),
            by: self.actor().system.clone(),
        };
        self.set_hold(person, serde_json::to_vec(&hold).ok(), "legal-hold").await
    }

    /// Ends a legal hold.
    pub async fn release_hold(&self, person: &str) -> Result<(), Error> {
        self.only_operator()?;
        if self.inner.store.get(HOLDS, person, self.now()).await?.is_none() {
            return Err(Error::NotFound);
        }
        self.set_hold(person, None, "legal-hold-released").await
    }

    async fn set_hold(&self, person: &str, value: Option<Vec<u8>>, action: &str) -> Result<(), Error> {
        let mut batch = Batch::new(self.now(), self.origin());
        batch.set.push(KeyValue { space: HOLDS, key: person.to_owned(), value, expires: None });
        batch.audit.push(AuditDraft {
            person: Some(std::sync::Arc::from(person)),
            fields: self.fields(action, ""),
            covers_writes: false,
        });
        self.inner.store.commit(batch).await?;
        Ok(())
    }

    /// The legal holds there are.
    pub async fn legal_holds(&self) -> Result<Vec<Hold>, Error> {
        self.only_operator()?;
        let kept = self.inner.store.list(HOLDS, self.now()).await?;
        Ok(kept.into_iter().filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use kith_fhir::json;

    use super::*;

    #[test]
    fn every_rule_of_the_schedule_names_its_source_and_none_erases_the_living() {
        let schedule = Schedule::built_in().unwrap();
        assert!(schedule.rules.iter().all(|rule| !rule.source.is_empty()));
        let change = |from: &str, to: &str| Schedule::parse(&BUILT_IN.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(change("from = \"death\"", "from = \"last-change\"").contains("may live"));
        assert!(change("years = 10", "years = 0").contains("no time"));
        assert!(change("types = [\"ServiceRequest\"]", "").contains("names no types"));
        assert!(change("version = 1", "version = 1\nsurprise = 2").contains("surprise"));
    }

    #[test]
    fn the_time_runs_from_the_last_day_that_death_may_have_been() {
        let rule = &Schedule::built_in().unwrap().rules[0];
        let over = |died: &str| {
            rule.over("Patient", &json!({"deceasedDateTime": died}), Timestamp::UNIX_EPOCH).map(|d| d.to_string())
        };
        assert_eq!(over("2016-11-20T10:00:00Z").as_deref(), Some("2026-11-20"));
        assert_eq!(over("2016-02").as_deref(), Some("2026-02-28"));
        assert_eq!(over("2016").as_deref(), Some("2026-12-31"));
        assert_eq!(over("soon"), None);
        assert_eq!(
            rule.over("Patient", &json!({"deceasedBoolean": true}), Timestamp::UNIX_EPOCH),
            None,
            "when is not known"
        );
    }
}
