//! kith-handover
