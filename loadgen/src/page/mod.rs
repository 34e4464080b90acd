//! HTML pages with plots, each one file that needs nothing else: no network, no script, pictures as inline SVG.
//!
//! ```text
//! report ──▶ plots ──▶ chart (axes, lines, bars) ──▶ svg (elements, escaping)
//!    └─────▶ tables ─────────────────────────────▶ document (style for light and dark)
//! ```

mod capacity;
mod chart;
mod plots;
mod run;
mod scale;
mod soak;
mod svg;

use std::path::Path;

pub use capacity::{CAPACITY_PAGE_NAME, write_capacity_page};
pub use run::{RUN_PAGE_NAME, write_run_page};
pub use soak::{SOAK_PAGE_NAME, write_soak_page};
use svg::Markup;

use crate::error::LoadError;
use crate::machine::Machine;

const STYLE: &str = include_str!("style.css");

/// A page under construction.
struct Document {
    title: String,
    body: Markup,
}

impl Document {
    fn new(title: &str) -> Document {
        let mut body = Markup::new();
        body.element("h1", &[], title);
        Document { title: title.to_owned(), body }
    }

    fn paragraph(&mut self, class: &str, text: &str) {
        self.body.element("p", &[("class", class)], text);
    }

    /// Facts in two columns: what and which.
    fn facts(&mut self, facts: &[(&str, String)]) {
        self.body.open("table", &[("class", "facts")]);
        for (what, which) in facts {
            self.body
                .open("tr", &[])
                .element("th", &[("scope", "row")], what)
                .element("td", &[], which)
                .close("tr");
        }
        self.body.close("table");
    }

    /// A table of figures with a heading row, of a further class if it has one; a row may have a class too.
    fn table(&mut self, class: &str, headings: &[&str], rows: &[(&str, Vec<String>)]) {
        self.body
            .open("div", &[("class", "wide")])
            .open("table", &[("class", &format!("figures {class}"))])
            .open("tr", &[]);
        for heading in headings {
            self.body.element("th", &[("scope", "col")], heading);
        }
        self.body.close("tr");
        for (class, cells) in rows {
            self.body.open("tr", &[("class", class)]);
            for cell in cells {
                self.body.element("td", &[], cell);
            }
            self.body.close("tr");
        }
        self.body.close("table").close("div");
    }

    fn heading(&mut self, text: &str) {
        self.body.element("h2", &[], text);
    }

    /// Pictures below each other, with what they show and a note. `id` is what a test looks for.
    fn figure(&mut self, id: &str, title: &str, note: &str, pictures: &[String]) {
        self.body.open("figure", &[("id", id)]).element("h2", &[], title);
        for picture in pictures {
            self.body.raw(picture);
        }
        self.body.element("figcaption", &[], note).close("figure");
    }

    fn finish(self) -> String {
        let mut page = Markup::new();
        page.raw("<!doctype html>\n").open("html", &[("lang", "en")]).open("head", &[]);
        page.empty("meta", &[("charset", "utf-8")]);
        page.empty("meta", &[("name", "viewport"), ("content", "width=device-width,initial-scale=1")]);
        page.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
        page.element("title", &[], &self.title);
        page.open("style", &[]).raw(STYLE).close("style").close("head");
        page.open("body", &[])
            .open("main", &[])
            .raw(&self.body.finish())
            .close("main")
            .close("body")
            .close("html");
        page.raw("\n");
        page.finish()
    }

    fn write(self, dir: &Path, name: &str) -> Result<(), LoadError> {
        let path = dir.join(name);
        std::fs::write(&path, self.finish()).map_err(|source| LoadError::file(&path, source))
    }
}

/// The rows that say where and when a figure was measured.
fn place_facts(
    machine: &Machine,
    started_unix_ns: u64,
    commit: Option<&str>,
    back_end: Option<&str>,
) -> Vec<(&'static str, String)> {
    vec![
        ("started", utc_text(started_unix_ns)),
        ("machine", format!("{}, {} processors, Linux {}", machine.cpu, machine.cpus, machine.kernel)),
        ("commit", commit.unwrap_or("not told").to_owned()),
        (
            "durability",
            back_end.map_or_else(
                || "not told".to_owned(),
                |name| format!("log written \"{name}\", every sale durable before its answer"),
            ),
        ),
    ]
}

/// `2026-11-25 13:05:09 UTC`.
fn utc_text(unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days from 1 March of year 0 on, in eras of 400 years: the leap day ends a year so.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        for (unix_s, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(utc_text(unix_s * 1_000_000_000), text);
        }
    }

    #[test]
    fn a_page_is_whole_and_asks_for_nothing_from_outside() {
        let mut document = Document::new("a < b");
        document.facts(&[("commit", "<b>".to_owned())]);
        document.figure("load", "Latency", "note", &["<svg></svg>".to_owned()]);
        let page = document.finish();
        assert!(page.contains("<title>a &lt; b</title>") && page.contains("<td>&lt;b&gt;</td>"), "{page}");
        assert!(page.ends_with("</html>\n"));
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
