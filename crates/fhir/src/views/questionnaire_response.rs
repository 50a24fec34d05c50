use jiff::Timestamp;
use serde_json::Value;

use super::common;
use crate::system;

view! {
    /// Answers to questions.
    QuestionnaireResponse
}

impl<'a> QuestionnaireResponse<'a> {
    /// `status`.
    pub fn status(&self) -> Option<&'a str> {
        common::text(self.0, "status")
    }

    /// The questions: `url|version`.
    pub fn questionnaire(&self) -> Option<&'a str> {
        common::text(self.0, "questionnaire")
    }

    /// The person: `Patient/…`
    pub fn person(&self) -> Option<&'a str> {
        common::reference(self.0, "subject")
    }

    /// When.
    pub fn authored(&self) -> Option<Timestamp> {
        common::moment(self.0, "authored")
    }

    /// Who filled it in.
    pub fn author(&self) -> Option<&'a str> {
        common::reference(self.0, "author")
    }

    /// Whose words they are.
    pub fn source(&self) -> Option<&'a str> {
        common::reference(self.0, "source")
    }

    /// `web`, `phone`, `desk`, `letter` or `practice`.
    pub fn channel(&self) -> Option<&'a str> {
        common::extension_text(self.0, system::EXT_CHANNEL, "valueCode")
    }

    /// Questions and answers in order, nested ones after the one they belong to.
    pub fn items(&self) -> Vec<AnsweredItem<'a>> {
        let mut out = Vec::new();
        collect(self.0, 0, &mut out);
        out
    }
}

/// A question and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredItem<'a> {
    /// The question's id.
    pub link_id: &'a str,
    /// The question as asked.
    pub text: Option<&'a str>,
    /// Answers in words; flags are `Yes` and `No`.
    pub answers: Vec<String>,
    /// The codes of answers that were choices.
    pub codes: Vec<&'a str>,
}

/// Deeper than any questionnaire nests; the reader of the JSON has its own limit.
const DEEPEST: usize = 32;

fn collect<'a>(parent: &'a Value, depth: usize, out: &mut Vec<AnsweredItem<'a>>) {
    if depth > DEEPEST {
        return;
    }
    for item in common::list(parent, "item") {
        let answers = common::list(item, "answer");
        out.push(AnsweredItem {
            link_id: common::text(item, "linkId").unwrap_or_default(),
            text: common::text(item, "text"),
            answers: answers.iter().filter_map(words).collect(),
            codes: answers.iter().filter_map(|answer| common::text(answer.get("valueCoding")?, "code")).collect(),
        });
        for answer in answers {
            collect(answer, depth + 1, out);
        }
        collect(item, depth + 1, out);
    }
}

fn words(answer: &Value) -> Option<String> {
    let (key, value) = answer.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
    Some(match (key.as_str(), value) {
        ("valueCoding", _) => common::text(value, "display").or_else(|| common::text(value, "code"))?.to_owned(),
        ("valueQuantity", _) => common::Quantity::of(value)?.to_string(),
        ("valueReference", _) => {
            common::text(value, "display").or_else(|| common::text(value, "reference"))?.to_owned()
        }
        ("valueAttachment", _) => common::text(value, "title").or_else(|| common::text(value, "url"))?.to_owned(),
        (_, Value::Bool(true)) => "Yes".to_owned(),
        (_, Value::Bool(false)) => "No".to_owned(),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Number(number)) => number.to_string(),
        _ => return None,
    })
}
