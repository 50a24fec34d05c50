//! A trend as a line chart in SVG, drawn on the server. The table of the same numbers belongs beneath it
//! (`kith/macros.html`, `trend`), so the picture is never the only way to know.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Unit;
use jiff::civil::Date;
use serde::Serialize;

use crate::filters::short_date;

/// One measurement, in the unit of its trend.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub on: Date,
    pub value: f64,
    /// The value as the record writes it (`7.0`, `128/82`), for the table.
    pub shown: String,
}

/// The reference range that came with the results: both ends inclusive, either may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Range {
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Range {
    /// Whether `value` lies in the range.
    pub fn holds(&self, value: f64) -> bool {
        self.low.is_none_or(|low| value >= low) && self.high.is_none_or(|high| value <= high)
    }
}

/// One line of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the line is called where there are several: `Upper (systolic)`.
    pub name: String,
    pub range: Range,
    /// Any order, any number; those without a finite value appear in the table alone.
    pub points: Vec<Point>,
}

/// The most lines that can be told apart in one drawing.
pub const SERIES: usize = 3;

/// Everything a page shows of one trend: serialise it into a view and give it to the `trend` macro.
#[derive(Clone, Debug, Serialize)]
pub struct Trend {
    /// A key unique on the page, of letters, digits and `-`.
    pub id: String,
    /// What was measured: `Haemoglobin A1c`.
    pub title: String,
    pub unit: String,
    /// Heads of the table's columns beside the date, one for each line.
    columns: Vec<String>,
    rows: Vec<Row>,
    svg: String,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    on: Date,
    cells: Vec<Cell>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Cell {
    shown: String,
    outside: bool,
}

impl Trend {
    /// Draws one line of `points` (any order, any number; those without a finite value appear in the table alone).
    pub fn new(id: &str, title: &str, unit: &str, range: Range, points: Vec<Point>) -> Self {
        Self::of(id, title, unit, vec![Series { name: "Result".to_owned(), range, points }])
    }

    /// Draws several lines of one unit together, at most [`SERIES`], with one table beneath.
    pub fn of(id: &str, title: &str, unit: &str, mut series: Vec<Series>) -> Self {
        for one in &mut series {
            one.points.sort_by_key(|point| point.on);
        }
        if let [only] = series.as_mut_slice() {
            "Result".clone_into(&mut only.name);
        }
        let id: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let svg = draw(&id, title, unit, &series);
        // The first, second, … result of a day stand in one row.
        let mut rows: BTreeMap<(Date, usize), Vec<Cell>> = BTreeMap::new();
        for (column, one) in series.iter().enumerate() {
            let mut before: Option<(Date, usize)> = None;
            for point in &one.points {
                let nth = before.filter(|(on, _)| *on == point.on).map_or(0, |(_, nth)| nth + 1);
                before = Some((point.on, nth));
                let cells = rows.entry((point.on, nth)).or_insert_with(|| vec![Cell::default(); series.len()]);
                cells[column] = Cell {
                    outside: point.value.is_finite() && !one.range.holds(point.value),
                    shown: point.shown.clone(),
                };
            }
        }
        let rows = rows.into_iter().rev().map(|((on, _), cells)| Row { on, cells }).collect();
        let columns = series.into_iter().map(|one| one.name).collect();
        Self { id, title: title.to_owned(), unit: unit.to_owned(), columns, rows, svg }
    }

    /// The drawing: a complete `<svg>` element, all text escaped; empty if there is nothing to draw.
    pub fn svg(&self) -> &str {
        &self.svg
    }
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 40.0;

fn draw(id: &str, title: &str, unit: &str, series: &[Series]) -> String {
    let finite =
        |one: &Series| -> Vec<Point> { one.points.iter().filter(|point| point.value.is_finite()).cloned().collect() };
    let lines: Vec<(&Series, Vec<Point>)> =
        series.iter().map(|one| (one, finite(one))).filter(|(_, points)| !points.is_empty()).collect();
    let days_of = || lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.on));
    let (Some(first), Some(last)) = (days_of().min(), days_of().max()) else { return String::new() };

