//! Red-flag phrases in what a person writes. A plain list, read as words: no model, nothing hidden. It may only ever raise
//! urgency, so it errs on the side of hearing too much.

/// Phrases that mean the same thing, and the words that take them back.
#[derive(Debug, Clone)]
pub(crate) struct PhraseList {
    pub id: String,
    /// Each phrase as lower-case words.
    phrases: Vec<Vec<String>>,
    negations: Vec<Vec<String>>,
}

/// A negation counts when it ends at most this many words before the phrase, in the same part of a sentence:
/// "I don't have any chest pain".
const NEGATION_REACH: usize = 2;

impl PhraseList {
    pub(crate) fn new(id: &str, phrases: &[String], negations: &[String]) -> Self {
        let list = |all: &[String]| all.iter().map(|p| words(p)).filter(|w| !w.is_empty()).collect();
        Self { id: id.to_owned(), phrases: list(phrases), negations: list(negations) }
    }

    /// The first phrase that the text states and does not take back.
    pub(crate) fn first_in(&self, text: &str) -> Option<String> {
        parts(text).iter().find_map(|part| {
            self.phrases.iter().find(|phrase| self.stated(part, phrase)).map(|phrase| phrase.join(" "))
        })
    }

    /// A phrase to stand for the list, for made-up answers.
    pub(crate) fn example(&self) -> String {
        self.phrases.first().map(|p| p.join(" ")).unwrap_or_default()
    }

    fn stated(&self, part: &[String], phrase: &[String]) -> bool {
        part.windows(phrase.len()).enumerate().any(|(at, window)| window == phrase && !self.negated(&part[..at]))
    }

    fn negated(&self, before: &[String]) -> bool {
        self.negations.iter().any(|negation| {
            (0..=NEGATION_REACH)
                .any(|gap| before.len().checked_sub(gap).is_some_and(|end| before[..end].ends_with(negation)))
        })
    }
}

/// Parts of sentences as words; a comma or "but" ends a part, so "no fever, but chest pain" still says chest pain.
fn parts(text: &str) -> Vec<Vec<String>> {
    text.split(['.', ',', ';', ':', '!', '?', '\n'])
        .flat_map(|part| {
            words(part).split(|w| w == "but" || w == "however").map(<[String]>::to_vec).collect::<Vec<_>>()
        })
        .filter(|part| !part.is_empty())
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .replace(['\'', '\u{2019}'], "")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> PhraseList {
        let own = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        PhraseList::new("chest", &own(&["chest pain", "can't breathe"]), &own(&["no", "not", "don't have", "never"]))
    }

    #[test]
    fn a_phrase_is_heard_unless_it_is_taken_back() {
        for said in [
            "I have CHEST pain",
            "chest  pain, no fever",
            "no fever, chest pain",
            "No fever but chest pain",
            "I can’t breathe",
            "not sure what to do. Chest pain since last night",
        ] {
            assert!(list().first_in(said).is_some(), "{said}");
        }
        for said in ["no chest pain", "I don't have any chest pain", "I have never had chest pain", "chest cold", ""] {
            assert!(list().first_in(said).is_none(), "{said}");
        }
    }
}
