//! Orders of channels, each of which counts once, for ever: what [`super::top_up`] and [`super::tender`] have in common.
//!
//! Orders are told apart by channel and number. One that isn't in memory any more is found by the index of orders
//! ([`Need::Order`]), and what it was by its record ([`Need::Record`]).

use protocol::result_code::ResultCode;
use zerocopy::little_endian::{U16, U32, U64};

use super::{Case, Desk, Person};
use crate::ledger::apply::Posting;
use crate::ledger::command::Channel;
use crate::ledger::decision::{Decision, Group, Outcome};
use crate::ledger::error::LedgerError;
use crate::ledger::known::Need;
use crate::ledger::ledger_account::LedgerAccount;
use crate::ledger::orders::{Order, OrderKey};
use crate::ledger::record::{Record, ReversalRecord, TopUpRecord};
use crate::ledger::shard::Parts;

/// What is known of an order.
enum Credit {
    /// It never counted.
    None,
    /// It did, in this record.
    By(Credited),
    /// Memory alone can't tell.
    Needs(Need),
    /// Another order has the same digests: nothing can be said about this one.
    Unclear,
}

/// How an order counted.
struct Credited {
    record: u64,
    /// For whom: a person, or a merchant.
    credit: LedgerAccount,
    amount_fen: i64,
}

impl<P: Parts + ?Sized> Desk<'_, P> {
    fn credit_of(&self, channel: Channel, order_number: &[u8; 32]) -> Credit {
        let key = OrderKey::new(channel as u8, order_number);
        let orders = &self.parts.shard(key.shard(self.layout.mask())).orders;
        if let Some(order) = orders.get(key) {
            if order.key != key {
                return Credit::Unclear;
            }
            let Order { record, credit, amount_fen, .. } = *order;
            return Credit::By(Credited { record, credit, amount_fen });
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
            Some(Record::TopUp(r) | Record::Tender(r)) if r.is_of(channel, order_number) => {
                let (credit, amount_fen) = (r.money.credit_account(), r.money.amount_fen.get());
                Credit::By(Credited { record: number.0, credit, amount_fen })
            }
            Some(_) => Credit::Unclear,
        }
    }

    /// Whether memory has a place for one more.
    pub(super) fn has_room_for_order(&self, channel: Channel, order_number: &[u8; 32]) -> bool {
        let key = OrderKey::new(channel as u8, order_number);
        self.parts.shard(key.shard(self.layout.mask())).orders.has_room_for(key)
    }

    /// What an order comes to that isn't new; none for a new one. It is the same as before when it counted as much, for
    /// `beneficiary`; a refusal names `person`.
    pub(super) fn known_order<'a>(
        &self,
        case: &Case<'_, 'a>,
        order_number: &[u8; 32],
        beneficiary: Option<LedgerAccount>,
        person: Option<Person<'_>>,
    ) -> Option<Decision<'a>> {
        if case.sale.sequence.0 == 0 {
            return None;
        }
        Some(match self.credit_of(case.channel, order_number) {
            Credit::None => return None,
            Credit::Unclear => self.transient(case, ResultCode::Busy),
            Credit::Needs(need) => Decision::Needs(need),
            Credit::By(credit)
                if beneficiary == Some(credit.credit) && credit.amount_fen == case.amount_fen =>
            {
                self.counted_before(case, &credit)
            }
            Credit::By(_) => self.refuse(case, ResultCode::OrderConflict, person),
        })
    }

    /// The same order under another identity: a memo uses that up, and nothing else happens.
    fn counted_before<'a>(&self, case: &Case<'_, 'a>, credit: &Credited) -> Decision<'a> {
        let person = credit.credit.as_person().and_then(|id| self.person(id));
        let money = self.memo(case, ResultCode::Approved, person);
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
    /// Remembers the order that a record counted.
    pub(super) fn remember_order(&mut self, counted: &TopUpRecord) -> Result<(), LedgerError> {
        let key = OrderKey::of(counted);
        let order = Order {
            key,
            record: self.number.0,
            amount_fen: counted.money.amount_fen.get(),
            balance_after_fen: counted.money.balance_after_fen.get(),
            credit: counted.money.credit_account(),
        };
        if self.parts.shard_mut(key.shard(self.layout.mask())).orders.insert(order) {
            Ok(())
        } else {
            Err(LedgerError::TableFull { table: "orders" })
        }
    }
}
