//! Reaching people: how they want to be reached, who acts for them, and what was said.
//!
//! - [`preferences`]: channel, language, interpreter, access needs, appointment preferences: kept once;
//! - [`proxy`]: who may act for whom, and until when;
//! - [`message`]: messages between a person and a team, each with an owner and a due time;
//! - [`notification`], [`notifier`], [`sink`]: notices that something waits, from the outbox to the person's channel;
//! - [`photo`], [`document`]: what people send, made safe, and read back;
//! - [`time`]: times as people say them.
//!
//! ```
//! use kith_contact::notification::{Notification, TemplateId, render};
//!
//! let notice = Notification::new("p1", TemplateId::MessageReceived).with("team", "Riverside Surgery");
//! let text = render(notice.template, &notice.fields);
//! assert_eq!(text.body, "You have a new message from Riverside Surgery. Sign in to Kith to read it and reply.");
//! ```

pub mod document;
pub mod emergency;
mod error;
pub mod fields;
pub mod message;
pub mod notification;
pub mod notifier;
pub mod photo;
pub mod preferences;
pub mod proxy;
pub mod sink;
pub mod time;

pub use error::{Error, FieldProblem};
pub use message::{Category, Draft, Party};
pub use notification::{Notification, TemplateId};
pub use notifier::Notifier;
pub use preferences::{Channel, Preferences, PreferencesEdit};
pub use sink::{FileSink, LogSink, Sink};