    let ends = lines.iter().flat_map(|(one, _)| [one.range.low, one.range.high]);
    let ends = ends.flatten().filter(|v| v.is_finite());
    let shown = lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.value)).chain(ends);
    let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let ticks = ticks(low, high);
    let (bottom, top) = (ticks[0], ticks[ticks.len() - 1]);

    let days = |from: Date, to: Date| from.until((Unit::Day, to)).map_or(0.0, |span| f64::from(span.get_days()));
    let span = days(first, last);
    let x = |on: Date| {
        let along = if span > 0.0 { days(first, on) / span } else { 0.5 };
        LEFT + 8.0 + along * (WIDTH - LEFT - RIGHT - 16.0)
    };
    let y = |value: f64| TOP + (top - value) / (top - bottom) * (HEIGHT - TOP - BOTTOM);

    let mut out = String::with_capacity(2048 + lines.iter().map(|(_, points)| points.len()).sum::<usize>() * 90);
    let _ = write!(
        out,
        r#"<svg class="kith-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-title {id}-desc" xmlns="http://www.w3.org/2000/svg"><title id="{id}-title">{}</title><desc id="{id}-desc">{}</desc>"#,
        escape(title),
        escape(&describe(unit, &lines)),
    );
    for range in lines.iter().map(|(one, _)| one.range).filter(|range| *range != Range::default()) {
        let upper = y(range.high.filter(|v| v.is_finite()).unwrap_or(top)).max(TOP);
        let lower = y(range.low.filter(|v| v.is_finite()).unwrap_or(bottom)).min(HEIGHT - BOTTOM);
        let _ = write!(
            out,
            r#"<rect class="kith-chart__range" x="{LEFT}" y="{upper:.1}" width="{}" height="{:.1}"/>"#,
            WIDTH - LEFT - RIGHT,
            (lower - upper).max(0.0),
        );
    }
    let decimals = decimals(ticks[1] - ticks[0]);
    for tick in &ticks {
        let at = y(*tick);
        let _ = write!(
            out,
            r#"<line class="kith-chart__grid" x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}"/><text class="kith-chart__label" x="{}" y="{:.1}" text-anchor="end">{tick:.decimals$}</text>"#,
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 5.0,
        );
    }
    let foot = HEIGHT - 14.0;
    let date = |on: Date| short_date(&on.to_string());
    if span > 0.0 {
        let _ = write!(
            out,
            r#"<text class="kith-chart__label" x="{LEFT}" y="{foot}">{}</text><text class="kith-chart__label" x="{}" y="{foot}" text-anchor="end">{}</text>"#,
            date(first),
            WIDTH - RIGHT,
            date(last),
        );
    } else {
        let _ = write!(
            out,
            r#"<text class="kith-chart__label" x="{:.1}" y="{foot}" text-anchor="middle">{}</text>"#,
            x(first),
            date(first),
        );
    }
    for (n, (one, points)) in lines.iter().enumerate() {
        // Lines are told apart by dashes, marks and a name beside the colour.
        let kind = if n == 0 { String::new() } else { format!(" kith-chart__line--{}", n + 1) };
        if points.len() > 1 {
            let _ = write!(out, r#"<polyline class="kith-chart__line{kind}" points=""#);
            for point in points {
                let _ = write!(out, "{:.1},{:.1} ", x(point.on), y(point.value));
            }
            out.truncate(out.trim_end().len());
            out.push_str(r#""/>"#);
        }
        for point in points {
            // Outside the range is told by shape as well as colour.
            let (px, py) = (x(point.on), y(point.value));
            if !one.range.holds(point.value) {
                let _ = write!(
                    out,
                    r#"<path class="kith-chart__point kith-chart__point--outside" d="M{px:.1} {:.1}l6 6-6 6-6-6z"/>"#,
                    py - 6.0
                );
            } else if n == 0 {
                let _ = write!(out, r#"<circle class="kith-chart__point" cx="{px:.1}" cy="{py:.1}" r="4"/>"#);
            } else {
                let _ = write!(
                    out,
                    r#"<rect class="kith-chart__point kith-chart__point--{}" x="{:.1}" y="{:.1}" width="8" height="8"/>"#,
                    n + 1,
                    px - 4.0,
                    py - 4.0
                );
            }
        }
        if let (true, Some(point)) = (lines.len() > 1, points.last()) {
            let _ = write!(
                out,
                r#"<text class="kith-chart__label kith-chart__name" x="{:.1}" y="{:.1}" text-anchor="{}">{}</text>"#,
                x(point.on) + if span > 0.0 { 4.0 } else { 0.0 },
                // Above its end, or below where there is no room.
                if y(point.value) < TOP + 16.0 { y(point.value) + 22.0 } else { y(point.value) - 12.0 },
                if span > 0.0 { "end" } else { "middle" },
                escape(&one.name),
            );
        }
    }
    out.push_str("</svg>");
    out
}

/// The drawing in words: each line by its name where there are several.
fn describe(unit: &str, lines: &[(&Series, Vec<Point>)]) -> String {
    let all: Vec<String> = lines
        .iter()
        .map(|(one, points)| {
            let words = describe_one(unit, one.range, points);
            if lines.len() > 1 { format!("{}: {words}", one.name) } else { words }
        })
        .collect();
    all.join(" ")
}

fn describe_one(unit: &str, range: Range, points: &[Point]) -> String {
    let (first, last) = (&points[0], &points[points.len() - 1]);
    let on = |point: &Point| short_date(&point.on.to_string());
    let mut text = if points.len() == 1 {
        format!("One result: {} {unit} on {}.", first.shown, on(first))
    } else {
        format!(
            "{} results, from {} {unit} on {} to {} {unit} on {}.",
            points.len(),
            first.shown,
            on(first),
            last.shown,
            on(last)
        )
    };
    match (range.low, range.high) {
        (Some(low), Some(high)) => {
            let _ = write!(text, " The expected range is {low} to {high}.");
        }
        (Some(low), None) => {
            let _ = write!(text, " The expected range is {low} or more.");
        }
        (None, Some(high)) => {
            let _ = write!(text, " The expected range is {high} or less.");
        }
        (None, None) => return text,
    }
    let outside = points.iter().filter(|point| !range.holds(point.value)).count();
    let _ = match outside {
        0 => write!(text, " All are within it."),
        1 => write!(text, " 1 is outside it."),
        n => write!(text, " {n} are outside it."),
    };
    text
}

/// Three to six round numbers that enclose `low` to `high`.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let (low, high) = if high > low {
        (low, high)
    } else {
        let pad = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        (low - pad, high + pad)
    };
    let rough = (high - low) / 4.0;
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].iter().map(|m| m * magnitude).find(|s| *s >= rough).unwrap_or(rough);
    let (from, to) = ((low / step).floor(), (high / step).ceil());
    let count = ((to - from).round() as usize).clamp(1, 12);
    (0..=count).map(|i| (from + i as f64) * step).collect()
}

