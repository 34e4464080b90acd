//! Small logs, right and wrong, audited.

mod meals;
mod pricing;
mod told;

use protocol::ids::AccountId;
use protocol::result_code::ResultCode;
use protocol::till_totals::TillTotals;
use zerocopy::little_endian::{I64, U16, U32, U64};

use super::small_log::{DAY, Raw, RawGroup, SmallLog, write};
use super::{AuditOptions, AuditReport, Check, verify_log};
use crate::ledger::command::Channel;
use crate::ledger::known::PasswordVerdict;
use crate::ledger::record::{
    BatchSettledRecord, CutOffRecord, DutyRecord, FullReversalRecord, MoneyRecord, Record, RecordKind,
    RefundRecord, Wallets,
};
use crate::ledger::registry::TerminalKind;

fn audit(groups: &[RawGroup]) -> AuditReport {
    verify_log(&write(groups).reader(), &AuditOptions::default()).expect("a log that can be read")
}

/// What fails, and at which records.
fn failures(groups: &[RawGroup]) -> Vec<(Check, u64)> {
    let report = audit(groups);
    assert_eq!(report.ok, report.violations.is_empty());
    report.violations.iter().map(|violation| (violation.check, violation.record)).collect()
}

/// Number of a record, and where it stands among the groups.
fn find(groups: &[RawGroup], kind: RecordKind, nth: usize) -> (u64, usize, usize) {
    let mut places = Vec::new();
    let mut number = 0;
    for (at, group) in groups.iter().enumerate() {
        for (within, raw) in group.records.iter().enumerate() {
            number += 1;
            if raw.kind == kind as u8 {
                places.push((number, at, within));
            }
        }
    }
    places[nth]
}

/// Spoils the money part of a record, which every money record begins with.
fn spoil(
    groups: &mut [RawGroup],
    (_, at, within): (u64, usize, usize),
    change: impl FnOnce(&mut MoneyRecord),
) {
    use zerocopy::FromBytes as _;
    let payload = &mut groups[at].records[within].payload;
    let (money, _) = MoneyRecord::mut_from_prefix(payload).expect("a money record");
    change(money);
}

/// The last record of every kind of chain of the one till.
fn heads(groups: &[RawGroup], account: AccountId) -> (u64, u64, u64, i64) {
    let (mut number, mut till, mut person, mut hot, mut balance_fen) = (0, 0, 0, 0, 0);
    for raw in groups.iter().flat_map(|group| &group.records) {
        number += 1;
        let record = raw.record();
        if record.previous_of_terminal().is_some() {
            till = number;
        }
        if record.previous_of(account).is_some() {
            person = number;
            balance_fen = record.money().map_or(balance_fen, |money| money.balance_after_fen.get());
        }
        if matches!(record, Record::Debit(_) | Record::Reversal(_)) {
            hot = number;
        }
    }
    (till, person, hot, balance_fen)
}

#[test]
fn a_right_log_is_right_and_adds_up() {
    let mut log = SmallLog::with_a_day();
    log.cut_off(DAY + 1);
    let report = audit(&log.groups);
    assert!(report.ok, "{report}");
    assert_eq!(report.totals.openings_fen, 3 * 4_200);
    assert_eq!(report.totals.top_ups_fen, 5_000);
    assert_eq!(report.totals.reversals_fen, 1_500);
    assert_eq!(report.totals.debits_fen, 1_500 + 1_000 + 2_000 + 2_000 + 900);
    assert_eq!(report.totals.loads_fen, 700);
    assert_eq!(report.totals.offline_fen, 800);
    assert_eq!(report.totals.offline_unknown_card_fen, 600);
    assert_eq!(report.totals.offline_held_back_fen, 600);
    assert_eq!(report.holdings.persons_fen, 17_600 + 1_500 - 7_400 - 800);
    assert_eq!(report.holdings.sum_fen, 0);
    assert_eq!(report.dates_closed, 1);
    assert_eq!(report.business_date.as_deref(), Some("2025-09-02"));
    let text = report.to_string();
    assert!(text.contains("0 violations") && text.contains("109.00"), "{text}");
    let json = serde_json::to_value(&report).expect("a report is JSON");
    assert_eq!(json["ok"], true);
    assert_eq!(json["records_by_kind"]["debit"], 5);
}

