//! What is paid beside prices adds up, and what is forged of it is found.

use core::mem::offset_of;

use protocol::card::ChipWrite;
use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::{audit, failures, find};
use crate::audit::Check;
use crate::audit::small_log::{RawGroup, SmallLog};
use crate::ledger::record::{
    FullDebitRecord, FullReversalRecord, MoneyRecord, PriceSetRecord, RecordKind, RefundRecord, Wallets,
};

/// With a surcharge given back at once and in parts, one paid by code, one undone with its tap, one that is loaded with its price, and a
/// discount.
fn with_prices() -> Vec<RawGroup> {
    let mut log = SmallLog::new();
    log.give_subsidy(AccountId(0), 300);
    log.set_rate(500);
    let mut all = vec![log.tap(101, 1, 1_010)];
    let first = log.latest();
    all.push(log.reverse(first, 1_010));
    all.push(log.tap(101, 2, 1_010));
    let second = log.latest();
    all.extend([405, 605].map(|part_fen| log.refund(second, part_fen)));
    all.push(log.code(AccountId(1), 300));
    all.push(log.card_tap(102, 1, 700));
    let open = log.latest();
    all.push(log.confirm(open, 700, ChipWrite::NotWritten));
    log.set_password(AccountId(2));
    all.push(log.top_up(AccountId(2), 500, "wx-1"));
    all.push(log.tap_with_password(103, 1, 4_100));
    let loaded = log.latest();
    log.set_rate(-250);
    all.push(log.tap(102, 5, 1_000));
    let discounted = log.latest();
    all.push(log.refund(discounted, 100));
    // What its holder gets back of it is owed to him, with what was paid beside it.
    log.close_account(AccountId(2));
    all.push(log.refund(loaded, 1_000));
    assert!(all.iter().all(|outcome| outcome.code == ResultCode::Approved), "{all:?}");
    log.groups
}

#[test]
fn what_is_paid_beside_prices_adds_up() {
    let report = audit(&with_prices());
    assert!(report.ok, "{report}");
    // 5 % of 3.00 and of 31.00 are left of the surcharges; 25 were left to a payer, and 3 of them taken back.
    assert_eq!(
        (report.totals.pricing_fen, report.holdings.clearing_fen["pricing"]),
        (15 + 155 - 25 + 3, 148)
    );
    assert_eq!((report.holdings.merchants_fen, report.holdings.subsidy_fen), (300 + 3_100 + 900, 300));
    assert!(report.to_string().contains("less surcharges and discounts"));
}

#[test]
fn forged_pricing_is_found() {
    let right = with_prices();
    let add = |payload: &mut [u8], at: usize, fen: i64| {
        let place = &mut payload[at..][..8];
        let sum = i64::from_le_bytes(place.try_into().expect("eight bytes")) + fen;
        place.copy_from_slice(&sum.to_le_bytes());
    };
    let balance = offset_of!(MoneyRecord, balance_after_fen);
    let card = offset_of!(Wallets, card_fen);
    let found = |kind, nth, check, changes: &[(usize, i64)]| {
        let mut groups = right.clone();
        let place = find(&groups, kind, nth);
        for (at, fen) in changes {
            add(&mut groups[place.1].records[place.2].payload, *at, *fen);
        }
        failures(&groups).contains(&(check, place.0))
    };
    // Each record agrees with itself; what is due isn't what it says.
    let (pricing, wallets) = (offset_of!(FullDebitRecord, pricing_fen), offset_of!(FullDebitRecord, wallets));
    let more = [(pricing, 1), (wallets + card, -1), (balance, -1)];
    assert!(found(RecordKind::FullDebit, 0, Check::Pricing, &more));
    let back = offset_of!(FullReversalRecord, back);
    let more = [(back + pricing, 1), (back + wallets + card, 1), (back + balance, 1)];
    assert!(found(RecordKind::FullReversal, 0, Check::Pricing, &more));
    let (pricing, wallets) = (offset_of!(RefundRecord, pricing_fen), offset_of!(RefundRecord, wallets));
    let more = [(pricing, 1), (wallets + card, 1), (balance, 1)];
    assert!(found(RecordKind::Refund, 0, Check::Refund, &more));
    // What moves isn't what is said.
    assert!(found(RecordKind::Refund, 0, Check::Sides, &[(pricing, 1)]));

    // Another rate than that which everybody paid.
    let mut groups = right.clone();
    let set = find(&groups, RecordKind::PriceSet, 0);
    let rate = offset_of!(PriceSetRecord, rate);
    groups[set.1].records[set.2].payload[rate..][..2].copy_from_slice(&400_i16.to_le_bytes());
    let paid = find(&groups, RecordKind::FullDebit, 0);
    assert!(failures(&groups).contains(&(Check::Pricing, paid.0)));
    groups[set.1].records[set.2].payload[rate..][..2].copy_from_slice(&10_001_i16.to_le_bytes());
    assert!(failures(&groups).contains(&(Check::Layout, set.0)));
}
