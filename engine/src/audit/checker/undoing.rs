//! What undoes an earlier request or gives it back, held against the record that it names.

use protocol::ids::SaleId;
use wal::WalError;

use super::Checker;
use crate::audit::report::Check;
use crate::ledger::command::Channel;
use crate::ledger::limits::REVERSAL_WINDOW_NS;
use crate::ledger::record::{MoneyRecord, Record, RefundRecord, ReversalRecord, TopUpRecord, Wallet};

impl Checker<'_> {
    /// A debit given back as a whole, by a reversal, a void, or a tap's undoing. A full reversal undoes a full debit, or a debit by code that was
    /// settled since; any other is undone by a plain one. A void has but one form.
    pub(super) fn undone(
        &mut self,
        record: &Record<'_>,
        m: &MoneyRecord,
        named: u64,
        sale: SaleId,
    ) -> Result<(), WalError> {
        let is_void = matches!(record, Record::Void(_));
        let subsidy_fen = match record {
            Record::FullReversal(r) | Record::Void(r) | Record::TapUndone(r) => {
                Some(r.back.wallets.subsidy_fen.get())
            }
            _ => None,
        };
        let back_fen = record.pricing_fen();
        let once = self.reversed.insert(named) && !self.refunds.has_any(named);
        self.check(once, Check::Reversal, || format!("record {named} was undone or refunded before"));
        let original = if named < self.number { self.reader.record(named)? } else { None };
        let Some(original) = original else {
            self.violate(Check::Reversal, format!("there is no record {named} to reverse"));
            return Ok(());
        };
        let original_record = Record::decode(original.kind, original.version, original.payload);
        let pricing_fen = original_record.as_ref().map_or(0, Record::pricing_fen);
        if let Ok(sold) = &original_record {
            self.meal_back(record, (sold, original.time_ns));
        }
        self.check(back_fen == pricing_fen, Check::Pricing, || {
            format!("{back_fen} fen come back beside the price, record {named} took {pricing_fen}")
        });
        let (sold, used_fen) = match original_record {
            Ok(Record::Debit(sold))
                if is_void || subsidy_fen.is_none() || sold.wallet() == Some(Wallet::Transition) =>
            {
                (sold, 0)
            }
            Ok(Record::ScanPaid(r)) => (r.money, 0),
            Ok(Record::FullDebit(r)) if subsidy_fen.is_some() => (r.money, -r.wallets.subsidy_fen.get()),
            _ => {
                self.violate(
                    Check::Reversal,
                    format!("record {named} isn't an online debit that this undoes"),
                );
                return Ok(());
            }
        };
        self.check(subsidy_fen.unwrap_or(0) <= used_fen, Check::Subsidy, || {
            format!("{subsidy_fen:?} fen come back as subsidy, record {named} used {used_fen}")
        });
        let mirrored = sold.sale() == sale
            && sold.debit == m.credit
            && sold.credit == m.debit
            && sold.amount_fen == m.amount_fen
            && sold.wallet() == m.wallet();
        self.check(mirrored, Check::Reversal, || {
            format!(
                "gives {} fen of {} back to {}; record {named} took {} fen for sale {} from {} to {}",
                m.amount_fen,
                m.debit_account(),
                m.credit_account(),
                sold.amount_fen,
                sold.sale(),
                sold.debit_account(),
                sold.credit_account()
            )
        });
        if is_void {
            let (date, sold_on) = (m.business_date, sold.business_date);
            self.check(date == sold_on, Check::Reversal, || {
                format!("voided on date {date}, record {named} stands under date {sold_on}")
            });
            return Ok(());
        }
        let age_ns = self.time_ns.saturating_sub(original.time_ns);
        // A tap is undone whenever its card comes again.
        let in_time = age_ns <= REVERSAL_WINDOW_NS || matches!(record, Record::TapUndone(_));
        self.check(in_time, Check::Reversal, || {
            format!("{age_ns} ns after record {named}, beyond the window")
        });
        Ok(())
    }

    pub(super) fn refund(&mut self, r: &RefundRecord) -> Result<(), WalError> {
        let named = r.original_record.get();
        let undone = self.reversed.contains(&named);
        self.check(!undone, Check::Refund, || format!("record {named} was undone before"));
        let original = if named < self.number { self.reader.record(named)? } else { None };
        let sold_ns = original.as_ref().map_or(0, |found| found.time_ns);
        let original =
            original.and_then(|found| Record::decode(found.kind, found.version, found.payload).ok());
        if let Err(detail) = self.refunds.take(r, original.as_ref()) {
            self.violate(Check::Refund, detail);
        }
        if let Some(sold) = &original {
            self.meal_back(&Record::Refund(*r), (sold, sold_ns));
        }
        Ok(())
    }

    pub(super) fn top_up_undo(&mut self, r: &ReversalRecord) -> Result<(), WalError> {
        let named = r.original_record.get();
        let once = self.reversed.insert(named);
        self.check(once, Check::Reversal, || format!("record {named} was undone before"));
        let original = if named < self.number { self.reader.record(named)? } else { None };
        let original = original.map(|found| Record::decode(found.kind, found.version, found.payload));
        let Some(Ok(Record::TopUp(TopUpRecord { money: credited, .. }))) = original else {
            self.violate(Check::Reversal, format!("record {named} isn't a top-up"));
            return Ok(());
        };
        let m = &r.money;
        let left_fen = m.balance_after_fen.get();
        self.check(left_fen >= 0, Check::Reversal, || {
            format!("{left_fen} fen are left after cash was given back: it was spent")
        });
        let mirrored = credited.sale() == r.original()
            && credited.debit == m.credit
            && credited.credit == m.debit
            && credited.amount_fen == m.amount_fen
            && credited.channel_wallet == m.channel_wallet
            && credited.business_date == m.business_date;
        self.check(mirrored && credited.channel() == Some(Channel::Counter), Check::Reversal, || {
            format!(
                "takes {} fen of {} back on date {}; record {named} credited {} fen to {} for sale {} on date {}",
                m.amount_fen,
                m.debit_account(),
                m.business_date,
                credited.amount_fen,
                credited.credit_account(),
                credited.sale(),
                credited.business_date
            )
        });
        Ok(())
    }
}
