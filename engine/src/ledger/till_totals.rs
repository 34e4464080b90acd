//! What a till did, added up from its own chain in the log: by kind, over a shift or a batch.
//!
//! Nothing is counted while it happens: the plain way of a debit stays as short as it is. The walk happens on the slow lane,
//! outside every lock, and takes as many steps as the till has had records since the shift or the batch began. What it found is
//! valid for the head of the chain that it began at; the ledger checks that, and asks again when the till has gone on meanwhile.

use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::till_totals::{TillKind, TillTotals};

use super::record::Record;

/// Sequences of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TillRange {
    /// The epoch.
    pub epoch: Epoch,
    /// The first of them.
    pub first: Sequence,
    /// The last; one less than the first where there are none.
    pub last: Sequence,
}

impl TillRange {
    /// Whether an identity is one of them.
    pub fn has(&self, epoch: Epoch, sequence: Sequence) -> bool {
        epoch == self.epoch && (self.first..=self.last).contains(&sequence)
    }
}

/// What is to be added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TillSpan {
    /// The till.
    pub terminal: TerminalId,
    /// The newest record of its chain.
    pub head: RecordNumber,
    /// Only records above this one.
    pub above: RecordNumber,
    /// Only what stands under these sequences; none for all.
    pub range: Option<TillRange>,
}

/// What it adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TillSums {
    /// What was added up.
    pub span: TillSpan,
    /// The totals.
    pub totals: TillTotals,
    /// Everything that stands under an identity behind the range is above this record.
    pub behind: RecordNumber,
}

/// A record of the chain, as far as it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The identity that it stands under, if it is the record of one.
    pub sale: Option<(Epoch, Sequence)>,
    /// What the till did by it.
    pub deed: Option<(TillKind, i64)>,
    previous: RecordNumber,
}

impl Link {
    /// Reads it off a record; none of one that is in no till's chain.
    pub fn of(record: &Record<'_>) -> Option<Link> {
        let previous = record.previous_of_terminal()?;
        let kind = match record {
            Record::Debit(_) | Record::FullDebit(_) | Record::ScanPaid(_) => Some(TillKind::Debit),
            Record::OfflineDebit(_) => Some(TillKind::Offline),
            // An undone tap stands in the chain of its own till, under its own identity.
            Record::Reversal(_) | Record::FullReversal(_) | Record::TapUndone(_) => Some(TillKind::Reversal),
            Record::Void(_) => Some(TillKind::Void),
            Record::Refund(_) => Some(TillKind::Refund),
            Record::TopUp(_) => Some(TillKind::TopUp),
            Record::TopUpUndo(_) => Some(TillKind::TopUpUndone),
            Record::Tender(_) => Some(TillKind::Tender),
            _ => None,
        };
        let sale = record
            .money()
            .filter(|_| !record.kind().is_companion() || kind.is_some())
            .map(|money| money.sale());
        let deed = kind.zip(record.money()).map(|(kind, money)| (kind, money.amount_fen.get()));
        Some(Link { sale: sale.map(|sale| (sale.epoch, sale.sequence)), deed, previous })
    }
}

/// A way down a chain, newest first, a step at a time.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    next: RecordNumber,
    above: RecordNumber,
}

impl Steps {
    /// From `head` to the last record above `above`.
    pub const fn new(head: RecordNumber, above: RecordNumber) -> Steps {
        Steps { next: head, above }
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// What `read` says.
    pub fn step<E>(
        &mut self,
        read: impl FnOnce(RecordNumber) -> Result<Link, E>,
    ) -> Result<Option<(RecordNumber, Link)>, E> {
        if self.next <= self.above {
            return Ok(None);
        }
        let number = self.next;
        let link = read(number)?;
        self.next = link.previous;
        Ok(Some((number, link)))
    }
}

/// A span being added up. It may rest between two steps, and begins from what was known of the same span when the chain
/// ended earlier: then it takes only the steps that came since.
#[derive(Clone, Copy, Debug)]
pub struct Adding {
    steps: Steps,
    earlier: Option<TillSums>,
    sums: TillSums,
}

impl Adding {
    /// Begins.
    pub fn new(span: TillSpan, earlier: Option<TillSums>) -> Adding {
        let earlier = earlier.filter(|known| {
            TillSpan { head: span.head, ..known.span } == span && known.span.head <= span.head
        });
        let above = earlier.map_or(span.above, |known| known.span.head);
        let totals = earlier.map_or_else(TillTotals::default, |known| known.totals);
        Adding {
            steps: Steps::new(span.head, above),
            earlier,
            sums: TillSums { span, totals, behind: span.head },
        }
    }

    /// Takes a step; false when there was none to take.
    ///
    /// # Errors
    /// What `read` says.
    pub fn step<E>(&mut self, read: impl FnOnce(RecordNumber) -> Result<Link, E>) -> Result<bool, E> {
        let Some((number, link)) = self.steps.step(read)? else { return Ok(false) };
        let range = self.sums.span.range;
        if let Some((epoch, sequence)) = link.sale {
            if range.is_some_and(|range| (epoch, sequence) > (range.epoch, range.last)) {
                self.sums.behind = RecordNumber(number.0 - 1);
            }
            if let Some((kind, amount_fen)) = link.deed
                && range.is_none_or(|range| range.has(epoch, sequence))
            {
                self.sums.totals.add(kind, amount_fen);
            }
        }
        Ok(true)
    }

