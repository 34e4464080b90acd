//! Top-ups: one way, from a channel into the electronic wallet.
//!
//! An order number is credited once. When it comes again under another identity, with the same account and amount,
//! the new identity is `Approved` too (`repeat`; the balance is today's) and a memo
//! ([`crate::ledger::record::RecordKind::Repeat`]) uses it up; with another account or amount it is `OrderConflict`,
//! refused and remembered. Both belong to the identity group: they are decided before the fields are looked at,
//! unless the sequence is 0. Orders are told apart by channel and number, for ever: one that isn't in memory any more is
//! found by the index of orders ([`Need::Order`]), and what it was by its record ([`Need::Record`]).
//!
//! `NotPermitted` for a terminal that doesn't top up, or a channel that isn't one of top-ups. Then `UnknownCard`,
//! `CardLost`, `CardNotCurrent` for an account named by its card, `UnknownAccount`, `AccountClosed`,
//! `AccountFrozen`, `BalanceOverflow`. `Busy` (no record) when the table of orders has no place for this one, or only that of an
//! order which the index doesn't have yet.

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::{Ask, Case, Desk, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::known::Need;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::orders::{Order, OrderKey, Orders};
use crate::ledger::record::{MoneyRecord, Record, ReversalRecord, TopUpRecord, Wallet};
use crate::ledger::shard::{Layout, Parts, ShardSet};
use crate::ledger::touch::touch_selector;

/// A top-up through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopUp<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// Who is credited.
    pub account: AccountSelector,
    /// What the channel brought.
    pub amount_fen: i64,
    /// [`Channel::Counter`], [`Channel::WeChat`] or [`Channel::Alipay`].
    pub channel: Channel,
    /// The channel's own order number, UTF-8, padded with zeros. Unique within its channel.
    pub order_number: [u8; 32],
}

