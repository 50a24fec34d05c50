//! The named cast: characters whose identity does not hang on the seed, for demonstrations and tests.

use crate::block::Sex;
use crate::chance::fixed_id;
use crate::estate::kind_of_id;
use crate::tables::TABLES;

/// A resident with a part to play.
#[derive(Debug)]
pub struct CastMember {
    /// What code and stories call them.
    pub key: &'static str,
    /// Their part, in a line.
    pub role: &'static str,
    pub patient_id: &'static str,
    /// Household among the cast's, from 0.
    pub household: usize,
    pub given: &'static str,
    pub family: &'static str,
    pub age: u8,
    pub female: bool,
    /// Keys of `data/conditions.toml`; `pregnancy` and `leg-wound` besides.
    pub conditions: &'static [&'static str],
    /// BCP-47; anything but `en` comes with an interpreter.
    pub language: &'static str,
    /// Key of the cast member who may act for them, and how they are related.
    pub proxy: Option<(&'static str, &'static str)>,
    /// Access needs in words.
    pub access: &'static [&'static str],
    /// `web`, `text`, `phone` or `letter`.
    pub contact: &'static str,
    pub smoker: bool,
    /// Index of the practice they are registered with.
    pub practice: usize,
    /// Contacts on the record; the long record has hundreds.
    pub contacts: usize,
    /// A sentence kept on the record as the last note.
    pub note: &'static str,
}

const NOBODY: CastMember = CastMember {
    key: "",
    role: "",
    patient_id: "",
    household: 0,
    given: "",
    family: "",
    age: 0,
    female: true,
    conditions: &[],
    language: "en",
    proxy: None,
    access: &[],
    contact: "web",
    smoker: false,
    practice: 0,
    contacts: 2,
    note: "",
};

/// Everybody in the cast, by household. Their ids, names and facts are the same in every neighbourhood.
pub const CAST: &[CastMember] = &[
    CastMember {
        key: "sore-throat",
        role: "Woman of 34 without conditions, has a sore throat",
        patient_id: "ca570000-0000-8000-8000-000000000001",
        household: 0,
        given: "Leah",
        family: "Marsden",
        age: 34,
        ..NOBODY
    },
    CastMember {
        key: "mother",
        role: "Mother of the boy with earache, acts for him",
        patient_id: "ca570000-0000-8000-8000-000000000002",
        household: 1,
        given: "Nadia",
        family: "Rashid",
        age: 38,
        practice: 1,
        ..NOBODY
    },
    CastMember {
        key: "boy-earache",
        role: "Boy of 7 with earache; his mother is his proxy",
        patient_id: "ca570000-0000-8000-8000-000000000003",
        household: 1,
        given: "Yusuf",
        family: "Rashid",
        age: 7,
        female: false,
        proxy: Some(("mother", "mother")),
        practice: 1,
        ..NOBODY
    },
    CastMember {
        key: "red-eye",
        role: "Man of 68 with diabetes and atrial fibrillation on an anticoagulant, has a painful red eye",
        patient_id: "ca570000-0000-8000-8000-000000000004",
        household: 2,
        given: "Desmond",
        family: "Bailey",
        age: 68,
        female: false,
        conditions: &["type-2-diabetes", "atrial-fibrillation", "hypertension"],
        contact: "phone",
        contacts: 8,
        practice: 2,
        note: "Diabetes and heart rhythm review. Takes apixaban twice a day, none missed. Eye screening due in spring.",
        ..NOBODY
    },
    CastMember {
        key: "leg-wound",
        role: "Woman of 81 with a leg wound; her neighbour is her proxy",
        patient_id: "ca570000-0000-8000-8000-000000000005",
        household: 3,
        given: "Maureen",
        family: "Thornton",
        age: 81,
        conditions: &["leg-wound", "hypertension", "osteoarthritis"],
        proxy: Some(("neighbour", "neighbour")),
        access: &["Step-free access", "Large print"],
        contact: "letter",
        contacts: 9,
        practice: 3,
        note: "Left shin wound 20 mm, clean. Dressing twice a week. Lives alone; neighbour helps with messages and photos.",
        ..NOBODY
    },
    CastMember {
        key: "neighbour",
        role: "Neighbour who acts for the woman with the leg wound",
        patient_id: "ca570000-0000-8000-8000-000000000006",
        household: 4,
        given: "Claire",
        family: "Whitaker",
        age: 58,
        practice: 3,
        ..NOBODY
    },
    CastMember {
        key: "toothache",
        role: "Man of 45 with toothache who speaks Polish and needs an interpreter",
        patient_id: "ca570000-0000-8000-8000-000000000007",
        household: 5,
        given: "Tomasz",
        family: "Nowicki",
        age: 45,
        female: false,
        language: "pl",
        contact: "phone",
        practice: 1,
        ..NOBODY
    },
    CastMember {
        key: "lonely",
        role: "Widower of 76 who is lonely",
        patient_id: "ca570000-0000-8000-8000-000000000008",
        household: 6,
        given: "Ronald",
        family: "Ashworth",
        age: 76,
        female: false,
        conditions: &["hypertension", "hearing-loss"],
        access: &["Speak clearly and face me: hard of hearing"],
        contact: "phone",
        contacts: 7,
        practice: 4,
        note: "His wife died fourteen months ago. Days are long, sees few people. Not low in mood by score. Would like company.",
        ..NOBODY
    },
    CastMember {
        key: "pregnant",
        role: "Woman of 29 who is pregnant, so that Pharmacy First for a urinary infection does not suit her",
        patient_id: "ca570000-0000-8000-8000-000000000009",
        household: 7,
        given: "Gemma",
        family: "Holt",
        age: 29,
        conditions: &["pregnancy"],
        contact: "text",
        practice: 0,
        note: "Twenty weeks pregnant and well. Midwife appointments booked.",
        ..NOBODY
    },
    CastMember {
        key: "partner",
        role: "Partner of the pregnant woman",
        patient_id: "ca570000-0000-8000-8000-00000000000a",
        household: 7,
        given: "Luke",
        family: "Holt",
        age: 31,
        female: false,
        practice: 0,
        ..NOBODY
    },
    CastMember {
        key: "chest-pain",
        role: "Man of 52 who will have crushing chest pain: the red flag",
        patient_id: "ca570000-0000-8000-8000-00000000000b",
        household: 8,
        given: "Kevin",
        family: "Slater",
        age: 52,
        female: false,
        conditions: &["hypertension"],
        smoker: true,
        contacts: 3,
        practice: 2,
        note: "Blood pressure above target. Smokes fifteen a day, thinking about stopping.",
        ..NOBODY
    },
    CastMember {
        key: "carer",
        role: "Woman of 55 who cares for her mother",
        patient_id: "ca570000-0000-8000-8000-00000000000c",
        household: 9,
        given: "Beverley",
        family: "Francis",
        age: 55,
        conditions: &["anxiety"],
        contacts: 4,
        practice: 4,
        note: "Carer for her mother, who has dementia. Tired. Told about the carers' charity.",
        ..NOBODY
    },
    CastMember {
        key: "cared-for",
        role: "Woman of 84 with dementia; her daughter is her carer and proxy",
        patient_id: "ca570000-0000-8000-8000-00000000000d",
        household: 9,
        given: "Gloria",
        family: "Francis",
        age: 84,
        conditions: &["dementia", "hypertension", "osteoporosis"],
        proxy: Some(("carer", "daughter")),
        access: &["Quiet room to wait in", "Step-free access"],
        contact: "letter",
        contacts: 9,
        practice: 4,
        ..NOBODY
    },
    CastMember {
        key: "signer",
        role: "Man of 61 who uses British Sign Language and wants text messages",
        patient_id: "ca570000-0000-8000-8000-00000000000e",
        household: 10,
        given: "Stephen",
        family: "Wainwright",
        age: 61,
        female: false,
        conditions: &["hearing-loss"],
        access: &["British Sign Language interpreter"],
        contact: "text",
        practice: 1,
        ..NOBODY
    },
    CastMember {
        key: "long-record",
        role: "Woman of 72 with many conditions and about 1,000 resources on her record",
        patient_id: "ca570000-0000-8000-8000-00000000000f",
        household: 11,
        given: "Patricia",
        family: "Radcliffe",
        age: 72,
        conditions: &[
            "type-2-diabetes",
            "hypertension",
            "heart-failure",
            "kidney-disease",
            "copd",
            "osteoarthritis",
            "depression",
        ],
        contact: "phone",
        contacts: 440,
        practice: 0,
        ..NOBODY
    },
];

