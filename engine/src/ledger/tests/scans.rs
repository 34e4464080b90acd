use protocol::ids::{AccountId, CardCounter, CardUid};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, MERCHANT, SECOND_NS, register_till, sale, text, uid};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::command::{
    AccountSelector, BindCard, Carried, OfflineFact, OpenAccount, Opening, RegisterMerchant,
    RegisterTerminal, Request, SaleQuery, ScanPay, SetAccountTerms, TerminalSlot,
};
use crate::ledger::decision::Decision;
use crate::ledger::limits::{CLOCK_DRIFT_MAX_NS, GAPS_MAX, SCAN_AGE_MAX_NS};
use crate::ledger::record::{Record, RecordKind, Wallet};
use crate::ledger::registry::TerminalKind;

/// Till 0 shows, gateway 1 asks for account 0.
fn scan(bench: &Bench, own: u32, sequence: u32, amount_fen: i64) -> ScanPay<'static> {
    ScanPay {
        sale: sale(1, 1, own),
        account: AccountSelector::Account(AccountId(0)),
        scanned: sale(0, 1, sequence).id(),
        scanned_slot: TerminalSlot(0),
        amount_fen,
        till_time_ns: bench.time_ns,
        authentic: true,
        till_connected: false,
    }
}

fn pay(bench: &mut Bench, own: u32, sequence: u32, amount_fen: i64) -> Answer {
    let pay = scan(bench, own, sequence, amount_fen);
    bench.run(Request::ScanPay(pay))
}

/// The till's upload of what it showed.
fn told(bench: &Bench, sequence: u32, amount_fen: i64) -> OfflineFact<'static> {
    OfflineFact {
        sale: sale(0, 1, sequence),
        record_terminal: sale(0, 1, 1).terminal,
        card_uid: CardUid(0),
        card_counter: CardCounter(0),
        amount_fen,
        till_time_ns: bench.time_ns,
        list: None,
        authentic: true,
        carried: Carried { by_scan: true, ..Carried::default() },
    }
}

fn upload(bench: &mut Bench, sequence: u32, amount_fen: i64) -> (ResultCode, usize) {
    let told = told(bench, sequence, amount_fen);
    bench.fact(told).short()
}

fn refusal(bench: &mut Bench, pay: ScanPay<'_>) -> ResultCode {
    let answer = bench.run(Request::ScanPay(pay));
    assert!(!answer.outcome.code.is_approved(), "{answer:?}");
    answer.outcome.code
}

/// Till 0 tells of a sale, and it is paid after that.
pub(super) fn tell_and_pay(bench: &mut Bench) {
    upload(bench, 1, 850);
    pay(bench, 1, 1, 850);
}