#[test]
fn a_corrupted_balance_is_found_where_it_stands() {
    let mut groups = SmallLog::with_a_day().groups;
    let place = find(&groups, RecordKind::Debit, 1);
    spoil(&mut groups, place, |money| money.balance_after_fen += 1);
    assert_eq!(failures(&groups), [(Check::BalanceAfter, place.0)]);
}

#[test]
fn any_posting_of_another_amount_is_found() {
    let right = SmallLog::with_a_day().groups;
    for kind in [
        RecordKind::Debit,
        RecordKind::Load,
        RecordKind::TopUp,
        RecordKind::Opening,
        RecordKind::Reversal,
        RecordKind::OfflineDebit,
    ] {
        let mut groups = right.clone();
        let place = find(&groups, kind, 0);
        spoil(&mut groups, place, |money| money.amount_fen += 1);
        let expected = if kind == RecordKind::Load { Check::Load } else { Check::BalanceAfter };
        assert!(failures(&groups).iter().any(|&(check, _)| check == expected), "{kind:?}");
    }
}

#[test]
fn a_doubled_sale_is_found() {
    let log = SmallLog::with_a_day();
    let mut groups = log.groups.clone();
    let (number, at, within) = find(&groups, RecordKind::Debit, 1);
    let again = groups[at].clone();
    assert_eq!(within, 0, "the payment by code has no load");
    let account = again.records[0].record().money().and_then(MoneyRecord::person).expect("a person paid");
    let (till, person, hot, balance_fen) = heads(&groups, account);
    groups.push(RawGroup { time_ns: log.time_ns, ..again });
    let last = groups.len() - 1;
    // A forger who mends every chain and balance is still found by the identity and by the code.
    spoil(&mut groups, (0, last, 0), |money| {
        money.previous_terminal = U64::new(till);
        money.previous_account = U64::new(person);
        money.previous_counter = U64::new(hot);
        money.balance_after_fen = I64::new(balance_fen - money.amount_fen.get());
    });
    let doubled = groups.iter().map(|group| group.records.len() as u64).sum();
    assert!(doubled > number);
    assert_eq!(failures(&groups), [(Check::SaleOnce, doubled), (Check::CodeOnce, doubled)]);
}

#[test]
fn a_second_reversal_and_a_wrong_one_are_found() {
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    let sale = log.latest();
    log.reverse(sale, 1_500);
    log.tap(102, 1, 700);
    let mut groups = log.groups.clone();
    let (_, at, _) = find(&groups, RecordKind::Reversal, 0);
    groups.push(RawGroup { time_ns: log.time_ns, ..groups[at].clone() });
    let (last, number) =
        (groups.len() - 1, 1 + log.groups.iter().map(|g| g.records.len() as u64).sum::<u64>());
    let (till, person, hot, balance_fen) = heads(&log.groups, AccountId(0));
    spoil(&mut groups, (0, last, 0), |money| {
        money.sequence = U32::new(99);
        money.previous_terminal = U64::new(till);
        money.previous_account = U64::new(person);
        money.previous_counter = U64::new(hot);
        money.balance_after_fen = I64::new(balance_fen + money.amount_fen.get());
    });
    assert_eq!(failures(&groups), [(Check::Reversal, number)]);

    let mut groups = log.groups.clone();
    let place = find(&groups, RecordKind::Reversal, 0);
    groups[place.1].records[0].payload[80..88].copy_from_slice(&3_u64.to_le_bytes());
    assert_eq!(failures(&groups), [(Check::Reversal, place.0)]);
}

#[test]
fn a_top_up_taken_back_is_held_to_the_one_it_names() {
    let mut log = SmallLog::new();
    log.become_counter();
    log.top_up_in_cash(AccountId(0), 3_000, "C1");
    let first = log.latest();
    log.top_up_in_cash(AccountId(0), 3_000, "C2");
    log.top_up(AccountId(0), 3_000, "W1");
    assert!(log.undo_top_up(first, 3_000).code.is_approved());
    let report = audit(&log.groups);
    assert!(report.ok, "{report}");
    assert_eq!((report.totals.top_ups_fen, report.totals.top_ups_undone_fen), (9_000, 3_000));
    assert_eq!(report.holdings.clearing_top_up_fen, -6_000);
    let right = log.groups;
    let undo = find(&right, RecordKind::TopUpUndo, 0);
    let naming = |record: u64| {
        let mut groups = right.clone();
        groups[undo.1].records[0].payload[80..88].copy_from_slice(&record.to_le_bytes());
        failures(&groups)
    };
    let top_up = |nth| find(&right, RecordKind::TopUp, nth).0;
    assert_eq!(naming(top_up(0)), []);
    // Another sale's, another channel's, an opening, one that isn't there.
    for record in [top_up(1), top_up(2), find(&right, RecordKind::Opening, 0).0, undo.0 + 1] {
        assert_eq!(naming(record), [(Check::Reversal, undo.0)], "record {record}");
    }
    let mut groups = right.clone();
    spoil(&mut groups, undo, |money| money.channel_wallet = 0x35);
    assert_eq!(failures(&groups), [(Check::Reversal, undo.0)]);
}

