//! Reading agreements: the files, their pages, and how they are composed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{RwLock, RwLockWriteGuard};

use cedar_policy::{
    Authorizer, Effect, Entities, EntityUid, Policy, PolicyId, PolicySet, RestrictedExpression, Schema, ValidationMode,
    Validator,
};
use jiff::civil::Date;
use kith_fhir::Value;
use serde::Deserialize;

use super::index::{Cube, Rule, bit};
use super::{Action, Agreement, Agreements, Memo, Names};
use crate::actor::{Purpose, Role};
use crate::error::Error;
use crate::kinds::DataKind;
use crate::organisation::OrganisationKind;

/// The one agreement that forbids, and the only one that may.
const GROUND: &str = "ground";

/// The files of a folder of agreements.
#[derive(Debug, Clone, Default)]
pub struct AgreementFiles {
    pub schema: String,
    /// `neighbourhood.toml`.
    pub neighbourhood: String,
    /// By agreement: rules and page, either may be missing (and is then reported).
    pub agreements: BTreeMap<String, (Option<String>, Option<String>)>,
}

/// `neighbourhood.toml`: which agreements are in force, and who decides together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbourhood {
    pub name: String,
    /// The joint controllers (UK GDPR article 26).
    pub controllers: Vec<String>,
    /// What they have agreed about who answers for what.
    pub essence: String,
    /// When and by whom it was agreed.
    pub agreed: String,
    /// Ids of the agreements, in the order they are composed.
    pub in_force: Vec<String>,
}

/// Who signed an agreement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub name: String,
    pub organisation: String,
    pub on: Date,
}

/// The front matter of an agreement's page.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreementPage {
    pub title: String,
    pub version: u32,
    pub date: Date,
    /// "signed", or why it is not.
    pub status: String,
    pub signed: Vec<Signature>,
    /// `every` organisation of the neighbourhood, kinds of organisation, or organisations one by one (`Organization/…`).
    pub parties: Vec<String>,
    /// "joint", or the one controller.
    pub controllers: String,
    pub purposes: Vec<Purpose>,
    pub data: Vec<DataKind>,
    pub lawful_basis: String,
    pub review: Date,
    /// The page itself, in Markdown.
    #[serde(skip)]
    pub words: String,
}

impl AgreementPage {
    /// Reads a page: TOML between two lines of `+++`, then words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("+++\n").ok_or("does not begin with front matter between two lines of +++")?;
        let (front, words) = rest.split_once("\n+++\n").ok_or("the front matter has no end (+++)")?;
        let mut page: Self = toml::from_str(front).map_err(|e| e.to_string())?;
        words.trim().clone_into(&mut page.words);
        for (empty, what) in [
            (page.words.is_empty(), "has no words for people"),
            (page.parties.is_empty(), "names no parties"),
            (page.purposes.is_empty(), "names no purposes"),
            (page.data.is_empty(), "names no data"),
            (page.lawful_basis.trim().is_empty(), "names no lawful basis"),
            (page.version == 0, "version must be 1 or more"),
            (page.review <= page.date, "is to be reviewed before it was made"),
            (page.status == "signed" && page.signed.is_empty(), "is called signed and nobody signed it"),
        ] {
            if empty {
                return Err(what.to_owned());
            }
        }
        for party in &page.parties {
            if party != "every" && !party.starts_with("Organization/") && OrganisationKind::from_code(party).is_none() {
                return Err(format!("the party {party:?} is no kind of organisation and no Organization/…"));
            }
        }
        Ok(page)
    }

    /// The kinds of organisation it holds for, as a mask, and those named one by one; `None` for everybody.
    fn parties(&self) -> Option<(u32, Vec<&str>)> {
        if self.parties.iter().any(|party| party == "every") {
            return None;
        }
        let kinds =
            self.parties.iter().filter_map(|p| OrganisationKind::from_code(p)).fold(0, |m, k| m | bit(k as u32));
        Some((kinds, self.parties.iter().map(String::as_str).filter(|p| p.starts_with("Organization/")).collect()))
    }

    /// What the page adds to each rule, as a Cedar condition.
    fn fence(&self) -> String {
        let list = |kind: &str, codes: &mut dyn Iterator<Item = &str>| {
            codes.map(|code| format!("{kind}::{code:?}")).collect::<Vec<_>>().join(", ")
        };
        let mut fence = format!(
            "[{}].contains(context.purpose) && [{}].contains(resource)",
            list("Purpose", &mut self.purposes.iter().map(|p| p.code())),
            list("Data", &mut self.data.iter().map(|d| d.code())),
        );
        if let Some((_, named)) = self.parties() {
            let kinds: Vec<&str> = self
                .parties
                .iter()
                .filter_map(|p| OrganisationKind::from_code(p))
                .map(OrganisationKind::code)
                .collect();
            let mut either = Vec::new();
            if !kinds.is_empty() {
                either.push(format!(
                    "[{}].contains(context.organisation)",
                    list("OrganisationKind", &mut kinds.into_iter())
                ));
            }
            if !named.is_empty() {
                either.push(format!("[{}].contains(context.party)", list("Party", &mut named.into_iter())));
            }
            fence = format!("{fence} && ({})", either.join(" || "));
        }
        fence
    }
}

