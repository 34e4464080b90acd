//! The bytes of records, as they stand in logs: a change here is a new version of the kind.

use protocol::card::{CardKind, CardTerms, ChipWrite, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid, PhoneDigest, VirtualId};
use protocol::request::{AdjustDirection, FreezeAction, SubsidyAction, SubsidyMode, Verdict};

use super::bench::{Bench, Logged, register_till, sale, text, uid};
use super::office::{self, FINANCE};
use super::subsidy_batches::{OPENER, Office};
use super::{account_close, card_stock, codes, gaps, scans, taps, terminal_keys, told_posts, top_up_undos};
use crate::ledger::account::AccountStatus;
use crate::ledger::command::{
    AccountFreeze, AccountSelector, Adjust, AdjustDecide, CardIssue, CardReplace, CardReturn, Carried,
    Channel, CodeKeyRotate, CodeRevoke, LossLift, LossReport, OfflineFact, PasswordDebit, PasswordImport,
    PasswordSet, PhoneChange, RegisterTerminal, Request, SetPolicy, SetPrice, VirtualBind, VirtualUnbind,
};
use crate::ledger::holder::PasswordRef;
use crate::ledger::prices::OTHER_TIME;
use crate::ledger::record::{RecordKind, Wallet};
use crate::ledger::registry::{Policy, TerminalKind};

fn hex(bytes: &[u8]) -> String {
    bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n")
        .collect()
}

/// The records, each with its kind.
fn text_of(log: &[Logged]) -> String {
    let mut text = String::new();
    for logged in log {
        let kind = RecordKind::from_number(logged.kind).unwrap();
        text += &format!("{kind:?} {} v{}\n{}", logged.kind, logged.version, hex(&logged.payload));
    }
    text
}

#[test]
fn records_of_one_till() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(1, 1, 1), 0, 1, 1_250);
    bench.tap(sale(1, 1, 1), 0, 1, 1_251);
    bench.top_up(sale(1, 1, 2), 0, 5_000, "wx-20261124-0001");
    bench.reverse(sale(1, 1, 3), (1, 1), 1_250);
    bench.upload(sale(1, 1, 4), 0, 2, 300);
    assert_eq!(text_of(&bench.log), include_str!("golden_records.txt"));
}

#[test]
fn a_limit_of_codes_and_a_debit_with_the_password() {
    let mut bench = Bench::new(1, 1);
    let from = bench.log.len();
    for code_max_fen in [900, 0] {
        let policy = Policy { code_max_fen, ..Policy::DEFAULT };
        bench.done(Request::SetPolicy(SetPolicy { class: 0, policy }));
    }
    bench.vault.push(0);
    let (account, password) = (AccountId(0), PasswordRef(1));
    bench.done(Request::PasswordImport(PasswordImport { account, password }));
    let (sale, card_uid, card_counter) = (sale(1, 1, 1), uid(0), CardCounter(7));
    let (amount_fen, well_formed) = (6_000, true);
    let debit = PasswordDebit { sale, card_uid, card_counter, amount_fen, well_formed };
    bench.done(Request::PasswordDebit(debit));
    bench.log.drain(..from);
    bench.log.remove(2);
    assert_eq!(text_of(&bench.log), include_str!("golden_limits.txt"));
}

#[test]
fn a_rate_a_debit_with_a_surcharge_and_what_gives_it_back() {
    let mut bench = Bench::new(1, 1);
    let from = bench.log.len();
    bench.done(Request::SetPrice(SetPrice { class: 0, period: OTHER_TIME, rate: 500 }));
    bench.tap(sale(1, 1, 1), 0, 7, 1_250);
    bench.refund(sale(1, 1, 2), sale(1, 1, 1), 250);
    bench.tap(sale(1, 1, 3), 0, 8, 30);
    bench.reverse(sale(1, 1, 4), (1, 3), 30);
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_prices.txt"));
}

#[test]
fn records_of_a_counter() {
    let mut bench = Bench::new(1, 1);
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Counter, ..till }));
    let from = bench.log.len();
    bench.tap(sale(1, 1, 1), 0, 7, 1_250);
    let (account, fee_fen) = (AccountSelector::Account(AccountId(0)), 0);
    let (new_card, reason) = (CardUid(0x0102_0304), ReplaceReason::Broken);
    let terms = CardTerms::STANDARD;
    bench.done(Request::CardReplace(CardReplace {
        sale: sale(0, 1, 1),
        account,
        new_card,
        reason,
        terms,
        fee_fen,
    }));
    bench.done(Request::CardReturn(CardReturn { sale: sale(0, 1, 2), account, card_uid: new_card }));
    let (card_uid, kind, expires_day) = (CardUid(0x0506_0708), CardKind::Standard, 0);
    let sale = sale(0, 1, 3);
    bench.done(Request::CardIssue(CardIssue { sale, account, card_uid, kind, expires_day, fee_fen }));
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_card_records.txt"));
}

