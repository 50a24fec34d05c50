//! Looking into the audit chain, for those the agreements let: the privacy officer, and Kith's operator.

use crate::access::Access;
use crate::agreements::Action;
use crate::error::Error;
use crate::kinds::DataKind;
use crate::{AuditFound, AuditQuery};

impl Access {
    /// Whether the actor may look into everybody's audit trail.
    pub(crate) async fn audits(&self) -> Result<bool, Error> {
        // Nobody's relationship with nobody: only what needs none can allow it.
        self.may("", Action::Audit, DataKind::Demographics).await
    }

    /// Refuses, and records it, unless the actor may look into everybody's audit trail.
    pub(crate) async fn must_audit(&self, attempted: &str) -> Result<(), Error> {
        if self.audits().await? {
            Ok(())
        } else {
            self.refuse(None, attempted, "only the privacy officer looks into the audit", true).await
        }
    }

    /// Entries that fit, newest first. Looking is itself recorded: for whom, by whom and how many.
    pub async fn search_audit(&self, query: &AuditQuery) -> Result<AuditFound, Error> {
        self.must_audit("audit").await?;
        let found = self.inner.store.audit_search(query).await?;
        let mut fields = self.fields("audit", "privacy-officer-audits");
        "search".clone_into(&mut fields.reason);
        fields.what.extend(query.actor.clone());
        fields.count = found.entries.len() as u64;
        self.note(query.person.as_deref().map(std::sync::Arc::from), fields).await?;
        Ok(found)
    }
}
