//! `POST /fhir`: a transaction (all or nothing) or a batch (each on its own).

use std::collections::VecDeque;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use kith_fhir::{Value, json, resource};
use kith_trust::{Error, bundle};

use super::caller::{Caller, Return, pairs_of, version_of_tag};
use super::outcome::{Failure, Issue};
use super::reply::{self, Written};
use super::{DERIVED, check, create, delete, known, known_type, read, search, update};

/// The most readings in one Bundle, and the most entries of a batch: each is an act of its own, so more would hold the
/// server. A transaction is one act, and only the size of its body limits it.
const MOST_READS: usize = 500;
const MOST_IN_BATCH: usize = 2000;

pub async fn post(caller: Caller, body: Body) -> Result<Response, Failure> {
    let value = caller.json(body).await?;
    if resource::type_of(&value) != Some("Bundle") {
        return Err(Failure::bad("invariant", "this address takes a Bundle; a single resource goes to /fhir/{type}"));
    }
    if value.get("entry").is_some_and(|entries| !entries.is_array()) {
        return Err(Failure::bad("structure", "Bundle.entry must be a list"));
    }
    let reads = entries(&value).iter().filter(|entry| is_read(entry)).count();
    if reads > MOST_READS || (value["type"] == "batch" && entries(&value).len() > MOST_IN_BATCH) {
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-costly",
            format!("a Bundle holds {MOST_READS} readings at most, and a batch {MOST_IN_BATCH} entries: send several"),
        ));
    }
    let answer = match value["type"].as_str() {
        Some("transaction") => transaction(&caller, value).await?,
        Some("batch") => batch(&caller, value).await?,
        _ => return Err(Failure::bad("value", "Bundle.type must be `transaction` or `batch`")),
    };
    Ok(reply::resource(StatusCode::OK, &answer, &caller.manner))
}

fn entries(bundle: &Value) -> &[Value] {
    bundle["entry"].as_array().map_or(&[], Vec::as_slice)
}

fn is_read(entry: &Value) -> bool {
    matches!(entry["request"]["method"].as_str(), Some("GET" | "HEAD"))
}

/// What is wrong with the entries of a transaction, before the door is asked.
fn problems(bundle: &Value) -> Vec<Issue> {
    let mut issues = Vec::new();
    for (at, entry) in entries(bundle).iter().enumerate() {
        let place = format!("Bundle.entry[{at}]");
        let mut say = |code, part: &str, words: &str| {
            issues.push(Issue { code, words: words.to_owned(), place: Some(format!("{place}{part}")) });
        };
        let url = entry["request"]["url"].as_str().unwrap_or_default();
        let kind = url.split(['/', '?']).next().unwrap_or_default();
        match entry["request"]["method"].as_str() {
            Some("GET") => continue,
            Some("POST" | "PUT" | "DELETE") => {}
            _ => say("value", ".request.method", "must be GET, POST, PUT or DELETE"),
        }
        if DERIVED.contains(&kind) {
            say("not-supported", ".request", "AuditEvent and Provenance are made by the record itself");
        }
        let body = &entry["resource"];
        if body.is_object() {
            if resource::type_of(body).is_some_and(|own| own != kind) {
                say("invariant", ".request.url", "must name the type of the resource");
            }
            issues.extend(check::problems(body, &format!("{place}.resource")));
        } else if entry["request"]["method"] != "DELETE" {
            say("required", ".resource", "is missing");
        }
    }
    issues
}