#[test]
fn an_overdraft_online_is_found_but_not_offline() {
    let mut log = SmallLog::new();
    log.offline(101, 1_900, log.time_ns);
    log.offline(101, 1_900, log.time_ns);
    log.offline(101, 1_900, log.time_ns);
    let report = audit(&log.groups);
    assert!(report.ok, "{report}");
    assert_eq!(report.accounts_below_floor, 1);

    let mut log = SmallLog::new();
    log.tap(101, 1, 2_000);
    let mut groups = log.groups.clone();
    let place = find(&groups, RecordKind::Debit, 0);
    spoil(&mut groups, place, |money| {
        money.amount_fen = I64::new(4_201);
        money.balance_after_fen = I64::new(-1);
    });
    assert_eq!(failures(&groups), [(Check::Limit, place.0), (Check::Floor, place.0)]);
}

#[test]
fn a_debit_above_its_limit_is_found_unless_a_password_came_along() {
    let mut log = SmallLog::new();
    log.set_password(AccountId(0));
    assert_eq!(log.tap_with_password(101, 1, 3_000).code, ResultCode::Approved);
    log.set_code_limit(900);
    assert_eq!(log.code(AccountId(1), 900).code, ResultCode::Approved);
    let right = log.groups;
    let report = audit(&right);
    assert!(report.ok, "{report}");
    // Without the password's mark it is above the limit; without a password nobody can have keyed one in.
    let (debit, code) = (find(&right, RecordKind::Debit, 0), find(&right, RecordKind::Debit, 1));
    let mut groups = right.clone();
    spoil(&mut groups, debit, |money| money.flags = 1);
    assert_eq!(failures(&groups), [(Check::Limit, debit.0)]);
    let mut groups = right.clone();
    let (set, at, _) = find(&groups, RecordKind::PasswordSet, 0);
    groups.remove(at);
    assert!(failures(&groups).contains(&(Check::Holder, debit.0 - 1)), "record {set} is missing");
    // A code has a limit of its own.
    let mut groups = right;
    spoil(&mut groups, code, |money| {
        money.amount_fen = I64::new(901);
        money.balance_after_fen = I64::new(4_200 - 901);
    });
    assert_eq!(failures(&groups), [(Check::Limit, code.0)]);
}

/// A card replaced after a tap, taken back, another issued; the first one's sale comes late.
fn with_cards() -> Vec<RawGroup> {
    let mut log = SmallLog::new();
    let holder = AccountId(0);
    log.tap(101, 4, 100);
    for outcome in [log.replace(holder, 201, 0), log.give_back(holder, 201), log.issue(holder, 202)] {
        assert_eq!(outcome.code, ResultCode::Approved);
    }
    log.tap(202, 1, 100);
    log.offline(101, 300, log.time_ns);
    assert_eq!(log.replace(AccountId(1), 202, 0).code, ResultCode::CardTaken);
    log.groups
}

#[test]
fn cards_that_go_from_hand_to_hand_are_right() {
    let report = audit(&with_cards());
    assert!(report.ok, "{report}");
    for kind in ["card_issued", "card_replaced", "card_returned"] {
        assert_eq!(report.records_by_kind[kind], 1, "{kind}");
    }
}

