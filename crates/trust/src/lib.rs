//! kith-trust
