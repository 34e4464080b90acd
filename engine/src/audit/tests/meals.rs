//! What is paid in a meal adds up, and what is forged of it is found.

use core::mem::offset_of;

use protocol::card::ChipWrite;
use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use super::{audit, failures, find};
use crate::audit::Check;
use crate::audit::small_log::{RawGroup, SmallLog};
use crate::ledger::record::{FullDebitRecord, FullReversalRecord, PolicySetRecord, RecordKind, RefundRecord};

/// The window of lunch, at which the small log is kept.
const LUNCH: u32 = 3;

/// Eaten up to the limit by card and by code, given back in all ways and eaten again, and more with the password.
fn with_meals() -> Vec<RawGroup> {
    let mut log = SmallLog::new();
    log.set_meal_limit(1_500);
    let mut all = vec![log.tap(101, 1, 1_000), log.code(AccountId(0), 500)];
    let by_code = log.latest();
    assert_eq!(log.tap(101, 2, 1).code, ResultCode::MealLimit);
    all.push(log.reverse(by_code, 500));
    all.push(log.tap(101, 2, 500));
    let last = log.latest();
    all.push(log.refund(last, 200));
    all.push(log.card_tap(101, 3, 200));
    let open = log.latest();
    all.push(log.confirm(open, 200, ChipWrite::NotWritten));
    all.push(log.tap(101, 4, 200));
    log.set_password(AccountId(1));
    all.push(log.tap_with_password(102, 1, 1_600));
    assert!(all.iter().all(|outcome| outcome.code == ResultCode::Approved), "{all:?}");
    log.groups
}

#[test]
fn what_is_paid_in_a_meal_adds_up() {
    let report = audit(&with_meals());
    assert!(report.ok, "{report}");
}

#[test]
fn forged_meals_are_found() {
    let right = with_meals();
    let found = |kind, nth, at: usize, window: u32| {
        let mut groups = right.clone();
        let place = find(&groups, kind, nth);
        groups[place.1].records[place.2].payload[at..][..4].copy_from_slice(&window.to_le_bytes());
        failures(&groups).contains(&(Check::Limit, place.0))
    };
    let window = offset_of!(FullDebitRecord, window);
    // In another window than that of its time, or in none.
    for other in [LUNCH - 1, 0] {
        assert!(found(RecordKind::FullDebit, 0, window, other));
    }
    let back = offset_of!(FullReversalRecord, back) + window;
    assert!(!found(RecordKind::FullReversal, 0, back, LUNCH));
    // Taken off another, or off none.
    for other in [LUNCH - 1, 0] {
        assert!(found(RecordKind::FullReversal, 0, back, other));
        assert!(found(RecordKind::Refund, 0, offset_of!(RefundRecord, window), other));
        assert!(found(RecordKind::TapUndone, 0, back, other));
    }
    // Another limit than that which everybody was held to: who had a password may pay more.
    let mut groups = right.clone();
    let set = find(&groups, RecordKind::PolicySet, 0);
    let limit = offset_of!(PolicySetRecord, meal_max_fen);
    groups[set.1].records[set.2].payload[limit..][..4].copy_from_slice(&1_499_u32.to_le_bytes());
    let by_code = find(&groups, RecordKind::FullDebit, 1);
    assert!(failures(&groups).contains(&(Check::Limit, by_code.0)));
    let by_password = find(&groups, RecordKind::FullDebit, 5);
    assert!(failures(&groups).iter().all(|(_, record)| *record != by_password.0));
}
