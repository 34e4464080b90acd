//! Which sale of a card told of an earlier one that never came: what an offline record carries of the card's transaction before.
//!
//! The walk down the account's chain happens on the slow lane, outside every lock, and takes so many steps at most. A record
//! never changes, so what it found stays valid; that it found nothing does so while the chain's head is the one that it began
//! at. The ledger checks that, and asks again when the account has gone on meanwhile. The second walk ends where the first began.

use protocol::ids::{AccountId, CardCounter, CardUid, RecordNumber};

use super::command::Previous;
use super::record::Record;

/// Which transaction of which card is looked for, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToldOf {
    /// Whose card it is, or was last.
    pub account: AccountId,
    /// The card.
    pub card_uid: CardUid,
    /// The card's counter at it.
    pub card_counter: CardCounter,
}

/// A sale that told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its record.
    pub record: RecordNumber,
    /// When it was, by its till's clock, nanoseconds since 1970-01-01 UTC.
    pub till_time_ns: u64,
    /// What it told.
    pub previous: Previous,
}

/// What the account's chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What was looked for.
    pub of: ToldOf,
    /// The head of the account's chain that the walk began at.
    pub head: RecordNumber,
    /// The newest sale that told of it.
    pub found: Option<Witness>,
    /// Whether the walk ended before the chain did, having found nothing.
    pub partial: bool,
}

/// What a record of the account's chain means for the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it told, if it did, and when its till says that it was.
    told: Option<(Previous, u64)>,
    /// The record before it in the chain.
    previous: RecordNumber,
}

impl Link {
    /// Reads it off a record; none of one that isn't in the account's chain.
    pub fn of(record: &Record<'_>, of: &ToldOf) -> Option<Link> {
        let told = match record {
            Record::OfflineDebit(r) if r.card() == of.card_uid => {
                r.previous().map(|previous| (previous, r.till_time_ns.get()))
            }
            _ => None,
        };
        let told = told.filter(|(previous, _)| previous.card_counter == of.card_counter);
        record.previous_of(of.account).map(|previous| Link { told, previous })
    }
}

/// Walks from the head of the account's chain down to the newest sale that told, or to where an earlier walk began.
///
/// # Errors
/// What `read` says.
pub fn find<E>(
    of: ToldOf,
    head: RecordNumber,
    earlier: Option<Told>,
    steps_max: usize,
    mut read: impl FnMut(RecordNumber) -> Result<Link, E>,
) -> Result<Told, E> {
    let earlier = earlier.filter(|told| told.of == of);
    let until = earlier.map_or(RecordNumber(0), |told| told.head);
    let nothing = Told { of, head, found: None, partial: earlier.is_some_and(|told| told.partial) };
    let mut next = head;
    for _ in 0..steps_max {
        if next <= until {
            return Ok(Told { found: earlier.and_then(|told| told.found), ..nothing });
        }
        let link = read(next)?;
        if let Some((previous, till_time_ns)) = link.told {
            let found = Some(Witness { record: next, till_time_ns, previous });
            return Ok(Told { found, partial: false, ..nothing });
        }
        next = link.previous;
    }
    Ok(Told { partial: next > RecordNumber(0), ..nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: ToldOf = ToldOf { account: AccountId(3), card_uid: CardUid(7), card_counter: CardCounter(16) };

    /// Records 4 and 8 told, at their number's time.
    fn read(number: RecordNumber) -> Result<Link, String> {
        let told = matches!(number.0, 4 | 8).then(|| {
            let previous = Previous { card_counter: OF.card_counter, amount_fen: 650, ..Previous::default() };
            (previous, number.0)
        });
        if number.0 == 0 {
            Err("walked too far".to_owned())
        } else {
            Ok(Link { told, previous: RecordNumber(number.0 - 1) })
        }
    }

    fn found(head: u64, earlier: Option<Told>, steps_max: usize) -> (Option<u64>, bool) {
        let told =
            find(OF, RecordNumber(head), earlier, steps_max, read).expect("it ends at the chain's end");
        assert_eq!((told.of, told.head), (OF, RecordNumber(head)));
        (told.found.map(|witness| witness.record.0), told.partial)
    }

    #[test]
    fn the_newest_that_told_is_found() {
        for (head, expected) in
            [(0, None), (3, None), (4, Some(4)), (7, Some(4)), (8, Some(8)), (12, Some(8))]
        {
            assert_eq!(found(head, None, 100), (expected, false), "from {head}");
        }
    }

    #[test]
    fn a_walk_that_is_too_long_says_so_and_one_that_just_ends_doesnt() {
        assert_eq!(found(3, None, 2), (None, true));
        assert_eq!(found(3, None, 3), (None, false));
        assert_eq!(found(12, None, 4), (None, true));
        assert_eq!(found(12, None, 5), (Some(8), false));
    }

    #[test]
    fn a_second_walk_ends_where_the_first_began() {
        let earlier = |head, partial| Told { of: OF, head: RecordNumber(head), found: None, partial };
        assert_eq!(found(7, Some(earlier(5, false)), 100), (None, false), "what the first said counts on");
        assert_eq!(found(7, Some(earlier(5, true)), 100), (None, true));
        assert_eq!(found(9, Some(earlier(5, true)), 100), (Some(8), false));
        let of = ToldOf { card_counter: CardCounter(1), ..OF };
        assert_eq!(found(7, Some(Told { of, ..earlier(6, false) }), 100), (Some(4), false));
    }
}
