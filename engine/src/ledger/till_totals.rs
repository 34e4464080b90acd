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
            Record::Debit(_) | Record::FullDebit(_) => Some(TillKind::Debit),
            Record::OfflineDebit(_) => Some(TillKind::Offline),
            Record::Reversal(_) | Record::FullReversal(_) => Some(TillKind::Reversal),
            Record::Void(_) => Some(TillKind::Void),
            Record::Refund(_) => Some(TillKind::Refund),
            Record::TopUp(_) => Some(TillKind::TopUp),
            Record::TopUpUndo(_) => Some(TillKind::TopUpUndone),
            Record::Tender(_) => Some(TillKind::Tender),
            _ => None,
        };
        let sale = record.money().filter(|_| !record.kind().is_companion()).map(|money| money.sale());
        let deed = kind.zip(record.money()).map(|(kind, money)| (kind, money.amount_fen.get()));
        Some(Link { sale: sale.map(|sale| (sale.epoch, sale.sequence)), deed, previous })
    }
}

/// Walks down a span, newest first.
///
/// # Errors
/// What `read` or `visit` says.
pub fn walk<E>(
    span: &TillSpan,
    mut read: impl FnMut(RecordNumber) -> Result<Link, E>,
    mut visit: impl FnMut(RecordNumber, &Link),
) -> Result<(), E> {
    let mut next = span.head;
    while next > span.above {
        let link = read(next)?;
        visit(next, &link);
        next = link.previous;
    }
    Ok(())
}

/// Adds a span up.
///
/// # Errors
/// What `read` says.
pub fn sum<E>(span: TillSpan, read: impl FnMut(RecordNumber) -> Result<Link, E>) -> Result<TillSums, E> {
    let mut totals = TillTotals::default();
    let mut behind = span.head;
    walk(&span, read, |number, link| {
        let Some((epoch, sequence)) = link.sale else { return };
        if let Some(range) = span.range {
            if (epoch, sequence) > (range.epoch, range.last) {
                behind = RecordNumber(number.0 - 1);
            }
            if !range.has(epoch, sequence) {
                return;
            }
        }
        if let Some((kind, amount_fen)) = link.deed {
            totals.add(kind, amount_fen);
        }
    })?;
    Ok(TillSums { span, totals, behind })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of every second record: an identity, and what was done under it.
    const CHAIN: [(u16, u32, Option<(TillKind, i64)>); 7] = [
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
        let sums = sum(span(14, 4, None), read).expect("it can be read");
        assert_eq!(sums.totals.of(TillKind::Debit), (2, 1_000));
        assert_eq!(sums.totals.of(TillKind::Offline), (1, 300));
        assert_eq!(sums.totals.of(TillKind::Tender), (1, 70));
        assert_eq!(sum(span(14, 14, None), read).map(|sums| sums.totals), Ok(TillTotals::default()));
    }

    #[test]
    fn a_range_counts_its_own_sequences_and_says_where_later_ones_begin() {
        // Sequence 4 came before 3: what is behind 3 begins with record 6.
        let first = sum(span(14, 0, Some((1, 1, 3))), read).expect("it can be read");
        assert_eq!((first.totals.of(TillKind::Debit), first.behind), ((1, 100), RecordNumber(5)));
        assert_eq!(first.totals.of(TillKind::Offline), (1, 300));
        let second = sum(span(14, 5, Some((1, 4, 6))), read).expect("it can be read");
        assert_eq!((second.totals.of(TillKind::Debit), second.behind), ((2, 1_000), RecordNumber(13)));
        assert_eq!(second.totals.of(TillKind::Offline), (0, 0), "it is another batch's");
        let third = sum(span(14, 13, Some((2, 1, 1))), read).expect("it can be read");
        assert_eq!((third.totals.of(TillKind::Tender), third.behind), ((1, 70), RecordNumber(14)));
    }
}
