//! A customer paid at the till through WeChat Pay or Alipay, in that channel and not from an account here: recorded once, for
//! the settlement, under the channel's order number. No money moves in these books.
//!
//! It is a fact, so neither the merchant's status nor any limit refuses it. An order that was recorded before is told so:
//! `Approved` (`repeat`) for the same merchant and amount, with a memo that uses the new identity up; `OrderConflict` for
//! another, and for an order that paid money in. Both belong to the identity group, unless the sequence is 0; see
//! [`super::order`]. `NotPermitted` for a terminal that doesn't sell, or another channel. `Busy` (no record) when the table of
//! orders has no place for this one. What undoes a sale doesn't undo a tender: the channel gives its money back itself.

use protocol::result_code::ResultCode;
use zerocopy::little_endian::U32;

use super::{Ask, Case, Desk};
use crate::ledger::apply::Posting;
use crate::ledger::command::{Channel, Sale};
use crate::ledger::decision::{Decision, Group};
use crate::ledger::error::LedgerError;
use crate::ledger::fold::Fold;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::orders::OrderKey;
use crate::ledger::record::{MoneyRecord, Record, TopUpRecord};
use crate::ledger::shard::{Layout, Parts, ShardSet};

/// A payment through another channel, taken at a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tender<'a> {
    /// Its identity.
    pub sale: Sale<'a>,
    /// What was paid.
    pub amount_fen: i64,
    /// [`Channel::WeChat`] or [`Channel::Alipay`].
    pub channel: Channel,
    /// The channel's own order number, UTF-8, padded with zeros. Unique within its channel.
    pub order_number: [u8; 32],
}

impl<'a> Ask<'a> for Tender<'a> {
    fn sale(&self) -> Option<&Sale<'a>> {
        Some(&self.sale)
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
        let merchant = LedgerAccount::merchant(till.config.merchant);
        if let Some(decision) = desk.known_order(&case, &self.order_number, Some(merchant), None) {
            return decision;
        }
        let is_channel = matches!(self.channel, Channel::WeChat | Channel::Alipay);
        if let Some(code) = desk.bad_field(&case, till.config.is_attended() && is_channel) {
            return desk.transient(&case, code);
        }
        if !desk.has_room_for_order(self.channel, &self.order_number) {
            return desk.transient(&case, ResultCode::Busy);
        }
        let money =
            MoneyRecord { credit: U32::new(merchant.bits()), ..desk.memo(&case, ResultCode::Approved, None) };
        let outcome = desk.outcome(&money, ResultCode::Approved, desk.stamp.number);
        let record = Record::Tender(TopUpRecord { money, order_number: self.order_number });
        Decision::Done { outcome, group: Group::one(record) }
    }
}

/// Domain of the digests of bodies: it stands in records and never changes.
const DOMAIN_TENDER: u64 = 25;

impl Tender<'_> {
    fn digest(&self) -> u64 {
        Fold::new(DOMAIN_TENDER)
            .word(self.amount_fen.cast_unsigned())
            .word(self.channel as u64)
            .bytes(&self.order_number)
            .finish()
    }
}

impl<P: Parts + ?Sized> Posting<'_, P> {
    pub(in crate::ledger) fn tender(&mut self, tender: &TopUpRecord) -> Result<(), LedgerError> {
        self.amount_fen(&tender.money)?;
        self.memo(&tender.money)?;
        self.remember_order(tender)
    }
}