/// Worked example 1: electronic 2000; self-scan 77 of 1500; uploaded as 1500, and as 1600.
#[test]
fn a_self_scan_is_one_sale_by_both_ways() {
    let mut bench = Bench::new(2, 1);
    bench.done(Request::OpenAccount(OpenAccount { student_number: text("190001"), class: 0 }));
    let (account, wallet) = (AccountId(1), Wallet::Electronic);
    bench.done(Request::Opening(Opening { account, wallet, amount_fen: 2_000 }));

    let scanned =
        ScanPay { account: AccountSelector::StudentNumber(text("190001")), ..scan(&bench, 1, 77, 1_500) };
    let paid = bench.run(Request::ScanPay(scanned));
    assert_eq!(paid.short(), (ResultCode::Approved, 2));
    assert_eq!((paid.outcome.account, paid.outcome.balance_after_fen), (Some(account), 500));
    assert_eq!(bench.kinds()[bench.log.len() - 2..], [RecordKind::ScanPaid, RecordKind::ScanTold]);
    assert_eq!((bench.wallets(1), bench.balance(1).system_fen), ([0, -1_500, 2_000], 500));

    let matched = told(&bench, 77, 1_500);
    let matched = bench.fact(matched);
    assert_eq!((matched.short(), matched.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(bench.owed_to_merchant(), 1_500);

    assert_eq!(upload(&mut bench, 77, 1_600), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Suspense));
    assert_eq!((bench.balance(1).system_fen, bench.owed_to_merchant()), (500, 1_500));
    bench.close();
}

#[test]
fn told_before_it_is_paid_it_waits_and_is_credited_once() {
    let mut bench = Bench::new(2, 1);
    assert_eq!(upload(&mut bench, 7, 900), (ResultCode::PaymentPending, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::ScanPending));
    assert_eq!((bench.owed_to_merchant(), bench.wallets(0)), (0, [10_000, 0, 0]));
    assert_eq!(upload(&mut bench, 7, 900), (ResultCode::PaymentPending, 0));
    let asked = bench.decide(Request::SaleQuery(SaleQuery { sale: sale(0, 1, 7) }));
    assert!(matches!(asked, Decision::NoRecord(o) if o.code == ResultCode::PaymentPending), "{asked:?}");
    // A till that tells of two amounts is believed neither.
    assert_eq!(upload(&mut bench, 7, 901), (ResultCode::IdentityConflict, 1));
    assert_eq!(pay(&mut bench, 1, 7, 901).short(), (ResultCode::ScanConflict, 1));

    assert_eq!(pay(&mut bench, 2, 7, 900).short(), (ResultCode::Approved, 2));
    assert_eq!((bench.owed_to_merchant(), bench.wallets(0)), (900, [10_000, -900, 0]));
    assert_eq!(upload(&mut bench, 7, 900), (ResultCode::Approved, 0));
    assert_eq!(bench.owed_to_merchant(), 900);
    bench.close();
}

#[test]
fn two_phones_pay_one_sale_once() {
    let mut bench = Bench::new(2, 2);
    let first = pay(&mut bench, 1, 7, 900);
    assert_eq!(first.short(), (ResultCode::Approved, 2));
    let other = ScanPay { account: AccountSelector::Card(uid(1)), ..scan(&bench, 2, 7, 900) };
    assert_eq!(refusal(&mut bench, other), ResultCode::ScanPaidBefore);
    // The same again is told the same; the same phone, asking anew, is told that it has paid.
    let again = pay(&mut bench, 1, 7, 900);
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    assert_eq!(again.outcome.record, first.outcome.record);
    let anew = pay(&mut bench, 3, 7, 900);
    assert_eq!((anew.short(), anew.outcome.repeat), ((ResultCode::Approved, 1), true));
    bench.time_ns += SCAN_AGE_MAX_NS + SECOND_NS;
    let late =
        ScanPay { till_time_ns: bench.time_ns - SCAN_AGE_MAX_NS - SECOND_NS, ..scan(&bench, 4, 7, 900) };
    assert_eq!(bench.run(Request::ScanPay(late)).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), bench.wallets(1)), ([10_000, -900, 0], [10_000, 0, 0]));
    // Another body under the gateway's own identity is a conflict of that.
    let twisted = ScanPay { amount_fen: 901, ..scan(&bench, 1, 7, 900) };
    assert_eq!(refusal(&mut bench, twisted), ResultCode::IdentityConflict);
    bench.close();
}

#[test]
fn what_the_till_did_otherwise_with_the_sequence_decides() {
    let mut bench = Bench::new(2, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 100);
    assert_eq!(pay(&mut bench, 1, 1, 100).short(), (ResultCode::ScanConflict, 1));
    bench.tap(sale(0, 1, 2), 0, 2, 2_001);
    assert_eq!(pay(&mut bench, 2, 2, 100).short(), (ResultCode::ScanConflict, 1));
    assert_eq!(pay(&mut bench, 3, 3, 100).outcome.code, ResultCode::Approved);
    assert_eq!(pay(&mut bench, 4, 3, 101).short(), (ResultCode::ScanConflict, 1));
    // A tap under the sequence of a scan, paid or told.
    assert_eq!(bench.tap(sale(0, 1, 3), 0, 3, 100).short(), (ResultCode::IdentityConflict, 1));
    upload(&mut bench, 4, 100);
    assert_eq!(bench.tap(sale(0, 1, 4), 0, 3, 100).short(), (ResultCode::IdentityConflict, 1));
    bench.close();
}

