//! How much of a debit was given back: the newest refund of it says that, and stands in the payer's chain above it.
//!
//! The walk happens on the slow lane, outside every lock, and takes as many steps as the account has had records since the
//! debit, at most. What it found is valid for the chain's head that it began at; the ledger checks that, and asks again when
//! the account has gone on meanwhile. The second walk ends where the first began.

use protocol::ids::{AccountId, RecordNumber};

use super::record::Record;

/// What was given back of one debit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refunds {
    /// The debit's record.
    pub original: RecordNumber,
    /// The head of the payer's chain that the walk began at.
    pub head: RecordNumber,
    /// The sum of its refunds, in fen.
    pub refunded_fen: i64,
}

/// What a record of the payer's chain means for the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The debit that it gives back something of, and how much of that was given back with it.
    refunds: Option<(RecordNumber, i64)>,
    /// The record before it in the chain.
    previous: RecordNumber,
}

impl Link {
    /// Reads it off a record; none of one that isn't in the account's chain.
    pub fn of(record: &Record<'_>, account: AccountId) -> Option<Link> {
        let refunds = match record {
            Record::Refund(r) => Some((
                RecordNumber(r.original_record.get()),
                r.refunded_before_fen.get() + r.money.amount_fen.get(),
            )),
            _ => None,
        };
        record.previous_of(account).map(|previous| Link { refunds, previous })
    }
}

/// Walks from the head of the payer's chain down to the newest refund of a debit, or to the debit. `earlier` is what an
/// earlier walk found, if there was one.
///
/// # Errors
/// What `read` says.
pub fn find<E>(
    original: RecordNumber,
    head: RecordNumber,
    earlier: Option<Refunds>,
    mut read: impl FnMut(RecordNumber) -> Result<Link, E>,
) -> Result<Refunds, E> {
    let earlier = earlier.filter(|refunds| refunds.original == original);
    let until = earlier.map_or(original, |refunds| refunds.head);
    let mut refunded_fen = earlier.map_or(0, |refunds| refunds.refunded_fen);
    let mut next = head;
    while next > until {
        let link = read(next)?;
        if let Some((_, sum_fen)) = link.refunds.filter(|(named, _)| *named == original) {
            refunded_fen = sum_fen;
            break;
        }
        next = link.previous;
    }
    Ok(Refunds { original, head, refunded_fen })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Record 2 is the debit; 5 and 8 give back something of it, 6 of another.
    fn read(number: RecordNumber) -> Result<Link, String> {
        let refunds = match number.0 {
            5 => Some((RecordNumber(2), 300)),
            6 => Some((RecordNumber(1), 900)),
            8 => Some((RecordNumber(2), 450)),
            _ => None,
        };
        if number.0 <= 2 {
            Err("walked too far".to_owned())
        } else {
            Ok(Link { refunds, previous: RecordNumber(number.0 - 1) })
        }
    }

    fn refunded_fen(head: u64, earlier: Option<Refunds>) -> Result<i64, String> {
        find(RecordNumber(2), RecordNumber(head), earlier, read).map(|refunds| refunds.refunded_fen)
    }

    #[test]
    fn the_newest_refund_has_the_sum() {
        for (head, sum_fen) in [(2, 0), (4, 0), (5, 300), (7, 300), (8, 450), (12, 450)] {
            assert_eq!(refunded_fen(head, None), Ok(sum_fen), "from {head}");
        }
    }

    #[test]
    fn a_second_walk_ends_where_the_first_began() {
        let earlier = |head, refunded_fen| {
            Some(Refunds { original: RecordNumber(2), head: RecordNumber(head), refunded_fen })
        };
        assert_eq!(refunded_fen(7, earlier(6, 299)), Ok(299), "what the first found counts on");
        assert_eq!(refunded_fen(9, earlier(6, 299)), Ok(450));
        let of_another = Some(Refunds { original: RecordNumber(1), ..earlier(6, 900).expect("one") });
        assert_eq!(refunded_fen(7, of_another), Ok(300));
    }
}
