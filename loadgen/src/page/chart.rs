//! Charts as SVG: lines, marks and stacked bars over two axes, with a legend at the right.
//!
//! Colours are classes or values given by the caller; the page's style sheet makes them readable on light and dark.

use super::scale::{Scale, short};
use super::svg::{Markup, pixel};

/// Width of every chart in its own pixels; the page scales it.
const WIDTH: f64 = 940.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;
const LEGEND_LINE: f64 = 17.0;

/// An axis.
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub(super) label: &'static str,
    pub(super) scale: Scale,
}

/// How a point is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Not at all; the line goes through it.
    None,
    /// A dot.
    Dot,
    /// A cross.
    Cross,
    /// A ring.
    Ring,
}

pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) mark: Mark,
    /// Shown when the pointer rests on it.
    pub(super) says: String,
}

/// A line.
pub(super) struct Series {
    pub(super) name: String,
    /// A colour of the style sheet, `var(--c1)`, or one of its own.
    pub(super) colour: String,
    pub(super) bold: bool,
    pub(super) points: Vec<Point>,
}

/// A limit drawn across.
pub(super) struct Limit {
    pub(super) y: f64,
    pub(super) label: String,
}

/// A part of the x axis with a background.
pub(super) struct Band {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Class of the style sheet.
    pub(super) class: &'static str,
    /// Written at its top when there is room.
    pub(super) label: String,
    pub(super) says: String,
}

/// A chart with two axes.
pub(super) struct Chart {
    /// What it shows: read out instead of the picture.
    pub(super) title: String,
    pub(super) height: f64,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// False in a stack of charts whose lowest has the numbers.
    pub(super) x_labels: bool,
    pub(super) bands: Vec<Band>,
    pub(super) limits: Vec<Limit>,
    pub(super) series: Vec<Series>,
}

impl Chart {
    pub(super) fn svg(&self) -> String {
        let bottom = if self.x_labels { BOTTOM } else { 8.0 };
        let frame = Frame { width: WIDTH - LEFT - RIGHT, height: self.height - TOP - bottom };
        let mut out = Markup::new();
        open_svg(&mut out, &self.title, self.height);
        for band in &self.bands {
            self.band(&mut out, &frame, band);
        }
        self.grid(&mut out, &frame);
        for limit in &self.limits {
            let y = frame.y(self.y.scale.place(limit.y));
            line(&mut out, "limit", (LEFT, y), (LEFT + frame.width, y));
            let place = [("class", "limit-label"), ("x", &pixel(LEFT + 8.0)), ("y", &pixel(y - 5.0))];
            out.element("text", &place, &limit.label);
        }
        for series in &self.series {
            self.line(&mut out, &frame, series);
        }
        let entries =
            self.series.iter().map(|series| (series.name.as_str(), series.colour.as_str(), series.bold));
        legend(&mut out, entries);
        out.close("svg");
        out.finish()
    }

    fn grid(&self, out: &mut Markup, frame: &Frame) {
        for tick in self.y.scale.ticks() {
            let y = frame.y(tick.place);
            line(
                out,
                if tick.label.is_empty() { "grid faint" } else { "grid" },
                (LEFT, y),
                (LEFT + frame.width, y),
            );
            out.element(
                "text",
                &[
                    ("class", "tick"),
                    ("text-anchor", "end"),
                    ("x", &pixel(LEFT - 8.0)),
                    ("y", &pixel(y + 4.0)),
                ],
                &tick.label,
            );
        }
        for tick in self.x.scale.ticks() {
            let x = frame.x(tick.place);
            line(
                out,
                if tick.label.is_empty() { "grid faint" } else { "grid" },
                (x, TOP),
                (x, TOP + frame.height),
            );
            if self.x_labels {
                x_text(out, "tick", x, TOP + frame.height + 17.0, &tick.label);
            }
        }
        if self.x_labels {
            x_text(out, "axis", LEFT + frame.width / 2.0, TOP + frame.height + 36.0, self.x.label);
        }
        y_label(out, frame, self.y.label);
    }

    fn band(&self, out: &mut Markup, frame: &Frame, band: &Band) {
        let (from, to) = (frame.x(self.x.scale.place(band.from)), frame.x(self.x.scale.place(band.to)));
        rectangle(out, band.class, (from, TOP), (to - from, frame.height), "", &band.says);
        // A character is some six pixels wide.
        if to - from > 6.0 * band.label.chars().count() as f64 {
            x_text(out, "band-label", f64::midpoint(from, to), TOP + 11.0, &band.label);
        }
    }

