//! The exactly-once check: what a system's books hold after a run against what its clients saw acknowledged.
//!
//! Every run begins with fresh books, each till counts its debits from 1 without a hole, and every debit is of one fen.
//! The journal is keyed by till and sequence, so as many entries as acknowledgements, from 1 to that number, are exactly
//! the acknowledged ones.

/// What a run debits each time, fen.
pub const AMOUNT_FEN: i64 = 1;

/// One till's entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TillEntries {
    /// How many.
    pub count: u64,
    /// The lowest sequence; 0 without entries.
    pub sequence_min: u64,
    /// The highest sequence; 0 without entries.
    pub sequence_max: u64,
}

impl TillEntries {
    /// Counts one more entry.
    pub fn add(&mut self, sequence: u64) {
        self.sequence_min = if self.count == 0 { sequence } else { self.sequence_min.min(sequence) };
        self.sequence_max = self.sequence_max.max(sequence);
        self.count += 1;
    }
}

/// What the books hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// By till, in the clients' order.
    pub tills: Vec<TillEntries>,
    /// The entries' amounts added up, fen.
    pub entries_fen: i64,
    /// What all balances together lost since the run began, fen.
    pub balances_lost_fen: i64,
}

impl Journal {
    /// Of so many tills, with nothing in it.
    pub fn empty(tills: usize) -> Journal {
        Journal { tills: vec![TillEntries::default(); tills], entries_fen: 0, balances_lost_fen: 0 }
    }

    /// All entries.
    pub fn count(&self) -> u64 {
        self.tills.iter().map(|till| till.count).sum()
    }

    /// What doesn't fit what the clients saw acknowledged; empty when all does.
    pub fn violations(&self, acknowledged: &[u64]) -> Vec<String> {
        self.violations_beside(acknowledged, &vec![0; acknowledged.len()])
    }

    /// The same when each till also has so many debits whose answer it never saw: each of them may stand or not.
    pub fn violations_beside(&self, acknowledged: &[u64], unanswered: &[u64]) -> Vec<String> {
        let mut violations = Vec::new();
        let seen = acknowledged.iter().zip(unanswered);
        for (till, (entries, (&acknowledged, &unanswered))) in self.tills.iter().zip(seen).enumerate() {
            let TillEntries { count, sequence_min, sequence_max } = *entries;
            let whole = (u64::from(count > 0), count) == (sequence_min, sequence_max);
            if !whole || !(acknowledged..=acknowledged + unanswered).contains(&count) {
                violations.push(format!(
                    "till {till}: {acknowledged} debits acknowledged, {count} in the journal \
                     (sequences {sequence_min} to {sequence_max})"
                ));
            }
        }
        if self.tills.len() != acknowledged.len() {
            violations.push(format!("{} tills, {} in the journal", acknowledged.len(), self.tills.len()));
        }
        let expected_fen = self.count() as i64 * AMOUNT_FEN;
        for (fen, what) in [
            (self.entries_fen, "are the entries' amounts"),
            (self.balances_lost_fen, "is missing from balances"),
        ] {
            if fen != expected_fen {
                violations.push(format!("{expected_fen} fen by the journal's entries, {fen} fen {what}"));
            }
        }
        // One is enough to make a run void; a thousand would hide the others.
        violations.truncate(4);
        violations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let mut journal = Journal { entries_fen: 5, balances_lost_fen: 5, ..Journal::empty(3) };
        for (till, sequence) in [(0, 2), (0, 1), (0, 3), (2, 1), (2, 2)] {
            journal.tills[till].add(sequence);
        }
        journal
    }

    #[test]
    fn the_acknowledged_ones_and_no_others_stand() {
        assert_eq!(journal().violations(&[3, 0, 2]), Vec::<String>::new());
        assert_eq!(journal().count(), 5);
    }

    #[test]
    fn a_lost_a_doubled_and_a_stray_debit_are_found() {
        let lost = journal().violations(&[4, 0, 2]);
        assert!(lost[0].contains("till 0: 4 debits acknowledged, 3 in the journal"), "{lost:?}");
        assert!(!journal().violations(&[3, 0, 1]).is_empty());
        let mut stray = journal();
        stray.tills[0] = TillEntries { count: 3, sequence_min: 1, sequence_max: 9 };
        assert!(stray.violations(&[3, 0, 2])[0].contains("1 to 9"));
        assert!(!journal().violations(&[3, 0]).is_empty());
    }

    #[test]
    fn a_debit_whose_answer_was_never_seen_may_stand_or_not() {
        for acknowledged in [[3, 0, 2], [2, 0, 2]] {
            assert_eq!(journal().violations_beside(&acknowledged, &[1, 0, 0]), Vec::<String>::new());
        }
        assert!(!journal().violations_beside(&[1, 0, 2], &[1, 0, 0]).is_empty());
        assert!(!journal().violations_beside(&[4, 0, 2], &[1, 0, 0]).is_empty());
    }

    #[test]
    fn money_that_moved_without_an_entry_is_found() {
        let balances = Journal { balances_lost_fen: 6, ..journal() };
        assert_eq!(
            balances.violations(&[3, 0, 2]),
            ["5 fen by the journal's entries, 6 fen is missing from balances"]
        );
        let entries = Journal { entries_fen: 4, ..journal() };
        assert_eq!(
            entries.violations(&[3, 0, 2]),
            ["5 fen by the journal's entries, 4 fen are the entries' amounts"]
        );
    }
}
