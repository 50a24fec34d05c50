//! As much of Markdown as the intended purpose uses: headings, paragraphs, lists, tables, bold and italic words. Links keep
//! their words, as what they lead to is not in the page.

use std::fmt::Write as _;

/// The five characters that could end text or an attribute's value.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

/// HTML of `text`; its headings become `deeper` levels lower, the first one is left out (the page has its own).
pub fn html(text: &str, deeper: usize) -> String {
    let mut out = String::new();
    for block in text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty()) {
        let first = block.lines().next().unwrap_or_default();
        let level = first.bytes().take_while(|b| *b == b'#').count();
        if level > 0 {
            if level > 1 {
                let level = (level + deeper).min(6);
                let _ = writeln!(out, "<h{level}>{}</h{level}>", inline(first.trim_start_matches('#').trim()));
            }
        } else if first.starts_with('|') {
            table(block, &mut out);
        } else if let Some(at) = block.find("\n- ").filter(|_| !first.starts_with("- ")) {
            let _ = writeln!(out, "<p>{}</p>", inline(&block[..at]));
            list(&block[at + 1..], "ul", &mut out);
        } else if first.starts_with("- ") {
            list(block, "ul", &mut out);
        } else if first.starts_with("1. ") {
            list(block, "ol", &mut out);
        } else {
            let _ = writeln!(out, "<p>{}</p>", inline(block));
        }
    }
    out
}

fn list(block: &str, tag: &str, out: &mut String) {
    let mut items: Vec<String> = Vec::new();
    for line in block.lines() {
        let start = line.strip_prefix("- ").or_else(|| {
            let (number, rest) = line.split_once(". ")?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
        });
        match (start, items.last_mut()) {
            (Some(text), _) => items.push(text.to_owned()),
            (None, Some(last)) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            (None, None) => {}
        }
    }
    let _ = writeln!(out, "<{tag}>");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", inline(&item));
    }
    let _ = writeln!(out, "</{tag}>");
}

fn table(block: &str, out: &mut String) {
    let row = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| inline(cell.trim())).collect()
    };
    let mut lines = block.lines();
    let head = lines.next().map(row).unwrap_or_default();
    let _ =
        writeln!(out, "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table\"><table>\n<thead><tr>");
    for cell in head {
        // A heading without words is no heading.
        let _ =
            if cell.is_empty() { writeln!(out, "<td></td>") } else { writeln!(out, "<th scope=\"col\">{cell}</th>") };
    }
    let _ = writeln!(out, "</tr></thead>\n<tbody>");
    for line in lines.skip(1) {
        let _ = write!(out, "<tr>");
        for (at, cell) in row(line).into_iter().enumerate() {
            let _ = if at == 0 { write!(out, "<th scope=\"row\">{cell}</th>") } else { write!(out, "<td>{cell}</td>") };
        }
        let _ = writeln!(out, "</tr>");
    }
    let _ = writeln!(out, "</tbody></table></div>");
}

fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    // Links first: `[words](address)` keeps its words.
    while let Some(open) = rest.find('[') {
        let Some((words, after)) = rest[open + 1..].split_once("](") else { break };
        let Some((_, after)) = after.split_once(')') else { break };
        out.push_str(&rest[..open]);
        out.push_str(words);
        rest = after;
    }
    out.push_str(rest);
    let mut html = escape(&out.replace('\n', " "));
    for (mark, tag) in [("**", "strong"), ("*", "em"), ("`", "code")] {
        let pieces: Vec<&str> = html.split(mark).collect();
        if pieces.len() < 3 || pieces.len().is_multiple_of(2) {
            continue;
        }
        let mut marked = String::new();
        for (at, piece) in pieces.iter().enumerate() {
            marked.push_str(piece);
            if at + 1 < pieces.len() {
                let _ = write!(marked, "<{}{tag}>", if at % 2 == 0 { "" } else { "/" });
            }
        }
        html = marked;
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_intended_purpose_uses_becomes_html_and_nothing_gets_through_raw() {
        let html = html(
            "# Title\n\nA **bold** [link](x.md) & <b>.\n\n## Next\n\nIt\n- one\n  more\n- two\n\n| a | b |\n|---|---|\n| c | d |\n",
            1,
        );
        assert!(!html.contains("Title"), "{html}");
        assert!(html.contains("<p>A <strong>bold</strong> link &amp; &lt;b&gt;.</p>"), "{html}");
        assert!(html.contains("<h3>Next</h3>"), "{html}");
        assert!(html.contains("<p>It</p>\n<ul>\n<li>one more</li>\n<li>two</li>\n</ul>"), "{html}");
        assert!(html.contains("<th scope=\"col\">a</th>") && html.contains("<td>d</td>"), "{html}");
    }

    #[test]
    fn the_intended_purpose_leaves_no_mark_of_its_writing() {
        let html = html(crate::INTENDED_PURPOSE, 1);
        for mark in ["**", "](", "\n#", "|---"] {
            assert!(!html.contains(mark), "{mark} is left: {html}");
        }
    }
}
