//! Top-ups: one way, from a channel into the electronic wallet.
//!
//! An order number is credited once. When it comes again under another identity, with the same account and amount,
//! the new identity is `Approved` too (`repeat`; the balance is today's) and a memo
//! ([`crate::ledger::record::RecordKind::Repeat`]) uses it up; with another account or amount it is `OrderConflict`,
//! refused and remembered; so is an order that a till recorded as a tender. Both belong to the identity group: they are decided
//! before the fields are looked at, unless the sequence is 0. How orders are told apart: see [`super::order`].
//!
//! `NotPermitted` for a terminal that doesn't top up, or a channel that isn't one of top-ups. Then `UnknownCard`,
//! `CardLost`, `CardNotCurrent` for an account named by its card, `UnknownAccount`, `AccountClosed`,
//! `AccountFrozen`, `BalanceOverflow`. `Busy` (no record) when the table of orders has no place for this one, or only that of an
//! order which the index doesn't have yet.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{I64, U32, U64};

use super::{Ask, Case, Desk, channel_wallet};
use crate::ledger::account::AccountStatus;
use crate::ledger::apply::Posting;
use crate::ledger::command::{AccountSelector, Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::directory::Directory;
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::lead::Lead;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::BALANCE_FEN_MAX;
use crate::ledger::orders::OrderKey;
use crate::ledger::record::{MoneyRecord, Record, TopUpRecord, Wallet};
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
        ShardSet::one(OrderKey::new(self.channel as u8, &self.order_number).shard(layout.mask()))
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
        let selected = desk.select(&self.account);
        let beneficiary = selected.ok().map(|person| LedgerAccount::person(person.id));
        if let Some(decision) = desk.known_order(&case, &self.order_number, beneficiary, selected.ok()) {
            return decision;
        }
        let is_channel = matches!(self.channel, Channel::Counter | Channel::WeChat | Channel::Alipay);
        if let Some(code) = desk.bad_field(&case, till.config.tops_up() && is_channel) {
            return desk.transient(&case, code);
        }
        if !desk.has_room_for_order(self.channel, &self.order_number) {
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
    fn digest(&self) -> u64 {
        let fold = Fold::new(DOMAIN_TOP_UP)
            .word(self.amount_fen.cast_unsigned())
            .word(self.channel as u64)
            .bytes(&self.order_number);
        self.account.fold(fold).finish()
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
        self.remember_order(top_up)
    }
}
