//! kith-frontdoor