impl<'a> Ask<'a> for TopUp<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
    }

    fn lead(&self, directory: &Directory) -> Lead {
        Lead::of_selector(directory, &self.account)
    }

    fn prefetch_route(&self, directory: &Directory) {
        touch_selector(directory, &self.account);
    }

    fn also_touches(&self, layout: Layout) -> ShardSet {
        ShardSet::one(self.order().shard(layout.mask()))
    }

    fn decide<P: Parts + ?Sized>(&self, desk: &Desk<'_, P>) -> Decision<'a> {
        let Some(till) = desk.till(&self.sale) else { return desk.unknown_terminal(self.amount_fen) };
        let case = Case {
            till,
            sale: &self.sale,
            digest: self.digest(),
            channel: self.channel,
            amount_fen: self.amount_fen,
        };
        if let Some(decision) = desk.known(&case) {
            return decision;
        }
        let key = self.order();
        let orders = &desk.parts.shard(key.shard(desk.layout.mask())).orders;
        let selected = desk.select(&self.account);
        if case.sale.sequence.0 != 0 {
            match desk.credit_of(self, orders) {
                Credit::None => {}
                Credit::Unclear => return desk.transient(&case, ResultCode::Busy),
                Credit::Needs(need) => return Decision::Needs(need),
                Credit::By(credit) => {
                    let same = selected.is_ok_and(|person| person.id == credit.account)
                        && self.amount_fen == credit.amount_fen;
                    if !same {
                        return desk.refuse(&case, ResultCode::OrderConflict, selected.ok());
                    }
                    return desk.credited_before(&case, &credit);
                }
            }
        }
        let is_channel = matches!(self.channel, Channel::Counter | Channel::WeChat | Channel::Alipay);
        if let Some(code) = desk.bad_field(&case, till.config.tops_up() && is_channel) {
            return desk.transient(&case, code);
        }
        if !orders.has_room_for(key) {
            return desk.transient(&case, ResultCode::Busy);
        }
        let person = match selected {
            Ok(person) => person,
            Err(code) => return desk.refuse(&case, code, None),
        };
        let account = person.account;
        match account.status {
            AccountStatus::Open => {}
            AccountStatus::Frozen => return desk.refuse(&case, ResultCode::AccountFrozen, Some(person)),
            AccountStatus::Closed => return desk.refuse(&case, ResultCode::AccountClosed, Some(person)),
        }
        if account.electronic_fen + self.amount_fen > BALANCE_FEN_MAX {
            return desk.refuse(&case, ResultCode::BalanceOverflow, Some(person));
        }
        let clearing = LedgerAccount::clearing(Clearing::TopUp);
        let money = MoneyRecord {
            debit: U32::new(clearing.bits()),
            credit: U32::new(LedgerAccount::person(person.id).bits()),
            balance_after_fen: I64::new(account.system_fen() + self.amount_fen),
            previous_account: U64::new(account.head),
            previous_counter: desk.hot_head(desk.layout.shard_of_account(person.id), clearing),
            channel_wallet: channel_wallet(self.channel, Wallet::Electronic),
            ..desk.money(&case, ResultCode::Approved)
        };
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        let record = Record::TopUp(TopUpRecord { money, order_number: self.order_number });
        Decision::Done { outcome, group: Group::one(record) }
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_TOP_UP: u64 = 3;

impl TopUp<'_> {
    fn order(&self) -> OrderKey {
        OrderKey::new(self.channel as u8, &self.order_number)
    }

    fn digest(&self) -> u64 {
        let fold = Fold::new(DOMAIN_TOP_UP)
            .word(self.amount_fen.cast_unsigned())
            .word(self.channel as u64)
            .bytes(&self.order_number);
        self.account.fold(fold).finish()
    }
}

/// What is known of an order.
enum Credit {
    /// It was never credited.
    None,
    /// It was, in this record.
    By(Credited),
    /// Memory alone can't tell.
    Needs(Need),
    /// Another order has the same digests: nothing can be said about this one.
    Unclear,
}

/// How an order was credited.
struct Credited {
    record: u64,
    account: AccountId,
    amount_fen: i64,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn credit_of(&self, top_up: &TopUp<'_>, orders: &Orders) -> Credit {
        let key = top_up.order();
        if let Some(order) = orders.get(key) {
            if order.key != key {
                return Credit::Unclear;
            }
            let Order { record, account, amount_fen, .. } = *order;
            return Credit::By(Credited { record, account: AccountId(account), amount_fen });
        }
        let forgotten = orders.forgotten();
        if forgotten.0 == 0 {
            return Credit::None;
        }
        let looked_up = self.known.and_then(|known| known.order);
        let Some(order) = looked_up.filter(|order| order.key == key && order.up_to >= forgotten) else {
            return Credit::Needs(Need::Order { key, forgotten });
        };
        let Some(number) = order.found else { return Credit::None };
        match self.known.and_then(|known| known.record(number)) {
            None => Credit::Needs(Need::Record(number)),
            Some(Record::TopUp(r)) if r.is_of(top_up.channel, &top_up.order_number) => {
                match r.money.credit_account().as_person() {
                    Some(account) => {
                        let amount_fen = r.money.amount_fen.get();
                        Credit::By(Credited { record: number.0, account, amount_fen })
                    }
                    None => Credit::Unclear,
                }
            }
            Some(_) => Credit::Unclear,
        }
    }

    fn credited_before<'a>(&self, case: &Case<'_, 'a>, credit: &Credited) -> Decision<'a> {
        let money = self.memo(case, ResultCode::Approved, self.person(credit.account));
        let outcome =
            Outcome { repeat: true, ..self.outcome(&money, ResultCode::Approved, self.stamp.number) };
        let repeat = ReversalRecord {
            money,
            original_record: U64::new(credit.record),
            original_sequence: U32::ZERO,
            original_epoch: U16::ZERO,
            reserved: U16::ZERO,
        };
        Decision::Done { outcome, group: Group::one(Record::Repeat(repeat)) }
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn top_up(&mut self, top_up: &TopUpRecord) -> Result<(), LedgerError> {
        let money = &top_up.money;
        let amount_fen = self.amount_fen(money)?;
        let person = self.person(money.credit_account())?;
        let wallet = self.wallet(money)?;
        self.post_person(person, money, |account| *account.wallet_fen_mut(wallet) += amount_fen)?;
        self.post_hot(self.layout.shard_of_account(person), money.debit_account(), -amount_fen)?;
        self.post_till(money)?;
        let key = OrderKey::of(top_up);
        let order = Order {
            key,
            record: self.number.0,
            amount_fen,
            balance_after_fen: money.balance_after_fen.get(),
            account: person.0,
        };
        if !self.parts.shard_mut(key.shard(self.layout.mask())).orders.insert(order) {
            return Err(LedgerError::TableFull { table: "top-up orders" });
        }
        Ok(())
    }
}
