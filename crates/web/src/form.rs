//! Forms: read only after they are proved ours, with what was typed kept, and errors that link to their fields.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::reply::WebError;
use crate::session::{Session, verify_form};

/// The hidden fields of every form: `{{ kith.hidden() }}`.
pub(crate) const CSRF_FIELD: &str = "_csrf";
pub(crate) const KEY_FIELD: &str = "_key";

/// A form posted by one of our own pages in this session.
///
/// `T` is what the form says, read as it was typed: use `String` with `#[serde(default)]` for text (a browser leaves out
/// what was not chosen), `Vec<String>` for check boxes, and check the content in a function of your own that fills
/// [`FormErrors`]. A body that cannot be read as `T` at all answers 422, a missing or foreign token 403.
#[derive(Debug)]
pub struct Checked<T> {
    pub form: T,
    /// Names this rendering of the form: the same key twice is the same act sent twice.
    pub key: Uuid,
    /// Everything typed, to show it again.
    pub fields: Fields,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Checked<T> {
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<Self, WebError> {
        let session = request.extensions().get::<Session>().cloned();
        let headers = request.headers().clone();
        let urlencoded = headers
            .get(axum::http::header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.split(';').next() == Some("application/x-www-form-urlencoded"));
        if !urlencoded {
            return Err(WebError::unreadable());
        }
        let body =
            Bytes::from_request(request, state).await.map_err(|rejection| WebError::from_status(rejection.status()))?;
        let fields = Fields::read(&body)?;
        let session = session.ok_or_else(WebError::stale_form)?;
        verify_form(&session, &headers, fields.get(CSRF_FIELD))?;
        let key = fields.get(KEY_FIELD).and_then(|key| key.parse().ok()).ok_or_else(WebError::unreadable)?;
        let form = serde_html_form::from_bytes(&body).map_err(|_| WebError::unreadable())?;
        Ok(Self { form, key, fields: fields.without_hidden() })
    }
}

/// A form with a file, posted by one of our own pages in this session (`enctype="multipart/form-data"`). Refuses as
/// [`Checked`] does. A file's own name is never read.
#[derive(Debug)]
pub struct CheckedUpload {
    pub key: Uuid,
    pub fields: Fields,
    /// The first file that holds anything.
    pub file: Option<Upload>,
}

/// The bytes of a file, and what the browser says they are.
#[derive(Debug)]
pub struct Upload {
    pub bytes: Bytes,
    pub media_type: String,
}

/// Parts of a form beyond this many are not ours.
const MAX_PARTS: usize = 20;

impl<S: Send + Sync> FromRequest<S> for CheckedUpload {
    type Rejection = WebError;

    async fn from_request(request: Request, state: &S) -> Result<Self, WebError> {
        let session = request.extensions().get::<Session>().cloned();
        let headers = request.headers().clone();
        let mut parts = Multipart::from_request(request, state).await.map_err(|_| WebError::unreadable())?;
        let mut fields = Vec::new();
        let mut file = None;
        let refused = |error: MultipartError| WebError::from_status(error.status());
        while let Some(part) = parts.next_field().await.map_err(refused)? {
            let name = part.name().unwrap_or_default().to_owned();
            if part.file_name().is_some() {
                let media_type = part.content_type().unwrap_or_default().to_owned();
                let bytes = part.bytes().await.map_err(refused)?;
                if file.is_none() && !bytes.is_empty() {
                    file = Some(Upload { bytes, media_type });
                }
            } else {
                fields.push((name, part.text().await.map_err(refused)?));
            }
            if fields.len() > MAX_PARTS {
                return Err(WebError::unreadable());
            }
        }
        let fields = Fields(fields);
        let session = session.ok_or_else(WebError::stale_form)?;
        verify_form(&session, &headers, fields.get(CSRF_FIELD))?;
        let key = fields.get(KEY_FIELD).and_then(|key| key.parse().ok()).ok_or_else(WebError::unreadable)?;
        Ok(Self { key, fields: fields.without_hidden(), file })
    }
}

/// What was typed, field by field, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(body: &[u8]) -> Result<Self, WebError> {
        serde_html_form::from_bytes(body).map(Self).map_err(|_| WebError::unreadable())
    }

    /// Values to show in a form that nobody has filled in yet, from what is already known.
    pub fn known<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |(key, value)| (key == name).then_some(value.as_str()))
    }

    fn without_hidden(mut self) -> Self {
        self.0.retain(|(key, _)| key != CSRF_FIELD && key != KEY_FIELD);
        self
    }

    /// For templates: a value each, or a list where a field came more than once.
    pub(crate) fn values(&self) -> BTreeMap<&str, Shown<'_>> {
        let mut out: BTreeMap<&str, Shown> = BTreeMap::new();
        for (name, value) in &self.0 {
            match out.get_mut(name.as_str()) {
                None => {
                    out.insert(name, Shown::One(value));
                }
                Some(Shown::Many(values)) => values.push(value),
                Some(one) => {
                    if let Shown::One(first) = *one {
                        *one = Shown::Many(vec![first, value]);
                    }
                }
            }
        }
        out
    }
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Shown<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

/// What to put right, in the order of the page. Each message says how to fix it: `Enter your date of birth`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormErrors(Vec<(String, String)>);

impl FormErrors {
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what to do about `field`, which is the `id` of its (first) input.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push((field.into(), message.into()));
    }

    /// The text in `value` without white space around it, or an error that asks for it.
    pub fn required<'a>(&mut self, field: &str, value: &'a str, message: &str) -> &'a str {
        let value = value.trim();
        if value.is_empty() {
            self.add(field, message);
        }
        value
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Ok` with `value` if nothing is wrong.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    pub(crate) fn view(&self) -> ErrorsView<'_> {
        let mut by_field = BTreeMap::new();
        for (field, message) in &self.0 {
            by_field.entry(field.as_str()).or_insert(message.as_str());
        }
        let list = self.0.iter().map(|(field, text)| ErrorLink { text, href: format!("#{field}") }).collect();
        ErrorsView { list, by_field }
    }
}

#[derive(Serialize)]
pub(crate) struct ErrorsView<'a> {
    list: Vec<ErrorLink<'a>>,
    /// `form.errors.postcode` in a template.
    #[serde(flatten)]
    by_field: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct ErrorLink<'a> {
    text: &'a str,
    href: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_kept_field_by_field() {
        let fields = Fields::read(b"name=Ada+L%C3%B6w&need=a&need=b&_csrf=x&_key=y").unwrap().without_hidden();
        assert_eq!(fields.get("name"), Some("Ada Löw"));
        assert_eq!(fields.all("need").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields.get("_csrf"), None);
        let values = fields.values();
        assert_eq!(values["name"], Shown::One("Ada Löw"));
        assert_eq!(values["need"], Shown::Many(vec!["a", "b"]));
    }

    #[test]
    fn the_first_error_of_a_field_stands_beside_it() {
        let mut errors = FormErrors::new();
        assert_eq!(errors.required("postcode", "  ", "Enter a postcode"), "");
        errors.add("postcode", "Enter a full postcode");
        assert_eq!(errors.required("name", " Ada ", "Enter a name"), "Ada");
        assert_eq!(errors.view().by_field["postcode"], "Enter a postcode");
        assert_eq!(errors.view().list.len(), 2);
        assert!(errors.or(()).is_err());
    }
}