#[test]
fn a_card_in_wrong_hands_is_found() {
    let right = with_cards();
    let spoiled = |kind, place: core::ops::Range<usize>, value: u64| {
        let mut groups = right.clone();
        let (number, at, within) = find(&groups, kind, 0);
        let bytes = value.to_le_bytes();
        groups[at].records[within].payload[place.clone()].copy_from_slice(&bytes[..place.len()]);
        (failures(&groups), number)
    };
    // Of another card than the account's current one, and at another counter than its last tap's.
    let (found, number) = spoiled(RecordKind::CardReplaced, 80..88, 102);
    assert_eq!(found, [(Check::Card, number)]);
    let (found, number) = spoiled(RecordKind::CardReplaced, 96..100, 5);
    assert_eq!(found, [(Check::Card, number)]);
    let (found, number) = spoiled(RecordKind::CardReturned, 80..88, 101);
    assert!(found.contains(&(Check::Card, number)));
    // Given out twice; the account's own before, or another's.
    for card in [101, 103] {
        let (found, number) = spoiled(RecordKind::CardIssued, 80..88, card);
        assert!(found.contains(&(Check::Card, number)), "card {card}: {found:?}");
    }
    // An old card's late sale, paid by somebody who never had it.
    let (found, number) = spoiled(RecordKind::OfflineDebit, 80..88, 102);
    assert_eq!(found, [(Check::Card, number)]);
    // Issued to who has a card.
    let mut groups = right.clone();
    let (_, at, _) = find(&groups, RecordKind::CardReturned, 0);
    let (issued, _, _) = find(&groups, RecordKind::CardIssued, 0);
    groups.remove(at);
    assert!(failures(&groups).contains(&(Check::Card, issued - 1)));
}

/// A card lost and found, with a mistyped password between, a tap after it; a phone bound, paid with, and unbound.
fn with_holders() -> Vec<RawGroup> {
    use PasswordVerdict::{Right, Wrong};
    let mut log = SmallLog::new();
    let holder = AccountId(0);
    log.set_password(holder);
    log.become_another(TerminalKind::PhoneGateway);
    let told = [
        log.lose(holder, true, Right),
        log.lose(holder, false, Wrong),
        log.lose(holder, false, Right),
        log.phone(Some(SmallLog::FIRST_STUDENT), 500),
    ];
    let codes = told.map(|outcome| outcome.code);
    assert_eq!(
        codes,
        [ResultCode::Approved, ResultCode::PasswordWrong, ResultCode::Approved, ResultCode::Approved]
    );
    log.tap(101, 1, 100);
    log.code(holder, 100);
    assert_eq!(log.phone(None, 500).code, ResultCode::Approved);
    log.groups
}

#[test]
fn what_is_done_without_a_password_a_card_or_a_phone_is_found() {
    let right = with_holders();
    let report = audit(&right);
    assert!(report.ok, "{report}");
    let without = |kind| {
        let mut groups = right.clone();
        let (_, at, _) = find(&groups, kind, 0);
        groups.remove(at);
        failures(&groups).into_iter().filter(|(check, _)| *check == Check::Holder).count()
    };
    // Three passwords tried where none is set, and the binding.
    assert_eq!(without(RecordKind::PasswordSet), 4);
    // A card found that wasn't lost; a lost one that pays; a phone unbound that wasn't bound.
    assert_eq!(without(RecordKind::LossReported), 1);
    assert_eq!(without(RecordKind::LossLifted), 1);
    assert_eq!(without(RecordKind::VirtualBound), 1);
    // The code paid after the unbinding.
    let mut groups = right.clone();
    let (_, unbound, _) = find(&groups, RecordKind::VirtualUnbound, 0);
    let (_, debit, _) = find(&groups, RecordKind::Debit, 1);
    groups.swap(unbound, debit);
    assert!(failures(&groups).iter().any(|(check, _)| *check == Check::Holder));
    // Codes that could have been shown before the unbinding aren't void.
    let mut groups = right.clone();
    let (number, unbound, within) = find(&groups, RecordKind::VirtualUnbound, 0);
    groups[unbound].records[within].payload[88..92].copy_from_slice(&1_u32.to_le_bytes());
    assert_eq!(failures(&groups), [(Check::Holder, number)]);
    // Of the first phone nothing can have been shown by an earlier one.
    let mut groups = right.clone();
    let (number, bound, within) = find(&groups, RecordKind::VirtualBound, 0);
    groups[bound].records[within].payload[96..100].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(failures(&groups), [(Check::Holder, number)]);
    // A wrong password tried five times more than the lock allows.
    let mut groups = right.clone();
    let (_, wrong, _) = find(&groups, RecordKind::Refusal, 0);
    let again = groups[wrong].clone();
    groups.splice(wrong..wrong, std::iter::repeat_n(again, 5));
    assert!(failures(&groups).iter().any(|(check, _)| *check == Check::Holder));
}