    fn line(&self, out: &mut Markup, frame: &Frame, series: &Series) {
        let place =
            |point: &Point| (frame.x(self.x.scale.place(point.x)), frame.y(self.y.scale.place(point.y)));
        let mut path = String::new();
        for point in &series.points {
            let (x, y) = place(point);
            let command = if path.is_empty() { 'M' } else { 'L' };
            path.push_str(&format!("{command}{} {}", pixel(x), pixel(y)));
        }
        let class = if series.bold { "line bold" } else { "line" };
        out.open("g", &[("style", &format!("color:{}", series.colour))]);
        out.open("path", &[("class", class), ("d", &path)]);
        out.element("title", &[], &series.name).close("path");
        for point in series.points.iter().filter(|point| point.mark != Mark::None) {
            mark(out, point, place(point));
        }
        out.close("g");
    }
}

/// A part of a stacked bar.
pub(super) struct BarPart {
    pub(super) name: String,
    pub(super) colour: String,
    pub(super) value: f64,
    pub(super) says: String,
}

/// Stacked bars, one for each label.
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) height: f64,
    pub(super) x_label: &'static str,
    pub(super) y_label: &'static str,
    /// `(label, parts from below)`; every bar has the same parts.
    pub(super) bars: Vec<(String, Vec<BarPart>)>,
}

impl Bars {
    pub(super) fn svg(&self) -> String {
        let frame = Frame { width: WIDTH - LEFT - RIGHT, height: self.height - TOP - BOTTOM };
        let sum = |parts: &[BarPart]| parts.iter().map(|part| part.value).sum::<f64>();
        let scale = Scale::linear(self.bars.iter().map(|(_, parts)| sum(parts)));
        let mut out = Markup::new();
        open_svg(&mut out, &self.title, self.height);
        for tick in scale.ticks() {
            let y = frame.y(tick.place);
            line(&mut out, "grid", (LEFT, y), (LEFT + frame.width, y));
            let place = [
                ("class", "tick"),
                ("text-anchor", "end"),
                ("x", &pixel(LEFT - 8.0)),
                ("y", &pixel(y + 4.0)),
            ];
            out.element("text", &place, &tick.label);
        }
        y_label(&mut out, &frame, self.y_label);
        let room = frame.width / self.bars.len().max(1) as f64;
        let width = (room * 0.68).min(56.0);
        for (index, (label, parts)) in self.bars.iter().enumerate() {
            let middle = LEFT + room * (index as f64 + 0.5);
            let mut below = 0.0;
            for part in parts {
                let (low, high) = (frame.y(scale.place(below)), frame.y(scale.place(below + part.value)));
                let corner = (middle - width / 2.0, high);
                rectangle(&mut out, "bar", corner, (width, low - high), &part.colour, &part.says);
                below += part.value;
            }
            x_text(&mut out, "tick", middle, frame.y(scale.place(below)) - 4.0, &short(below));
            x_text(&mut out, "tick", middle, TOP + frame.height + 17.0, label);
        }
        x_text(&mut out, "axis", LEFT + frame.width / 2.0, TOP + frame.height + 36.0, self.x_label);
        if let Some((_, parts)) = self.bars.first() {
            // The uppermost part first, as it is drawn.
            legend(&mut out, parts.iter().rev().map(|part| (part.name.as_str(), part.colour.as_str(), true)));
        }
        out.close("svg");
        out.finish()
    }
}

/// The inner part of a chart.
struct Frame {
    width: f64,
    height: f64,
}

impl Frame {
    fn x(&self, place: f64) -> f64 {
        LEFT + place * self.width
    }

    fn y(&self, place: f64) -> f64 {
        TOP + (1.0 - place) * self.height
    }
}

fn open_svg(out: &mut Markup, title: &str, height: f64) {
    let view = format!("0 0 {} {}", pixel(WIDTH), pixel(height));
    out.open("svg", &[("viewBox", &view), ("role", "img"), ("aria-label", title)]);
}

