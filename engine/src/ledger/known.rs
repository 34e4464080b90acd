//! What a decision may need beyond memory, and what is known of it.
//!
//! The ledger looks nothing up: it says what it needs ([`Need`]), its caller fetches it outside every lock and decides the
//! same request again with it ([`Known`]). Every answer says what it was valid for, and is taken only where that still
//! holds; a decision asks again otherwise. Several may be needed one after the other, so what is known is kept until the
//! request is decided.
//!
//! **Invariant**: a need names only records that were appended before its decision, so that whoever fetches it waits for
//! the log to be durable up to there, and for nothing else.

use protocol::ids::{AccountId, RecordNumber, SaleId};

use super::command::TerminalSlot;
use super::error::LedgerError;
use super::history::History;
use super::holder::PasswordRef;
use super::limits::PAYLOAD_BYTES_MAX;
use super::orders::OrderKey;
use super::record::{PayloadBuffer, Record};
use super::refunds::Refunds;
use super::till_totals::{TillSpan, TillSums};
use super::told::{Told, ToldOf};

/// What a decision needs and memory doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The outcome of a sale that isn't in memory any more (or never was: an older epoch). Walk the till's chain in
    /// the log from `head` with [`super::history::HistorySearch`].
    Sale {
        /// The sale to look for.
        sale: SaleId,
        /// The newest record of the till's chain.
        head: RecordNumber,
    },
    /// One record, by its number.
    Record(RecordNumber),
    /// Whether the query password that came along is the one of which the vault has the hash under this number.
    Password(PasswordRef),
    /// The vault's number for the hash of the query password that came along, which it has by then.
    NewPassword,
    /// How much of a debit was given back: in the payer's chain, from `head` down to the debit's record, by
    /// [`super::refunds::find`].
    Refunds {
        /// The payer.
        account: AccountId,
        /// The newest record of the payer's chain.
        head: RecordNumber,
        /// The debit's record.
        original: RecordNumber,
    },
    /// Which sale of a card told of an earlier one: in the account's chain, from `head` down, by [`super::told::find`].
    Told {
        /// What is looked for.
        of: ToldOf,
        /// The newest record of the account's chain.
        head: RecordNumber,
    },
    /// Nothing of the log, but the shard of a till that the command doesn't name: one of whose taps is to be undone, or whose sale a
    /// card told of.
    Till(TerminalSlot),
    /// Nothing of the log, but the shard of an account that the command doesn't name: the one whose tap is confirmed.
    Account(AccountId),
    /// What a till did, added up: in its chain, by [`super::till_totals::sum`].
    Totals(TillSpan),
    /// Which record credited an order, if one did: in the index of orders, which must reach as far as `forgotten`.
    Order {
        /// The order.
        key: OrderKey,
        /// The newest record whose order may have left memory.
        forgotten: RecordNumber,
    },
}

impl Need {
    /// Whether the vault of passwords is asked, and not the log.
    pub const fn is_of_a_password(&self) -> bool {
        matches!(self, Need::Password(_) | Need::NewPassword)
    }

    /// The newest record that the answer may depend on: it must be durable before the log is read.
    pub const fn newest(&self) -> RecordNumber {
        match self {
            Need::Sale { head, .. }
            | Need::Refunds { head, .. }
            | Need::Told { head, .. }
            | Need::Totals(TillSpan { head, .. }) => *head,
            Need::Record(number) => *number,
            Need::Till(_) | Need::Account(_) => RecordNumber(0),
            Need::Order { forgotten, .. } => *forgotten,
            // The vault isn't the log.
            Need::Password(_) | Need::NewPassword => RecordNumber(0),
        }
    }
}

/// What was fetched for a request so far; the newest answer to each kind of need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What the log says of sales, the newest answer first: a request may need its own identity's outcome and that of a sale
    /// at another till. Each is valid while the head of its till's chain is the one that the walk began at.
    pub sales: [Option<History>; 2],
    /// A record. Valid for its number, for ever: records never change.
    pub record: Option<KnownRecord>,
    /// What was given back of a debit. Valid while the head of its payer's chain is the one that the walk began at.
    pub refunds: Option<Refunds>,
    /// Which sale of a card told of an earlier one. Valid for ever where one did, otherwise while the head of the account's chain is
    /// the one that the walk began at.
    pub told: Option<Told>,
    /// A till whose shard is held, too.
    pub till: Option<TerminalSlot>,
    /// An account whose shard is held, too.
    pub account: Option<AccountId>,
    /// What a till did. Valid for its span, for ever.
    pub totals: Option<TillSums>,
    /// What the index says of an order. Valid while memory has every order of a record above the one that the index
    /// reached.
    pub order: Option<KnownOrder>,
    /// What the vault says of the query password that came along. Valid for the hash that it was compared with.
    pub password: Option<KnownPassword>,
    /// The number under which the vault has the hash of the query password that came along. Valid for this request.
    pub stored: Option<PasswordRef>,
}

/// What the vault says of a query password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownPassword {
    /// The hash that it was compared with.
    pub of: PasswordRef,
    /// What came out.
    pub verdict: PasswordVerdict,
}