    /// What it adds up to, once there is no step left.
    pub fn finish(self) -> TillSums {
        match self.earlier {
            Some(known) if known.behind < known.span.head => TillSums { behind: known.behind, ..self.sums },
            _ => self.sums,
        }
    }
}

/// Adds a span up, from what is known of it.
///
/// # Errors
/// What `read` says.
pub fn sum<E>(
    span: TillSpan,
    earlier: Option<TillSums>,
    mut read: impl FnMut(RecordNumber) -> Result<Link, E>,
) -> Result<TillSums, E> {
    let mut adding = Adding::new(span, earlier);
    while adding.step(&mut read)? {}
    Ok(adding.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An identity, and what was done under it.
    type Done = (u16, u32, Option<(TillKind, i64)>);

    /// A chain of every second record.
    const CHAIN: [Done; 7] = [
        (1, 1, Some((TillKind::Debit, 100))),
        (1, 2, None),
        (1, 4, Some((TillKind::Debit, 400))),
        (1, 3, Some((TillKind::Offline, 300))),
        (1, 5, Some((TillKind::Reversal, 400))),
        (1, 6, Some((TillKind::Debit, 600))),
        (2, 1, Some((TillKind::Tender, 70))),
    ];

    fn read(number: RecordNumber) -> Result<Link, String> {
        let place = (number.0 / 2).checked_sub(1).ok_or("below the chain's beginning")? as usize;
        let (epoch, sequence, deed) = CHAIN[place];
        let previous = RecordNumber(number.0 - 2);
        Ok(Link { sale: Some((Epoch(epoch), Sequence(sequence))), deed, previous })
    }

    fn span(head: u64, above: u64, range: Option<(u16, u32, u32)>) -> TillSpan {
        let range = range.map(|(epoch, first, last)| TillRange {
            epoch: Epoch(epoch),
            first: Sequence(first),
            last: Sequence(last),
        });
        TillSpan { terminal: TerminalId(1), head: RecordNumber(head), above: RecordNumber(above), range }
    }

    #[test]
    fn a_span_counts_what_stands_in_it() {
        let sums = sum(span(14, 4, None), None, read).expect("it can be read");
        assert_eq!(sums.totals.of(TillKind::Debit), (2, 1_000));
        assert_eq!(sums.totals.of(TillKind::Offline), (1, 300));
        assert_eq!(sums.totals.of(TillKind::Tender), (1, 70));
        assert_eq!(sum(span(14, 14, None), None, read).map(|sums| sums.totals), Ok(TillTotals::default()));
    }

    #[test]
    fn a_range_counts_its_own_sequences_and_says_where_later_ones_begin() {
        // Sequence 4 came before 3: what is behind 3 begins with record 6.
        let first = sum(span(14, 0, Some((1, 1, 3))), None, read).expect("it can be read");
        assert_eq!((first.totals.of(TillKind::Debit), first.behind), ((1, 100), RecordNumber(5)));
        assert_eq!(first.totals.of(TillKind::Offline), (1, 300));
        let second = sum(span(14, 5, Some((1, 4, 6))), None, read).expect("it can be read");
        assert_eq!((second.totals.of(TillKind::Debit), second.behind), ((2, 1_000), RecordNumber(13)));
        assert_eq!(second.totals.of(TillKind::Offline), (0, 0), "it is another batch's");
        let third = sum(span(14, 13, Some((2, 1, 1))), None, read).expect("it can be read");
        assert_eq!((third.totals.of(TillKind::Tender), third.behind), ((1, 70), RecordNumber(14)));
    }
    #[test]
    fn what_was_known_of_a_span_is_gone_on_from() {
        for range in [None, Some((1, 1, 3)), Some((1, 4, 6)), Some((2, 1, 1))] {
            for earlier_head in [0, 4, 8, 12, 14] {
                let known = sum(span(earlier_head, 0, range), None, read).expect("it can be read");
                let mut steps = 0;
                let counted = |number| {
                    steps += 1;
                    read(number)
                };
                let sums = sum(span(14, 0, range), Some(known), counted).expect("it can be read");
                assert_eq!(
                    Ok(sums),
                    sum(span(14, 0, range), None, read),
                    "{range:?}, known to {earlier_head}"
                );
                assert_eq!(steps, (14 - earlier_head) / 2);
            }
        }
        // Of another span nothing is known.
        let other = sum(span(8, 0, Some((1, 1, 4))), None, read).expect("it can be read");
        let sums = sum(span(14, 0, Some((1, 1, 3))), Some(other), read);
        assert_eq!(sums, sum(span(14, 0, Some((1, 1, 3))), None, read));
    }
}
