//! A table as a picture: one bar for each row, on a logarithmic scale.

use std::fmt::Write;

/// A bar.
#[derive(Clone, Debug)]
pub struct Bar {
    pub label: String,
    pub value: f64,
    /// What stands behind it.
    pub text: String,
    /// Ours stand out.
    pub is_ours: bool,
}

const ROW: usize = 24;
const HEAD: usize = 56;
const LABELS: usize = 190;
const BARS: f64 = 430.0;
const WIDTH: usize = 760;

/// An SVG of them, in the order in which they come.
pub fn bars(title: &str, unit: &str, bars: &[Bar]) -> String {
    let height = HEAD + bars.len() * ROW + 12;
    let (low, high) = bars
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(low, high), bar| (low.min(bar.value), high.max(bar.value)));
    // The least begins a fifth of the way in, so that it can be seen.
    let (low, high) = (low.ln(), high.ln().max(low.ln() + f64::EPSILON));
    let len = |value: f64| BARS * (0.2 + 0.8 * (value.ln() - low) / (high - low));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"24\" font-size=\"16\" font-weight=\"bold\">{}</text>\n\
         <text x=\"12\" y=\"44\" fill=\"#555\">{}, logarithmic scale</text>\n",
        escaped(title),
        escaped(unit)
    );
    for (at, Bar { label, value, text, is_ours }) in bars.iter().enumerate() {
        let (top, len) = (HEAD + at * ROW, len(*value));
        let (colour, weight) = if *is_ours { ("#c2410c", "bold") } else { ("#64748b", "normal") };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" font-weight=\"{weight}\">{}</text>\
             <rect x=\"{LABELS}\" y=\"{}\" width=\"{len:.1}\" height=\"{}\" rx=\"2\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\" fill=\"#333\">{}</text>",
            LABELS - 8,
            top + 16,
            escaped(label),
            top + 3,
            ROW - 6,
            LABELS as f64 + len + 6.0,
            top + 16,
            escaped(text)
        );
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dearer_row_has_a_longer_bar_and_no_name_breaks_the_picture() {
        let bar =
            |label: &str, value| Bar { label: label.to_owned(), value, text: String::new(), is_ours: false };

        let svg = bars("a < b & c", "µs", &[bar("cheap", 1.0), bar("dear", 100.0)]);

        assert!(svg.contains("a &lt; b &amp; c"));
        assert!(svg.contains("width=\"86.0\"") && svg.contains("width=\"430.0\""), "{svg}");
    }
}
