//! kith-fhir