async fn transaction(caller: &Caller, value: Value) -> Result<Value, Failure> {
    let issues = problems(&value);
    if !issues.is_empty() {
        return Err(Failure { status: StatusCode::UNPROCESSABLE_ENTITY, issues });
    }
    let asked: Vec<Value> = entries(&value).iter().map(|entry| entry["request"].clone()).collect();
    let reads: Vec<bool> = entries(&value).iter().map(is_read).collect();
    let conditional = asked.iter().any(|request| request["ifNoneExist"].is_string());
    let preconditions = conditional || asked.iter().any(|request| request["ifMatch"].is_string());
    let turn = if conditional { Some(caller.api.conditional.lock().await) } else { None };
    let outcomes = match bundle::transaction(&caller.access, value).await {
        Err(Error::Conflict { what }) if preconditions => {
            return Err(Failure::new(StatusCode::PRECONDITION_FAILED, "conflict", what));
        }
        other => other?,
    };
    drop(turn);
    let mut outcomes: VecDeque<_> = outcomes.into();
    let mut answers = Vec::with_capacity(asked.len());
    for (request, is_read) in asked.iter().zip(reads) {
        if is_read {
            answers.push(answer_read(caller, request["url"].as_str().unwrap_or_default()).await);
            continue;
        }
        let Some(outcome) = outcomes.pop_front() else { break };
        answers.push(if request["method"] == "DELETE" {
            json!({"response": {"status": "204 No Content"}})
        } else {
            // What was found rather than written is at a version the transaction did not look at.
            let status = reply::status_words(if outcome.created { StatusCode::CREATED } else { StatusCode::OK });
            match outcome.version {
                Some(version) => answer_written(
                    caller,
                    &Written { created: outcome.created, reference: outcome.reference, version, value: None },
                ),
                None => json!({"response": {
                    "status": status, "location": format!("{}/{}", caller.manner.base, outcome.reference)}}),
            }
        });
    }
    Ok(json!({"resourceType": "Bundle", "type": "transaction-response", "entry": answers}))
}

async fn batch(caller: &Caller, mut value: Value) -> Result<Value, Failure> {
    let list = value["entry"].take();
    let mut answers = Vec::new();
    for mut entry in list.as_array().cloned().unwrap_or_default() {
        answers.push(match one(caller, &mut entry).await {
            Ok(answer) => answer,
            Err(failure) => reply::failed(&failure),
        });
    }
    Ok(json!({"resourceType": "Bundle", "type": "batch-response", "entry": answers}))
}

/// One entry of a batch.
async fn one(caller: &Caller, entry: &mut Value) -> Result<Value, Failure> {
    let body = entry.get_mut("resource").map(Value::take);
    let request = &entry["request"];
    let url = request["url"].as_str().unwrap_or_default();
    let body = || body.ok_or_else(|| Failure::bad("required", "the entry has no resource"));
    let if_match = || request["ifMatch"].as_str().map(version_of_tag).transpose();
    let address = || {
        let (kind, id) = url.split_once('/').ok_or_else(|| Failure::bad("value", "request.url must be Type/id"))?;
        known(kind, id)
    };
    match request["method"].as_str() {
        Some("GET") => Ok(answer_read(caller, url).await),
        Some("POST") => {
            let kind = known_type(url)?;
            let written = create::run(caller, kind, body()?, request["ifNoneExist"].as_str(), None).await?;
            Ok(answer_written(caller, &written))
        }
        Some("PUT") => {
            let (kind, reference) = address()?;
            let written = update::run(caller, kind, &reference, body()?, if_match()?).await?;
            Ok(answer_written(caller, &written))
        }
        Some("DELETE") => {
            let (kind, reference) = address()?;
            delete::run(caller, kind, &reference, if_match()?).await?;
            Ok(json!({"response": {"status": "204 No Content"}}))
        }
        _ => Err(Failure::bad("value", "request.method must be GET, POST, PUT or DELETE")),
    }
}

fn answer_written(caller: &Caller, written: &Written) -> Value {
    let mut answer = json!({"response": {
        "status": reply::status_words(written.status()),
        "location": written.location(&caller.manner.base),
        "etag": written.etag(),
    }});
    if caller.prefer == Return::Representation
        && let Some(value) = &written.value
    {
        answer["resource"] = value.clone();
    }
    answer
}

/// A read or a search in a Bundle.
async fn answer_read(caller: &Caller, url: &str) -> Value {
    match read_url(caller, url).await {
        Ok(answer) => answer,
        Err(failure) => reply::failed(&failure),
    }
}

async fn read_url(caller: &Caller, url: &str) -> Result<Value, Failure> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let Some((kind, id)) = path.split_once('/') else {
        let bundle = search::run(caller, known_type(path)?, pairs_of(query)?).await?;
        return Ok(json!({"resource": bundle, "response": {"status": "200 OK"}}));
    };
    let (kind, reference) = known(kind, id)?;
    let entry = read::current(&caller.access, kind, &reference).await?;
    Ok(json!({
        "fullUrl": format!("{}/{reference}", caller.manner.base),
        "resource": entry.value.as_ref(),
        "response": {"status": "200 OK", "etag": entry.etag(), "lastModified": entry.updated.to_string()},
    }))
}
