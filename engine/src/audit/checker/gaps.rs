//! Holes in tills' sequences: closed by an operator, or by a sale that never came and was posted because its card told of it.

use protocol::ids::{CardCounter, Epoch, SaleId, Sequence, TerminalId};
use wal::WalError;

use super::Checker;
use crate::audit::report::Check;
use crate::ledger::command::Previous;
use crate::ledger::record::{GapClosedRecord, OfflineDebitRecord, OfflineReview, Record, ToldPostedRecord};

impl Checker<'_> {
    /// Nothing that came is closed, and only a till's hole is.
    pub(super) fn gap_closed(&mut self, r: &GapClosedRecord) {
        let (slot, till) = (usize::from(r.slot.get()), r.till.get());
        let known = self.tills.get(slot).is_some_and(|known| known.terminal == till);
        self.check(known, Check::Known, || format!("terminal {till} isn't registered at slot {slot}"));
        let (first, last) = (r.first.get(), r.last.get());
        // So many that a forger couldn't keep the audit busy for ever.
        let came = (first..=last).take(1 << 20).map(Sequence).find(|&sequence| {
            self.sales.contains(SaleId { terminal: TerminalId(till), epoch: Epoch(r.epoch.get()), sequence })
        });
        self.check(first > 0 && first <= last && came.is_none(), Check::SaleOnce, || {
            format!("sequences {first} to {last} of terminal {till} are closed, and {came:?} has come")
        });
    }

    /// What is posted on a card's word is followed by the memo of who had it posted, and nothing else is.
    pub(super) fn follow_told(&mut self, record: &Record<'_>) {
        let posted = core::mem::take(&mut self.told_in_group);
        let is_memo = matches!(record, Record::ToldPosted(_));
        self.check(posted.is_some() == is_memo, Check::Group, || {
            format!("posted before it on a card's word was {posted:?}, and a memo of that it is: {is_memo}")
        });
        if let (Record::ToldPosted(memo), Some(posted)) = (record, posted) {
            self.same_sale(memo, &posted);
            self.told = Some(posted);
        }
        if let Some(debit) = on_a_cards_word(record) {
            self.told_in_group = Some(*debit);
        }
    }

    fn same_sale(&mut self, memo: &ToldPostedRecord, posted: &OfflineDebitRecord) {
        let (told, asked) = (&posted.money, &memo.money);
        let same = told.sale() == memo.told()
            && (posted.card_uid, told.token) == (memo.card_uid, memo.card_counter)
            && (told.amount_fen, told.code) == (asked.amount_fen, asked.code)
            && told.person() == asked.person();
        self.check(same, Check::Told, || {
            format!("sale {} is posted before it, and it tells of {}", told.sale(), memo.told())
        });
    }

    /// The sale that is named as having told did: of this card, exactly this, at that time.
    pub(super) fn told_posted(&mut self, memo: &ToldPostedRecord) -> Result<(), WalError> {
        let Some(posted) = self.told.take() else { return Ok(()) };
        let witness = memo.witness.get();
        let found = if witness < self.number { self.reader.record(witness)? } else { None };
        let found = found.map(|found| Record::decode(found.kind, found.version, found.payload));
        let Some(Ok(Record::OfflineDebit(witness_record))) = found else {
            self.violate(Check::Told, format!("record {witness} is no offline sale that could have told"));
            return Ok(());
        };
        let told = witness_record.previous();
        let expected = Previous {
            terminal: memo.told().terminal,
            epoch: memo.told().epoch,
            sequence: memo.told().sequence,
            card_counter: CardCounter(memo.card_counter.get()),
            amount_fen: u32::try_from(memo.money.amount_fen.get()).unwrap_or(0),
        };
        let did = witness_record.card_uid == memo.card_uid && told == Some(expected);
        self.check(did, Check::Told, || {
            format!("record {witness} of card {} told of {told:?}", witness_record.card_uid)
        });
        let (at_ns, told_ns) = (posted.till_time_ns.get(), witness_record.till_time_ns.get());
        self.check(at_ns == told_ns, Check::Told, || {
            format!("it is dated {at_ns} ns, and record {witness} told of it at {told_ns} ns")
        });
        Ok(())
    }
}

fn on_a_cards_word<'r>(record: &'r Record<'_>) -> Option<&'r OfflineDebitRecord> {
    match record {
        Record::OfflineDebit(debit) if debit.offline_review().has(OfflineReview::TOLD) => Some(debit),
        _ => None,
    }
}
