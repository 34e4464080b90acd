//! What came of the studies, as tables. A row whose run is void says why instead of its figures.

use std::fmt;

/// One study.
pub struct Table {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    cells: Vec<String>,
    void: Vec<String>,
}

impl Table {
    /// An empty one.
    pub fn new(title: impl Into<String>, columns: &[&'static str]) -> Table {
        Table { title: title.into(), columns: columns.to_vec(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row. With reasons in `void` only its first cell, which says what was run, is shown.
    pub fn row(&mut self, cells: Vec<String>, void: Vec<String>) {
        self.rows.push(Row { cells, void });
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Whether no row is void.
    pub fn stands(&self) -> bool {
        self.rows.iter().all(|row| row.void.is_empty())
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
                writeln!(f, "| {what} | void: {}{others} |", row.void.join("; "))?;
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
        assert!(table.stands());
        table.row(
            vec!["2".into(), "9,000".into(), "0.3".into()],
            vec!["the rate couldn't be generated".into()],
        );
        table.note("A note.");
        assert!(!table.stands());
        let text = table.to_string();
        assert!(text.contains("| 1 | 4,600 | 0.3 |"), "{text}");
        assert!(text.contains("| 2 | void: the rate couldn't be generated | |"), "{text}");
        assert!(!text.contains("9,000") && text.ends_with("\nA note.\n"), "{text}");
    }
}
