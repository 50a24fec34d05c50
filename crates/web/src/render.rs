//! Templates, compiled once: ours and the NHS design system's macros, in one environment that always escapes.

use jiff::{Timestamp, Zoned};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Rest, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, escape_formatter};
use rust_embed::RustEmbed;
use serde::Serialize;

use crate::filters;

#[derive(RustEmbed)]
#[folder = "assets/vendor/templates"]
struct NhsTemplates;

#[derive(RustEmbed)]
#[folder = "templates"]
struct OwnTemplates;

/// Instructions a page may spend before it is stopped: some hundred times what the largest page needs.
const FUEL: u64 = 50_000_000;

/// Renders pages. Made once; sharing it between threads is free.
pub struct Renderer {
    env: Environment<'static>,
}

impl Renderer {
    /// Compiles every template in the binary, so that one that does not parse stops the start and not a page.
    pub fn new() -> Result<Self, Error> {
        let mut env = environment();
        for name in NhsTemplates::iter() {
            // The design system's own page shell has an inline script; ours does not.
            if name.starts_with("nhsuk/components/") || name.starts_with("nhsuk/macros/") {
                let source = NhsTemplates::get(&name).expect("listed by the same embed").data;
                env.add_template_owned(name.into_owned(), text(&source)?)?;
            }
        }
        for name in OwnTemplates::iter() {
            let source = OwnTemplates::get(&name).expect("listed by the same embed").data;
            env.add_template_owned(name.into_owned(), text(&source)?)?;
        }
        Ok(Self { env })
    }

    /// Renders `template` (its file name under `templates/` without `.html`) with `context` as its variables.
    pub fn render(&self, template: &str, context: Value) -> Result<String, Error> {
        self.env.get_template(&format!("{template}.html"))?.render(context)
    }

    /// Renders template source that is not in the binary; for tests of macros and components.
    pub fn render_source(&self, source: &str, context: Value) -> Result<String, Error> {
        self.env.render_named_str("source.html", source, context)
    }
}

/// A view model as the engine's value.
pub(crate) fn view(model: &impl Serialize) -> Value {
    Value::from(Serde(model))
}

fn text(source: &[u8]) -> Result<String, Error> {
    String::from_utf8(source.to_vec()).map_err(|_| Error::new(ErrorKind::SyntaxError, "a template is not in UTF-8"))
}

fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("whitespace settings alone are valid"));
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    env.set_fuel(Some(FUEL));
    // Nothing known is nothing shown, never the word "none".
    env.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() && matches!(state.auto_escape(), AutoEscape::Html) => Ok(escape(out, text)?),
        _ if value.is_none() => Ok(()),
        _ => escape_formatter(out, state, value),
    });

    // As the design system's templates expect of Jinja.
    env.add_filter("length", |value: &Value| value.len().unwrap_or(0));
    env.add_filter("truncate", truncate);

    env.add_filter("date", |value: &Value| told(value, filters::date));
    env.add_filter("short_date", |value: &Value| told(value, filters::short_date));
    env.add_filter("time", |value: &Value| told(value, filters::time));
    env.add_filter("datetime", |value: &Value| told(value, filters::datetime));
    env.add_filter("nhs_number", |value: &Value| told(value, filters::nhs_number));
    env.add_filter("ago", |value: &Value, at: Option<String>| {
        let now = now(at);
        told(value, |text| filters::ago(text, &now))
    });
    env.add_filter("age", |value: &Value, at: Option<String>| {
        let today = now(at).date();
        value.as_str().and_then(|born| filters::age(born, today)).map_or(Value::UNDEFINED, Value::from)
    });
    env
}

/// As Jinja escapes: the five characters that could end text or an attribute's value, and no others.
fn escape(out: &mut impl std::fmt::Write, text: &str) -> std::fmt::Result {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let safe = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&#34;",
            b'\'' => "&#39;",
            _ => continue,
        };
        out.write_str(&text[from..at])?;
        out.write_str(safe)?;
        from = at + 1;
    }
    out.write_str(&text[from..])
}

fn told(value: &Value, say: impl Fn(&str) -> String) -> Value {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::UNDEFINED,
        _ => match value.as_str() {
            Some(text) => Value::from(say(text)),
            None => Value::from(say(&value.to_string())),
        },
    }
}

fn now(at: Option<String>) -> Zoned {
    at.and_then(|at| at.parse::<Timestamp>().ok()).unwrap_or_else(Timestamp::now).to_zoned(filters::london())
}

/// Jinja's `truncate(length=255, killwords=false, end="...", leeway)` with its arguments in order.
fn truncate(value: &Value, args: Rest<Value>) -> Value {
    let Some(text) = value.as_str() else { return Value::from("") };
    let length = args.first().and_then(|v| usize::try_from(v.clone()).ok()).unwrap_or(255);
    let kill_words = args.get(1).is_some_and(Value::is_true);
    let end = args.get(2).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_else(|| "...".to_owned());
    let leeway = args.get(3).and_then(|v| usize::try_from(v.clone()).ok()).unwrap_or(5);
    if text.chars().count() <= length + leeway {
        return value.clone();
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    let cut = match cut.rfind(' ') {
        Some(space) if !kill_words => &cut[..space],
        _ => &cut,
    };
    Value::from(format!("{cut}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn what_a_person_typed_is_inert() {
        let renderer = Renderer::new().unwrap();
        let name = "<script>alert(1)</script>\" onmouseover='x'";
        let html = renderer
            .render_source(
                "<p title=\"{{ name }}\">{{ name }}{% set kept %}<b>{{ name }}</b>{% endset %}{{ kept }}</p>",
                context! { name },
            )
            .unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("onmouseover='"), "{html}");
        assert!(html.contains("<b>&lt;script"), "{html}");
    }

    #[test]
    fn nothing_known_is_nothing_shown() {
        let renderer = Renderer::new().unwrap();
        let html = renderer
            .render_source(
                "[{{ a }}{{ b.c.d }}{{ a | date }}{{ b | age }}{{ a | length }}]",
                context! { a => Value::from(()) },
            )
            .unwrap();
        assert_eq!(html, "[0]");
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let renderer = Renderer::new().unwrap();
        let source = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        assert!(renderer.render_source(source, context! {}).is_err());
    }
}
