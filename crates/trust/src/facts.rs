//! What is true of one question beside who asks, why and what for: a set small enough to copy and compare.

use std::ops::{BitOr, BitOrAssign};

/// A set of facts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Facts(pub(crate) u32);

macro_rules! facts {
    ($($(#[$m:meta])* $name:ident = $bit:literal $group:literal $attr:literal $code:literal;)*) => {
        impl Facts {
            $($(#[$m])* pub const $name: Self = Self(1 << $bit);)*

            /// Every fact: itself, the record of the schema it stands in (empty: the question itself), its attribute there,
            /// and its name in tables and explanations.
            pub const ALL: &'static [(Self, &'static str, &'static str, &'static str)] =
                &[$((Self::$name, $group, $attr, $code)),*];
        }
    };
}

facts! {
    /// It is the person's own record.
    OWN = 0 "relation" "own" "self";
    /// Acts for the person in everything.
    PROXY = 1 "relation" "proxy" "proxy";
    /// Acts for the person without clinical detail.
    ARRANGER = 2 "relation" "arranger" "proxy (arranging only)";
    /// Registered with the actor's practice.
    REGISTERED = 3 "relation" "registered" "registered";
    /// A booking with the actor's service.
    BOOKED = 4 "relation" "booked" "booked";
    /// A request or referral to the actor's service.
    REQUESTED = 5 "relation" "requested" "requested";
    /// Work owned by the actor's service.
    TASKED = 6 "relation" "tasked" "tasked";
    /// The actor asked or referred.
    REQUESTER = 7 "relation" "requester" "requester";
    /// In the caseload of the actor's team.
    CASELOAD = 8 "relation" "caseload" "caseload";
    /// The actor is on duty at a hub, and the person has asked for help that is still open.
    DUTY = 9 "relation" "duty" "on duty";
    /// Identified by two facts, here or on the phone.
    PRESENT = 10 "relation" "present" "present";
    /// Emergency access, self-claimed relationship.
    CLAIMED = 11 "relation" "claimed" "claimed";
    /// Emergency access without permission.
    EMERGENCY = 12 "relation" "emergency" "emergency";
    /// The item is sealed.
    SEALED = 13 "item" "sealed" "sealed";
    /// The actor is named on the seal.
    NAMED = 14 "item" "named" "named on the seal";
    /// The item is about somebody else as well.
    THIRD_PARTY = 15 "item" "third_party" "about a third party";
    /// The actor's own organisation wrote the item.
    OWN_WORK = 16 "item" "own_work" "own work";
    /// The person said no to sharing with organisations of the actor's kind.
    DISSENT = 17 "choice" "dissent" "dissent";
    /// National data opt-out or type 1 opt-out.
    OPTED_OUT = 18 "choice" "opted_out" "opted out";
    /// A machine's scopes cover the act.
    IN_SCOPE = 19 "" "in_scope" "in scope";
    /// The act is for the actor's own organisation.
    OWN_ORGANISATION = 20 "" "own_organisation" "own organisation";
}

impl Facts {
    pub const NONE: Self = Self(0);
    /// Everything that connects an actor with a person.
    pub const RELATIONS: Self = Self((1 << 13) - 1);

    /// Whether all of `other` are among these.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is among these.
    #[must_use]
    pub fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The facts if `yes`, else none.
    #[must_use]
    pub fn when(self, yes: bool) -> Self {
        if yes { self } else { Self::NONE }
    }

    /// Their names, in order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(fact, ..)| self.has(*fact)).map(|(.., name)| *name)
    }

    /// A relationship by its code (`registered`, `booked`, …).
    pub fn relation(code: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(fact, _, attr, name)| Self::RELATIONS.has(*fact) && (*attr == code || *name == code))
            .map(|f| f.0)
    }
}

impl BitOr for Facts {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Facts {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
