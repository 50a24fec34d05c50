//! What the agreements promise, proved for every question that can be put, not only for those somebody thought of.
//!
//! Cedar's symbolic compiler turns the rules in force, as they are decided on, into logic; cvc5 looks for a question that
//! breaks the promise. Where it finds one, the failure tells it as a story. Every proof is tried on spoilt rules as well: a
//! proof that cannot fail proves nothing.
//!
//! Two promises cannot be put to the solver as they stand. "A clinician of the same service" compares two askers, and the
//! solver knows one: so every role that is not clinical is compared with the clinician of every kind of organisation, one
//! proof for each pair, with the asker written into the rules. And what Rust works out before it asks (a parent's permission
//! by the child's age, whose choice, whose seal) is not in the rules: `tests/choices.rs` walks through it.
//!
//! The solver is Debian's `cvc5` (`scripts/need.sh cvc5`), or the one named by the variable CVC5. Without it these tests fail;
//! `KITH_WITHOUT_SOLVER=1` leaves them out and says so.

use cedar_policy::{Authorizer, Effect, Policy, PolicyId, PolicySet, RequestEnv, Schema};
use cedar_policy_symcc::solver::LocalSolver;
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicySet, Env};
use kith_fhir::{Value, json};
use kith_trust::{Agreements, Facts, OrganisationKind, Role};

struct Prover {
    schema: Schema,
    compiler: CedarSymCompiler<LocalSolver>,
    agreements: Agreements,
    rules: PolicySet,
}

/// A prover with the agreements in force, or none where it was said that there is no solver here.
fn prover() -> Option<Prover> {
    if std::env::var_os("KITH_WITHOUT_SOLVER").is_some() {
        eprintln!("KITH_WITHOUT_SOLVER is set: nothing is proved");
        return None;
    }
    let solver = LocalSolver::cvc5().expect("cvc5 is missing: scripts/need.sh cvc5, or name it in CVC5");
    let agreements = Agreements::built_in().unwrap();
    let (schema, rules) = agreements.for_proof();
    let (schema, rules) = (schema.clone(), rules);
    Some(Prover { schema, compiler: CedarSymCompiler::new(solver).unwrap(), agreements, rules })
}

