//! What channels bring, once an order: top-ups, and tenders past these books.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{Channel, Tender, TopUp, TopUpUndo};
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::debits::is_attended;
use super::identity::{Standing, bad_field};
use super::{Answer, Ask, Body, CountedFor, Deed, Model, Order, Other, answer};

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
            let same = selected.map(CountedFor::Person) == Ok(order.counted_for);
            if !same || r.amount_fen != order.amount_fen {
                return self.refuse(&ask, ResultCode::OrderConflict, selected.ok());
            }
            return self.counted_before(&ask, selected.ok());
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
        self.orders.insert(key, Order { counted_for: CountedFor::Person(id), amount_fen: r.amount_fen });
        let deed = Deed::TopUp { channel: r.channel, date: self.date };
        let answer = self.settle(&ask, record, ResultCode::Approved, deed, Some(id));
        if let Some(past) = self.tills[ask.till].past.get_mut(&(ask.epoch, ask.sequence)) {
            past.payer = None;
        }
        answer
    }

    /// The same order again: the identity is used up by a memo, and nothing else happens.
    fn counted_before(&mut self, ask: &Ask<'_>, account: Option<u32>) -> Answer {
        let record = self.next_record();
        let mut answer = self.settle(ask, record, ResultCode::Approved, Deed::Other, account);
        if let Answer::Outcome(said) = &mut answer {
            said.repeat = true;
        }
        answer
    }

    pub(super) fn tender(&mut self, r: &Tender<'_>) -> Answer {
        let body =
            Body::Tender { amount_fen: r.amount_fen, channel: r.channel, order_number: r.order_number };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let till = &self.tills[ask.till];
        let (merchant, kind) = (till.merchant, till.kind);
        let key = (r.channel as u8, r.order_number);
        if ask.sequence != 0
            && let Some(order) = self.orders.get(&key)
        {
            if order.counted_for == CountedFor::Merchant(merchant) && order.amount_fen == r.amount_fen {
                return self.counted_before(&ask, None);
            }
            return self.refuse(&ask, ResultCode::OrderConflict, None);
        }
        let is_channel = matches!(r.channel, Channel::WeChat | Channel::Alipay);
        if let Some(answer) = bad_field(&ask, is_attended(kind) && is_channel) {
            return answer;
        }
        let record = self.next_record();
        let counted_for = CountedFor::Merchant(merchant);
        self.orders.insert(key, Order { counted_for, amount_fen: r.amount_fen });
        self.settle(&ask, record, ResultCode::Approved, Deed::Tender { merchant }, None)
    }

    pub(super) fn top_up_undo(&mut self, r: &TopUpUndo<'_>) -> Answer {
        let named = (r.original_epoch.0, r.original_sequence.0);
        let body = Body::TopUpUndo { epoch: named.0, sequence: named.1, amount_fen: r.amount_fen };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let impossible = named == (ask.epoch, ask.sequence) || named.0 > ask.epoch;
        let mut original = None;
        if ask.sequence != 0
            && named.1 != 0
            && !impossible
            && let Standing::Known(past) = self.tills[ask.till].standing(named.0, named.1)
        {
            if past.amount_fen != r.amount_fen {
                return self.refuse(&ask, ResultCode::IdentityConflict, None);
            }
            original = Some(past);
        }
        if let Some(answer) = bad_field(&ask, self.tills[ask.till].kind == TerminalKind::Counter) {
            return answer;
        }
        if named.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        let account = original.as_ref().and_then(|past| past.account);
        let today = Deed::TopUp { channel: Channel::Counter, date: self.date };
        let (Some(past), Some(id)) = (original, account) else {
            return self.refuse(&ask, ResultCode::NotUndoable, account);
        };
        if past.reversed || past.deed != today {
            return self.refuse(&ask, ResultCode::NotUndoable, Some(id));
        }
        let wallets = &mut self.accounts[id as usize].wallets;
        if wallets.electronic_fen < r.amount_fen || wallets.sum_fen() < r.amount_fen {
            return self.refuse(&ask, ResultCode::InsufficientFunds, Some(id));
        }
        wallets.electronic_fen -= r.amount_fen;
        self.owe(Other::TopUpClearing, r.amount_fen);
        let record = self.next_record();
        let answer = self.settle(&ask, record, ResultCode::Approved, Deed::Undo { merchant: None }, Some(id));
        self.tills[ask.till].past.get_mut(&named).expect("it was found").reversed = true;
        answer
    }
}
