//! Asks ahead for the cache lines that a batch's decisions will need, so that the misses overlap.
//!
//! One miss costs more than a whole decision on warm lines. So a batch is gone through before it is decided: first every
//! bucket of the directory is asked for; once those are near, each command's [`Lead`] is found, and with it the account and
//! the place of the till's ring are asked for.
//!
//! Nothing is changed and nothing depends on it; a batch that isn't touched is only slower.

use core::borrow::Borrow;

use protocol::ids::{AccountId, CardUid, Sequence};
use zerocopy::FromBytes;

use super::command::{AccountSelector, Command, TerminalSlot};
use super::directory::Directory;
use super::lead::Lead;
use super::record::{AccountOpenedRecord, CardBoundRecord, MoneyRecord, RecordKind};
use super::shard::{Layout, Parts};

/// Asks for the directory's lines that routing these commands will need. Call it for a batch before
/// [`super::shards_touched`]. Needs no shard.
#[inline]
pub fn touch_routes<'c>(directory: &Directory, commands: impl Iterator<Item: Borrow<Command<'c>>>) {
    for command in commands {
        command.borrow().request.prefetch_route(directory);
    }
}

/// Asks for the lines that looking an account up will need.
pub(super) fn touch_selector(directory: &Directory, selector: &AccountSelector) {
    match selector {
        AccountSelector::Account(_) => {}
        AccountSelector::StudentNumber(text) => directory.prefetch_student_number(text),
        AccountSelector::Card(card_uid) => directory.prefetch_card(*card_uid),
    }
}

/// Asks for the lines of the shards that deciding and applying a command will need. Call it for a whole batch before the
/// first decision. Needs the command's shards.
#[inline]
pub fn touch_parts<P: Parts + ?Sized>(parts: &P, command: &Command<'_>, lead: Lead) {
    let layout = Layout::new(parts.shard_count());
    if let Some(account) = lead.account() {
        touch_account(layout, parts, account);
    }
    if let Some(sale) = command.sale() {
        touch_till(layout, parts, sale.slot, sale.sequence);
    }
}

/// Asks for the lines that applying a record of the log will need. Needs every shard.
#[inline]
pub fn touch_record<P: Parts + ?Sized>(directory: &Directory, parts: &P, kind: u8, payload: &[u8]) {
    let layout = Layout::new(parts.shard_count());
    match RecordKind::from_number(kind) {
        Some(RecordKind::AccountOpened) => {
            if let Ok((opened, _)) = AccountOpenedRecord::ref_from_prefix(payload) {
                directory.prefetch_student_number(&opened.student_number);
            }
        }
        Some(RecordKind::CardBound) => {
            if let Ok((bound, _)) = CardBoundRecord::ref_from_prefix(payload) {
                directory.prefetch_card(CardUid(bound.card_uid.get()));
                touch_account(layout, parts, AccountId(bound.account.get()));
            }
        }
        Some(
            RecordKind::CardIssued
            | RecordKind::CardReplaced
            | RecordKind::CardReturned
            | RecordKind::AccountClosed
            | RecordKind::PasswordSet
            | RecordKind::VirtualBound
            | RecordKind::VirtualUnbound
            | RecordKind::PhoneSet
            | RecordKind::LossReported
            | RecordKind::LossLifted,
        ) => touch_money(layout, parts, payload),
        Some(kind) if kind.needs_shards_only() && kind != RecordKind::Suspense => {
            touch_money(layout, parts, payload);
        }
        _ => {}
    }
}

/// Asks for the lines that a payload which begins with a money record will need.
#[inline]
fn touch_money<P: Parts + ?Sized>(layout: Layout, parts: &P, payload: &[u8]) {
    let Ok((money, _)) = MoneyRecord::ref_from_prefix(payload) else { return };
    if let Some(person) = money.person() {
        touch_account(layout, parts, person);
    }
    if let Some(slot) = money.terminal_slot() {
        touch_till(layout, parts, slot, Sequence(money.sequence.get()));
    }
}

#[inline]
fn touch_account<P: Parts + ?Sized>(layout: Layout, parts: &P, account: AccountId) {
    if let Some(account) = layout.account(parts, account) {
        account.prefetch();
    }
}

#[inline]
fn touch_till<P: Parts + ?Sized>(layout: Layout, parts: &P, slot: TerminalSlot, sequence: Sequence) {
    if let Some(entry) = layout.terminal(parts, slot) {
        entry.ring.prefetch(sequence);
    }
}