#[test]
fn a_till_takes_back_what_it_showed() {
    let mut bench = Bench::new(2, 1);
    // Before anything came; told and not paid; paid.
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(pay(&mut bench, 1, 1, 500).short(), (ResultCode::ScanWithdrawn, 1));
    assert_eq!(upload(&mut bench, 1, 500), (ResultCode::Reversed, 1));

    assert_eq!(upload(&mut bench, 3, 500), (ResultCode::PaymentPending, 1));
    assert_eq!(bench.reverse(sale(0, 1, 4), (1, 3), 501).short(), (ResultCode::IdentityConflict, 1));
    assert_eq!(bench.reverse(sale(0, 1, 5), (1, 3), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::ReversalBeforeOriginal));
    assert_eq!(pay(&mut bench, 2, 3, 500).short(), (ResultCode::ScanWithdrawn, 1));
    assert_eq!(upload(&mut bench, 3, 500), (ResultCode::Reversed, 1));
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);

    assert_eq!(pay(&mut bench, 3, 6, 500).outcome.code, ResultCode::Approved);
    assert_eq!(bench.reverse(sale(0, 1, 7), (1, 6), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Reversal));
    assert_eq!((bench.wallets(0), bench.owed_to_merchant()), ([10_000, 0, 0], 0));
    assert_eq!(pay(&mut bench, 4, 6, 500).short(), (ResultCode::ScanWithdrawn, 1));
    // What a tap settled onto the card meanwhile comes back there.
    assert_eq!(pay(&mut bench, 5, 8, 500).outcome.code, ResultCode::Approved);
    bench.tap(sale(0, 1, 9), 0, 1, 100);
    assert_eq!(bench.wallets(0), [9_400, 0, 0]);
    assert_eq!(bench.reverse(sale(0, 1, 10), (1, 8), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [9_900, 0, 0]);
    // Three days later nothing is undone.
    assert_eq!(pay(&mut bench, 6, 11, 500).outcome.code, ResultCode::Approved);
    bench.time_ns += 3 * DAY_NS + 1;
    assert_eq!(bench.reverse(sale(0, 1, 12), (1, 11), 500).short(), (ResultCode::ReversalTooLate, 1));
    bench.close();
}

#[test]
fn what_was_paid_by_scan_is_given_back_in_parts_or_voided() {
    let mut bench = Bench::new(2, 1);
    assert_eq!(pay(&mut bench, 1, 1, 500).outcome.code, ResultCode::Approved);
    assert_eq!(bench.refund(sale(0, 1, 2), sale(0, 1, 1), 200).short(), (ResultCode::Approved, 1));
    assert_eq!((bench.wallets(0), bench.owed_to_merchant()), ([10_000, -300, 0], 300));
    assert_eq!(bench.reverse(sale(0, 1, 3), (1, 1), 500).outcome.code, ResultCode::ReversalAfterRefund);
    assert_eq!(bench.void(sale(0, 1, 4), (1, 1), 500).outcome.code, ResultCode::VoidAfterRefund);
    assert_eq!(bench.refund(sale(0, 1, 5), sale(0, 1, 1), 301).outcome.code, ResultCode::RefundAboveOriginal);
    // Part of it back doesn't make it unpaid.
    assert_eq!(pay(&mut bench, 1, 1, 500).short(), (ResultCode::Approved, 0));

    assert_eq!(pay(&mut bench, 2, 6, 400).outcome.code, ResultCode::Approved);
    assert_eq!(bench.void(sale(0, 1, 7), (1, 6), 400).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.kinds().last(), Some(&RecordKind::Void));
    assert_eq!((bench.wallets(0), bench.owed_to_merchant()), ([10_000, -300, 0], 300));
    assert_eq!(pay(&mut bench, 2, 6, 400).short(), (ResultCode::Reversed, 0));
    // The gateway's own identity is nothing to be given back.
    assert_eq!(bench.refund(sale(0, 1, 8), sale(1, 1, 1), 1).outcome.code, ResultCode::NothingToRefund);
    bench.close();
}

