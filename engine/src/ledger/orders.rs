//! Order numbers of top-up channels: the same order is credited once, whichever till brings it again.
//!
//! Bounded: the oldest is forgotten when a new one needs its place, so an order that comes again later than the
//! table's horizon isn't recognised by memory alone.

use super::cuckoo::Cuckoo;
use super::fold::Fold;
use super::probes::looks_at;

const DOMAIN_ORDER: u64 = 0x4f52_4452;
const DOMAIN_ORDER_CHECK: u64 = 0x4f52_4443;

/// The key of an order: two digests of channel and order number. The first finds it, the second confirms it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderKey {
    pub(super) digest: u64,
    pub(super) check: u64,
}

impl OrderKey {
    pub(super) fn new(channel: u8, order_number: &[u8; 32]) -> Self {
        let key = |domain| Fold::new(domain).word(u64::from(channel)).bytes(order_number).finish();
        Self { digest: key(DOMAIN_ORDER), check: key(DOMAIN_ORDER_CHECK) }
    }

    /// The shard whose table knows the order.
    pub(super) const fn shard(self, mask: usize) -> usize {
        self.check as usize & mask
    }
}

/// What is remembered of a credited order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    pub(super) record: u64,
    pub(super) amount_fen: i64,
    pub(super) balance_after_fen: i64,
    pub(super) account: u32,
}

/// A shard's table of orders.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    index: Cuckoo,
    /// In the order they came; full, it is a ring and `next` is the oldest.
    orders: Vec<Order>,
    next: usize,
    orders_max: usize,
}

impl Orders {
    pub(super) fn new(orders_max: usize) -> Self {
        let orders_max = orders_max.max(1);
        Self { index: Cuckoo::new(orders_max), orders: Vec::with_capacity(orders_max), next: 0, orders_max }
    }

    /// The order with this first digest; the caller compares the second.
    pub(super) fn get(&self, key: OrderKey) -> Option<&Order> {
        self.orders.get(self.index.get(key.digest)? as usize).inspect(|&order| looks_at(order))
    }

    pub(super) fn has_room_for(&self, key: OrderKey) -> bool {
        self.index.has_room_for(key.digest)
    }

    pub(super) fn insert(&mut self, order: Order) -> bool {
        let Ok(at) = u32::try_from(self.next) else { return false };
        if let Some(oldest) = self.orders.get(self.next) {
            looks_at(oldest);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut orders = Orders::new(4);
        let key = |i: u8| OrderKey::new(5, &[i; 32]);
        for i in 0..10 {
            assert!(orders.has_room_for(key(i)));
            assert!(orders.insert(Order {
                key: key(i),
                record: u64::from(i),
                amount_fen: 1,
                balance_after_fen: 1,
                account: 0
            }));
            for j in 0..=i {
                assert_eq!(orders.get(key(j)).is_some(), j + 4 > i, "{j} after {i}");
            }
        }
        assert_eq!(orders.iter().count(), 4);
    }
}
