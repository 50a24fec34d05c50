//! The sharing agreements as one readable table. A change of policy is reviewed as the diff of `access-table.txt`; write it
//! anew with `KITH_WRITE_TABLES=1 cargo test -p kith-trust --test access_table`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use kith_trust::{Action, Agreements, Answer, DataKind, Facts, OrganisationKind, Purpose, Question, Role};

/// What a line of the table can rest on: nothing, each relationship, and the facts of the two acts that rest on none.
fn situations() -> Vec<(&'static str, Facts)> {
    let mut all = vec![("nobody", Facts::NONE)];
    all.extend(Facts::ALL.iter().filter(|(f, ..)| Facts::RELATIONS.has(*f)).map(|(fact, .., name)| (*name, *fact)));
    all.push(("(in scope)", Facts::IN_SCOPE));
    all.push(("(own organisation)", Facts::OWN_ORGANISATION));
    all
}

/// What an item or a choice can change.
const SPECIAL: [(&str, Facts); 6] = [
    ("the person said no to sharing with organisations of this kind", Facts::DISSENT),
    ("the item is sealed", Facts::SEALED),
    ("the item is about somebody else as well", Facts::THIRD_PARTY),
    ("the person opted out", Facts::OPTED_OUT),
    ("the asker's own organisation wrote the item", Facts::OWN_WORK),
    ("the asker is named on the item", Facts::NAMED),
];

fn question(role: Role, purpose: Purpose, facts: Facts, kind: DataKind, action: Action) -> Question {
    // The hub's agreement holds for hubs alone; every other agreement in force holds for all.
    let organisation = match (role.is_staff(), facts.has(Facts::DUTY)) {
        (false, _) => OrganisationKind::None,
        (true, true) => OrganisationKind::UrgentTreatmentHub,
        (true, false) => OrganisationKind::GeneralPractice,
    };
    Question { role, purpose, action, kind, organisation, party: 0, facts }
}

/// Every question of the table.
fn questions(special: Facts) -> impl Iterator<Item = (usize, Question)> {
    Purpose::ALL.into_iter().flat_map(move |purpose| {
        situations().into_iter().enumerate().flat_map(move |(at, (_, facts))| {
            Role::ALL.into_iter().flat_map(move |role| {
                DataKind::ALL.into_iter().flat_map(move |kind| {
                    Action::ALL
                        .into_iter()
                        .map(move |action| (at, question(role, purpose, facts | special, kind, action)))
                })
            })
        })
    })
}

const LETTERS: [char; 5] = ['r', 'w', 'b', 'g', 'a'];

/// One cell: a letter or a cross for each action, then the rules that said yes.
fn cell(answers: &[Answer], legend: &BTreeMap<String, String>) -> String {
    let ticks: String = answers.iter().zip(LETTERS).map(|(a, letter)| if a.allowed { letter } else { '×' }).collect();
    let mut rules: Vec<&str> = answers.iter().filter(|a| a.allowed).map(|a| legend[&a.decided_by].as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    if rules.is_empty() { "×".to_owned() } else { format!("{ticks} {}", rules.join("+")) }
}

fn table(agreements: &Agreements) -> String {
    let legend: BTreeMap<String, String> =
        agreements.names().into_iter().enumerate().map(|(at, name)| (name.to_owned(), format!("{}", at + 1))).collect();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "# Every role x relationship x purpose x kind of data x action. r read, w write, b book, g register, a audit;"
    );
    let _ = writeln!(
        out,
        "# × is no; the number is the rule that says yes. A group of roles or a purpose that is not shown has only ×."
    );
    let _ = writeln!(out, "#");
    for (name, number) in &legend {
        let words = agreements.words(name).unwrap_or("?");
        let _ = writeln!(out, "# {number:>2}  {name:<52} {words}");
    }
    let situations = situations();
    let (mut asked, mut yes) = (0, 0);
    // By purpose and relationship: the cells of a row, and the roles that share them.
    type Cells = BTreeMap<Vec<String>, Vec<&'static str>>;
    let mut rows: BTreeMap<(Purpose, usize), Cells> = BTreeMap::new();
    for purpose in Purpose::ALL {
        for (at, (_, facts)) in situations.iter().enumerate() {
            for role in Role::ALL {
                let row: Vec<String> = DataKind::ALL
                    .into_iter()
                    .map(|kind| {
                        let answers =
                            Action::ALL.map(|action| agreements.decide(&question(role, purpose, *facts, kind, action)));
                        asked += answers.len();
                        yes += answers.iter().filter(|a| a.allowed).count();
                        cell(&answers, &legend)
                    })
                    .collect();
                if row.iter().any(|cell| cell != "×") {
                    rows.entry((purpose, at)).or_default().entry(row).or_default().push(role.code());
                }
            }
        }
    }
    for ((purpose, at), rows) in &rows {
        let _ = writeln!(out, "\n{} | {}", purpose.code(), situations[*at].0);
        for (row, roles) in rows {
            let _ = writeln!(out, "  {}", roles.join(", "));
            let mut same: Vec<(&str, Vec<&str>)> = Vec::new();
            for (cell, kind) in row.iter().zip(DataKind::ALL.map(DataKind::code)) {
                match same.iter_mut().find(|(known, _)| *known == cell) {
                    Some((_, kinds)) => kinds.push(kind),
                    None => same.push((cell, vec![kind])),
                }
            }
            for (cell, kinds) in same {
                let _ = writeln!(out, "    {cell:<14} {}", kinds.join(", "));
            }
        }
    }
    for (words, special) in SPECIAL {
        let _ = writeln!(out, "\nWhat changes when {words}");
        type Rows<'a> = BTreeMap<&'a str, BTreeMap<(usize, &'a str), String>>;
        let mut changed: BTreeMap<(String, String), Rows> = BTreeMap::new();
        for (at, now) in questions(special) {
            let before = agreements.decide(&Question { facts: now.facts.without(special), ..now });
            let after = agreements.decide(&now);
            if before.allowed != after.allowed {
                let rule = if after.allowed { format!("yes by {}", after.decided_by) } else { after.decided_by };
                let cells = changed.entry((rule, now.purpose.code().to_owned())).or_default();
                let actions = cells.entry(now.role.code()).or_default().entry((at, now.kind.code())).or_default();
                actions.push(LETTERS[Action::ALL.iter().position(|a| *a == now.action).unwrap()]);
            }
        }
        for ((rule, purpose), roles) in changed {
            let _ = writeln!(out, "  {purpose}: {rule}");
            let mut same: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for (role, cells) in roles {
                let mut by_cell: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
                for ((at, kind), actions) in cells {
                    by_cell.entry((kind, actions)).or_default().push(situations[at].0);
                }
                let lines: Vec<String> = by_cell
                    .into_iter()
                    .map(|((kind, actions), relations)| format!("      {kind} {actions}: {}", relations.join(", ")))
                    .collect();
                same.entry(lines.join("\n")).or_default().push(role);
            }
            for (lines, roles) in same {
                let _ = writeln!(out, "    {}\n{lines}", roles.join(", "));
            }
        }
    }
    format!("# {asked} questions; {yes} are answered yes, every other no.\n{out}")
}

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
            "line {}: the table says\n  {was}\nand the agreements\n  {is}\n(KITH_WRITE_TABLES=1 writes it anew)",
            line + 1
        );
    }
    assert_eq!(
        kept.len(),
        now.len(),
        "the table is shorter or longer than the agreements; KITH_WRITE_TABLES=1 writes it anew"
    );
}