#[test]
fn broken_chains_dates_and_groups_are_found() {
    let right = SmallLog::with_a_day().groups;
    let debit = find(&right, RecordKind::Debit, 1);
    let spoiled = |place, change: fn(&mut MoneyRecord)| {
        let mut groups = right.clone();
        spoil(&mut groups, place, change);
        failures(&groups)
    };
    let number = debit.0;
    assert_eq!(spoiled(debit, |m| m.previous_account = U64::new(1)), [(Check::AccountChain, number)]);
    assert_eq!(spoiled(debit, |m| m.previous_terminal = U64::new(1)), [(Check::TerminalChain, number)]);
    assert!(spoiled(debit, |m| m.previous_counter = U64::new(1)).contains(&(Check::HotChain, number)));
    assert_eq!(spoiled(debit, |m| m.business_date = U16::new(DAY + 1)), [(Check::BusinessDate, number)]);
    assert_eq!(spoiled(debit, |m| m.code = U16::new(9_999)), [(Check::Layout, number); 2]);
    let offline = find(&right, RecordKind::OfflineDebit, 0);
    let flagged = ResultCode::ApprovedFlagged.number();
    assert_eq!(
        failures(&{
            let mut groups = right.clone();
            spoil(&mut groups, offline, |m| m.code = U16::new(flagged));
            groups
        }),
        [(Check::HeldBack, offline.0)]
    );

    // A load whose debit stands in another group.
    let mut groups = right.clone();
    let load = find(&groups, RecordKind::Load, 0);
    let debit = groups[load.1].records.pop().expect("a load and its debit");
    let time_ns = groups[load.1].time_ns;
    groups.insert(load.1 + 1, RawGroup { time_ns, records: vec![debit] });
    assert_eq!(failures(&groups), [(Check::Group, load.0)]);

    // A date that is opened again.
    let mut groups = right;
    let cut = CutOffRecord { closed: U16::new(DAY), opened: U16::new(DAY), reserved: U32::ZERO };
    let time_ns = groups[0].time_ns;
    groups.push(RawGroup { time_ns, records: vec![Raw::of(&Record::CutOff(cut))] });
    let last = groups.iter().map(|group| group.records.len() as u64).sum();
    assert_eq!(failures(&groups), [(Check::BusinessDate, last)]);
}

#[test]
fn an_unknown_record_is_told_and_the_list_is_bounded() {
    let mut groups = SmallLog::new().groups;
    let time_ns = groups[0].time_ns;
    let right = groups.iter().map(|group| group.records.len() as u64).sum::<u64>();
    for _ in 0..5 {
        groups.push(RawGroup { time_ns, records: vec![Raw { kind: 200, version: 1, payload: vec![0; 8] }] });
    }
    let options = AuditOptions { violations_max: 2 };
    let report = verify_log(&write(&groups).reader(), &options).expect("a log that can be read");
    assert!(!report.ok);
    assert_eq!((report.violations.len(), report.violations_total), (2, 5));
    assert_eq!(report.violations[0].record, right + 1);
    let text = report.to_string();
    assert!(text.contains("and 3 more") && text.contains("NOT OK: 5 violations"), "{text}");
}

/// Voided, refunded in parts, with subsidy, into a closed account: a log with each of these records.
fn with_refunds() -> SmallLog {
    let mut log = SmallLog::new();
    log.tap(101, 1, 1_500);
    let voided = log.latest();
    log.tap(102, 1, 700);
    let refunded = log.latest();
    log.give_subsidy(AccountId(2), 300);
    log.tap(103, 1, 500);
    let subsidised = log.latest();
    log.offline(101, 400, log.time_ns);
    let offline = log.latest();
    for done in [
        log.void(voided, 1_500),
        log.refund(refunded, 200),
        log.refund(refunded, 500),
        log.refund(subsidised, 350),
        log.refund(offline, 100),
    ] {
        assert_eq!(done.code, ResultCode::Approved);
    }
    log.close_account(AccountId(0));
    assert_eq!(log.refund(offline, 300).code, ResultCode::Approved);
    log
}

#[test]
fn voids_and_refunds_add_up() {
    let report = audit(&with_refunds().groups);
    assert!(report.ok, "{report}");
    let totals = report.totals;
    assert_eq!((totals.reversals_fen, totals.refunds_fen, totals.payable_fen), (1_500, 1_450, 300));
    assert_eq!((report.holdings.clearing_fen["payable"], report.holdings.subsidy_fen), (300, 150));
    assert_eq!(report.holdings.merchants_fen, 150);
    assert!(report.to_string().contains("less what became payable"));
}

