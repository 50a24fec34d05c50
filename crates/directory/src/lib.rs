//! kith-directory