#[test]
fn a_retry_of_what_the_till_took_back_since_is_reversed() {
    let mut bench = Bench::new(2, 1);
    let first = pay(&mut bench, 1, 1, 500);
    assert_eq!(first.short(), (ResultCode::Approved, 2));
    let retry = scan(&bench, 1, 1, 500);
    assert_eq!(bench.reverse(sale(0, 1, 2), (1, 1), 500).short(), (ResultCode::Approved, 1));
    let reversal = bench.head();
    let again = bench.run(Request::ScanPay(retry));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Reversed, 0), false));
    assert_eq!(again.outcome.record, first.outcome.record);
    assert_eq!(again.outcome.observed, reversal, "the answer stands on the till's reversal");

    // The same when memory has forgotten both, the request and the sale, and when it knows one of them.
    for at in 3..40 {
        bench.tap(sale(0, 1, at), 0, at, 1);
        let forged = ScanPay { authentic: false, ..scan(&bench, at, 99, 1) };
        assert_eq!(refusal(&mut bench, forged), ResultCode::ScanNotAuthentic);
    }
    let walks = bench.walks;
    assert_eq!(bench.run(Request::ScanPay(retry)).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.walks, walks + 2, "one for each till");
    // What still stands is approved as it was.
    let standing = ScanPay { till_time_ns: bench.time_ns, ..scan(&bench, 40, 40, 300) };
    assert_eq!(bench.run(Request::ScanPay(standing)).short(), (ResultCode::Approved, 2));
    for at in 41..80 {
        bench.tap(sale(0, 1, at), 0, at, 1);
    }
    let again = bench.run(Request::ScanPay(standing));
    assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
    // A refusal stays what it was, and so does what another body came under.
    let twisted = ScanPay { amount_fen: 501, ..retry };
    assert_eq!(refusal(&mut bench, twisted), ResultCode::IdentityConflict);
    bench.close();
}

#[test]
fn a_phone_spends_no_space_that_is_kept_back() {
    let mut bench = Bench::new(1, 1);
    let begins = bench.kinds().len();
    tell_and_pay(&mut bench);
    assert_eq!(pay(&mut bench, 2, 1, 850).short(), (ResultCode::Approved, 1));
    let made = bench.kinds()[begins..].to_vec();
    assert_eq!(made.len(), 4);
    assert!(made.iter().all(|kind| !kind.uses_reserve()), "{made:?}");
    bench.close();
}

#[test]
fn nobody_walks_the_log_for_a_code_that_has_expired() {
    let mut bench = Bench::new(2, 2);
    assert_eq!(pay(&mut bench, 1, 1, 100).outcome.code, ResultCode::Approved);
    let till_time_ns = bench.time_ns;
    bench.time_ns += SCAN_AGE_MAX_NS + SECOND_NS;
    let expired = |bench: &Bench, own| ScanPay { till_time_ns, ..scan(bench, own, 1, 100) };
    let late = expired(&bench, 2);
    assert_eq!(bench.run(Request::ScanPay(late)).short(), (ResultCode::Approved, 1), "memory knows it");
    for sequence in 2..40 {
        bench.tap(sale(0, 1, sequence), 1, sequence, 1);
    }
    let walks = bench.walks;
    let late = expired(&bench, 3);
    assert_eq!(bench.run(Request::ScanPay(late)).short(), (ResultCode::ScanExpired, 1));
    assert_eq!(bench.walks, walks);
    bench.close();
}