fn decimals(step: f64) -> usize {
    (0..6).find(|places| (step * 10f64.powi(*places) - (step * 10f64.powi(*places)).round()).abs() < 1e-6).unwrap_or(6)
        as usize
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[(&str, f64)]) -> Vec<Point> {
        values
            .iter()
            .map(|(on, value)| Point { on: on.parse().unwrap(), value: *value, shown: value.to_string() })
            .collect()
    }

    #[test]
    fn a_trend_is_drawn_with_its_range_and_told_in_words() {
        let range = Range { low: Some(20.0), high: Some(41.0) };
        let values = points(&[("2026-05-01", 48.0), ("2024-11-20", 39.0), ("2025-06-02", 44.5)]);
        let trend = Trend::new("hba1c", "HbA1c", "mmol/mol", range, values);
        insta::assert_snapshot!(trend.svg().replace("><", ">\n<"));
    }

    #[test]
    fn one_result_is_a_point_in_the_middle() {
        let trend = Trend::new("k", "Potassium", "mmol/L", Range::default(), points(&[("2026-05-01", 4.2)]));
        insta::assert_snapshot!(trend.svg().replace("><", ">\n<"));
    }

    #[test]
    fn two_numbers_of_one_reading_are_two_lines_in_one_chart_over_one_table() {
        let series = |name: &str, low: f64, high: f64, values: &[(&str, f64)]| Series {
            name: name.to_owned(),
            range: Range { low: Some(low), high: Some(high) },
            points: points(values),
        };
        let upper = series("Upper (systolic)", 90.0, 139.0, &[("2025-05-01", 128.0), ("2026-05-01", 151.0)]);
        let lower = series("Lower (diastolic)", 60.0, 89.0, &[("2026-05-01", 84.0), ("2025-05-01", 79.0)]);
        let trend = Trend::of("bp", "Blood pressure", "mmHg", vec![upper, lower]);
        assert_eq!(trend.svg().matches("<svg").count(), 1);
        assert_eq!(trend.svg().matches("<polyline").count(), 2);
        assert!(
            trend.svg().contains("Upper (systolic): 2 results, from 128 mmHg on 1 May 2025 to 151 mmHg on 1 May 2026.")
        );
        assert_eq!(trend.columns, ["Upper (systolic)", "Lower (diastolic)"]);
        let table: Vec<Vec<(&str, bool)>> =
            trend.rows.iter().map(|row| row.cells.iter().map(|c| (c.shown.as_str(), c.outside)).collect()).collect();
        assert_eq!(table, [[("151", true), ("84", false)], [("128", false), ("79", false)]]);
    }

    #[test]
    fn nothing_to_draw_draws_nothing_and_odd_numbers_never_fail() {
        assert_eq!(Trend::new("a", "A", "", Range::default(), vec![]).svg(), "");
        assert_eq!(Trend::new("a", "A", "", Range::default(), points(&[("2026-05-01", f64::NAN)])).svg(), "");
        for value in [0.0, -0.0, 1e-300, 1e300, f64::MIN_POSITIVE, -5.0, f64::INFINITY] {
            let range = Range { low: Some(f64::NEG_INFINITY), high: Some(value) };
            let svg = Trend::new("a", "A", "", range, points(&[("2026-05-01", value), ("2026-05-01", 1.0)])).svg;
            assert!(svg.ends_with("</svg>") && !svg.contains("NaN"), "{value}: {svg}");
        }
    }

    #[test]
    fn names_in_a_chart_are_inert() {
        let range = Range { low: None, high: Some(1.0) };
        let trend = Trend::new("x\" onload=\"y", "<script>", "<b>", range, points(&[("2026-05-01", 2.0)]));
        assert!(!trend.svg().contains("<script") && !trend.svg().contains("<b>") && !trend.svg().contains("onload=\""));
    }
}
