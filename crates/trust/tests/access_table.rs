//! The sharing agreement as one readable table. A change of policy is reviewed as the diff of `access-table.txt`; write it
//! anew with `KITH_WRITE_TABLES=1 cargo test -p kith-trust --test access_table`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kith_trust::{Action, Agreements, DataKind, Purpose, Question, RelationshipKind, Role};

/// What a relationship column can be: none, one's own record, each kind, and for the two acts that do not rest on one, the
/// fact they rest on.
fn situations() -> Vec<(&'static str, Vec<&'static str>, bool, bool)> {
    let mut all = vec![
        ("nobody", Vec::new(), false, false),
        ("self", vec!["self"], false, false),
        ("(in scope)", Vec::new(), true, false),
        ("(own organisation)", Vec::new(), false, true),
    ];
    all.extend(RelationshipKind::ALL.map(|kind| (kind.code(), vec![kind.code()], false, false)));
    all
}

fn table(agreements: &Agreements) -> String {
    let mut asked = 0;
    let mut allowed: BTreeMap<(usize, usize, usize), ByKind> = BTreeMap::new();
    let situations = situations();
    for (r, role) in Role::ALL.into_iter().enumerate() {
        for (p, purpose) in Purpose::ALL.into_iter().enumerate() {
            for (s, (_, relationships, in_scope, own_organisation)) in situations.iter().enumerate() {
                for kind in DataKind::ALL {
                    for action in Action::ALL {
                        asked += 1;
                        let answer = agreements.decide(&Question {
                            role,
                            purpose,
                            action,
                            kind,
                            relationships: relationships.clone(),
                            in_scope: *in_scope,
                            own_organisation: *own_organisation,
                        });
                        if answer.allowed {
                            let row = allowed.entry((r, p, s)).or_default();
                            row.entry(kind.code())
                                .or_default()
                                .entry(answer.decided_by)
                                .or_default()
                                .push(action.code());
                        }
                    }
                }
            }
        }
    }
    let mut out = String::new();
    let granted: usize = allowed.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values).map(Vec::len).sum();
    let _ = writeln!(out, "# {asked} questions: every role x purpose x relationship x kind of data x action.");
    let _ =
        writeln!(out, "# {granted} are answered yes, all of them below with the rule that decides; every other is no.");
    for ((r, p, s), kinds) in &allowed {
        let _ = writeln!(out, "\n{} | {} | {}", Role::ALL[*r].code(), Purpose::ALL[*p].code(), situations[*s].0);
        for kind in DataKind::ALL.map(DataKind::code) {
            for (rule, actions) in kinds.get(kind).into_iter().flatten() {
                let _ = writeln!(out, "  ✓ {kind:<15} {:<33} {rule}", actions.join(" "));
            }
        }
    }
    out
}

/// What is allowed for each kind of data: by deciding rule, the actions.
type ByKind = BTreeMap<&'static str, BTreeMap<String, Vec<&'static str>>>;

#[test]
fn the_agreement_allows_what_the_table_shows_and_nothing_else() {
    let now = table(&Agreements::built_in().unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/access-table.txt");
    if std::env::var_os("KITH_WRITE_TABLES").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if let Some((line, (was, is))) = kept.lines().zip(now.lines()).enumerate().find(|(_, (a, b))| a != b) {
        panic!(
            "line {}: the table says\n  {was}\nand the agreement\n  {is}\n(KITH_WRITE_TABLES=1 writes it anew)",
            line + 1
        );
    }
    assert_eq!(
        kept.len(),
        now.len(),
        "the table is shorter or longer than the agreement; KITH_WRITE_TABLES=1 writes it anew"
    );
}

/// The promises of the agreement that no change of the table may take away.
#[test]
fn some_answers_are_never_yes() {
    let agreements = Agreements::built_in().unwrap();
    for role in Role::ALL {
        for purpose in Purpose::ALL {
            for (name, relationships, in_scope, own_organisation) in situations() {
                for kind in DataKind::ALL {
                    for action in Action::ALL {
                        let relationships = relationships.clone();
                        let question =
                            Question { role, purpose, action, kind, relationships, in_scope, own_organisation };
                        if !agreements.decide(&question).allowed {
                            continue;
                        }
                        let words = format!("{question:?}");
                        let about_care = role.is_staff() && action != Action::Audit && action != Action::Register;
                        let learning = role == Role::SafetyOfficer && kind == DataKind::Learning;
                        assert!(
                            !(name == "nobody" && about_care && !learning),
                            "staff without a relationship: {words}"
                        );
                        // Reports of what went wrong are read by who learns from them, and by Kith itself.
                        let by_relation = matches!(name, "nobody" | "(in scope)" | "(own organisation)");
                        let learns = matches!(role, Role::SafetyOfficer | Role::System);
                        assert!(
                            !(by_relation && kind == DataKind::Learning)
                                || learns
                                || action == Action::Audit
                                || action == Action::Register,
                            "{words}"
                        );
                        assert!(
                            role != Role::SafetyOfficer || kind == DataKind::Learning || name == "present",
                            "{words}"
                        );
                        let desk = matches!(role, Role::Receptionist | Role::CareNavigator | Role::Manager);
                        let detail = matches!(kind, DataKind::Clinical | DataKind::Sensitive | DataKind::Contribution);
                        assert!(!(desk && detail && action == Action::Read), "the desk reads clinical detail: {words}");
                        assert!(
                            !(role == Role::PrivacyOfficer && action == Action::Read && name != "present"),
                            "{words}"
                        );
                        assert!(role != Role::Machine || in_scope, "a machine beyond its scopes: {words}");
                        assert!(!(action == Action::Register && role.is_staff() && !own_organisation), "{words}");
                        let clinical = matches!(kind, DataKind::Clinical | DataKind::Sensitive);
                        assert!(
                            !(role == Role::Person && action != Action::Read && action != Action::Audit && clinical),
                            "{words}"
                        );
                        assert!(!(role == Role::Person && purpose != Purpose::OwnRecord), "{words}");
                    }
                }
            }
        }
    }
}
