//! What every handler shares.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use kith_trust::Door;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Mutex, OnceCell};

use crate::ApiOptions;
use crate::fhir::capability::Searchable;
use crate::smart::Limits;

/// The door, the options and the little that is worked out once. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

pub struct Shared {
    pub door: Door,
    pub options: ApiOptions,
    pub metrics: PrometheusHandle,
    /// Held from looking for what exists to writing what does not, so that two conditional creates cannot both find
    /// nothing.
    pub conditional: Mutex<()>,
    /// What can be searched, asked of the door once.
    pub searchable: OnceCell<Searchable>,
    /// How often one caller may ask.
    pub limits: Limits,
    /// The newest audit entry seen so far.
    pub audit_head: AtomicI64,
}

impl Api {
    pub fn new(door: Door, options: ApiOptions, metrics: PrometheusHandle) -> Self {
        Self(Arc::new(Shared {
            door,
            options,
            metrics,
            conditional: Mutex::new(()),
            searchable: OnceCell::new(),
            limits: Limits::default(),
            audit_head: AtomicI64::new(0),
        }))
    }
}

impl std::ops::Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}
