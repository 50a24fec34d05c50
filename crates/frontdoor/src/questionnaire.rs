//! Answers to and from FHIR QuestionnaireResponse, as `docs/record.md` describes it.

use jiff::Timestamp;
use kith_fhir::system;
use serde_json::{Value, json};

use crate::{Answer, AnswerError, Answers, Facts, Pathway, pathway::Kind};

/// Who answered, for whom, when and how.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// `Patient/…`
    pub subject: &'a str,
    /// Who filled it in: `Patient/…`, `Practitioner/…` or `RelatedPerson/…`.
    pub author: &'a str,
    /// Whose voice it is.
    pub source: &'a str,
    pub authored: Timestamp,
    /// `web`, `phone`, `desk`, `letter` or `practice`.
    pub channel: &'a str,
}

/// The canonical URL and version of a pathway: `<url>|<version>`.
pub fn canonical(pathway: &Pathway) -> String {
    format!("{}/{}|{}", system::PATHWAY, pathway.id, pathway.version)
}

/// A QuestionnaireResponse of the questions asked, in order, with the text they were asked in.
pub fn write(pathway: &Pathway, facts: &Facts, answers: &Answers, response: &Response) -> Value {
    let items: Vec<Value> = pathway
        .asked(facts, answers)
        .into_iter()
        .filter_map(|question| {
            let given: Vec<Value> = match answers.get(&question.id)? {
                Answer::Chosen(ids) if question.kind == Kind::YesNo => {
                    ids.iter().map(|id| json!({"valueBoolean": id == "yes"})).collect()
                }
                Answer::Chosen(ids) => {
                    ids.iter().map(|id| json!({"valueCoding": {"code": id, "display": question.label(id)}})).collect()
                }
                Answer::Number(digits) => {
                    vec![json!({"valueDecimal": digits.parse::<serde_json::Number>().ok()?})]
                }
                Answer::Text(text) => vec![json!({"valueString": text})],
                Answer::Photo(reference) => vec![json!({"valueReference": {"reference": reference}})],
                Answer::Skipped => Vec::new(),
            };
            let mut item = json!({"linkId": question.id, "text": question.text});
            if !given.is_empty() {
                item["answer"] = Value::Array(given);
            }
            Some(item)
        })
        .collect();
    json!({
        "resourceType": "QuestionnaireResponse",
        "questionnaire": canonical(pathway),
        "status": "completed",
        "subject": {"reference": response.subject},
        "authored": response.authored.to_string(),
        "author": {"reference": response.author},
        "source": {"reference": response.source},
        "extension": [{"url": system::EXT_CHANNEL, "valueCode": response.channel}],
        "item": items,
    })
}

/// Why a QuestionnaireResponse cannot be read as answers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("this is not a QuestionnaireResponse to {0}")]
    OtherQuestionnaire(String),
    #[error("item {0:?} holds no answer that can be read")]
    Item(String),
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// The answers of a QuestionnaireResponse to this pathway, in whatever version; each must fit today's question.
pub fn read(pathway: &Pathway, response: &Value) -> Result<Answers, ReadError> {
    let url = format!("{}/{}", system::PATHWAY, pathway.id);
    let asked = response["questionnaire"].as_str().unwrap_or_default();
    if response["resourceType"] != "QuestionnaireResponse" || asked.split('|').next() != Some(url.as_str()) {
        return Err(ReadError::OtherQuestionnaire(url));
    }
    let mut answers = Answers::new();
    for item in response["item"].as_array().into_iter().flatten() {
        let id = item["linkId"].as_str().unwrap_or_default();
        let unreadable = || ReadError::Item(id.to_owned());
        let question = pathway.question(id).ok_or_else(unreadable)?;
        let mut sent = Vec::new();
        for answer in item["answer"].as_array().into_iter().flatten() {
            let text = |v: &Value| v.as_str().map(str::to_owned);
            let one = match question.kind {
                Kind::YesNo => answer["valueBoolean"].as_bool().map(|yes| if yes { "yes" } else { "no" }.to_owned()),
                Kind::OneOf | Kind::AnyOf => text(&answer["valueCoding"]["code"]),
                Kind::Number => answer["valueDecimal"].as_number().map(ToString::to_string),
                Kind::Text => text(&answer["valueString"]),
                Kind::Photo => text(&answer["valueReference"]["reference"]),
            };
            sent.push(one.ok_or_else(unreadable)?);
        }
        answers.insert(id, question.read(&sent.iter().map(String::as_str).collect::<Vec<_>>())?);
    }
    Ok(answers)
}