#[test]
fn a_code_that_cant_be_trusted_is_refused_before_anything_else() {
    let mut bench = Bench::new(2, 1);
    let good = scan(&bench, 1, 7, 100);
    let stranger = sale(9, 1, 7);
    for wrong in [
        ScanPay { authentic: false, ..good },
        ScanPay { scanned: stranger.id(), scanned_slot: stranger.slot, ..good },
        // Another terminal's slot, and the gateway's own.
        ScanPay { scanned_slot: TerminalSlot(2), ..good },
        ScanPay { scanned: sale(1, 1, 7).id(), scanned_slot: TerminalSlot(1), ..good },
    ] {
        let nobody = AccountSelector::StudentNumber(text("nobody"));
        let sale = sale(1, 1, u32::try_from(bench.log.len()).unwrap());
        let wrong = ScanPay { sale, account: nobody, amount_fen: 999_999, ..wrong };
        assert_eq!(refusal(&mut bench, wrong), ResultCode::ScanNotAuthentic, "{wrong:?}");
    }
    // Nothing was used up at the till.
    assert_eq!(bench.tap(sale(0, 1, 7), 0, 1, 100).outcome.code, ResultCode::Approved);

    let Request::RegisterTerminal(till) = register_till(0) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { enabled: false, ..till }));
    assert_eq!(pay(&mut bench, 900, 8, 100).outcome.code, ResultCode::ScanNotAuthentic);
    bench.close();
}

#[test]
fn a_code_lives_ten_minutes_and_the_till_s_clock_may_be_ahead() {
    let mut bench = Bench::new(1, 1);
    let now_ns = bench.time_ns;
    for (own, till_time_ns, expected) in [
        (1, now_ns - SCAN_AGE_MAX_NS, ResultCode::Approved),
        (2, now_ns - SCAN_AGE_MAX_NS - 1, ResultCode::ScanExpired),
        (3, now_ns + CLOCK_DRIFT_MAX_NS, ResultCode::Approved),
        (4, now_ns + CLOCK_DRIFT_MAX_NS + 1, ResultCode::ScanExpired),
        (5, u64::MAX, ResultCode::ScanExpired),
    ] {
        let pay = ScanPay { till_time_ns, ..scan(&bench, own, own, 100) };
        assert_eq!(bench.run(Request::ScanPay(pay)).outcome.code, expected, "{till_time_ns}");
    }
    bench.close();
}

