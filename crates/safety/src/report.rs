//! The safety case as one page of HTML that needs nothing else: no script, no other file, readable on paper.

use std::fmt::Write as _;

use crate::log::{Estimate, Hazard, Log};
use crate::markdown::{self, escape};
use crate::matrix::{self, LIKELIHOOD, SEVERITY};

/// Something that went wrong, as somebody told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// How it is referred to.
    pub reference: String,
    /// When it was told, and when an answer is due: as they should be shown.
    pub told: String,
    pub due: String,
    pub overdue: bool,
    pub state: String,
    /// Whether anybody came to harm, in words.
    pub harm: String,
    /// The pattern of the page's address, without anybody's id.
    pub page: String,
    /// Which content was shown, with its version.
    pub content: String,
    /// Id of the hazard it belongs to, if one is named.
    pub hazard: Option<String>,
    pub what: String,
    /// What came of it, once closed.
    pub outcome: Option<String>,
}

/// Everything the page tells.
#[derive(Debug)]
pub struct Case<'a> {
    pub log: &'a Log,
    /// Markdown.
    pub intended_purpose: &'a str,
    /// Of the program.
    pub version: &'a str,
    /// The day it is printed, as it should be shown.
    pub printed: &'a str,
    /// What went wrong, newest first; `None` where no record was looked into.
    pub happened: Option<&'a [Happened]>,
}

