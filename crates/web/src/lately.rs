//! What was worked out for somebody a moment ago, for the page that follows: sending the answers finds who can help, and the
//! page they lead to shows it. In memory, for a minute at most, and for the same session alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kith_frontdoor::{Answers, Facts, Offers};

/// Longer than it takes to follow a redirect and read a page, shorter than what is free changes much. Whatever is then
/// chosen is looked at anew before it is held or booked.
const KEPT: Duration = Duration::from_mins(1);
/// Sessions remembered at most.
const MOST: usize = 2048;

/// Values by session and person.
#[derive(Debug)]
struct Kept<V>(Mutex<HashMap<(String, String), (Instant, V)>>);

impl<V: Clone> Kept<V> {
    fn get(&self, session: &str, person: &str) -> Option<V> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, value) = kept.get(&(session.to_owned(), person.to_owned()))?;
        (since.elapsed() < KEPT).then(|| value.clone())
    }

    fn keep(&self, session: &str, person: &str, value: V) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.retain(|_, (since, _)| since.elapsed() < KEPT);
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert((session.to_owned(), person.to_owned()), (Instant::now(), value));
    }

    fn forget(&self, session: &str, person: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&(session.to_owned(), person.to_owned()));
    }
}

impl<V> Default for Kept<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// What could be offered, and what it was worked out from.
#[derive(Debug)]
pub(crate) struct Offered {
    pub pathway: String,
    pub answers: Answers,
    pub offers: Offers,
}

/// Shared by all requests; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lately(Arc<All>);

#[derive(Debug, Default)]
struct All {
    facts: Kept<Facts>,
    offered: Kept<Arc<Offered>>,
}

impl Lately {
    pub(crate) fn facts(&self, session: &str, person: &str) -> Option<Facts> {
        self.0.facts.get(session, person)
    }

    pub(crate) fn keep_facts(&self, session: &str, person: &str, facts: &Facts) {
        self.0.facts.keep(session, person, facts.clone());
    }

    /// What was offered for the same answers and facts.
    pub(crate) fn offered(
        &self,
        session: &str,
        person: &str,
        pathway: &str,
        answers: &Answers,
        facts: &Facts,
    ) -> Option<Arc<Offered>> {
        let offered = self.0.offered.get(session, person)?;
        let same = offered.pathway == pathway && offered.answers == *answers && offered.offers.facts == *facts;
        same.then_some(offered)
    }

    pub(crate) fn keep_offered(&self, session: &str, person: &str, offered: &Arc<Offered>) {
        self.0.offered.keep(session, person, Arc::clone(offered));
    }

    pub(crate) fn forget_offered(&self, session: &str, person: &str) {
        self.0.offered.forget(session, person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_worked_out_is_for_the_same_session_and_person_alone() {
        let kept = Kept::default();
        kept.keep("a", "p", 1);
        assert_eq!(kept.get("a", "p"), Some(1));
        assert_eq!(kept.get("b", "p"), None);
        assert_eq!(kept.get("a", "q"), None);
        kept.forget("a", "p");
        assert_eq!(kept.get("a", "p"), None);
    }

    #[test]
    fn no_more_sessions_are_remembered_than_fit() {
        let kept = Kept::default();
        for session in 0..2 * MOST {
            kept.keep(&session.to_string(), "p", session);
        }
        assert!(kept.0.lock().unwrap().len() <= MOST);
    }
}
