//! kith-booking
