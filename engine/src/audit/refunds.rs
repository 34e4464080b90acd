//! Refunds: what is given back of a debit is never more than was paid, and nothing of one that was undone.

use std::collections::HashMap;

use super::pricing::share_fen;
use crate::ledger::record::{MoneyRecord, Record, RefundRecord};

/// What was given back of each debit, by its record.
#[derive(Debug, Default)]
pub(super) struct Refunds(HashMap<u64, i64>);

impl Refunds {
    /// Whether something of the debit at this record was given back.
    pub(super) fn has_any(&self, record: u64) -> bool {
        self.0.contains_key(&record)
    }

    /// Takes a refund, with the record that it names.
    pub(super) fn take(&mut self, r: &RefundRecord, original: Option<&Record<'_>>) -> Result<(), String> {
        let named = r.original_record.get();
        let (sold, subsidy_fen, pricing_fen) = match original {
            Some(Record::Debit(sold)) => (sold, 0, 0),
            Some(Record::FullDebit(r)) => (&r.money, -r.wallets.subsidy_fen.get(), r.pricing_fen.get()),
            Some(Record::ScanPaid(r)) => (&r.money, 0, 0),
            Some(Record::OfflineDebit(r)) => (&r.money, i64::from(r.subsidy_fen.get()), 0),
            _ => return Err(format!("record {named} isn't a debit")),
        };
        let m = &r.money;
        let amount_fen = m.amount_fen.get();
        let before_fen = self.0.get(&named).copied().unwrap_or(0);
        let after_fen = before_fen.saturating_add(amount_fen);
        self.0.insert(named, after_fen);
        if !is_of(r, sold) {
            return Err(format!(
                "gives {amount_fen} fen of {} back to {}; record {named} took {} fen for sale {} from {} to {}",
                m.debit_account(),
                m.credit_account(),
                sold.amount_fen,
                sold.sale(),
                sold.debit_account(),
                sold.credit_account()
            ));
        }
        if r.refunded_before_fen.get() != before_fen || after_fen > sold.amount_fen.get() {
            return Err(format!(
                "gives back {amount_fen} of {} fen after {}; given back were {before_fen}",
                sold.amount_fen, r.refunded_before_fen
            ));
        }
        // What the payer has got back, once so much of the price was given back.
        let price_fen = sold.amount_fen.get();
        let beside_fen = |price_back_fen| share_fen(pricing_fen, price_back_fen, price_fen);
        let due_fen = beside_fen(after_fen) - beside_fen(before_fen);
        if r.pricing_fen.get() != due_fen {
            return Err(format!("{} fen come back beside the price, due are {due_fen}", r.pricing_fen));
        }
        let own_fen = price_fen + pricing_fen - subsidy_fen;
        let of_subsidy_fen =
            |price_back_fen: i64| (price_back_fen + beside_fen(price_back_fen) - own_fen).max(0);
        let due_fen = of_subsidy_fen(after_fen) - of_subsidy_fen(before_fen);
        if r.wallets.subsidy_fen.get() > due_fen {
            return Err(format!("{} fen come back as subsidy, due are {due_fen}", r.wallets.subsidy_fen));
        }
        Ok(())
    }
}

fn is_of(r: &RefundRecord, sold: &MoneyRecord) -> bool {
    let m = &r.money;
    sold.sale() == r.original()
        && sold.slot == r.original_slot
        && sold.debit == m.credit
        && sold.credit == m.debit
        && sold.wallet() == m.wallet()
        && [0, sold.limit_day.get()].contains(&m.limit_day.get())
}
