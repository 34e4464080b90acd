//! A sale that never came, posted because its card told of it, and what is forged of that.

use core::mem::offset_of;

use protocol::result_code::ResultCode;

use super::{audit, failures, find};
use crate::audit::Check;
use crate::audit::small_log::{HOUR_NS, RawGroup, SmallLog};
use crate::ledger::record::{MoneyRecord, OfflineDebitRecord, RecordKind, ToldPostedRecord};
use crate::ledger::registry::TerminalKind;

/// Card 101 tells of a sale of 650 fen; it is posted an hour later.
fn with_told() -> Vec<RawGroup> {
    let mut log = SmallLog::new();
    log.tap(101, 1, 100);
    let lost = log.skip();
    log.offline_telling(101, 800, (lost, 2, 650));
    log.tap(102, 1, 100);
    log.time_ns += HOUR_NS;
    assert_eq!(log.post_told(101, 2).code, ResultCode::ApprovedFlagged);
    assert_eq!(log.post_told(101, 2).code, ResultCode::ToldCame);
    log.groups
}

#[test]
fn what_a_card_told_of_is_right_and_held_back() {
    let report = audit(&with_told());
    assert!(report.ok, "{report}");
    assert_eq!((report.totals.offline_fen, report.totals.offline_held_back_fen), (800 + 650, 650));
}

#[test]
fn what_no_card_told_of_is_found() {
    let right = with_told();
    let debit = find(&right, RecordKind::OfflineDebit, 1);
    let memo = find(&right, RecordKind::ToldPosted, 0);
    let witness = find(&right, RecordKind::OfflineDebit, 0);
    let add = |(_, at, within): (u64, usize, usize), field: usize, by: u8| {
        let mut groups = right.clone();
        let place = &mut groups[at].records[within].payload[field];
        *place = place.wrapping_add(by);
        failures(&groups)
    };
    let memo_says = |field, by| add(memo, field, by);
    for field in [
        offset_of!(ToldPostedRecord, card_uid),
        offset_of!(ToldPostedRecord, till),
        offset_of!(ToldPostedRecord, sequence),
        offset_of!(ToldPostedRecord, card_counter),
        offset_of!(ToldPostedRecord, epoch),
    ] {
        assert!(memo_says(field, 1).contains(&(Check::Told, memo.0)), "byte {field}");
    }
    // Another record is named as the one that told: one that is no offline sale, one that told nothing, itself, and none.
    for by in [1, 200] {
        let failed = memo_says(offset_of!(ToldPostedRecord, witness), by);
        assert!(failed.contains(&(Check::Told, memo.0)), "{by} further");
    }
    // The one that told says something else.
    for field in [
        offset_of!(OfflineDebitRecord, previous_till),
        offset_of!(OfflineDebitRecord, previous_epoch),
        offset_of!(OfflineDebitRecord, previous_sequence),
        offset_of!(OfflineDebitRecord, previous_card_counter),
        offset_of!(OfflineDebitRecord, previous_amount_fen),
        offset_of!(OfflineDebitRecord, till_time_ns),
    ] {
        assert!(add(witness, field, 1).contains(&(Check::Told, memo.0)), "byte {field}");
    }
    // It isn't marked, so that nobody would look at it, or isn't followed by who had it posted.
    let unmarked = add(debit, offset_of!(OfflineDebitRecord, review), 252);
    assert!(unmarked.contains(&(Check::HeldBack, debit.0)) && unmarked.contains(&(Check::Group, memo.0)));
    let mut groups = right.clone();
    groups[memo.1].records.remove(memo.2);
    assert!(failures(&groups).contains(&(Check::Group, debit.0)));
    // Nobody says why.
    let mut groups = right.clone();
    groups[memo.1].records[memo.2].payload[offset_of!(ToldPostedRecord, reason)..].fill(0);
    assert_eq!(failures(&groups), [(Check::Office, memo.0)]);
    // The money that the memo says was asked about isn't what moved.
    let other = memo_says(offset_of!(MoneyRecord, amount_fen), 1);
    assert!(other.contains(&(Check::Told, memo.0)));
}

#[test]
fn only_a_counter_has_it_posted() {
    let mut log = SmallLog::new();
    log.tap(101, 1, 100);
    let lost = log.skip();
    log.offline_telling(101, 800, (lost, 2, 650));
    log.become_another(TerminalKind::PhoneGateway);
    let registered = log.groups.len() - 1;
    log.become_counter();
    log.post_told(101, 2);
    let mut groups = log.groups;
    assert!(audit(&groups).ok);
    // It is a gateway again when it asks.
    let counter = groups[registered + 1].clone();
    groups[registered + 1] = groups[registered].clone();
    groups[registered] = counter;
    let memo = find(&groups, RecordKind::ToldPosted, 0);
    assert_eq!(failures(&groups), [(Check::Office, memo.0)]);
}