#[test]
fn the_rules_of_every_debit_hold_and_the_lowest_code_is_told() {
    let mut bench = Bench::new(2, 2);
    let refused = |bench: &mut Bench, own: u32, amount_fen| {
        let pay = scan(bench, own, own, amount_fen);
        refusal(bench, pay)
    };
    assert_eq!(refused(&mut bench, 1, 2_001), ResultCode::DebitLimit);
    let nobody = AccountSelector::StudentNumber(text("nobody"));
    let pay_for = |bench: &Bench, account, own| ScanPay { account, ..scan(bench, own, own, 100) };
    let by_nobody = pay_for(&bench, nobody, 2);
    assert_eq!(refusal(&mut bench, by_nobody), ResultCode::UnknownAccount);
    let by_old = ScanPay { till_time_ns: 0, ..by_nobody };
    assert_eq!(refusal(&mut bench, ScanPay { sale: sale(1, 1, 3), ..by_old }), ResultCode::ScanExpired);
    bench.done(Request::BindCard(BindCard { account: AccountId(1), card_uid: CardUid(55) }));
    let by_card = pay_for(&bench, AccountSelector::Card(uid(1)), 4);
    assert_eq!(refusal(&mut bench, by_card), ResultCode::CardNotCurrent);
    for (own, status, expected) in [
        (5, AccountStatus::Frozen, ResultCode::AccountFrozen),
        (6, AccountStatus::Open, ResultCode::Approved),
    ] {
        bench.done(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(0),
            status,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
        assert_eq!(pay(&mut bench, own, own, 100).outcome.code, expected);
    }
    bench.done(Request::RegisterMerchant(RegisterMerchant {
        merchant: MERCHANT,
        name: "一食堂",
        enabled: false,
    }));
    assert_eq!(refused(&mut bench, 7, 100), ResultCode::UnknownMerchant);

    // Fields, and who may ask.
    for (amount_fen, expected) in [
        (0, ResultCode::AmountNotPositive),
        (-1, ResultCode::AmountNotPositive),
        (1_000_000_001, ResultCode::AmountTooLarge),
    ] {
        assert_eq!(pay(&mut bench, 8, 8, amount_fen).short(), (expected, 0));
    }
    assert_eq!(pay(&mut bench, 0, 8, 100).short(), (ResultCode::SequenceZero, 0));
    assert_eq!(pay(&mut bench, 8, 0, 100).short(), (ResultCode::SequenceZero, 0));
    let Request::RegisterTerminal(till) = register_till(1) else { unreachable!("it registers") };
    bench.done(Request::RegisterTerminal(RegisterTerminal { kind: TerminalKind::PointOfSale, ..till }));
    assert_eq!(pay(&mut bench, 8, 8, 100).short(), (ResultCode::NotPermitted, 0));
    let unknown = ScanPay { sale: sale(9, 1, 1), ..scan(&bench, 1, 8, 100) };
    assert_eq!(bench.run(Request::ScanPay(unknown)).short(), (ResultCode::UnknownTerminal, 0));
    bench.close();
}

#[test]
fn while_the_till_seems_connected_it_is_taken_and_noted() {
    let mut bench = Bench::new(1, 1);
    let connected = ScanPay { till_connected: true, ..scan(&bench, 1, 7, 100) };
    assert_eq!(bench.run(Request::ScanPay(connected)).short(), (ResultCode::ApprovedFlagged, 2));
    let logged = &bench.log[bench.log.len() - 2];
    let Ok(Record::ScanPaid(record)) = Record::decode(logged.kind, logged.version, &logged.payload) else {
        panic!("no self-scan");
    };
    assert_eq!((record.till_connected, record.gateway.get()), (1, 102));
    assert_eq!((bench.owed_to_merchant(), bench.held_back()), (100, 0));
    assert_eq!(upload(&mut bench, 7, 100), (ResultCode::ApprovedFlagged, 0));
    assert_eq!(pay(&mut bench, 2, 7, 100).short(), (ResultCode::ApprovedFlagged, 1));
    bench.close();
}

#[test]
fn a_sale_of_long_ago_and_a_till_full_of_gaps_are_judged_by_the_log_and_the_bound() {
    let mut bench = Bench::new(2, 2);
    assert_eq!(pay(&mut bench, 1, 1, 100).outcome.code, ResultCode::Approved);
    assert_eq!(upload(&mut bench, 2, 100), (ResultCode::PaymentPending, 1));
    // Both leave the ring.
    for sequence in 3..40 {
        bench.tap(sale(0, 1, sequence), 1, sequence, 1);
    }
    let walks = bench.walks;
    let other = ScanPay { account: AccountSelector::Account(AccountId(1)), ..scan(&bench, 2, 1, 100) };
    assert_eq!(refusal(&mut bench, other), ResultCode::ScanPaidBefore);
    assert_eq!(pay(&mut bench, 3, 2, 100).short(), (ResultCode::Approved, 2));
    assert_eq!(upload(&mut bench, 2, 100), (ResultCode::Approved, 0));
    assert_eq!(pay(&mut bench, 4, 2, 100).short(), (ResultCode::Approved, 1));
    assert!(bench.walks > walks);
    // The till was reset after it showed this one.
    bench.tap(sale(0, 2, 1), 1, 99, 1);
    assert_eq!(pay(&mut bench, 5, 77, 100).short(), (ResultCode::Approved, 2));
    assert_eq!(pay(&mut bench, 6, 77, 100).short(), (ResultCode::Approved, 1));

    for gap in 1..=GAPS_MAX as u32 {
        bench.tap(sale(0, 2, 1 + 2 * gap), 1, 100 + gap, 1);
    }
    let beyond = ScanPay { scanned: sale(0, 2, 4_000).id(), ..scan(&bench, 7, 1, 100) };
    assert_eq!(bench.run(Request::ScanPay(beyond)).short(), (ResultCode::TooManyGaps, 0));
    let within = ScanPay { scanned: sale(0, 2, 2).id(), ..beyond };
    assert_eq!(bench.run(Request::ScanPay(within)).short(), (ResultCode::Approved, 2));
    bench.close();
}