#[test]
fn what_is_paid_out_is_what_is_left_of_all_wallets() {
    let mut log = SmallLog::new();
    let holder = AccountId(0);
    log.code(holder, 1_400);
    log.top_up_in_cash(holder, 2_000, "cash");
    let paid_out = log.leave(holder, 101);
    assert_eq!((paid_out.code, paid_out.balance_after_fen), (ResultCode::Approved, 0));
    let report = audit(&log.groups);
    assert!(report.ok, "{report}");
    assert_eq!(report.totals.paid_out_fen, i128::from(paid_out.amount_fen));
    assert_eq!(paid_out.amount_fen, 4_200 - 1_400 + 2_000);
}

#[test]
fn forged_refunds_are_found() {
    let right = with_refunds().groups;
    let found = |kind, nth, check, change: &dyn Fn(&mut MoneyRecord)| {
        let mut groups = right.clone();
        let place = find(&groups, kind, nth);
        spoil(&mut groups, place, change);
        failures(&groups).contains(&(check, place.0))
    };
    // More than was paid, of another's wallet, off another day's total, on another date.
    assert!(found(RecordKind::Refund, 1, Check::Refund, &|money| money.amount_fen += 1));
    assert!(found(RecordKind::Refund, 0, Check::Refund, &|money| money.channel_wallet = 0x28));
    assert!(found(RecordKind::Refund, 0, Check::Refund, &|money| money.limit_day += 1));
    assert!(found(RecordKind::Void, 0, Check::Reversal, &|money| money.business_date += 1));
    // More becomes payable than was given back; nothing was given back before it.
    let behind = find(&right, RecordKind::Payable, 0);
    assert!(found(RecordKind::Payable, 0, Check::Group, &|money| money.amount_fen += 1));
    let mut groups = right.clone();
    let payable = groups[behind.1].records.pop().expect("a refund and what becomes payable");
    let time_ns = groups[behind.1].time_ns;
    groups.insert(behind.1 + 1, RawGroup { time_ns, records: vec![payable] });
    assert_eq!(failures(&groups), [(Check::Group, behind.0)]);
    // A refund that forgets an earlier one, and more subsidy back than was used.
    let mut groups = right.clone();
    let second = find(&groups, RecordKind::Refund, 1);
    let refunded_before = core::mem::offset_of!(RefundRecord, refunded_before_fen);
    groups[second.1].records[second.2].payload[refunded_before..][..8].fill(0);
    assert_eq!(failures(&groups), [(Check::Refund, second.0)]);
    let mut groups = right.clone();
    let third = find(&groups, RecordKind::Refund, 2);
    spoil_wallets(&mut groups, third, |wallets| wallets.subsidy_fen += 1);
    assert!(failures(&groups).contains(&(Check::Refund, third.0)));

    // A refund of what was voided, a void of what was refunded.
    let mut groups = right.clone();
    let void = find(&groups, RecordKind::Void, 0);
    let refund = find(&groups, RecordKind::Refund, 0);
    let named =
        |groups: &[RawGroup], place: (u64, usize, usize)| match groups[place.1].records[place.2].record() {
            Record::Void(r) => r.original_record,
            Record::Refund(r) => r.original_record,
            other => panic!("{other:?}"),
        };
    let (voided, refunded) = (named(&groups, void), named(&groups, refund));
    let of_refund = core::mem::offset_of!(RefundRecord, original_record);
    groups[refund.1].records[refund.2].payload[of_refund..][..8].copy_from_slice(&voided.to_bytes());
    assert!(failures(&groups).contains(&(Check::Refund, refund.0)));
    let mut log = with_refunds();
    log.tap(102, 2, 100);
    let sold = log.latest();
    log.void(sold, 100);
    let mut groups = log.groups;
    let void = find(&groups, RecordKind::Void, 1);
    let of_void = core::mem::offset_of!(FullReversalRecord, original_record);
    groups[void.1].records[void.2].payload[of_void..][..8].copy_from_slice(&refunded.to_bytes());
    assert!(failures(&groups).contains(&(Check::Reversal, void.0)));
}

