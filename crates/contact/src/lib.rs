//! kith-contact
