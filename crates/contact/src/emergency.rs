//! Emergency access, with the person told in the same transaction.

use kith_trust::{Access, Change, Claim, Review};

use crate::error::Error;
use crate::notification::{Notification, TemplateId};

/// Opens a record in an emergency (`kith_trust::Access::claim_emergency`) and tells the person who did. The notice names the
/// one who opened it and never why: that stands in Kith, under "who looked".
pub async fn claim(access: &Access, patient: &str, claim: &Claim) -> Result<Review, Error> {
    let actor = access.actor();
    let who = match &actor.organization_name {
        Some(organization) => format!("{} at {organization}", actor.name),
        None => actor.name.clone(),
    };
    let mut told = Change::new("emergency access");
    let key = format!("emergency-access/{patient}/{}/{}", actor.id(), access.now());
    Notification::new(patient, TemplateId::EmergencyAccess).with("who", &who).publish(&mut told, &key);
    Ok(access.claim_emergency(patient, claim, told).await?)
}
