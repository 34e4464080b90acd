//! What the ledger says: an outcome, and the group of records that makes it so.

use protocol::ids::{AccountId, CardUid, Epoch, RecordNumber, Sequence};
use protocol::result_code::ResultCode;

use super::account::AccountStatus;
use super::known::Need;
use super::limits::GROUP_RECORDS_MAX;
use super::record::Record;

/// What is answered to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub code: ResultCode,
    /// The person's account, when it is known. For configuration: the account concerned.
    pub account: Option<AccountId>,
    /// The amount of the request (of the remembered sale, when it is answered again).
    pub amount_fen: i64,
    /// The person's system balance after the record, as it was answered the first time; 0 without an account.
    pub balance_after_fen: i64,
    /// The record that the answer stands on; 0 when there is none.
    pub record: RecordNumber,
    /// The highest record that the answer depends on: it may leave once this one is durable.
    pub observed: RecordNumber,
    /// True when this was answered before and nothing new happened.
    pub repeat: bool,
}

impl Outcome {
    /// An outcome that leaves no record.
    pub(super) const fn without_record(code: ResultCode, amount_fen: i64, observed: RecordNumber) -> Self {
        Self {
            code,
            account: None,
            amount_fen,
            balance_after_fen: 0,
            record: RecordNumber(0),
            observed,
            repeat: false,
        }
    }
}

/// The balances of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// The account.
    pub account: AccountId,
    /// Card wallet.
    pub card_fen: i64,
    /// Transition wallet.
    pub transition_fen: i64,
    /// Electronic wallet.
    pub electronic_fen: i64,
    /// Open holds.
    pub held_fen: i64,
    /// The sum of the wallets.
    pub system_fen: i64,
    /// The account's status.
    pub status: AccountStatus,
    /// Whether its current card is reported lost.
    pub card_lost: bool,
    /// The highest record that this depends on.
    pub observed: RecordNumber,
}

/// Who is on duty at a till, and where its open shift begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyView {
    /// The newest record of the till's chain.
    pub head: RecordNumber,
    /// Who is signed on; 0 for nobody.
    pub cashier: u32,
    /// The open shift, from 1.
    pub shift: u32,
    /// The shift's records are above this one.
    pub shift_above: RecordNumber,
    /// The batch that was settled last; 0 for none.
    pub batch: u32,
    /// The record that settled it.
    pub batch_record: RecordNumber,
    /// Its epoch.
    pub batch_epoch: Epoch,
    /// Its last sequence.
    pub batch_last: Sequence,
    /// Everything under later sequences is above this record.
    pub batch_above: RecordNumber,
    /// The highest record that this depends on.
    pub observed: RecordNumber,
}

impl DutyView {
    /// An outcome that says nothing yet, and depends on what this does.
    pub(crate) const fn told_nothing(&self) -> Outcome {
        Outcome::without_record(ResultCode::Approved, 0, self.observed)
    }
}

/// Where an account's chain begins: the walk back happens in the log, off the hot threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillHeadView {
    /// The account.
    pub account: AccountId,
    /// Its newest record; follow [`Record::previous_of`].
    pub head: RecordNumber,
    /// Its newest record before the month of its newest record; 0 when there is none. A bill of earlier months
    /// starts here.
    pub month_start: RecordNumber,
    /// The card that it has; 0 for none.
    pub card_uid: CardUid,
    /// The student or staff number, UTF-8, padded with zeros.
    pub student_number: [u8; 16],
    /// The highest record that this depends on.
    pub observed: RecordNumber,
}

/// Records that stand in the log together or not at all, in order. The answer's own record is the last but for
/// a suspense record, which is always alone; those before it have its identity and aren't remembered under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    first: Record<'a>,
    more: [Option<Record<'a>>; GROUP_RECORDS_MAX - 1],
}

impl<'a> Group<'a> {
    /// A group of one.
    #[inline]
    pub const fn one(record: Record<'a>) -> Self {
        Self { first: record, more: [None; GROUP_RECORDS_MAX - 1] }
    }

    /// A group of two.
    #[inline]
    pub const fn two(first: Record<'a>, second: Record<'a>) -> Self {
        Self { first, more: [Some(second), None, None] }
    }

    /// The same behind another record; each of its own is changed first, by its place among them.
    ///
    /// # Panics
    /// It is full already.
    pub(super) fn behind(
        mut self,
        first: Record<'a>,
        mut change: impl FnMut(usize, &mut Record<'a>),
    ) -> Self {
        let [second, third, last] = &mut self.more;
        assert!(last.is_none(), "a group that another record is put before has room for it");
        let own = core::iter::once(&mut self.first).chain(second.as_mut()).chain(third.as_mut());
        for (at, record) in own.enumerate() {
            change(at, record);
        }
        Self { first, more: [Some(self.first), self.more[0], self.more[1]] }
    }

    /// Changes the last record.
    fn change_last(&mut self, change: impl FnOnce(Record<'a>) -> Record<'a>) {
        let last = self.more.iter_mut().flatten().last().unwrap_or(&mut self.first);
        *last = change(*last);
    }

    /// The records in order.
    #[inline]
    pub fn records(&self) -> impl Iterator<Item = &Record<'a>> {
        core::iter::once(&self.first).chain(self.more.iter().map_while(Option::as_ref))
    }

    /// How many there are: 1 to [`GROUP_RECORDS_MAX`].
    pub fn count(&self) -> usize {
        self.records().count()
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the large variant is the hot one; boxing it would allocate")]
pub enum Decision<'a> {
    /// Append the group, apply its records, answer when `outcome.observed` is durable.
    Done {
        /// What to answer.
        outcome: Outcome,
        /// What to append and apply. Its first record has the stamp's number.
        group: Group<'a>,
    },
    /// Nothing changes: a transient refusal, an answer given before, or a configuration that already stands.
    NoRecord(Outcome),
    /// Something isn't in memory: fetch it, then decide again with what is known by then.
    Needs(Need),
    /// The answer to a balance request.
    Balance(BalanceView),
    /// The answer to a bill request.
    BillHead(BillHeadView),
    /// The answer to a question for a till's duty.
    Duty(DutyView),
    /// The answer to a sale query for a sale that never came.
    SaleNotSeen {
        /// The highest record that this depends on.
        observed: RecordNumber,
    },
}

impl<'a> Decision<'a> {
    /// The outcome, when there is one.
    pub const fn outcome(&self) -> Option<&Outcome> {
        match self {
            Decision::Done { outcome, .. } | Decision::NoRecord(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// What is done is done behind another record, in its group: see [`Group::behind`]. Anything else is as it was.
    pub(super) fn behind(self, first: Record<'a>, change: impl FnMut(usize, &mut Record<'a>)) -> Self {
        match self {
            Decision::Done { outcome, group } => {
                Decision::Done { outcome, group: group.behind(first, change) }
            }
            other => other,
        }
    }

    /// What is done is done with another last record, under the same number. Anything else is as it was.
    pub(super) fn with_last(self, change: impl FnOnce(Record<'a>) -> Record<'a>) -> Self {
        match self {
            Decision::Done { outcome, mut group } => {
                group.change_last(change);
                Decision::Done { outcome, group }
            }
            other => other,
        }
    }

    /// The group to append, when there is one.
    pub const fn group(&self) -> Option<&Group<'a>> {
        match self {
            Decision::Done { group, .. } => Some(group),
            _ => None,
        }
    }
}
