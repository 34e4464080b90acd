//! Orders of channels: each counts once, and a payment past these books is its till's merchant's.

use protocol::ids::MerchantId;

use super::Checker;
use crate::audit::report::Check;
use crate::ledger::command::Channel;
use crate::ledger::ledger_account::{LedgerAccount, LedgerClass};
use crate::ledger::record::TopUpRecord;

impl Checker<'_> {
    pub(super) fn order(&mut self, r: &TopUpRecord) {
        let fresh = self.orders.insert((r.money.channel_wallet & 0x0f, r.order_number));
        self.check(fresh, Check::OrderOnce, || {
            format!("order {} counted before", order_text(&r.order_number))
        });
    }

    /// What was paid past these books is its till's merchant's.
    pub(super) fn tender(&mut self, r: &TopUpRecord) {
        self.order(r);
        let (amount_fen, paid) = (r.money.amount_fen.get(), r.money.credit_account());
        let channel = matches!(r.money.channel(), Some(Channel::WeChat | Channel::Alipay));
        let till = self.tills.get(usize::from(r.money.slot.get()));
        let own = till.is_some_and(|till| paid.class() == LedgerClass::Merchant(MerchantId(till.merchant)));
        let sides = own && channel && amount_fen > 0 && r.money.debit_account() == LedgerAccount::NONE;
        self.check(sides, Check::Sides, || {
            format!("{amount_fen} fen were paid to {paid} by channel {:?}", r.money.channel())
        });
        self.totals.tenders_fen += i128::from(amount_fen);
    }
}

fn order_text(order_number: &[u8; 32]) -> String {
    String::from_utf8_lossy(order_number).trim_end_matches('\0').to_owned()
}