#[test]
fn records_of_a_holder() {
    let mut bench = Bench::new(1, 1);
    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::Counter, ..till }));
    let from = bench.log.len();
    let (account, well_formed) = (AccountSelector::Account(AccountId(0)), true);
    let (student_number, virtual_id) = (text("180000"), VirtualId(0x1112_1314));
    bench.done(Request::PasswordSet(PasswordSet { sale: sale(0, 1, 1), account, well_formed }));
    for (sequence, virtual_id) in [(1, VirtualId(0x0102_0304)), (2, virtual_id)] {
        let sale = sale(1, 1, sequence);
        bench.done(Request::VirtualBind(VirtualBind {
            sale,
            student_number,
            virtual_id,
            well_formed,
            intake_step: 0,
        }));
    }
    let phone = PhoneDigest(0x2122_2324);
    bench.done(Request::PhoneChange(PhoneChange { sale: sale(1, 1, 3), virtual_id, phone }));
    bench.done(Request::VirtualUnbind(VirtualUnbind { sale: sale(1, 1, 4), virtual_id, intake_step: 0 }));
    bench.done(Request::LossReport(LossReport { sale: sale(1, 1, 5), account, well_formed }));
    let late = bench.fact(OfflineFact {
        sale: sale(2, 1, 1),
        record_terminal: sale(2, 1, 1).terminal,
        card_uid: uid(0),
        card_counter: CardCounter(3),
        amount_fen: 300,
        till_time_ns: bench.time_ns + 1,
        list: None,
        authentic: true,
        carried: Carried::default(),
    });
    assert_eq!(late.outcome.account, None);
    bench.done(Request::LossLift(LossLift { sale: sale(1, 1, 6), account, well_formed }));
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_holder_records.txt"));
}

#[test]
fn what_is_given_back() {
    let mut bench = Bench::new(1, 1);
    bench.give_subsidy(0, 700);
    bench.tap(sale(1, 1, 1), 0, 1, 1_250);
    bench.tap(sale(1, 1, 2), 0, 2, 600);
    let from = bench.log.len();
    bench.void(sale(1, 1, 3), (1, 2), 600);
    bench.refund(sale(2, 1, 1), sale(1, 1, 1), 350);
    super::refunds::close_account(&mut bench, 0);
    bench.refund(sale(2, 1, 2), sale(1, 1, 1), 850);
    bench.log.drain(..from);
    let kinds = [
        RecordKind::Void,
        RecordKind::Refund,
        RecordKind::AccountTermsSet,
        RecordKind::Refund,
        RecordKind::Payable,
    ];
    assert_eq!(bench.kinds(), kinds);
    bench.log.remove(2);
    assert_eq!(text_of(&bench.log), include_str!("golden_given_back.txt"));
}

#[test]
fn a_report_of_a_block_list() {
    let mut bench = Bench::new(1, 1);
    bench.done(super::block_list_reports::report(1, 41, true));
    let report = bench.log.pop().unwrap();
    assert_eq!(text_of(&[report]), include_str!("golden_block_list_active.txt"));
}

#[test]
fn a_cashier_and_a_batch() {
    let mut bench = Bench::new(1, 1);
    let from = bench.log.len();
    super::cashiers::sign(&mut bench, 1, 5_001, true, 0);
    bench.tap(sale(1, 1, 1), 0, 1, 1_250);
    super::batches::settle(&mut bench, (9, 1, 1, 1), &Default::default(), true);
    super::cashiers::close_shift(&mut bench, 1, 1, 0);
    bench.log.drain(..from);
    bench.log.remove(1);
    assert_eq!(text_of(&bench.log), include_str!("golden_till_records.txt"));
}

#[test]
fn a_tender() {
    let mut bench = Bench::new(1, 1);
    super::tenders::tender(&mut bench, sale(1, 1, 1), Channel::Alipay, "ali-20261124-0001", 1_800);
    let tender = bench.log.pop().unwrap();
    assert_eq!(text_of(&[tender]), include_str!("golden_tender.txt"));
}

#[test]
fn records_about_payment_codes() {
    let mut bench = codes::with_counter(1);
    let from = bench.log.len();
    let account = AccountSelector::Account(AccountId(1));
    bench.done(Request::CodeRevoke(CodeRevoke { sale: sale(0, 1, 1), account, intake_step: 0 }));
    let rotate = CodeKeyRotate { sale: sale(0, 1, 2), key_version: 1, refuses_earlier: false };
    bench.done(Request::CodeKeyRotate(rotate));
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_code_records.txt"));
}

