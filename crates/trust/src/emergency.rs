//! Emergency access: when nothing connects a clinician with a person and waiting would do harm.
//!
//! The reasons are those of the Summary Care Record API (NHS England, read November 2026): which access alert may give which
//! reason is [`Reason::fits`]. The grant, the entry in the audit chain, the line in the privacy officer's list and what the
//! caller tells the person are one transaction.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kith_store::{AuditDraft, Batch, KeyValue};
use serde::{Deserialize, Serialize};

use crate::access::Access;
use crate::actor::{Purpose, Role};
use crate::agreements::Action;
use crate::change::Change;
use crate::error::Error;
use crate::facts::Facts;
use crate::kinds::DataKind;

/// How long emergency access stays open.
pub const EMERGENCY_FOR: SignedDuration = SignedDuration::from_hours(1);
/// The fewest letters of a written reason.
const WRITTEN_AT_LEAST: usize = 10;
/// The most.
const WRITTEN_AT_MOST: usize = 1000;

const GRANTS: &str = "emergency";
const REVIEWS: &str = "emergency-review";

/// The access alert raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alert {
    /// Type 1: the clinician claims a relationship.
    SelfClaimed,
    /// Type 2: without the person's permission.
    WithoutPermission,
}

impl Alert {
    pub const ALL: [Self; 2] = [Self::SelfClaimed, Self::WithoutPermission];

    /// The number in the SCR API.
    pub fn number(self) -> u8 {
        match self {
            Self::SelfClaimed => 1,
            Self::WithoutPermission => 2,
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|alert| alert.number() == number)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::SelfClaimed => "I look after this person (self-claimed relationship)",
            Self::WithoutPermission => "I cannot ask the person (access without permission)",
        }
    }

    fn fact(self) -> Facts {
        match self {
            Self::SelfClaimed => Facts::CLAIMED,
            Self::WithoutPermission => Facts::EMERGENCY,
        }
    }
}

/// Why, by the SCR API's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    PublicInterest,
    Statute,
    CourtOrder,
    /// 4: emergency, with a self-claimed relationship.
    Emergency,
    /// 5: emergency, without permission.
    EmergencyWithoutPermission,
    /// 6: another reason, with the person's permission.
    Other,
}

impl Reason {
    pub const ALL: [Self; 6] = [
        Self::PublicInterest,
        Self::Statute,
        Self::CourtOrder,
        Self::Emergency,
        Self::EmergencyWithoutPermission,
        Self::Other,
    ];

    /// The number in the SCR API, 1 to 6.
    pub fn number(self) -> u8 {
        match self {
            Self::PublicInterest => 1,
            Self::Statute => 2,
            Self::CourtOrder => 3,
            Self::Emergency => 4,
            Self::EmergencyWithoutPermission => 5,
            Self::Other => 6,
        }
    }

    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::PublicInterest => "public interest",
            Self::Statute => "required by law",
            Self::CourtOrder => "court order",
            Self::Emergency | Self::EmergencyWithoutPermission => "emergency",
            Self::Other => "another reason, with the person's permission",
        }
    }

    /// Whether this alert may give this reason: type 1 gives 1, 2, 3, 4 and 6; type 2 gives 1, 2, 3 and 5.
    pub fn fits(self, alert: Alert) -> bool {
        match self {
            Self::PublicInterest | Self::Statute | Self::CourtOrder => true,
            Self::Emergency | Self::Other => alert == Alert::SelfClaimed,
            Self::EmergencyWithoutPermission => alert == Alert::WithoutPermission,
        }
    }
}

/// What a clinician says when they open a record in an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub alert: Alert,
    pub reason: Reason,
    /// Why, in their own words: 10 to 1,000 letters. The person reads it.
    pub written: String,
}

/// One emergency access in the privacy officer's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub id: String,
    /// Patient id.
    pub patient: String,
    /// `Practitioner/…`.
    pub actor: String,
    pub actor_name: String,
    pub role: Role,
    pub organization: Option<String>,
    pub organization_name: Option<String>,
    pub alert: Alert,
    pub reason: Reason,
    pub written: String,
    pub at: Timestamp,
    pub until: Timestamp,
    /// Who reviewed it, when, and what they found; `None` while it waits.
    pub reviewed: Option<Reviewed>,
}

/// What a privacy officer found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    pub by: String,
    pub at: Timestamp,
    /// Whether the access was right.
    pub proper: bool,
    pub note: String,
}

#[derive(Serialize, Deserialize)]
struct Grant {
    alert: Alert,
}

fn grant_key(patient: &str, actor: &str) -> String {
    format!("{patient}|{actor}")
}

/// The live emergency access of this actor to a person, as a fact.
pub(crate) async fn granted(access: &Access, patient: &str) -> Result<Facts, Error> {
    let kept = access.inner.store.get(GRANTS, &grant_key(patient, &access.actor().reference), access.now()).await?;
    let grant = kept.and_then(|bytes| serde_json::from_slice::<Grant>(&bytes).ok());
    Ok(grant.map_or(Facts::NONE, |grant| grant.alert.fact()))
}