fn parse(text: &str) -> PolicySet {
    text.parse().unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The rules with one more: how they are spoilt.
fn spoilt(rules: &PolicySet, name: &str, rule: &str) -> PolicySet {
    let mut rules = rules.clone();
    rules.add(Policy::parse(Some(PolicyId::new(name)), rule).unwrap()).unwrap();
    rules
}

impl Prover {
    fn environments(&self, actions: &[&str]) -> Vec<RequestEnv> {
        let wanted = |env: &RequestEnv| actions.contains(&env.action().id().unescaped());
        self.schema.request_envs().filter(wanted).collect()
    }

    fn compile(&self, rules: &PolicySet, env: &RequestEnv) -> CompiledPolicySet {
        CompiledPolicySet::compile(rules, env, &self.schema).unwrap()
    }

    /// A question that the rules allow and that is among those that must never be, as a story: of the fewest facts.
    async fn never(&mut self, rules: &PolicySet, actions: &[&str], must_not: &str) -> Option<String> {
        for env in self.environments(actions) {
            let Some(mut found) = self.overlap(rules, &env, must_not).await else { continue };
            let mut bounds = must_not.to_owned();
            for (_, group, attr, _) in Facts::ALL {
                let path = if group.is_empty() { (*attr).to_owned() } else { format!("{group}.{attr}") };
                let fewer = format!("({bounds}) && !context.{path}");
                if let Some(simpler) = self.overlap(rules, &env, &fewer).await {
                    (found, bounds) = (simpler, fewer);
                }
            }
            return Some(story(&found, rules, None));
        }
        None
    }

    async fn overlap(&mut self, rules: &PolicySet, env: &RequestEnv, must_not: &str) -> Option<Env> {
        let must_not = parse(&format!("permit (principal, action, resource) when {{ {must_not} }};"));
        let (a, b) = (self.compile(rules, env), self.compile(&must_not, env));
        self.compiler.check_disjoint_with_counterexample_opt(&a, &b).await.unwrap()
    }

    /// A question that the first rules allow and the second do not.
    async fn within(
        &mut self,
        rules: &PolicySet,
        bounds: &PolicySet,
        actions: &[&str],
        who: Option<&str>,
    ) -> Option<String> {
        for env in self.environments(actions) {
            let (a, b) = (self.compile(rules, &env), self.compile(bounds, &env));
            if let Some(found) = self.compiler.check_implies_with_counterexample_opt(&a, &b).await.unwrap() {
                return Some(story(&found, rules, who));
            }
        }
        None
    }
}

/// "a receptionist at a dental-practice could read clinical for administration (booked), because spoilt/x allows it".
fn story(found: &Env, rules: &PolicySet, who: Option<&str>) -> String {
    let request = &found.request;
    let context = request.context().unwrap();
    let get = |path: &[&str]| {
        let mut value = context.get(path[0]).map(|v| format!("{v}"));
        if let [group, attr] = path
            && let Some(cedar_policy::EvalResult::Record(record)) = context.get(group)
        {
            value = record.get(*attr).map(|v| format!("{v}"));
        }
        value.unwrap_or_default()
    };
    let bare = |text: &str| text.split('"').nth(1).unwrap_or(text).to_owned();
    let facts: Vec<&str> = Facts::ALL
        .iter()
        .filter(|(_, group, attr, _)| {
            let path = [*group, *attr];
            get(if group.is_empty() { &path[1..] } else { &path[..] }) == "true"
        })
        .map(|(.., name)| *name)
        .collect();
    let uid = |uid: Option<&cedar_policy::EntityUid>| uid.map_or("?".to_owned(), |u| u.id().unescaped().to_owned());
    let answer = Authorizer::new().is_authorized(request, rules, &found.entities);
    let because: Vec<String> = answer.diagnostics().reason().map(std::string::ToString::to_string).collect();
    format!(
        "a {} at a {} could {} {} for {} ({}), because {} allows it",
        who.map_or_else(|| uid(request.principal()), str::to_owned),
        bare(&get(&["organisation"])),
        uid(request.action()),
        uid(request.resource()),
        bare(&get(&["purpose"])),
        if facts.is_empty() { "nothing connects them".to_owned() } else { facts.join(", ") },
        because.join(" and "),
    )
}

fn told(story: Option<&str>, parts: &[&str]) {
    let story = story.expect("the spoilt rules were not found out");
    println!("{story}");
    for part in parts {
        assert!(story.contains(part), "the story does not say {part:?}: {story}");
    }
}

const ALL: [&str; 5] = ["read", "write", "book", "register", "audit"];
const ON_ITEMS: [&str; 3] = ["read", "write", "book"];

fn no_relation() -> String {
    let relations = Facts::ALL.iter().filter(|(_, group, ..)| *group == "relation");
    relations.map(|(_, _, attr, _)| format!("!context.relation.{attr}")).collect::<Vec<_>>().join(" && ")
}

/// The acts that rest on no relationship, each for a reason of its own. Whoever adds one adds it here, and is asked why.
const RESTS_ON_NO_RELATIONSHIP: [&str; 6] = [
    r#"principal == Role::"system""#, // Kith itself: the pathways' facts, keeping the record
    r#"(principal == Role::"machine" && context.in_scope)"#, // a connected system within its scopes
    r#"(action == Action::"register" && context.own_organisation)"#, // registering with one's own practice
    r#"(principal == Role::"privacy-officer" && action == Action::"audit" && context.purpose == Purpose::"audit")"#,
    r#"(principal == Role::"safety-officer" && resource == Data::"learning")"#, // belongs to no person
    r#"(principal == Role::"analyst" && resource == Data::"statistics")"#,      // names no person
];

#[tokio::test]
async fn nothing_is_granted_to_somebody_with_no_relationship_save_recorded_emergency_access() {
    let Some(mut prover) = prover() else { return };
    let must_not = format!("{} && !({})", no_relation(), RESTS_ON_NO_RELATIONSHIP.join(" || "));
    let rules = prover.rules.clone();
    assert_eq!(prover.never(&rules, &ALL, &must_not).await, None);
    let rules = spoilt(
        &rules,
        "spoilt/helpful",
        r#"permit (principal == Role::"nurse", action == Action::"read", resource) when { context.organisation == OrganisationKind::"hospital" };"#,
    );
    let found = prover.never(&rules, &ALL, &must_not).await;
    told(found.as_deref(), &["a nurse at a hospital could read", "nothing connects them", "spoilt/helpful"]);
}

#[tokio::test]
async fn dissent_cannot_be_overridden_at_the_point_of_care_except_by_the_emergency_rule() {
    let Some(mut prover) = prover() else { return };
    // The practice that keeps the record is not "sharing"; what a service wrote itself stays its own.
    let must_not = r#"context.choice.dissent && context.staff && !context.relation.registered && !context.item.own_work
        && !context.relation.emergency && [Data::"contribution", Data::"clinical", Data::"sensitive"].contains(resource)"#;
    let rules = prover.rules.clone();
    assert_eq!(prover.never(&rules, &ON_ITEMS, must_not).await, None);
    // Rules that only permit cannot be spoilt into this one: the "no" itself has to go.
    let mut without = rules.clone();
    without.remove_static(PolicyId::new("ground/dissent-to-sharing")).unwrap();
    let found = prover.never(&without, &ON_ITEMS, must_not).await;
    told(found.as_deref(), &["could ", "dissent", "because "]);
}

#[tokio::test]
async fn a_sealed_item_is_seen_by_the_person_and_the_people_named_on_it_alone() {
    let Some(mut prover) = prover() else { return };
    let must_not = r#"context.item.sealed && !context.item.named && !context.relation.own
        && !(principal == Role::"system" && context.purpose == Purpose::"operations")"#;
    let rules = prover.rules.clone();
    assert_eq!(prover.never(&rules, &ALL, must_not).await, None);
    let mut without = rules.clone();
    without.remove_static(PolicyId::new("ground/sealed-for-named-people")).unwrap();
    told(prover.never(&without, &ALL, must_not).await.as_deref(), &["sealed"]);
}

#[tokio::test]
async fn planning_and_research_never_see_identifiers_or_people_who_opted_out() {
    let Some(mut prover) = prover() else { return };
    let must_not = r#"[Purpose::"planning", Purpose::"research"].contains(context.purpose)
        && (resource != Data::"statistics" || context.choice.opted_out)"#;
    let rules = prover.rules.clone();
    assert_eq!(prover.never(&rules, &ALL, must_not).await, None);
    // The two "no"s hold whatever a new agreement permits…
    let generous = r#"permit (principal == Role::"analyst", action == Action::"read", resource) when { context.purpose == Purpose::"research" };"#;
    let rules = spoilt(&rules, "spoilt/linked-research", generous);
    assert_eq!(prover.never(&rules, &ALL, must_not).await, None);
    // … and without them it would be seen.
    let mut without = rules.clone();
    without.remove_static(PolicyId::new("ground/never-who-you-are")).unwrap();
    told(
        prover.never(&without, &ALL, must_not).await.as_deref(),
        &["a analyst", "for research", "spoilt/linked-research"],
    );
    let mut without = rules;
    without.remove_static(PolicyId::new("ground/opted-out")).unwrap();
    told(prover.never(&without, &ALL, must_not).await.as_deref(), &["statistics", "opted out"]);
}

/// The front matter of a page as a condition, made here anew so that a mistake in composing shows.
fn bounds(page: &kith_trust::AgreementPage) -> String {
    let list = |kind: &str, codes: Vec<&str>| {
        format!("[{}]", codes.iter().map(|c| format!("{kind}::\"{c}\"")).collect::<Vec<_>>().join(", "))
    };
    let purposes = list("Purpose", page.purposes.iter().map(|p| p.code()).collect());
    let data = list("Data", page.data.iter().map(|d| d.code()).collect());
    let mut bounds = format!("{purposes}.contains(context.purpose) && {data}.contains(resource)");
    if !page.parties.iter().any(|p| p == "every") {
        let parties: Vec<String> = page
            .parties
            .iter()
            .map(|p| {
                if p.starts_with("Organization/") {
                    format!("context.party == Party::\"{p}\"")
                } else {
                    format!("context.organisation == OrganisationKind::\"{p}\"")
                }
            })
            .collect();
        bounds = format!("{bounds} && ({})", parties.join(" || "));
    }
    bounds
}

/// With an agreement added, whatever is newly allowed lies within the parties, purposes and data of its own page: it never
/// widens another. (All agreements together allow no more than all without it, and what its page names.)
#[tokio::test]
async fn adding_one_agreement_never_widens_another() {
    let Some(mut prover) = prover() else { return };
    let rules = prover.rules.clone();
    let pages: Vec<(String, String)> =
        prover.agreements.in_force().iter().map(|a| (a.id.clone(), bounds(&a.page))).collect();
    for (id, bounds) in pages.iter().filter(|(id, _)| id != "ground") {
        let limit = |rules: &PolicySet| {
            let mut limit = PolicySet::new();
            for rule in rules.policies().filter(|rule| !rule.id().to_string().starts_with(&format!("{id}/"))) {
                limit.add(rule.clone()).unwrap();
            }
            let page = format!("permit (principal, action, resource) when {{ {bounds} }};");
            limit.add(Policy::parse(Some(PolicyId::new("its page")), page).unwrap()).unwrap();
            limit
        };
        assert_eq!(prover.within(&rules, &limit(&rules), &ALL, None).await, None, "{id}");
        if id == "urgent-hub" {
            // A rule of the hub that slipped past its page would be found.
            let rules = spoilt(
                &rules,
                "urgent-hub/everywhere",
                r#"permit (principal == Role::"dentist", action == Action::"read", resource) when { context.relation.duty };"#,
            );
            let found = prover.within(&rules, &limit(&rules), &ALL, None).await;
            told(found.as_deref(), &["a dentist at a", "could read", "urgent-hub/everywhere"]);
        }
    }
    assert!(pages.len() > 8);
    // No agreement but the ground forbids, so that none narrows another either.
    assert!(rules.policies().all(|r| (r.effect() == Effect::Forbid) == r.id().to_string().starts_with("ground/")));
}

/// The rules as they are for one role: the asker written into them.
fn asked_by(rules: &PolicySet, role: Role, only: &str) -> PolicySet {
    fn write(value: &mut Value, role: Role) {
        let flag = match (value["."]["left"]["Var"].as_str(), value["."]["attr"].as_str()) {
            (Some("context"), Some("clinical")) => Some(role.is_clinical()),
            (Some("context"), Some("staff")) => Some(role.is_staff()),
            _ => None,
        };
        if let Some(flag) = flag {
            *value = json!({"Value": flag});
        } else if value["Var"] == "principal" {
            *value = json!({"Value": {"__entity": {"type": "Role", "id": role.code()}}});
        } else {
            match value {
                Value::Array(items) => items.iter_mut().for_each(|item| write(item, role)),
                Value::Object(members) => members.values_mut().for_each(|member| write(member, role)),
                _ => {}
            }
        }
    }
    let only = parse(&format!("permit (principal, action, resource) when {{ {only} }};"));
    let only = only.policies().next().unwrap().to_json().unwrap()["conditions"][0].clone();
    let mut out = PolicySet::new();
    for rule in rules.policies() {
        let mut value = rule.to_json().unwrap();
        if value["principal"]["op"] == "==" {
            if value["principal"]["entity"]["id"] != role.code() {
                continue;
            }
            value["principal"] = json!({"op": "All"});
        }
        write(&mut value["conditions"], role);
        if rule.effect() == Effect::Permit {
            value["conditions"].as_array_mut().unwrap().push(only.clone());
        }
        out.add(Policy::from_json(Some(rule.id().clone()), value).unwrap()).unwrap();
    }
    out
}

/// The clinician of each kind of service.
const CLINICIANS: [(OrganisationKind, Role); 9] = [
    (OrganisationKind::GeneralPractice, Role::Gp),
    (OrganisationKind::CommunityPharmacy, Role::Pharmacist),
    (OrganisationKind::Optician, Role::Optometrist),
    (OrganisationKind::DentalPractice, Role::Dentist),
    (OrganisationKind::UrgentTreatmentHub, Role::Nurse),
    (OrganisationKind::CommunityNursing, Role::CommunityNurse),
    (OrganisationKind::FirstContactPhysiotherapy, Role::Physiotherapist),
    (OrganisationKind::MentalHealth, Role::MentalHealthPractitioner),
    (OrganisationKind::Charity, Role::LinkWorker),
];

#[tokio::test]
async fn nobody_non_clinical_sees_clinical_detail_that_a_clinician_of_the_same_service_cannot() {
    let Some(mut prover) = prover() else { return };
    let rules = prover.rules.clone();
    let others: Vec<Role> = Role::ALL.into_iter().filter(|r| r.is_staff() && !r.is_clinical()).collect();
    let detail = r#"[Data::"contribution", Data::"clinical", Data::"sensitive"].contains(resource)"#;
    let mut compared = 0;
    for (organisation, clinician) in CLINICIANS {
        let only = format!("{detail} && context.organisation == OrganisationKind::\"{}\"", organisation.code());
        let bounds = asked_by(&rules, clinician, &only);
        for other in &others {
            let asked = asked_by(&rules, *other, &only);
            let found = prover.within(&asked, &bounds, &["read"], Some(other.code())).await;
            assert_eq!(found, None, "and a {} there could not", clinician.code());
            compared += 1;
        }
    }
    assert_eq!(compared, CLINICIANS.len() * others.len());
    // The pharmacist who sees less than the receptionist: the seed of this proof.
    let seed = r#"permit (principal == Role::"receptionist", action == Action::"read", resource == Data::"clinical")
        when { context.organisation == OrganisationKind::"community-pharmacy" && context.relation.present };"#;
    let rules = spoilt(&rules, "spoilt/counter", seed);
    let only = format!("{detail} && context.organisation == OrganisationKind::\"community-pharmacy\"");
    let (asked, bounds) = (asked_by(&rules, Role::Receptionist, &only), asked_by(&rules, Role::Pharmacist, &only));
    let found = prover.within(&asked, &bounds, &["read"], Some("receptionist")).await;
    told(
        found.as_deref(),
        &["a receptionist at a community-pharmacy could read clinical", "present", "spoilt/counter"],
    );
}
