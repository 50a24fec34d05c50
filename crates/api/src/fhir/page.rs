//! Bundles of results, and paging through them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kith_fhir::{Value, json};
use kith_trust::Entry;

use super::caller::Manner;
use super::outcome::Failure;
use super::view::View;

/// Results of a page held in memory unless asked otherwise, and at most: as the store has them.
pub const DEFAULT_COUNT: usize = 50;
pub const MAX_COUNT: usize = 1000;

/// One page of results.
pub struct Results<'a> {
    /// Address below the base: `Observation` or `Patient/p/Observation`.
    pub path: &'a str,
    /// The query as asked, `_cursor` included.
    pub asked: &'a [(String, String)],
    pub entries: Vec<Value>,
    /// How many there are in all, where that is known.
    pub total: Option<usize>,
    /// Where the next page starts.
    pub next: Option<String>,
}

impl Results<'_> {
    /// A Bundle of this type (`searchset`, `history`), with its links.
    pub fn bundle(self, kind: &str, manner: &Manner) -> Value {
        let link = |relation: &str, cursor: Option<&str>| {
            let mut pairs: Vec<(&str, &str)> = self
                .asked
                .iter()
                .filter(|(name, _)| cursor.is_none() || name != "_cursor")
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            pairs.extend(cursor.map(|cursor| ("_cursor", cursor)));
            let query = serde_html_form::to_string(&pairs).unwrap_or_default();
            let mark = if query.is_empty() { "" } else { "?" };
            json!({"relation": relation, "url": format!("{}/{}{mark}{query}", manner.base, self.path)})
        };
        let mut links = vec![link("self", None)];
        links.extend(self.next.as_deref().map(|next| link("next", Some(next))));
        let mut bundle = json!({"resourceType": "Bundle", "type": kind, "link": links});
        if let Some(total) = self.total {
            bundle["total"] = json!(total);
        }
        if !self.entries.is_empty() {
            bundle["entry"] = Value::Array(self.entries);
        }
        bundle
    }
}

/// A result in a searchset.
pub fn found(entry: &Entry, view: &View, manner: &Manner) -> Value {
    json!({
        "fullUrl": format!("{}/{}", manner.base, entry.reference()),
        "resource": view.of(&entry.value),
        "search": {"mode": "match"},
    })
}

/// Takes `_count` and `_cursor` out of a query.
pub fn take(pairs: &mut Vec<(String, String)>) -> Result<(usize, Option<String>), Failure> {
    let mut count = DEFAULT_COUNT;
    let mut cursor = None;
    for (name, value) in pairs.iter() {
        match name.as_str() {
            "_count" => {
                let asked: usize =
                    value.parse().map_err(|_| Failure::bad("value", "the value of `_count` must be a whole number"))?;
                count = asked.clamp(1, MAX_COUNT);
            }
            "_cursor" => cursor = Some(value.clone()),
            _ => {}
        }
    }
    pairs.retain(|(name, _)| name != "_count" && name != "_cursor");
    Ok((count, cursor))
}

/// Cuts one page out of a list in memory. The cursor names the last item of the page before, so that what others add or
/// take away meanwhile makes nothing appear twice.
pub fn cut<'a, T>(
    list: &'a [T],
    name: impl Fn(&T) -> String,
    cursor: Option<&str>,
    count: usize,
) -> Result<(&'a [T], Option<String>), Failure> {
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            let (index, last) = read_cursor(cursor)?;
            let there = index.checked_sub(1).and_then(|at| list.get(at)).is_some_and(|item| name(item) == last);
            if there {
                index
            } else {
                // Moved; or gone, and then what followed it has moved up by one.
                let moved = list.iter().position(|item| name(item) == last).map(|at| at + 1);
                moved.unwrap_or(index.saturating_sub(1)).min(list.len())
            }
        }
    };
    let end = start.saturating_add(count).min(list.len());
    let page = &list[start..end];
    let next = if end < list.len() { page.last().map(|last| write_cursor(end, &name(last))) } else { None };
    Ok((page, next))
}

fn write_cursor(index: usize, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{index} {last}"))
}

fn read_cursor(cursor: &str) -> Result<(usize, String), Failure> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (index, last) = text.split_once(' ')?;
        Some((index.parse().ok()?, last.to_owned()))
    };
    read().ok_or_else(|| Failure::bad("value", "the page marker is not one of ours: begin at the first page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(list: &mut Vec<u32>, mut between: impl FnMut(&mut Vec<u32>)) -> Vec<u32> {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (page, next) = cut(list, u32::to_string, cursor.as_deref(), 2).unwrap();
            seen.extend_from_slice(page);
            cursor = next;
            if cursor.is_none() {
                return seen;
            }
            between(list);
        }
    }

    #[test]
    fn every_item_comes_once_while_others_write() {
        assert_eq!(walk(&mut vec![1, 2, 3, 4, 5], |_| ()), [1, 2, 3, 4, 5]);
        let mut first = true;
        let added = walk(&mut vec![1, 2, 3, 4, 5], |list| {
            if std::mem::take(&mut first) {
                list.insert(0, 0);
            }
        });
        assert_eq!(added, [1, 2, 3, 4, 5]);
        let mut first = true;
        let gone = walk(&mut vec![1, 2, 3, 4, 5], |list| {
            if std::mem::take(&mut first) {
                list.retain(|n| *n != 2);
            }
        });
        assert_eq!(gone, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_made_up_page_marker_is_refused() {
        for marker in ["", "x", "MQ", "////", "LTEgYQ"] {
            assert!(cut(&[1], u32::to_string, Some(marker), 2).is_err(), "{marker}");
        }
        // Ours, but beyond the end.
        assert!(cut(&[1], u32::to_string, Some(&write_cursor(usize::MAX, "9")), 2).unwrap().0.is_empty());
    }
}
