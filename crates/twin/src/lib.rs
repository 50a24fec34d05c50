//! kith-twin
