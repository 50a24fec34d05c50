//! What our templates keep: what people wrote is inert, wherever it is shown.

use std::fs;
use std::path::{Path, PathBuf};

use kith_web::chart::{Point, Range, Trend};
use kith_web::render::Renderer;
use minijinja::{Value, context};

const HOSTILE: &str = "</title></textarea>\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

fn assert_inert(what: &str, html: &str) {
    for live in ["<script", "<img", "\"'>", "</textarea>"] {
        assert!(!html.contains(live), "{what} lets {live} through:\n{html}");
    }
    assert!(html.contains("&lt;script&gt;alert(1)"), "{what} does not show the name at all:\n{html}");
}

#[test]
fn a_person_named_script_is_inert_in_every_macro() {
    let renderer = Renderer::new().unwrap();
    let h = HOSTILE;
    let person = context! { name => h, born => h, nhs_number => h, sex => h, allergies => [h], access_needs => [h],
    language => h, interpreter => true, proxy => h, died => h, href => h };
    let row = context! { href => h, person => h, born => h, what => h, kind => h, channel => h, state => h, due => h,
    overdue => true, owner => h, claimed_by => h };
    let day = context! { day => h, slots => [context! { value => h, start => h, note => h }] };
    let event = context! { on => h, what => h, detail => h, who => h, organisation => h, href => h, new => true };
    let point = Point { on: "2026-11-20".parse().unwrap(), value: 1.0, shown: h.into() };
    let trend = Trend::new(h, h, h, Range { low: Some(2.0), high: None }, vec![point]);
    let trend = Value::from(minijinja::value::Serde(&trend));
    let all = context! { h, person, row, day, event, trend };
    for call in [
        "kit.patient_banner(person)",
        "kit.status_tag(h)",
        "kit.status_tag('booked', h)",
        "kit.worklist([row], h)",
        "kit.worklist([], h, h)",
        "kit.slot_picker(h, h, [day], h, h, h)",
        "kit.timeline([event])",
        "kit.trend(trend)",
        "kit.reasons([h], h)",
        "kit.self_care([h], [h], h)",
        "kit.emergency(h, [h], h, h)",
        "kit.content_notice(h, h)",
    ] {
        let source = format!("{{% import 'kith/macros.html' as kit %}}{{{{ {call} }}}}");
        let html = renderer.render_source(&source, all.clone()).unwrap_or_else(|e| panic!("{call}: {e:#}"));
        assert_inert(call, &html);
    }
}

#[test]
fn a_person_named_script_is_inert_in_the_layouts_and_the_error_page() {
    let renderer = Renderer::new().unwrap();
    let kith = context! { demo => true, assets => "/assets/x", path => HOSTILE, reference => HOSTILE,
    viewer => Value::UNDEFINED, flash => context! { kind => "success", text => HOSTILE } };
    let view = context! { kith, title => HOSTILE, happened => HOSTILE, kept => HOSTILE, status => 500,
    next => [context! { text => HOSTILE, href => HOSTILE }] };
    let html = renderer.render("error", view).unwrap();
    assert_inert("error", &html.replace("<script type=\"module\"", ""));
}

fn templates(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { templates(&path, found) } else { found.push(path) }
    }
}

#[test]
fn no_template_of_ours_switches_escaping_off() {
    let mut all = Vec::new();
    templates(Path::new("templates"), &mut all);
    assert!(all.len() >= 6);
    for path in all {
        let source = fs::read_to_string(&path).unwrap();
        let name = path.display();
        assert!(!source.contains("autoescape"), "{name}");
        // A chart is drawn and escaped in Rust (`chart.rs`); nothing else may vouch for its own markup.
        let vouched = source.replace("{{ trend.svg | safe }}", "");
        assert!(!vouched.contains("| safe") && !vouched.contains("|safe"), "{name} uses `safe`");
        // `html` parameters of the design system are not escaped: give them a `{% set x %}…{% endset %}` block, which is.
        for given in source.split("\"html\":").skip(1).chain(source.split("Html\":").skip(1)) {
            let value = given.trim_start().split([',', '}', ' ', '\n']).next().unwrap();
            let block = format!("{{% set {value} %}}");
            assert!(
                source.contains(&block),
                "{name}: \"html\" is given {value}, which is not a block of this template"
            );
        }
    }
}
