//! Order numbers of channels, of top-ups and of tenders: the same order counts once, for ever, whichever till brings it again.
//!
//! The latest are in memory, in a ring: the oldest is forgotten when a new one needs its place. What was forgotten is in an
//! index outside the ledger, which is asked ([`super::known::Need::Order`]) once anything was forgotten. So nothing may be
//! forgotten that isn't in the index yet: whoever keeps the index says how far it reaches ([`Shard::set_orders_indexed`]),
//! and a top-up that would forget an order beyond that is `Busy`. How far it reaches changes no other outcome, and isn't
//! logged.

use protocol::ids::RecordNumber;

use super::cuckoo::Cuckoo;
use super::fold::Fold;
use super::ledger_account::LedgerAccount;
use super::probes::looks_at;
use super::record::{Record, RecordKind, TopUpRecord};
use super::shard::Shard;

const DOMAIN_ORDER: u64 = 0x4f52_4452;
const DOMAIN_ORDER_CHECK: u64 = 0x4f52_4443;

/// In a table of few buckets a key may find no place though others are free: smaller ones are made as large as for this many.
const INDEX_ORDERS_MIN: usize = 64;

/// The key of an order: two digests of channel and order number. The first finds it, the second confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey {
    /// Finds it.
    pub digest: u64,
    /// Confirms it.
    pub check: u64,
}

impl OrderKey {
    /// The key of a channel's order.
    pub fn new(channel: u8, order_number: &[u8; 32]) -> Self {
        let key = |domain| Fold::new(domain).word(u64::from(channel)).bytes(order_number).finish();
        Self { digest: key(DOMAIN_ORDER), check: key(DOMAIN_ORDER_CHECK) }
    }

    /// The key of the order that a record counted.
    pub(super) fn of(top_up: &TopUpRecord) -> Self {
        Self::new(top_up.money.channel_wallet & 0x0f, &top_up.order_number)
    }

    /// The key of the order that a record counted, if it did.
    pub fn credited_by(record: &Record<'_>) -> Option<Self> {
        match record {
            Record::TopUp(counted) | Record::Tender(counted) => Some(Self::of(counted)),
            _ => None,
        }
    }

    /// Whether records of a kind count orders.
    pub fn is_counted_by(kind: u8) -> bool {
        kind == RecordKind::TopUp as u8 || kind == RecordKind::Tender as u8
    }

    /// The shard whose table knows the order.
    pub(super) const fn shard(self, mask: usize) -> usize {
        self.check as usize & mask
    }
}

/// What is remembered of an order that counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) record: u64,
    pub(super) amount_fen: i64,
    pub(super) balance_after_fen: i64,
    /// For whom: a person, or a merchant.
    pub(super) credit: LedgerAccount,
}

/// A shard's table of orders.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    index: Cuckoo,
    /// In the order they came; full, it is a ring and `next` is the oldest.
    orders: Vec<Order>,
    next: usize,
    orders_max: usize,
    /// The newest record whose order isn't in here any more; 0 for none.
    forgotten: u64,
    /// Every order of a record up to this one is in the index.
    indexed: u64,
}

impl Orders {
    pub(super) fn new(orders_max: usize) -> Self {
        let orders_max = orders_max.max(1);
        Self {
            index: Cuckoo::new(orders_max.max(INDEX_ORDERS_MIN)),
            orders: Vec::with_capacity(orders_max),
            next: 0,
            orders_max,
            forgotten: 0,
            indexed: 0,
        }
    }

    /// The order with this first digest; the caller compares the second.
    pub(super) fn get(&self, key: OrderKey) -> Option<&Order> {
        self.orders.get(self.index.get(key.digest)? as usize).inspect(|&order| looks_at(order))
    }

    /// Whether there is a place for one more, and what it would push out is in the index.
    pub(super) fn has_room_for(&self, key: OrderKey) -> bool {
        self.orders.get(self.next).is_none_or(|oldest| oldest.record <= self.indexed)
            && self.index.has_room_for(key.digest)
    }

    /// The newest record whose order was forgotten; 0 for none.
    pub(super) const fn forgotten(&self) -> RecordNumber {
        RecordNumber(self.forgotten)
    }

    /// Takes it that orders up to this record were forgotten, whether they were or not.
    pub(super) fn take_as_forgotten(&mut self, record: u64) {
        self.forgotten = self.forgotten.max(record);
    }

    /// Whether a quarter of the places are taken by orders that aren't in the index.
    fn is_index_due(&self) -> bool {
        let quarter = (self.orders_max / 4).max(1);
        let place = (self.next + self.orders_max - quarter) % self.orders_max;
        // Where the ring isn't full and hasn't a quarter, there is nothing at that place yet.
        self.orders.get(place).is_some_and(|order| order.record > self.indexed)
    }