fn line(out: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(pixel);
    out.empty("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

fn rectangle(out: &mut Markup, class: &str, corner: (f64, f64), size: (f64, f64), colour: &str, says: &str) {
    let [x, y, width, height] = [corner.0, corner.1, size.0.max(0.0), size.1.max(0.0)].map(pixel);
    let style = if colour.is_empty() { String::new() } else { format!("color:{colour}") };
    let attributes =
        [("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height), ("style", &style)];
    out.open("rect", &attributes).element("title", &[], says).close("rect");
}

fn x_text(out: &mut Markup, class: &str, x: f64, y: f64, text: &str) {
    out.element(
        "text",
        &[("class", class), ("text-anchor", "middle"), ("x", &pixel(x)), ("y", &pixel(y))],
        text,
    );
}

fn y_label(out: &mut Markup, frame: &Frame, text: &str) {
    let middle = TOP + frame.height / 2.0;
    let turn = format!("translate(14 {}) rotate(-90)", pixel(middle));
    out.element("text", &[("class", "axis"), ("text-anchor", "middle"), ("transform", &turn)], text);
}

fn mark(out: &mut Markup, point: &Point, (x, y): (f64, f64)) {
    let (class, shape) = match point.mark {
        Mark::None => return,
        Mark::Dot => ("dot", None),
        Mark::Ring => ("ring", None),
        Mark::Cross => ("cross", Some(4.0)),
    };
    match shape {
        None => {
            out.open("circle", &[("class", class), ("cx", &pixel(x)), ("cy", &pixel(y)), ("r", "3.4")]);
            out.element("title", &[], &point.says).close("circle");
        }
        Some(arm) => {
            let [left, right, top, bottom] = [x - arm, x + arm, y - arm, y + arm].map(pixel);
            let path = format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}");
            out.open("path", &[("class", class), ("d", &path)]);
            out.element("title", &[], &point.says).close("path");
        }
    }
}

/// Lists the entries at the right, below each other.
fn legend<'a>(out: &mut Markup, entries: impl Iterator<Item = (&'a str, &'a str, bool)>) {
    let left = WIDTH - RIGHT + 12.0;
    let mut y = TOP + 6.0;
    for (name, colour, bold) in entries {
        out.open("g", &[("style", &format!("color:{colour}"))]);
        line(out, if bold { "line bold" } else { "line" }, (left, y), (left + 16.0, y));
        out.close("g");
        out.element("text", &[("class", "legend"), ("x", &pixel(left + 22.0)), ("y", &pixel(y + 4.0))], name);
        y += LEGEND_LINE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_lines_marks_and_words() {
        let point = |x, y, mark| Point { x, y, mark, says: format!("{x} & {y}") };
        let chart = Chart {
            title: "a <title>".to_owned(),
            height: 300.0,
            x: Axis { label: "offered, requests/s", scale: Scale::linear([100.0]) },
            y: Axis { label: "latency, ms", scale: Scale::log([1.0, 100.0]) },
            x_labels: true,
            bands: vec![Band {
                from: 0.0,
                to: 50.0,
                class: "held",
                label: "50".to_owned(),
                says: String::new(),
            }],
            limits: vec![Limit { y: 10.0, label: "p99 ≤ 10 ms".to_owned() }],
            series: vec![Series {
                name: "p99".to_owned(),
                colour: "var(--c1)".to_owned(),
                bold: false,
                points: vec![point(0.0, 1.0, Mark::Dot), point(100.0, 100.0, Mark::Cross)],
            }],
        };
        let svg = chart.svg();
        assert!(svg.contains("aria-label=\"a &lt;title&gt;\"") && svg.contains("100 &amp; 100"), "{svg}");
        // From the lower left to the upper right corner of the frame.
        assert!(svg.contains("d=\"M62 256L790 14\""), "{svg}");
        assert_eq!((svg.matches("class=\"dot\"").count(), svg.matches("class=\"cross\"").count()), (1, 1));
        for words in ["offered, requests/s", "latency, ms", "p99 ≤ 10 ms", ">p99<"] {
            assert!(svg.contains(words), "{words}");
        }
    }

    #[test]
    fn bars_stand_on_each_other() {
        let part = |name: &str, value| BarPart {
            name: name.to_owned(),
            colour: "var(--c1)".to_owned(),
            value,
            says: String::new(),
        };
        let bars = Bars {
            title: "stages".to_owned(),
            height: 258.0,
            x_label: "offered",
            y_label: "µs",
            bars: vec![("1k".to_owned(), vec![part("read", 25.0), part("sync", 75.0)])],
        };
        let svg = bars.svg();
        // 200 pixels are 100 µs; the second part stands on the first.
        assert!(svg.contains("y=\"164\" width=\"56\" height=\"50\""), "{svg}");
        assert!(svg.contains("y=\"14\" width=\"56\" height=\"150\""), "{svg}");
    }
}