macro_rules! built_in {
    ($($id:literal)*) => {
        [$((
            $id,
            include_str!(concat!("../../../../content/agreements/", $id, ".cedar")),
            include_str!(concat!("../../../../content/agreements/", $id, ".md")),
        )),*]
    };
}

/// The agreements in the binary.
pub fn built_in_files() -> AgreementFiles {
    let agreements = built_in!(
        "ground" "own-record" "general-practice" "involved-services" "front-desk" "urgent-hub" "caseload"
        "emergency-access" "population-and-planning" "oversight" "kith-itself"
    );
    AgreementFiles {
        schema: include_str!("../../../../content/agreements/kith.cedarschema").to_owned(),
        neighbourhood: include_str!("../../../../content/agreements/neighbourhood.toml").to_owned(),
        agreements: agreements
            .into_iter()
            .map(|(id, rules, page)| (id.to_owned(), (Some(rules.to_owned()), Some(page.to_owned()))))
            .collect(),
    }
}

impl AgreementFiles {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let broken = |e: std::io::Error| Error::Content(format!("cannot read the agreements: {e}"));
        let mut files = Self { schema: built_in_files().schema, ..Self::default() };
        for entry in std::fs::read_dir(folder).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            let (Some(name), Some(ending)) =
                (path.file_stem().and_then(|s| s.to_str()), path.extension().and_then(|e| e.to_str()))
            else {
                continue;
            };
            let text = || std::fs::read_to_string(&path).map_err(broken);
            match ending {
                "cedar" => files.agreements.entry(name.to_owned()).or_default().0 = Some(text()?),
                "md" if name != "README" => files.agreements.entry(name.to_owned()).or_default().1 = Some(text()?),
                "toml" if name == "neighbourhood" => files.neighbourhood = text()?,
                _ => {}
            }
        }
        Ok(files)
    }
}

/// One agreement read and composed.
struct Composed {
    agreement: Agreement,
    rules: Vec<Rule>,
}

impl Agreements {
    /// The agreements in the binary.
    pub fn built_in() -> Result<Self, Error> {
        Self::compose(&built_in_files())
    }

    /// The agreements of a folder.
    pub fn load(folder: &Path) -> Result<Self, Error> {
        Self::compose(&AgreementFiles::read(folder)?)
    }

    /// Composes the agreements in force; everything in the files is checked, what is not in force too.
    pub fn compose(files: &AgreementFiles) -> Result<Self, Error> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| Error::Content(format!("agreements: {what}: {why}"));
        let (schema, _) = Schema::from_cedarschema_str(&files.schema).map_err(|e| wrong("kith.cedarschema", &e))?;
        let neighbourhood: Neighbourhood =
            toml::from_str(&files.neighbourhood).map_err(|e| wrong("neighbourhood.toml", &e))?;
        if neighbourhood.controllers.is_empty() {
            return Err(wrong("neighbourhood.toml", &"names no controllers"));
        }
        let mut parties = HashMap::new();
        let mut composed: BTreeMap<&str, Composed> = BTreeMap::new();
        for (id, (rules, page)) in &files.agreements {
            let rules = rules.as_deref().ok_or_else(|| wrong(id, &"has a page and no rules"))?;
            let page = page.as_deref().ok_or_else(|| wrong(id, &"has rules and no page in plain words"))?;
            let page = AgreementPage::parse(page).map_err(|e| wrong(&format!("{id}.md"), &e))?;
            let rules = compose(id, rules, &page, &mut parties).map_err(|e| wrong(&format!("{id}.cedar"), &e))?;
            composed.insert(id, Composed { agreement: Agreement { id: id.clone(), page }, rules });
        }
        let mut everything = PolicySet::new();
        for rule in composed.values().flat_map(|c| &c.rules) {
            everything.add(rule.policy.clone()).map_err(|e| wrong(&rule.name, &e))?;
        }
        let checked = Validator::new(schema.clone()).validate(&everything, ValidationMode::Strict);
        if let Some(problem) = checked.validation_errors().next() {
            return Err(wrong("schema", problem));
        }
        let mut agreements = Vec::new();
        let mut rules = Vec::new();
        for id in &neighbourhood.in_force {
            let one = composed.remove(id.as_str()).ok_or_else(|| {
                wrong("neighbourhood.toml", &format!("{id} is in force and is not here, or named twice"))
            })?;
            agreements.push(one.agreement);
            rules.extend(one.rules);
        }
        if !agreements.iter().any(|a| a.id == GROUND) {
            return Err(wrong("neighbourhood.toml", &"the ground rules must be in force"));
        }
        if rules.len() >= usize::from(u16::MAX) {
            return Err(wrong("neighbourhood.toml", &"more than 65,000 rules"));
        }
        let mut party_names = vec![String::new(); parties.len() + 1];
        for (name, number) in &parties {
            party_names[usize::try_from(*number).unwrap_or(0)].clone_from(name);
        }
        let party_uids = party_names.iter().map(|name| uid("Party", name)).collect::<Result<_, _>>()?;
        Ok(Self {
            neighbourhood,
            in_force: agreements,
            rules,
            parties,
            party_uids,
            schema,
            authorizer: Authorizer::new(),
            names: Names::new()?,
            entities: Entities::empty(),
            sets: RwLock::default(),
            memo: Memo { hasher: std::hash::RandomState::new(), shards: std::array::from_fn(|_| RwLock::default()) },
        })
    }

    /// Forgets what was decided: for measurements.
    pub fn forget(&self) {
        for shard in &self.memo.shards {
            let kept: Result<RwLockWriteGuard<'_, _>, _> = shard.write();
            if let Ok(mut kept) = kept {
                kept.clear();
            }
        }
    }
}

