//! The content that comes with Kith keeps its own promises.

use kith_frontdoor::{Pathways, vignettes};

fn pathways() -> Pathways {
    Pathways::embedded().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_vignette_ends_where_it_must_and_each_pathway_has_at_least_eight() {
    let pathways = pathways();
    let mut problems = Vec::new();
    for pathway in pathways.iter() {
        let outcomes = vignettes::run(pathway, pathways.vocabulary());
        assert!(outcomes.len() >= 8, "{} has {} vignettes", pathway.id, outcomes.len());
        for outcome in outcomes.iter().filter(|o| !o.passed()) {
            problems.push(format!("{}: {}\n    {}", pathway.id, outcome.title, outcome.problems.join("\n    ")));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
