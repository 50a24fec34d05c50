//! How hard a text is to read.

/// The Flesch-Kincaid grade (Kincaid et al., 1975): 0.39 words per sentence + 11.8 syllables per word - 15.59. A grade is
/// a US school year: add 5 for the reading age. Syllables are estimated by groups of vowels, so take it as a rough guide,
/// over several texts rather than one.
pub fn grade(text: &str) -> f64 {
    let sentences = text.split(['.', '?', '!', '\n']).filter(|s| s.contains(char::is_alphabetic)).count();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()).collect();
    if sentences == 0 || words.is_empty() {
        return 0.0;
    }
    let spoken: usize = words.iter().map(|w| syllables(w)).sum();
    let count = words.len() as f64;
    0.39 * count / sentences as f64 + 11.8 * spoken as f64 / count - 15.59
}

fn syllables(word: &str) -> usize {
    let word = word.to_lowercase();
    let is_vowel = |c: char| "aeiouy".contains(c);
    let mut groups = 0;
    let mut before = false;
    for c in word.chars() {
        groups += usize::from(is_vowel(c) && !before);
        before = is_vowel(c);
    }
    let silent = word.ends_with('e') && !word.ends_with("le")
        || word.ends_with("ed") && !word.ends_with("ted") && !word.ends_with("ded");
    groups.saturating_sub(usize::from(silent)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_grade_lower_than_learned_ones() {
        assert!(grade("Is it hard to breathe?") < 3.0);
        assert!(grade("Have you experienced unilateral odynophagia or progressive respiratory deterioration?") > 12.0);
        assert!(grade("").abs() < f64::EPSILON);
        assert_eq!(["throat", "breathe", "swallow", "little", "needed", "medicine"].map(syllables), [1, 1, 2, 2, 2, 3]);
    }
}
