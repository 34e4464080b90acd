//! Top-ups, once an order.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{Channel, TopUp};
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::identity::bad_field;
use super::{Answer, Body, Deed, Model, Order, Other};

impl Model {
    pub(super) fn top_up(&mut self, r: &TopUp<'_>) -> Answer {
        let body = Body::TopUp {
            account: r.account,
            amount_fen: r.amount_fen,
            channel: r.channel,
            order_number: r.order_number,
        };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let selected = self.select(&r.account);
        let key = (r.channel as u8, r.order_number);
        if ask.sequence != 0
            && let Some(order) = self.orders.get(&key)
        {
            if selected != Ok(order.account) || r.amount_fen != order.amount_fen {
                return self.refuse(&ask, ResultCode::OrderConflict, selected.ok());
            }
            // The identity is used up by a memo; the money came once.
            let account = order.account;
            let record = self.next_record();
            let mut answer = self.settle(&ask, record, ResultCode::Approved, Deed::Other, Some(account));
            if let Answer::Outcome(said) = &mut answer {
                said.repeat = true;
            }
            return answer;
        }
        let kind = self.tills[ask.till].kind;
        let tops_up = kind == TerminalKind::Counter || kind == TerminalKind::PhoneGateway;
        let is_channel = matches!(r.channel, Channel::Counter | Channel::WeChat | Channel::Alipay);
        if let Some(answer) = bad_field(&ask, tops_up && is_channel) {
            return answer;
        }
        let id = match selected {
            Ok(id) => id,
            Err(code) => return self.refuse(&ask, code, None),
        };
        let account = &mut self.accounts[id as usize];
        match account.status {
            AccountStatus::Closed => return self.refuse(&ask, ResultCode::AccountClosed, Some(id)),
            AccountStatus::Frozen => return self.refuse(&ask, ResultCode::AccountFrozen, Some(id)),
            AccountStatus::Open => {}
        }
        account.wallets.electronic_fen += r.amount_fen;
        self.owe(Other::TopUpClearing, -r.amount_fen);
        let record = self.next_record();
        self.orders.insert(key, Order { account: id, amount_fen: r.amount_fen });
        let answer = self.settle(&ask, record, ResultCode::Approved, Deed::Other, Some(id));
        if let Some(past) = self.tills[ask.till].past.get_mut(&(ask.epoch, ask.sequence)) {
            past.payer = None;
        }
        answer
    }
}