#[test]
fn tenders_are_counted_beside_the_books_and_forged_ones_found() {
    let mut log = SmallLog::new();
    log.tender(Channel::WeChat, "W1", 1_800);
    log.tender(Channel::Alipay, "W1", 700);
    let right = log.groups;
    let report = audit(&right);
    assert!(report.ok, "{report}");
    assert_eq!((report.totals.tenders_fen, report.holdings.merchants_fen), (2_500, 0));
    assert!(report.to_string().contains("paid by other channels"));
    let place = find(&right, RecordKind::Tender, 1);
    // The same order of the same channel again; a channel that brings no tenders; another merchant's.
    for (change, check) in [(1 + 4, Check::OrderOnce), (1, Check::Sides)] {
        let mut groups = right.clone();
        spoil(&mut groups, place, |money| money.channel_wallet = change);
        assert_eq!(failures(&groups), [(check, place.0)]);
    }
    let mut groups = right;
    spoil(&mut groups, place, |money| money.credit += 1);
    assert_eq!(failures(&groups), [(Check::Sides, place.0)]);
}

/// Spoils what a record of several wallets says of them.
fn spoil_wallets(
    groups: &mut [RawGroup],
    (_, at, within): (u64, usize, usize),
    change: impl FnOnce(&mut Wallets),
) {
    use zerocopy::FromBytes as _;
    let payload = &mut groups[at].records[within].payload[size_of::<MoneyRecord>()..];
    let (wallets, _) = Wallets::mut_from_prefix(payload).expect("wallets");
    change(wallets);
}

/// Settled, given back, subsidised, a card paid for: a log with each of these records.
fn with_wallets() -> SmallLog {
    let mut log = SmallLog::new();
    log.code(AccountId(1), 1_000);
    let by_phone = log.latest();
    log.tap(102, 1, 700);
    log.reverse(by_phone, 1_000);
    log.give_subsidy(AccountId(2), 900);
    log.tap(103, 1, 500);
    let subsidised = log.latest();
    log.tap(103, 2, 600);
    log.reverse(subsidised, 500);
    log.offline(103, 800, log.time_ns);
    log.top_up(AccountId(0), 500, "W0001");
    assert_eq!(log.replace(AccountId(0), 201, 2_000).code, ResultCode::Approved);
    log
}

#[test]
fn settlings_and_subsidies_add_up() {
    let report = audit(&with_wallets().groups);
    assert!(report.ok, "{report}");
    let totals = report.totals;
    assert_eq!((totals.settled_fen, totals.subsidies_fen, totals.reversals_fen), (1_000, 900, 1_500));
    assert_eq!(report.holdings.clearing_fen["subsidy"], -900);
    // 900 came; of the first tap 500, of the second 400; 500 came back; the fact took them.
    assert_eq!((report.holdings.subsidy_fen, report.holdings.transition_fen), (0, 0));
    assert_eq!((totals.fees_fen, report.holdings.clearing_fen["fees"]), (2_000, 2_000));
    for (kind, count) in
        [("settle", 1), ("full_debit", 2), ("full_reversal", 2), ("subsidy_claimed", 1), ("fee", 1)]
    {
        assert_eq!(report.records_by_kind[kind], count, "{kind}");
    }
}