const STYLE: &str = "
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0;font:1rem/1.5 Arial,sans-serif;color:#212b32;background:#fff;overflow-wrap:anywhere}
main,header,nav{max-width:62rem;margin:0 auto;padding:0 1rem}
h1{font-size:2rem;line-height:1.2}h2{font-size:1.5rem;margin-top:3rem;border-top:4px solid #005eb8;padding-top:1rem}
h3{font-size:1.2rem;margin-top:2rem}h4{font-size:1rem;margin-bottom:.25rem}
a{color:#005eb8}a:focus,[tabindex]:focus{outline:3px solid #212b32;background:#ffeb3b}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
.unsigned{border:4px solid #d5281b;padding:.75rem 1rem;margin:1rem 0}
table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:bold;padding:.5rem 0}
th,td{border:1px solid #768692;padding:.4rem .6rem;text-align:left;vertical-align:top}
thead th{background:#f0f4f5}
.wide{overflow-x:auto}
.risk{display:inline-block;min-width:1.8rem;padding:0 .4rem;text-align:center;font-weight:bold;border:2px solid #212b32}
.r1{background:#cfe8d5}.r2{background:#e9f5c9}.r3{background:#ffe8a3}.r4{background:#ffc9b0}.r5{background:#f5b3b3}
article{border-left:4px solid #d8dde0;padding-left:1rem;margin-bottom:2rem}
code{font-family:monospace;font-size:.9em}
dl{margin:0}dt{font-weight:bold;margin-top:.5rem}dd{margin:0}
.quiet{color:#4c6272}
@media print{h2{break-before:auto}article{break-inside:avoid}a{color:inherit}}
";

/// The parts of the page: id and title.
const SECTIONS: [(&str, &str); 7] = [
    ("purpose", "Intended purpose"),
    ("scales", "How risk is scored"),
    ("summary", "Summary"),
    ("hazards", "Hazards, highest remaining risk first"),
    ("actions", "Open actions"),
    ("deployers", "What those who deploy Kith must do"),
    ("learning", "What went wrong, and what came of it"),
];

impl Case<'_> {
    /// The whole page.
    pub fn html(&self) -> String {
        let log = self.log;
        let mut out = String::new();
        let _ = write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Clinical safety case of Kith {version} (not clinically signed off)</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to main content</a>\n<header>\n\
             <h1>Clinical safety case of Kith</h1>\n\
             <p>Kith {version}. Hazard log {log_version} of {log_date}, kept by {owner}. Printed on {printed}.</p>\n\
             <p class=\"unsigned\"><strong>Not clinically signed off.</strong> No clinical safety officer has reviewed or \
             accepted this. The estimates are the makers&#39; own, made at a desk. Kith must not be used for real people on \
             the strength of this page.</p>\n</header>\n",
            version = escape(self.version),
            log_version = escape(&log.version),
            log_date = escape(&log.date),
            owner = escape(&log.owner),
            printed = escape(self.printed),
        );
        out.push_str("<nav aria-label=\"Contents\"><h2>Contents</h2>\n<ol>\n");
        for (id, title) in SECTIONS {
            let _ = writeln!(out, "<li><a href=\"#{id}\">{title}</a></li>");
        }
        out.push_str("</ol></nav>\n<main id=\"main\">\n");
        out.push_str("<section id=\"purpose\"><h2>Intended purpose</h2>\n");
        out.push_str(&markdown::html(self.intended_purpose, 1));
        out.push_str("</section>\n");
        self.scales(&mut out);
        self.summary(&mut out);
        out.push_str("<section id=\"hazards\"><h2>Hazards, highest remaining risk first</h2>\n");
        for hazard in log.by_risk() {
            self.hazard(hazard, &mut out);
        }
        out.push_str("</section>\n");
        self.actions(&mut out);
        self.deployers(&mut out);
        self.events(&mut out);
        out.push_str("</main>\n</body>\n</html>\n");
        out
    }

    fn scales(&self, out: &mut String) {
        out.push_str(
            "<section id=\"scales\"><h2>How risk is scored</h2>\n<p>From DCB0129, Clinical Risk Management: its \
             Application in the Manufacture of Health IT Systems, implementation guidance v3.2, NHS England. Severity is \
             of the harm to people; likelihood is that the harm, not the fault, comes about.</p>\n",
        );
        for (caption, scale) in [("Severity", &SEVERITY), ("Likelihood", &LIKELIHOOD)] {
            let _ = write!(
                out,
                "<table><caption>{caption}</caption><thead><tr><th scope=\"col\">Score</th><th scope=\"col\">Name</th>\
                 <th scope=\"col\">Meaning</th></tr></thead><tbody>"
            );
            for (at, (name, meaning)) in scale.iter().enumerate() {
                let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{name}</td><td>{meaning}</td></tr>", at + 1);
            }
            out.push_str("</tbody></table>\n");
        }
        for (caption, of) in [
            ("Risk of each severity and likelihood, with how many hazards stand there before the controls", true),
            ("The same after the controls", false),
        ] {
            self.matrix(caption, of, out);
        }
        out.push_str("<ul>\n");
        for risk in 1..=5 {
            let _ = writeln!(out, "<li>{} {}</li>", tag(Some(risk)), matrix::acceptability(risk));
        }
        out.push_str("</ul></section>\n");
    }

    fn matrix(&self, caption: &str, before: bool, out: &mut String) {
        let _ = write!(
            out,
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption>{caption}\
             </caption><thead><tr><th scope=\"col\">Likelihood</th>"
        );
        for (at, (name, _)) in SEVERITY.iter().enumerate() {
            let _ = write!(out, "<th scope=\"col\">Severity {}, {name}</th>", at + 1);
        }
        out.push_str("</tr></thead><tbody>\n");
        for likelihood in (1..=5_u8).rev() {
            let name = LIKELIHOOD[usize::from(likelihood) - 1].0;
            let _ = write!(out, "<tr><th scope=\"row\">{likelihood}, {name}</th>");
            for severity in 1..=5_u8 {
                let here = Estimate { severity, likelihood };
                let stands = |h: &&Hazard| (if before { h.before } else { h.after }) == here;
                let count = self.log.hazard.iter().filter(stands).count();
                let risk = here.risk().unwrap_or_default();
                let hazards = match count {
                    0 => String::new(),
                    1 => ": 1 hazard".to_owned(),
                    n => format!(": {n} hazards"),
                };
                let _ = write!(out, "<td class=\"r{risk}\">Risk {risk}{hazards}</td>");
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }

    fn summary(&self, out: &mut String) {
        let log = self.log;
        let controls: usize = log.hazard.iter().map(|h| h.controls.len()).sum();
        let tests: std::collections::BTreeSet<&str> =
            log.hazard.iter().flat_map(|h| &h.controls).flat_map(|c| &c.tests).map(String::as_str).collect();
        let highest = log.hazard.iter().filter_map(|h| h.after.risk()).max().unwrap_or_default();
        let _ = write!(
            out,
            "<section id=\"summary\"><h2>Summary</h2>\n<p>{} hazards, held by {controls} controls, which {} tests prove. \
             Every test named here is run each time Kith is built, and the build fails when one is missing. The highest \
             risk that remains is {}.</p>\n\
             <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Hazards\"><table><caption>Hazards, highest \
             remaining risk first</caption><thead><tr><th scope=\"col\">Hazard</th><th scope=\"col\">Where</th>\
             <th scope=\"col\">Risk before</th><th scope=\"col\">Risk after</th><th scope=\"col\">Status</th>\
             <th scope=\"col\">Controls</th></tr></thead><tbody>\n",
            log.hazard.len(),
            tests.len(),
            tag(Some(highest)),
        );
        for hazard in log.by_risk() {
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\"><a href=\"#{id}\">{id}</a> {name}</th><td>{area}</td><td>{}</td><td>{}</td>\
                 <td>{}</td><td>{}</td></tr>",
                tag(hazard.before.risk()),
                tag(hazard.after.risk()),
                hazard.status.word(),
                hazard.controls.len(),
                id = escape(&hazard.id),
                name = escape(&hazard.name),
                area = escape(&hazard.area),
            );
        }
        out.push_str("</tbody></table></div></section>\n");
    }

    fn hazard(&self, hazard: &Hazard, out: &mut String) {
        let causes: Vec<String> = hazard.causes.iter().map(|cause| format!("<li>{}</li>", escape(cause))).collect();
        let causes = causes.concat();
        let _ = write!(
            out,
            "<article id=\"{id}\"><h3>{id}: {}</h3>\n<dl>\n<dt>Where</dt><dd>{}</dd>\n<dt>Causes</dt><dd><ul>{causes}</ul>\
             </dd>\n<dt>Effect</dt><dd>{}</dd>\n<dt>Harm</dt><dd>{}</dd>\n<dt>Risk before controls</dt><dd>{}</dd>\n\
             <dt>Risk after controls</dt><dd>{}</dd>\n<dt>Owner</dt><dd>{}</dd>\n<dt>Status</dt><dd>{}</dd>\n",
            escape(&hazard.name),
            escape(&hazard.area),
            escape(&hazard.effect),
            escape(&hazard.harm),
            estimate(hazard.before),
            estimate(hazard.after),
            escape(&hazard.owner),
            hazard.status.word(),
            id = escape(&hazard.id),
        );
        if let Some(why) = &hazard.accepted_because {
            let _ = writeln!(out, "<dt>Why what remains may stand</dt><dd>{}</dd>", escape(why));
        }
        out.push_str("</dl>\n<h4>Controls, and the tests that prove them</h4>\n<ol>\n");
        for control in &hazard.controls {
            let tests: Vec<String> =
                control.tests.iter().map(|test| format!("<li><code>{}</code></li>", escape(test))).collect();
            let tests = tests.concat();
            let _ = writeln!(out, "<li>{}<ul>{tests}</ul></li>", escape(&control.text));
        }
        out.push_str("</ol>\n");
        if let Some(events) = self.happened {
            let here = events.iter().filter(|e| e.hazard.as_deref() == Some(hazard.id.as_str())).count();
            if here > 0 {
                let _ = writeln!(
                    out,
                    "<p><a href=\"#learning\">{here} report{} of this</a> so far.</p>",
                    if here == 1 { "" } else { "s" }
                );
            }
        }
        out.push_str("</article>\n");
    }

    fn actions(&self, out: &mut String) {
        out.push_str("<section id=\"actions\"><h2>Open actions</h2>\n");
        let open: Vec<(&Hazard, &String)> =
            self.log.hazard.iter().flat_map(|h| h.actions.iter().map(move |action| (h, action))).collect();
        if open.is_empty() {
            out.push_str("<p>None.</p>\n");
        } else {
            out.push_str(
                "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Open actions\"><table><caption>What the \
                 makers still mean to do</caption><thead><tr><th scope=\"col\">Hazard</th><th scope=\"col\">Action</th>\
                 <th scope=\"col\">Owner</th></tr></thead><tbody>\n",
            );
            for (hazard, action) in open {
                let _ = writeln!(
                    out,
                    "<tr><th scope=\"row\"><a href=\"#{id}\">{id}</a></th><td>{}</td><td>{}</td></tr>",
                    escape(action),
                    escape(&hazard.owner),
                    id = escape(&hazard.id),
                );
            }
            out.push_str("</tbody></table></div>\n");
        }
        out.push_str("</section>\n");
    }

    fn deployers(&self, out: &mut String) {
        out.push_str(
            "<section id=\"deployers\"><h2>What those who deploy Kith must do</h2>\n<p>For the safety case that DCB0160 \
             asks of each organisation. Software alone does not hold these.</p>\n<ul>\n",
        );
        for hazard in &self.log.hazard {
            if let Some(text) = &hazard.for_deployers {
                let id = escape(&hazard.id);
                let _ = writeln!(out, "<li><a href=\"#{id}\">{id}</a>: {}</li>", escape(text));
            }
        }
        out.push_str("</ul></section>\n");
    }

    fn events(&self, out: &mut String) {
        out.push_str("<section id=\"learning\"><h2>What went wrong, and what came of it</h2>\n");
        match self.happened {
            None => out.push_str(
                "<p>No record was looked into. Print this beside one (<code>kith safety report --data DIR \
                 --learning</code>) to see what people and staff reported there.</p>\n",
            ),
            Some([]) => out.push_str("<p>Nobody has reported anything.</p>\n"),
            Some(events) => {
                let open = events.iter().filter(|e| e.outcome.is_none()).count();
                let late = events.iter().filter(|e| e.overdue).count();
                let _ = writeln!(
                    out,
                    "<p>{} reported, {open} without an outcome yet, {late} of them late.</p>",
                    events.len()
                );
                for event in events {
                    self.event(event, out);
                }
            }
        }
        out.push_str("</section>\n");
    }

    fn event(&self, event: &Happened, out: &mut String) {
        let hazard = match event.hazard.as_deref().and_then(|id| self.log.hazard(id)) {
            Some(hazard) => {
                format!("<a href=\"#{id}\">{id}</a> {}", escape(&hazard.name), id = escape(&hazard.id))
            }
            None => "None named yet".to_owned(),
        };
        let late = if event.overdue { " <strong>(late)</strong>" } else { "" };
        let _ = write!(
            out,
            "<article><h3>{}</h3>\n<dl>\n<dt>Told</dt><dd>{}</dd>\n<dt>Harm</dt><dd>{}</dd>\n<dt>What happened</dt><dd>{}\
             </dd>\n<dt>Page</dt><dd><code>{}</code></dd>\n<dt>Content</dt><dd>{}</dd>\n<dt>Hazard</dt><dd>{hazard}</dd>\n\
             <dt>State</dt><dd>{}</dd>\n",
            escape(&event.reference),
            escape(&event.told),
            escape(&event.harm),
            escape(&event.what),
            escape(&event.page),
            escape(&event.content),
            escape(&event.state),
        );
        let _ = match &event.outcome {
            Some(outcome) => writeln!(out, "<dt>What came of it</dt><dd>{}</dd>", escape(outcome)),
            None => writeln!(out, "<dt>Answer due</dt><dd>{}{late}</dd>", escape(&event.due)),
        };
        out.push_str("</dl></article>\n");
    }
}

fn tag(risk: Option<u8>) -> String {
    let risk = risk.unwrap_or_default();
    format!("<span class=\"risk r{risk}\">{risk}</span>")
}

fn estimate(estimate: Estimate) -> String {
    let name = |scale: &[(&'static str, &str); 5], score: u8| {
        scale.get(usize::from(score).wrapping_sub(1)).map_or("?", |(name, _)| name)
    };
    format!(
        "{} severity {} ({}), likelihood {} ({}): {}",
        tag(estimate.risk()),
        estimate.severity,
        name(&SEVERITY, estimate.severity),
        estimate.likelihood,
        name(&LIKELIHOOD, estimate.likelihood),
        estimate.risk().map_or("out of range", matrix::acceptability),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: &str, outcome: Option<&str>) -> Happened {
        Happened {
            reference: "LE-1".into(),
            told: "21 November 2026".into(),
            due: "23 November 2026".into(),
            overdue: outcome.is_none(),
            state: "New".into(),
            harm: "Somebody could have been hurt".into(),
            page: "/help/{pathway}".into(),
            content: "sore-throat@1.0.0".into(),
            hazard: Some("H01".into()),
            what: what.into(),
            outcome: outcome.map(str::to_owned),
        }
    }

    fn page(happened: Option<&[Happened]>) -> String {
        let log = Log::built_in();
        let purpose = crate::INTENDED_PURPOSE;
        Case { log: &log, intended_purpose: purpose, version: "0.1.0", printed: "21 November 2026", happened }.html()
    }

    #[test]
    fn the_case_says_first_that_nobody_has_signed_it_and_holds_every_hazard_with_its_tests() {
        let html = page(None);
        assert!(html.find("Not clinically signed off.").unwrap() < html.find("<main").unwrap());
        for hazard in Log::built_in().hazard {
            assert!(html.contains(&format!("<article id=\"{}\">", hazard.id)), "{}", hazard.id);
            for test in hazard.controls.iter().flat_map(|c| &c.tests) {
                assert!(html.contains(&format!("<code>{}</code>", escape(test))), "{test}");
            }
        }
        assert!(html.contains("No record was looked into"));
    }

    #[test]
    fn the_case_needs_nothing_else_and_runs_nothing() {
        let html = page(None);
        for outside in ["<script", "src=", "url(", "@import", "<link", "http://", "https://"] {
            assert!(!html.contains(outside), "{outside}");
        }
        let opened = html.matches("<article").count();
        assert_eq!(opened, html.matches("</article>").count());
        assert_eq!(html.matches("<h1").count(), 1);
        // Every way within the page leads somewhere.
        for link in html.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("id=\"{link}\"")), "#{link}");
        }
    }

    #[test]
    fn what_went_wrong_stands_with_its_hazard_and_its_outcome_and_stays_text() {
        let events =
            [event("The <script>alert(1)</script> page", None), event("A word was wrong", Some("We changed it"))];
        let html = page(Some(&events));
        assert!(html.contains("2 reported, 1 without an outcome yet, 1 of them late."), "{html}");
        assert!(!html.contains("<script"));
        assert!(html.contains("We changed it"));
        assert!(html.contains("<a href=\"#learning\">2 reports of this</a>"));
        assert!(page(Some(&[])).contains("Nobody has reported anything."));
    }
}