/// The index leaves rules out before Cedar is asked. It must never leave out one that would have decided.
#[test]
fn the_index_answers_as_cedar_does_with_every_rule() {
    let agreements = Agreements::built_in().unwrap();
    let mut compared = 0;
    let specials =
        [Facts::NONE, Facts::DISSENT | Facts::OWN_WORK, Facts::SEALED, Facts::OPTED_OUT | Facts::THIRD_PARTY];
    for (at, (_, question)) in specials.into_iter().flat_map(questions).enumerate() {
        // A prime step: every value of every dimension comes up, in changing company.
        if at % 61 == 0 {
            compared += 1;
            let (with, without) = (agreements.decide_afresh(&question), agreements.decide_with_every_rule(&question));
            assert_eq!(with.allowed, without.allowed, "{question:?}");
            if with.allowed {
                assert_eq!(with, without, "{question:?}");
            }
        }
    }
    assert!(compared > 5_000, "{compared}");
}

/// The promises of the agreements that no change of the table may take away.
#[test]
fn some_answers_are_never_yes() {
    let agreements = Agreements::built_in().unwrap();
    for special in [Facts::NONE, Facts::DISSENT, Facts::SEALED, Facts::OPTED_OUT, Facts::THIRD_PARTY] {
        for (_, question) in questions(special) {
            if !agreements.decide(&question).allowed {
                continue;
            }
            let Question { role, purpose, action, kind, facts, .. } = question;
            let words = format!("{question:?}");
            let relations = facts.any(Facts::RELATIONS);
            let learning = role == Role::SafetyOfficer && kind == DataKind::Learning;
            assert!((kind != DataKind::Learning) || learning || role == Role::System, "what went wrong: {words}");
            assert!(
                role != Role::SafetyOfficer || learning || facts.has(Facts::PRESENT),
                "a safety officer beyond learning: {words}"
            );
            let counting = role == Role::Analyst && kind == DataKind::Statistics;
            let about_care =
                role.is_staff() && action != Action::Audit && action != Action::Register && !learning && !counting;
            assert!(relations || !about_care, "staff without a relationship: {words}");
            let desk = matches!(role, Role::Receptionist | Role::CareNavigator | Role::Manager);
            let detail = matches!(kind, DataKind::Clinical | DataKind::Sensitive | DataKind::Contribution);
            assert!(!(desk && detail && action == Action::Read), "the desk reads clinical detail: {words}");
            assert!(!(role == Role::PrivacyOfficer && action == Action::Read && !facts.has(Facts::PRESENT)), "{words}");
            assert!(role != Role::Machine || facts.has(Facts::IN_SCOPE), "a machine beyond its scopes: {words}");
            assert!(!(action == Action::Register && role.is_staff() && !facts.has(Facts::OWN_ORGANISATION)), "{words}");
            let clinical = matches!(kind, DataKind::Clinical | DataKind::Sensitive);
            assert!(
                !(role == Role::Person && action != Action::Read && action != Action::Audit && clinical),
                "{words}"
            );
            assert!(!(role == Role::Person && purpose != Purpose::OwnRecord), "{words}");
            let on_item = matches!(action, Action::Read | Action::Write | Action::Book);
            assert!(
                !(facts.has(Facts::SEALED) && !facts.has(Facts::OWN) && on_item && role.is_staff()),
                "a seal: {words}"
            );
            let shared =
                on_item && role.is_staff() && detail && !facts.has(Facts::REGISTERED) && !facts.has(Facts::EMERGENCY);
            assert!(!(facts.has(Facts::DISSENT) && shared), "dissent: {words}");
            let counted = matches!(purpose, Purpose::Planning | Purpose::Research);
            assert!(!counted || (kind == DataKind::Statistics && !facts.has(Facts::OPTED_OUT)), "counted: {words}");
        }
    }
}
