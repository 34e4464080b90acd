//! Top-ups: one way, from a channel into the electronic wallet.
//!
//! An order number is credited once. When it comes again under another identity, with the same account and amount,
//! the new identity is `Approved` too (`repeat`; the balance is today's) and a memo
//! ([`crate::ledger::record::RecordKind::Repeat`]) uses it up; with another account or amount it is `OrderConflict`,
//! refused and remembered. Both belong to the identity group: they are decided before the fields are looked at,
//! unless the sequence is 0. Orders are told apart by channel and number, within the horizon of the table.
//!
//! `NotPermitted` for a terminal that doesn't top up, or a channel that isn't one of top-ups. Then `UnknownCard`,
//! `CardLost`, `CardNotCurrent` for an account named by its card, `UnknownAccount`, `AccountClosed`,
//! `AccountFrozen`, `BalanceOverflow`. `Busy` (no record) when the table of orders has no place for this one.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::{Case, Desk, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{Channel, TopUp};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::orders::{Order, OrderKey};
use crate::ledger::record::{MoneyRecord, Record, ReversalRecord, TopUpRecord, Wallet};
use crate::ledger::shard::Parts;

impl<P: Parts + ?Sized> Desk<'_, P> {
    pub(super) fn top_up<'a>(&self, r: &TopUp<'a>) -> Decision<'a> {
        let Some(till) = self.till(&r.sale) else { return self.unknown_terminal(r.amount_fen) };
        let case =
            Case { till, sale: &r.sale, digest: r.digest(), channel: r.channel, amount_fen: r.amount_fen };
        if let Some(decision) = self.known(&case) {
            return decision;
        }
        let key = OrderKey::new(r.channel as u8, &r.order_number);
        let orders = &self.parts.shard(key.shard(self.layout.mask())).orders;
        let selected = self.select(&r.account);
        if case.sale.sequence.0 != 0
            && let Some(order) = orders.get(key)
        {
            if order.key != key {
                // Two orders with one digest: nothing can be said about the second.
                return self.transient(&case, ResultCode::Busy);
            }
            let same =
                selected.is_ok_and(|person| person.id.0 == order.account) && r.amount_fen == order.amount_fen;
            if !same {
                return self.refuse(&case, ResultCode::OrderConflict, selected.ok());
            }
            return self.credited_before(&case, order);
        }
        let is_channel = matches!(r.channel, Channel::Counter | Channel::WeChat | Channel::Alipay);
        if let Some(code) = self.bad_field(&case, till.config.tops_up() && is_channel) {
            return self.transient(&case, code);
        }
        if !orders.has_room_for(key) {
            return self.transient(&case, ResultCode::Busy);
        }
        let person = match selected {
            Ok(person) => person,
            Err(code) => return self.refuse(&case, code, None),
        };
        let account = person.account;
        match account.status {
            AccountStatus::Open => {}
            AccountStatus::Frozen => return self.refuse(&case, ResultCode::AccountFrozen, Some(person)),
            AccountStatus::Closed => return self.refuse(&case, ResultCode::AccountClosed, Some(person)),
        }
        if account.electronic_fen + r.amount_fen > BALANCE_FEN_MAX {
            return self.refuse(&case, ResultCode::BalanceOverflow, Some(person));
        }
        let clearing = LedgerAccount::clearing(Clearing::TopUp);
        let money = MoneyRecord {
            debit: U32::new(clearing.bits()),
            credit: U32::new(LedgerAccount::person(person.id).bits()),
            balance_after_fen: I64::new(account.system_fen() + r.amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: self.hot_head(self.layout.shard_of_account(person.id), clearing),
            channel_wallet: channel_wallet(r.channel, Wallet::Electronic),
            ..self.money(&case, ResultCode::Approved)
        };
        let outcome = self.outcome(&money, ResultCode::Approved, self.stamp.number);
        let record = Record::TopUp(TopUpRecord { money, order_number: r.order_number });
        Decision::Done { outcome, group: Group::one(record) }
    }

    fn credited_before<'a>(&self, case: &Case<'_, 'a>, order: &Order) -> Decision<'a> {
        let id = AccountId(order.account);
        let money = self.memo(case, ResultCode::Approved, self.person(id));
        let outcome =
            Outcome { repeat: true, ..self.outcome(&money, ResultCode::Approved, self.stamp.number) };
        let repeat = ReversalRecord {
            money,
            original_record: U64::new(order.record),
            original_sequence: U32::ZERO,
            original_epoch: U16::ZERO,
            reserved: U16::ZERO,
        };
        Decision::Done { outcome, group: Group::one(Record::Repeat(repeat)) }
    }
}
