//! What came of the studies, as tables. A row whose run is void says why instead of its figures.

use std::fmt;

use benches::void::Void;

/// One study.
pub struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    cells: Vec<String>,
    void: Vec<Void>,
}

impl Table {
    /// An empty one.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table { title: title.into(), columns: columns.to_vec(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row. With reasons in `void` only its first cell, which says what was run, is shown.
    pub fn row(&mut self, cells: Vec<String>, void: Vec<Void>) {
        self.rows.push(Row { cells, void });
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Why rows are void; nothing when all stand.
    pub fn voids(&self) -> impl Iterator<Item = &Void> {
        self.rows.iter().flat_map(|row| &row.void)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.title)?;
        writeln!(f, "| {} |", self.columns.join(" | "))?;
        writeln!(f, "|{}", "---|".repeat(self.columns.len()))?;
        for row in &self.rows {
            if row.void.is_empty() {
                writeln!(f, "| {} |", row.cells.join(" | "))?;
            } else {
                let what = row.cells.first().map_or("", String::as_str);
                let others = " |".repeat(self.columns.len().saturating_sub(2));
                let reasons: Vec<String> = row.void.iter().map(Void::to_string).collect();
                writeln!(f, "| {what} | void: {}{others} |", reasons.join("; "))?;
            }
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_void_row_says_why_and_shows_no_figure() {
        let mut table = Table::new("Tills", &["tills", "debits/s", "p99"]);
        table.row(vec!["1".into(), "4,600".into(), "0.3".into()], Vec::new());
        assert_eq!(table.voids().count(), 0);
        table.row(
            vec!["2".into(), "9,000".into(), "0.3".into()],
            vec![Void::Unplayed("the rate couldn't be generated".into())],
        );
        table.note("A note.");
        assert_eq!(table.voids().count(), 1);
        let text = table.to_string();
        assert!(text.contains("| 1 | 4,600 | 0.3 |"), "{text}");
        assert!(text.contains("| 2 | void: the rate couldn't be generated | |"), "{text}");
        assert!(!text.contains("9,000") && text.ends_with("\nA note.\n"), "{text}");
    }
}