#[test]
fn forged_settlings_and_subsidies_are_found() {
    let right = with_wallets().groups;
    let found = |kind, nth, change: &dyn Fn(&mut Wallets)| {
        let mut groups = right.clone();
        let place = find(&groups, kind, nth);
        spoil_wallets(&mut groups, place, change);
        failures(&groups).contains(&(Check::Subsidy, place.0))
    };
    // Own money used before what the school gave; more of it than there was; more given back than was used.
    assert!(found(RecordKind::FullDebit, 0, &|wallets| wallets.subsidy_fen += 1));
    assert!(found(RecordKind::FullDebit, 1, &|wallets| wallets.subsidy_fen -= 1));
    assert!(found(RecordKind::FullReversal, 0, &|wallets| wallets.subsidy_fen += 1));
    assert!(found(RecordKind::SubsidyClaimed, 0, &|wallets| wallets.subsidy_fen -= 1));
    assert!(found(RecordKind::Settle, 0, &|wallets| wallets.subsidy_fen -= 1));

    // More is settled than the tap leaves.
    let mut groups = right.clone();
    let place = find(&groups, RecordKind::Settle, 0);
    spoil(&mut groups, place, |money| money.amount_fen = I64::new(3_600));
    spoil_wallets(&mut groups, place, |wallets| {
        wallets.card_fen = I64::new(-3_600);
        wallets.transition_fen = I64::new(3_600);
    });
    let failed = failures(&groups);
    assert!(failed.contains(&(Check::Settle, place.0 + 1)), "{failed:?}");
    assert!(failed.contains(&(Check::WalletSign, place.0)), "{failed:?}");

    // A fee of another amount than was asked for, and out of a wallet that pays none.
    let mut groups = right.clone();
    let paid = find(&groups, RecordKind::Fee, 0);
    spoil(&mut groups, paid, |money| money.amount_fen = I64::new(2_100));
    spoil_wallets(&mut groups, paid, |wallets| wallets.card_fen -= 100);
    assert!(failures(&groups).contains(&(Check::Group, paid.0 + 1)));
    let mut groups = right.clone();
    spoil_wallets(&mut groups, paid, |wallets| {
        wallets.transition_fen -= 100;
        wallets.card_fen += 100;
    });
    assert!(failures(&groups).contains(&(Check::Sides, paid.0)));

    // A settling whose debit stands in another group.
    let mut groups = right.clone();
    let debit = groups[place.1].records.pop().expect("a settling and its debit");
    let time_ns = groups[place.1].time_ns;
    groups.insert(place.1 + 1, RawGroup { time_ns, records: vec![debit] });
    assert_eq!(failures(&groups), [(Check::Group, place.0)]);
}

/// A cashier's day: two shifts and two batches, while selling goes on.
fn with_shifts() -> Vec<RawGroup> {
    let mut log = SmallLog::new();
    log.sign(7, true);
    log.tap(101, 1, 1_500);
    log.tap(102, 1, 700);
    log.refund(2, 200);
    log.settle_batch(4, 1, 2);
    log.sign(7, false);
    log.close_shift(1);
    log.sign(8, true);
    log.tender(Channel::WeChat, "W0001", 900);
    log.tap(101, 2, 300);
    log.settle_batch(5, 3, 4);
    log.close_shift(2);
    log.groups
}

#[test]
fn shifts_and_batches_add_up() {
    let report = audit(&with_shifts());
    assert!(report.ok, "{report}");
    assert_eq!((report.records_by_kind["duty"], report.records_by_kind["batch_settled"]), (5, 2));
}

#[test]
fn forged_shifts_and_batches_are_found() {
    use zerocopy::{FromBytes as _, IntoBytes as _};
    type OfDuty = fn(&mut DutyRecord);
    let duties: [(usize, OfDuty); 8] = [
        (0, |r| r.cashier = 0.into()),
        (0, |r| r.what = 9),
        (1, |r| r.cashier = 8.into()),
        (2, |r| r.totals.amounts_fen[0] += 1),
        (2, |r| r.totals.counts[7] += 1),
        (2, |r| r.shift = 2.into()),
        (3, |r| r.shift = 1.into()),
        (4, |r| r.totals = TillTotals::default()),
    ];
    for (place, (nth, change)) in duties.into_iter().enumerate() {
        let mut groups = with_shifts();
        let (number, at, within) = find(&groups, RecordKind::Duty, nth);
        change(DutyRecord::mut_from_bytes(&mut groups[at].records[within].payload).expect("its layout"));
        assert!(failures(&groups).contains(&(Check::Duty, number)), "duty {place}: {}", audit(&groups));
    }
    type OfBatch = fn(&mut BatchSettledRecord);
    let batches: [(usize, OfBatch); 9] = [
        (0, |r| r.batch = 0.into()),
        (0, |r| r.totals.amounts_fen[0] -= 1),
        (0, |r| r.behind += 1),
        (0, |r| r.differs = 0),
        (0, |r| r.last += 1),
        (1, |r| r.batch = 6.into()),
        (1, |r| r.first = 2.into()),
        (1, |r| r.last = 3.into()),
        (1, |r| r.totals_of_till = r.totals),
    ];
    for (place, (nth, change)) in batches.into_iter().enumerate() {
        let mut groups = with_shifts();
        let (number, at, within) = find(&groups, RecordKind::BatchSettled, nth);
        let payload = &mut groups[at].records[within].payload;
        change(BatchSettledRecord::mut_from_bytes(payload.as_mut_bytes()).expect("its layout"));
        assert!(failures(&groups).contains(&(Check::Duty, number)), "batch {place}: {}", audit(&groups));
    }
}