    pub(super) fn insert(&mut self, order: Order) -> bool {
        let Ok(at) = u32::try_from(self.next) else { return false };
        if let Some(oldest) = self.orders.get(self.next) {
            looks_at(oldest);
            self.forgotten = self.forgotten.max(oldest.record);
            self.index.remove(oldest.key.digest);
        }
        if !self.index.insert(order.key.digest, at) {
            return false;
        }
        match self.orders.get_mut(self.next) {
            Some(place) => *place = order,
            None => self.orders.push(order),
        }
        self.next = (self.next + 1) % self.orders_max;
        true
    }

    /// Every order remembered.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }
}

/// What whoever keeps the index needs of a shard.
impl Shard {
    /// The newest record whose order this shard has forgotten; 0 for none.
    pub const fn orders_forgotten(&self) -> RecordNumber {
        self.orders.forgotten()
    }

    /// Whether a quarter of this shard's places are taken by orders that aren't in the index yet.
    pub fn is_order_index_due(&self) -> bool {
        self.orders.is_index_due()
    }

    /// The orders of records above `after`, up to `up_to`: all of them, when the index reaches as far as `after`.
    pub fn orders_between(
        &self,
        after: RecordNumber,
        up_to: RecordNumber,
    ) -> impl Iterator<Item = (OrderKey, RecordNumber)> {
        let Orders { orders, next, .. } = &self.orders;
        let (newer, older) = orders.split_at((*next).min(orders.len()));
        // From the newest back: everything is before `next` while the ring fills, and the oldest behind it when it is full.
        let newest_first = newer.iter().rev().chain(older.iter().rev());
        newest_first
            .skip_while(move |order| order.record > up_to.0)
            .take_while(move |order| order.record > after.0)
            .map(|order| (order.key, RecordNumber(order.record)))
    }

    /// Says that every order of a record up to this one is in the index.
    pub fn set_orders_indexed(&mut self, up_to: RecordNumber) {
        self.orders.indexed = self.orders.indexed.max(up_to.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(i: u64) -> OrderKey {
        OrderKey::new(5, &[i as u8; 32])
    }

    fn order(i: u64) -> Order {
        Order {
            key: key(i),
            record: 10 * i,
            amount_fen: 1,
            credit: LedgerAccount::from_bits(0),
            balance_after_fen: 1,
        }
    }

    #[test]
    fn the_oldest_makes_room_once_the_index_has_it() {
        let mut orders = Orders::new(4);
        for i in 1..=10 {
            if i > 4 {
                assert!(!orders.has_room_for(key(i)), "the index ends before {}", i - 4);
                orders.indexed = 10 * (i - 4) - 1;
                assert!(!orders.has_room_for(key(i)), "the index ends before {}", i - 4);
                orders.indexed = 10 * (i - 4);
            }
            assert!(orders.has_room_for(key(i)));
            assert!(orders.insert(order(i)));
            assert_eq!(orders.forgotten().0, 10 * i.saturating_sub(4));
            for j in 1..=i {
                assert_eq!(orders.get(key(j)).is_some(), j + 4 > i, "{j} after {i}");
            }
        }
        assert_eq!(orders.iter().count(), 4);
    }

    #[test]
    fn the_index_is_due_once_a_quarter_is_new_and_is_given_what_is() {
        let state = crate::ledger::State::new(&crate::ledger::Sizes { orders_max: 8, ..Default::default() });
        let mut shard = state.expect("sizes in range").shards.remove(0);
        for i in 1..=30 {
            assert_eq!(shard.is_order_index_due(), i > 1 && i % 2 == 1, "before {i}");
            if i > 1 && i % 2 == 1 {
                let given: Vec<u64> = shard
                    .orders_between(RecordNumber(10 * (i - 3)), RecordNumber(10 * (i - 1)))
                    .map(|(_, record)| record.0)
                    .collect();
                assert_eq!(given, [10 * (i - 1), 10 * (i - 2)]);
                shard.set_orders_indexed(RecordNumber(10 * (i - 1)));
                assert!(!shard.is_order_index_due());
            }
            assert!(shard.orders.insert(order(i)));
            let all = shard.orders_between(RecordNumber(0), RecordNumber(u64::MAX)).count() as u64;
            assert_eq!(all, i.min(8));
            let without_newest =
                shard.orders_between(RecordNumber(0), RecordNumber(10 * i - 1)).count() as u64;
            assert_eq!(without_newest, i.min(8) - 1);
        }
    }
}