#[test]
fn a_gap_closed() {
    let mut bench = gaps::with_hole(1);
    gaps::close_one(&mut bench);
    let closed = bench.log.pop().unwrap();
    assert_eq!(text_of(&[closed]), include_str!("golden_gap_closed.txt"));
}

#[test]
fn records_of_a_sale_that_a_card_told_of() {
    let mut bench = told_posts::with_lost_sale(1);
    let from = bench.log.len();
    told_posts::post(&mut bench, 1);
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_told_records.txt"));
}

#[test]
fn records_of_a_self_scan() {
    let mut bench = Bench::new(1, 1);
    let from = bench.log.len();
    scans::tell_and_pay(&mut bench);
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_scan_records.txt"));
}

#[test]
fn records_of_operators() {
    let mut bench = office::with_operators(1, 1);
    let from = bench.log.len() - 1;
    let account = AccountSelector::Account(AccountId(0));
    let reason = "重复扣款".as_bytes();
    let action = FreezeAction::Freeze;
    bench.done(Request::AccountFreeze(AccountFreeze {
        sale: sale(office::CARD_CENTRE, 1, 1),
        account,
        action,
        reason,
    }));
    let adjust = |sale, amount_fen| {
        let (wallet, direction) = (Wallet::Card, AdjustDirection::Take);
        Request::Adjust(Adjust { sale, account, amount_fen, wallet, direction, reason })
    };
    bench.done(adjust(sale(FINANCE, 1, 1), 300));
    let proposal = bench.run(adjust(sale(FINANCE, 1, 2), 501)).outcome.record;
    let verdict = Verdict::Reject;
    bench.done(Request::AdjustDecide(AdjustDecide { sale: sale(FINANCE, 1, 3), proposal, verdict, reason }));
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_office_records.txt"));
}

#[test]
fn cards_in_stock() {
    let mut bench = account_close::bench(1);
    card_stock::stock(&mut bench, 1, 0x1_0000_0001, 500);
    let stocked = bench.log.pop().unwrap();
    assert_eq!(text_of(&[stocked]), include_str!("golden_cards_stocked.txt"));
}

#[test]
fn records_of_a_terminals_key() {
    let mut bench = office::with_operators(1, 1);
    let from = bench.log.len();
    let terminal = sale(0, 1, 1).terminal;
    terminal_keys::rotate(&mut bench, (office::ADMINISTRATOR, 1), terminal, 2);
    terminal_keys::take(&mut bench, 2);
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_terminal_key_records.txt"));
}

#[test]
fn records_of_two_phase_taps() {
    let mut bench = Bench::new(1, 1);
    let from = bench.log.len();
    taps::card_tap(&mut bench, sale(1, 1, 1), 0, 7, 1_250);
    taps::confirm(&mut bench, sale(1, 1, 2), (1, 1), 1_250, ChipWrite::Written);
    taps::card_tap(&mut bench, sale(1, 1, 3), 0, 8, 300);
    taps::confirm(&mut bench, sale(1, 1, 4), (1, 3), 300, ChipWrite::NotWritten);
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_tap_records.txt"));
}

#[test]
fn records_of_a_closing() {
    let mut bench = account_close::bench(1);
    bench.give_subsidy(0, 300);
    let from = bench.log.len();
    bench.done(Request::AccountClose(account_close::close_of(sale(4, 1, 1), 0, uid(0))));
    bench.log.drain(..from);
    assert_eq!(text_of(&bench.log), include_str!("golden_closing_records.txt"));
}

#[test]
fn a_top_up_taken_back() {
    let mut bench = top_up_undos::with_counter(1);
    top_up_undos::pay_in(&mut bench, 1, Channel::Counter, "c-20261124-0001");
    top_up_undos::undo(&mut bench, 2, (1, 1), 5_000);
    let undo = bench.log.pop().unwrap();
    assert_eq!(text_of(&[undo]), include_str!("golden_top_up_undo.txt"));
}

#[test]
fn records_of_a_subsidy_batch() {
    let mut office = Office::new(1, 2);
    office.bench.give_subsidy(0, 50);
    let from = office.bench.log.len();
    office.approved(7, SubsidyMode::Clear, &[(0, 300), (1, 200)]);
    office.set_status(1, AccountStatus::Closed);
    office.step(OPENER, 7, SubsidyAction::Issue);
    office.claim(7, 0);
    office.claim(7, 1);
    office.advance(7, false);
    office.withdrawn(7, &[0, 1]);
    assert_eq!(text_of(&office.bench.log[from..]), include_str!("golden_subsidy_records.txt"));
}