/// The rules of one agreement, named, with what its page says added.
fn compose(
    id: &str,
    text: &str,
    page: &AgreementPage,
    parties: &mut HashMap<String, u32>,
) -> Result<Vec<Rule>, String> {
    let set: PolicySet = text.parse().map_err(|e: cedar_policy::ParseErrors| e.to_string())?;
    let fence: Value = {
        let policy = Policy::parse(None, format!("permit (principal, action, resource) when {{ {} }};", page.fence()))
            .map_err(|e| e.to_string())?;
        policy.to_json().map_err(|e| e.to_string())?["conditions"][0].clone()
    };
    let numbered = page.parties().map(|(kinds, named)| {
        let numbers = named.into_iter().map(|name| {
            let next = u32::try_from(parties.len() + 1).unwrap_or(u32::MAX);
            *parties.entry(name.to_owned()).or_insert(next)
        });
        (kinds, numbers.collect::<Vec<u32>>())
    });
    let mask = |numbers: &mut dyn Iterator<Item = u32>| numbers.fold(0, |mask, n| mask | bit(n));
    let mut rules: Vec<Rule> = Vec::new();
    for policy in set.policies() {
        let rule = policy.annotation("id").ok_or_else(|| format!("policy {} has no @id", policy.id()))?;
        let words = policy.annotation("words").ok_or_else(|| format!("{rule} has no @words for people"))?.to_owned();
        let permits = policy.effect() == Effect::Permit;
        if permits == (id == GROUND) {
            return Err(format!("{rule}: the ground rules forbid, and no other agreement does"));
        }
        let name = format!("{id}/{rule}");
        if rules.iter().any(|r| r.name == name) {
            return Err(format!("@id({rule:?}) is used twice"));
        }
        let mut json = policy.to_json().map_err(|e| e.to_string())?;
        let mut cube = Cube::of(&json);
        if permits {
            if let Some(conditions) = json["conditions"].as_array_mut() {
                conditions.push(fence.clone());
            }
            cube.purposes &= mask(&mut page.purposes.iter().map(|p| *p as u32));
            cube.kinds &= mask(&mut page.data.iter().map(|d| *d as u32));
        }
        let policy = Policy::from_json(Some(PolicyId::new(&name)), json).map_err(|e| e.to_string())?;
        let parties = if permits { numbered.clone() } else { None };
        rules.push(Rule { name, words, permits, policy, cube, parties });
    }
    if rules.is_empty() { Err("has no rules".to_owned()) } else { Ok(rules) }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Error> {
    format!("{kind}::{id:?}").parse().map_err(|e| Error::Content(format!("agreements: {e}")))
}

impl Names {
    fn new() -> Result<Self, Error> {
        let expression = |kind, code| uid(kind, code).map(RestrictedExpression::new_entity_uid);
        Ok(Self {
            roles: Role::ALL.into_iter().map(|r| Ok((r, uid("Role", r.code())?))).collect::<Result<_, Error>>()?,
            actions: Action::ALL
                .into_iter()
                .map(|a| Ok((a, uid("Action", a.code())?)))
                .collect::<Result<_, Error>>()?,
            kinds: DataKind::ALL.into_iter().map(|k| Ok((k, uid("Data", k.code())?))).collect::<Result<_, Error>>()?,
            purposes: Purpose::ALL
                .into_iter()
                .map(|p| Ok((p, expression("Purpose", p.code())?)))
                .collect::<Result<_, Error>>()?,
            organisations: OrganisationKind::ALL
                .into_iter()
                .map(|o| Ok((o, expression("OrganisationKind", o.code())?)))
                .collect::<Result<_, Error>>()?,
        })
    }
}
