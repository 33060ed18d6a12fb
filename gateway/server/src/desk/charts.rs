//! Small charts as SVG of our own: bars over time, stacked. No script, no outside assets; what they
//! show stands beside them in words.

use askama::Template;

/// Height of a chart, and width of a column, in its own units.
const HIGH: u64 = 60;
const WIDE: usize = 26;

/// Bars over time, each stacked of the same series.
#[derive(Template)]
#[template(path = "bars.html")]
pub struct Bars {
    label: String,
    width: usize,
    most: u64,
    parts: Vec<Part>,
    /// Where in the width, in percent, and what stands there.
    marks: Vec<(String, String)>,
}

struct Part {
    class: &'static str,
    x: usize,
    y: u64,
    high: u64,
}

impl Bars {
    /// `columns`: one for each time, with the counts of each series; `classes` names the series.
    pub fn of(
        label: String,
        columns: &[Vec<u64>],
        classes: &[&'static str],
        marks: Vec<(usize, String)>,
    ) -> Self {
        let most = columns.iter().map(|column| column.iter().sum::<u64>()).max().unwrap_or(0);
        let mut parts = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let mut below = 0;
            for (count, class) in column.iter().zip(classes) {
                // Rounded at both edges, so that a pile is exactly as high as its sum.
                let edge = |count: u64| (count * HIGH).div_ceil(most.max(1));
                let (low, high) = (edge(below), edge(below + count));
                below += count;
                if high > low {
                    parts.push(Part {
                        class,
                        x: index * WIDE + 2,
                        y: HIGH - high,
                        high: high - low,
                    });
                }
            }
        }
        let width = columns.len().max(1) * WIDE;
        let left = |index: usize| index * WIDE * 1_000 / width;
        let percent = |thousandths: usize| format!("{}.{}%", thousandths / 10, thousandths % 10);
        let marks = marks.into_iter().map(|(index, text)| (percent(left(index)), text)).collect();
        Self { label, width, most, parts, marks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pile_is_as_high_as_its_sum_and_the_highest_fills_the_chart() {
        let columns = [vec![1, 2], vec![3, 3], vec![0, 0]];
        let bars = Bars::of("x".into(), &columns, &["a", "b"], Vec::new());
        let high = |x: usize| bars.parts.iter().filter(|p| p.x == x).map(|p| p.high).sum::<u64>();
        assert_eq!((high(2), high(2 + WIDE), high(2 + 2 * WIDE)), (30, 60, 0));
        assert_eq!(bars.most, 6);
    }

    #[test]
    fn a_mark_begins_where_its_column_does_however_wide_the_chart_is() {
        let marks = vec![(0, "first".to_owned()), (3, "last".to_owned())];
        let bars = Bars::of("x".into(), &vec![vec![1]; 4], &["a"], marks);
        let places: Vec<&str> = bars.marks.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["0.0%", "75.0%"]);
    }
}
