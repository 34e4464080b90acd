//! Questions that leave no record.

use engine::ledger::command::{AccountSelector, Sale};
use protocol::result_code::ResultCode;

use super::identity::{Standing, told_again};
use super::{Answer, Model, answer, month_of};

impl Model {
    pub(super) fn balance(&self, selector: &AccountSelector) -> Answer {
        match self.select(selector) {
            Err(code) => answer(code, 0),
            Ok(id) => {
                let account = &self.accounts[id as usize];
                Answer::Balance {
                    account: id,
                    wallets: account.wallets,
                    status: account.status,
                    card_lost: account.card_lost,
                }
            }
        }
    }

    pub(super) fn bill_head(&self, selector: &AccountSelector) -> Answer {
        match self.select(selector) {
            Err(code) => answer(code, 0),
            Ok(id) => {
                let chain = &self.accounts[id as usize].chain;
                let &(head, newest_ns) = chain.last().expect("opening an account is a record");
                let month = month_of(newest_ns);
                let before = chain.iter().rev().find(|&&(_, time_ns)| month_of(time_ns) < month);
                Answer::BillHead { account: id, head, month_start: before.map_or(0, |&(number, _)| number) }
            }
        }
    }

    pub(super) fn sale_query(&self, sale: &Sale<'_>) -> Answer {
        let Some(till) = self.till(sale) else { return answer(ResultCode::UnknownTerminal, 0) };
        if sale.sequence.0 == 0 {
            return answer(ResultCode::SequenceZero, 0);
        }
        match self.tills[till].standing(sale.epoch.0, sale.sequence.0) {
            Standing::Known(past) => told_again(&past),
            _ => Answer::NotSeen,
        }
    }
}