impl Access {
    /// Opens a record in an emergency for [`EMERGENCY_FOR`]. `told` carries what tells the person (its outbox alone is
    /// used). Refused, and recorded as refused, for everybody but clinicians giving care. A reason that its alert may not
    /// give is [`Error::Invalid`]. [`Error::NotFound`] if there is no such person.
    pub async fn claim_emergency(&self, patient: &str, claim: &Claim, told: Change) -> Result<Review, Error> {
        let written = claim.written.trim();
        let letters = written.chars().count();
        if !claim.reason.fits(claim.alert) {
            let why = format!("access alert {} does not give reason {}", claim.alert.number(), claim.reason.number());
            return Err(Error::invalid("reason", why));
        }
        if !(WRITTEN_AT_LEAST..=WRITTEN_AT_MOST).contains(&letters) {
            return Err(Error::invalid("written", "say why in 10 to 1,000 letters"));
        }
        let actor = self.actor();
        // A token's scopes never claim: somebody does, in person.
        if !actor.role.is_clinical() || self.purpose() != Purpose::DirectCare || self.is_narrowed() {
            return self.refuse(Some(patient), "emergency", "only clinicians giving care", true).await;
        }
        if self.inner.store.read("Patient", patient).await?.and_then(|s| s.value).is_none() {
            return self.refuse(None, "emergency", "no such person", true).await;
        }
        let now = self.now();
        let until = now.saturating_add(EMERGENCY_FOR).unwrap_or(Timestamp::MAX);
        let review = Review {
            id: uuid::Uuid::now_v7().to_string(),
            patient: patient.to_owned(),
            actor: actor.reference.clone(),
            actor_name: actor.name.clone(),
            role: actor.role,
            organization: actor.organization.clone(),
            organization_name: actor.organization_name.clone(),
            alert: claim.alert,
            reason: claim.reason,
            written: written.to_owned(),
            at: now,
            until,
            reviewed: None,
        };
        let mut batch = Batch::new(now, self.origin());
        batch.set.push(KeyValue {
            space: GRANTS,
            key: grant_key(patient, &actor.reference),
            value: Some(json(&Grant { alert: claim.alert })?),
            expires: Some(until),
        });
        batch.set.push(KeyValue { space: REVIEWS, key: review.id.clone(), value: Some(json(&review)?), expires: None });
        let mut fields = self.fields("emergency", "emergency-access/recorded-emergency");
        fields.reason = format!(
            "access alert {}, reason {} ({}): {written}",
            claim.alert.number(),
            claim.reason.number(),
            claim.reason.words()
        );
        batch.audit.push(AuditDraft { person: Some(Arc::from(patient)), fields, covers_writes: false });
        batch.outbox.clone_from(&told.outbox);
        self.inner.store.commit(batch).await?;
        self.forget_all();
        tracing::warn!(alert = claim.alert.number(), reason = claim.reason.number(), "emergency access");
        Ok(review)
    }

    /// Every emergency access, newest first, those that wait for review before all others. For the privacy officer.
    pub async fn emergencies(&self) -> Result<Vec<Review>, Error> {
        self.may_review().await?;
        let kept = self.inner.store.list(REVIEWS, self.now()).await?;
        let mut reviews: Vec<Review> =
            kept.into_iter().filter_map(|(_, bytes)| serde_json::from_slice(&bytes).ok()).collect();
        reviews.sort_by(|a, b| a.reviewed.is_some().cmp(&b.reviewed.is_some()).then(b.at.cmp(&a.at)));
        Ok(reviews)
    }

    /// Reviews one. A second review replaces the first; both are in the audit chain.
    pub async fn review_emergency(&self, id: &str, proper: bool, note: &str) -> Result<Review, Error> {
        self.may_review().await?;
        let note = note.trim();
        if note.is_empty() || note.chars().count() > WRITTEN_AT_MOST {
            return Err(Error::invalid("note", "say what you found, in at most 1,000 letters"));
        }
        let now = self.now();
        let kept = self.inner.store.get(REVIEWS, id, now).await?.ok_or(Error::NotFound)?;
        let mut review: Review = serde_json::from_slice(&kept).map_err(|e| Error::Storage(e.to_string()))?;
        review.reviewed = Some(Reviewed { by: self.actor().name.clone(), at: now, proper, note: note.to_owned() });
        let mut batch = Batch::new(now, self.origin());
        batch.set.push(KeyValue { space: REVIEWS, key: review.id.clone(), value: Some(json(&review)?), expires: None });
        let mut fields = self.fields("emergency-review", "oversight/privacy-officer-audits");
        fields.reason = if proper { "found proper".to_owned() } else { "found not proper".to_owned() };
        batch.audit.push(AuditDraft { person: Some(Arc::from(review.patient.as_str())), fields, covers_writes: false });
        self.inner.store.commit(batch).await?;
        Ok(review)
    }

    async fn may_review(&self) -> Result<(), Error> {
        self.organisation().await?;
        let answer = self.ask(Action::Audit, DataKind::Demographics, Facts::NONE);
        if answer.allowed && self.actor().role == Role::PrivacyOfficer && !self.is_narrowed() {
            return Ok(());
        }
        self.refuse(None, "emergency-review", "only the privacy officer", true).await
    }
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|e| Error::Storage(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_access_alert_gives_the_reasons_of_the_scr_api_and_no_other() {
        let gives = |alert| Reason::ALL.into_iter().filter(|r| r.fits(alert)).map(Reason::number).collect::<Vec<_>>();
        assert_eq!(gives(Alert::SelfClaimed), [1, 2, 3, 4, 6]);
        assert_eq!(gives(Alert::WithoutPermission), [1, 2, 3, 5]);
        assert_eq!((Alert::from_number(2), Reason::from_number(7)), (Some(Alert::WithoutPermission), None));
    }
}