/// What comparing a query password with a hash says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the one.
    Right,
    /// It is another.
    Wrong,
    /// The vault has lost the hash: its file is damaged.
    Missing,
}

impl Known {
    /// What the log says of a sale, when it was asked.
    pub fn sale(&self, sale: SaleId) -> Option<&History> {
        self.sales.iter().flatten().find(|history| history.sale == sale)
    }

    /// Keeps what the log says of a sale, and what it said last of another.
    pub fn learn_sale(&mut self, history: History) {
        if self.sales[0].is_some_and(|kept| kept.sale != history.sale) {
            self.sales[1] = self.sales[0];
        }
        self.sales[0] = Some(history);
    }

    /// Which sale of a card told of an earlier one, when it was asked and still holds at this head of the account's chain.
    pub fn told(&self, of: &ToldOf, head: RecordNumber) -> Option<&Told> {
        let still = |told: &&Told| told.of == *of && (told.found.is_some() || told.head == head);
        self.told.as_ref().filter(still)
    }

    /// The record with this number, when it was fetched.
    pub fn record(&self, number: RecordNumber) -> Option<Record<'_>> {
        self.record.as_ref().filter(|known| known.number == number).map(KnownRecord::record)
    }
}

/// What the index of orders says of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownOrder {
    /// The order that was looked for.
    pub key: OrderKey,
    /// Everything credited by a record up to this one was in the index.
    pub up_to: RecordNumber,
    /// The record that credited it.
    pub found: Option<RecordNumber>,
}

/// A record as it stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownRecord {
    /// Its number.
    pub number: RecordNumber,
    /// Its logged time, nanoseconds since 1970-01-01 UTC.
    pub time_ns: u64,
    kind: u8,
    version: u8,
    payload_bytes: usize,
    payload: PayloadBuffer,
}

impl KnownRecord {
    /// Takes a record's bytes.
    ///
    /// # Errors
    /// A kind or version unknown here, or a payload that isn't one of that kind.
    pub fn new(
        number: RecordNumber,
        time_ns: u64,
        (kind, version): (u8, u8),
        bytes: &[u8],
    ) -> Result<KnownRecord, LedgerError> {
        let decoded = Record::decode(kind, version, bytes)?;
        let mut payload = [0; PAYLOAD_BYTES_MAX];
        let Some(place) = payload.get_mut(..bytes.len()) else {
            return Err(LedgerError::WrongLength { kind: decoded.kind(), bytes: bytes.len() });
        };
        place.copy_from_slice(bytes);
        Ok(KnownRecord { number, time_ns, kind, version, payload_bytes: bytes.len(), payload })
    }

    /// The record itself.
    pub fn record(&self) -> Record<'_> {
        Record::decode(self.kind, self.version, &self.payload[..self.payload_bytes])
            .expect("the same bytes were decoded when they were taken")
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::{Epoch, Sequence, TerminalId};
    use zerocopy::IntoBytes;

    use super::*;
    use crate::ledger::record::{RecordKind, ReversalRecord};

    #[test]
    fn a_record_is_known_by_its_number_alone() {
        let reversal = ReversalRecord { original_record: 7.into(), ..zerocopy::FromZeros::new_zeroed() };
        let kind = RecordKind::Reversal;
        let known = Known {
            record: Some(
                KnownRecord::new(RecordNumber(9), 5, (kind as u8, kind.version()), reversal.as_bytes())
                    .expect("a reversal's bytes"),
            ),
            ..Known::default()
        };
        assert_eq!(known.record(RecordNumber(9)), Some(Record::Reversal(reversal)));
        assert_eq!(known.record(RecordNumber(8)), None);
        assert_eq!(Known::default().record(RecordNumber(9)), None);
    }

    #[test]
    fn what_the_log_says_of_two_sales_is_kept() {
        let sale =
            |sequence| SaleId { terminal: TerminalId(1), epoch: Epoch(1), sequence: Sequence(sequence) };
        let history =
            |sequence, head| History { sale: sale(sequence), head: RecordNumber(head), found: None };
        let mut known = Known::default();
        for (learnt, kept) in [
            ((1, 10), [Some(10), None, None]),
            ((2, 11), [Some(10), Some(11), None]),
            ((1, 12), [Some(12), Some(11), None]),
            ((1, 13), [Some(13), Some(11), None]),
            ((3, 14), [Some(13), None, Some(14)]),
        ] {
            known.learn_sale(history(learnt.0, learnt.1));
            let heads = [1, 2, 3].map(|sequence| known.sale(sale(sequence)).map(|history| history.head.0));
            assert_eq!(heads, kept, "{learnt:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_record_arent_taken() {
        let new = |kind, version, bytes: &[u8]| KnownRecord::new(RecordNumber(1), 0, (kind, version), bytes);
        let kind = RecordKind::Debit;
        assert!(new(kind as u8, kind.version(), &[0; 80]).is_ok());
        assert!(new(kind as u8, kind.version(), &[0; 72]).is_err());
        assert!(new(kind as u8, kind.version() + 1, &[0; 80]).is_err());
        assert!(new(0, 1, &[0; 80]).is_err());
        assert!(new(kind as u8, kind.version(), &[0; 4_000]).is_err());
    }
}
