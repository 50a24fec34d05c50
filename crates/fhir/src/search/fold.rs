use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The form in which text is compared: lower case, without accents, typographic apostrophes and dashes made plain, runs
/// of white space made one space. `"  O’Bríen "` and `"o'brien"` fold alike.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    let mut push = |c: char| {
        if c.is_whitespace() {
            gap = true;
            return;
        }
        if gap && !out.is_empty() {
            out.push(' ');
        }
        gap = false;
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'đ' | 'ð' => out.push('d'),
            'ł' => out.push('l'),
            'ı' => out.push('i'),
            'þ' => out.push_str("th"),
            '\u{2018}' | '\u{2019}' | '\u{02bc}' => out.push('\''),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            _ => out.push(c),
        }
    };
    if text.is_ascii() {
        text.bytes().for_each(|b| push(b.to_ascii_lowercase() as char));
    } else {
        // Lower-casing first: some capitals (İ) become a letter and a mark.
        text.chars().flat_map(char::to_lowercase).nfkd().filter(|&c| !is_combining_mark(c)).for_each(push);
    }
    out
}