/// How many households the cast fills.
pub const CAST_HOUSEHOLDS: usize = 12;

impl CastMember {
    pub(crate) fn sex(&self) -> Sex {
        if self.female { Sex::Female } else { Sex::Male }
    }
}

/// Somebody of the cast by key.
pub fn cast(key: &str) -> Option<&'static CastMember> {
    CAST.iter().find(|c| c.key == key)
}

/// Id of a service's HealthcareService by its key in `data/services.toml` (`pharmacy-station`, `hub`, …); the same in
/// every neighbourhood.
pub fn service_id(key: &str) -> Option<String> {
    let n = TABLES.services.service.iter().position(|row| row.key == key)?;
    Some(fixed_id(kind_of_id::SERVICE, n as u64))
}

/// A member of staff with a part to play: one of each role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffMember {
    /// Code of `kith_fhir::system::CS_ROLE`.
    pub role: &'static str,
    pub practitioner_id: &'static str,
    pub practitioner_role_id: &'static str,
    pub organization_id: &'static str,
    pub service_ids: &'static [&'static str],
}

macro_rules! staff {
    ($($role:literal $service:literal $number:literal;)*) => {
        /// One of each role; the same ids in every neighbourhood.
        pub const STAFF_CAST: &[StaffMember] = &[$(StaffMember {
            role: $role,
            practitioner_id: concat!("0e600000-0000-8000-8000-", $number),
            practitioner_role_id: concat!("0f600000-0000-8000-8000-", $number),
            organization_id: concat!("0a600000-0000-8000-8000-0000000000", $service),
            service_ids: &[concat!("0d600000-0000-8000-8000-0000000000", $service)],
        },)*];
    };
}

// Role, service (hexadecimal, order of `data/services.toml`), and service, post and number of the member of staff.
staff! {
    "gp" "00" "000000000000";
    "nurse" "00" "000100000000";
    "receptionist" "00" "004000000000";
    "care-navigator" "00" "004100000000";
    "manager" "00" "004200000000";
    "pharmacist" "05" "050200000000";
    "optometrist" "0e" "0e0300000000";
    "dentist" "12" "120400000000";
    "privacy-officer" "17" "174400000000";
    "safety-officer" "17" "174700000000";
    "community-nurse" "18" "180700000000";
    "physiotherapist" "19" "190800000000";
    "mental-health-practitioner" "1a" "1a0900000000";
    "link-worker" "1b" "1b0a00000000";
}

/// Index under which a cast member's own draws are made, apart from all residents'.
pub(crate) fn index_of(member: &CastMember) -> u64 {
    let n = CAST.iter().position(|c| std::ptr::eq(c, member) || c.key == member.key).unwrap_or(0);
    (u64::from(kind_of_id::CAST) << 16) | n as u64
}
