use protocol::ids::{AccountId, BusinessDate, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Bench, MERCHANT, sale};
use crate::ledger::command::{
    CodeVerdict, CutOff, RegisterTerminal, Request, Sale, SaleQuery, TerminalSlot, Void,
};
use crate::ledger::decision::Decision;
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;

#[test]
fn the_whole_sale_is_undone_once_and_the_days_total_with_it() {
    for shards in [1, 4] {
        let mut bench = Bench::new(shards, 2);
        bench.give_subsidy(1, 300);
        bench.tap(sale(0, 1, 1), 1, 1, 2_000);
        bench.tap(sale(0, 1, 2), 1, 2, 2_000);
        let voided = bench.void(sale(0, 1, 3), (1, 1), 2_000);
        assert_eq!(voided.short(), (ResultCode::Approved, 1));
        assert_eq!((voided.outcome.account, voided.outcome.balance_after_fen), (Some(AccountId(1)), 8_300));
        assert_eq!(bench.kinds().last(), Some(&RecordKind::Void));
        assert_eq!((bench.wallets(1), bench.subsidy_fen(1)), ([8_300, 0, 0], 300));
        assert_eq!(bench.owed_to_merchant(), 2_000);
        // The void's retry; another void; a reversal, which finds it done; the sale's retry.
        assert_eq!(bench.void(sale(0, 1, 3), (1, 1), 2_000).short(), (ResultCode::Approved, 0));
        assert_eq!(bench.void(sale(0, 1, 4), (1, 1), 2_000).short(), (ResultCode::AlreadyVoided, 1));
        let reversed = bench.reverse(sale(0, 1, 5), (1, 1), 2_000);
        assert_eq!((reversed.short(), reversed.outcome.repeat), ((ResultCode::Approved, 1), true));
        assert_eq!(bench.tap(sale(0, 1, 1), 1, 1, 2_000).short(), (ResultCode::Reversed, 0));
        assert_eq!(bench.upload(sale(0, 1, 1), 1, 1, 2_000).short(), (ResultCode::Reversed, 1));
        let Decision::NoRecord(told) = bench.decide(Request::SaleQuery(SaleQuery { sale: sale(0, 1, 1) }))
        else {
            panic!("it is known")
        };
        assert_eq!(told.code, ResultCode::Reversed);
        // The day's total is back at 2,000.
        assert_eq!(bench.tap(sale(0, 1, 6), 1, 6, 2_000).outcome.code, ResultCode::Approved);
        assert_eq!(bench.tap(sale(0, 1, 7), 1, 7, 1_001).outcome.code, ResultCode::DayLimit);
        bench.close();
    }
}

#[test]
fn a_payment_by_code_goes_back_to_the_transition_wallet() {
    let mut bench = Bench::new(1, 1);
    let verdict = CodeVerdict::Authentic { account: AccountId(0), step: 9, nonce: 0 };
    bench.code(sale(0, 1, 1), verdict, 700);
    assert_eq!(bench.void(sale(0, 1, 2), (1, 1), 700).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    assert_eq!(bench.code(sale(0, 1, 3), verdict, 700).outcome.code, ResultCode::CodeUsed);
    bench.close();
}

#[test]
fn what_isnt_a_sale_of_this_till_and_date_stays() {
    let mut bench = Bench::new(2, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 500);
    bench.reverse(sale(0, 1, 2), (1, 1), 500);
    bench.upload(sale(0, 1, 3), 0, 2, 500);
    bench.tap(sale(0, 1, 4), 0, 3, 500);
    bench.refund(sale(1, 1, 1), sale(0, 1, 4), 500);
    bench.tap(sale(0, 1, 5), 0, 4, 9_999);
    bench.top_up(sale(0, 1, 6), 0, 500, "w-1");
    bench.reverse(sale(0, 1, 7), (1, 30), 500);
    bench.tap(sale(0, 1, 8), 0, 5, 500);
    for (sequence, original, amount_fen, code) in [
        (10, (1, 1), 500, ResultCode::VoidAfterReversal),
        (11, (1, 2), 500, ResultCode::NothingToVoid),
        (12, (1, 3), 500, ResultCode::VoidOfOfflineFact),
        (13, (1, 4), 500, ResultCode::VoidAfterRefund),
        (14, (1, 5), 9_999, ResultCode::NothingToVoid),
        (15, (1, 6), 500, ResultCode::NothingToVoid),
        (16, (1, 30), 500, ResultCode::VoidAfterReversal),
        (17, (1, 8), 501, ResultCode::IdentityConflict),
        // Not come, itself, of a greater epoch.
        (18, (1, 9), 500, ResultCode::NothingToVoid),
        (19, (1, 19), 500, ResultCode::NothingToVoid),
        (20, (2, 1), 500, ResultCode::NothingToVoid),
    ] {
        assert_eq!(bench.void(sale(0, 1, sequence), original, amount_fen).short(), (code, 1), "{original:?}");
    }
    assert_eq!(bench.void(sale(0, 1, 21), (1, 0), 500).short(), (ResultCode::SequenceZero, 0));
    assert_eq!(bench.void(sale(0, 1, 0), (1, 8), 500).short(), (ResultCode::SequenceZero, 0));
    assert_eq!(bench.void(sale(0, 1, 21), (1, 31), 0).short(), (ResultCode::AmountNotPositive, 0));
    // A door sells nothing.
    let door = Sale { slot: TerminalSlot(4), terminal: TerminalId(900), ..sale(0, 1, 1) };
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: door.terminal,
        merchant: MERCHANT,
        kind: TerminalKind::Door,
        key_version: 1,
        enabled: true,
    }));
    let (original_epoch, original_sequence) = (sale(0, 1, 8).epoch, sale(0, 1, 8).sequence);
    let at_door = Void { sale: door, original_epoch, original_sequence, amount_fen: 500 };
    assert_eq!(bench.run(Request::Void(at_door)).short(), (ResultCode::NotPermitted, 0));
    // After the cut-off it is too late; a refund isn't.
    bench.done(Request::CutOff(CutOff { opened: BusinessDate(9_825) }));
    assert_eq!(bench.void(sale(0, 1, 22), (1, 8), 500).short(), (ResultCode::VoidTooLate, 1));
    assert_eq!(bench.refund(sale(0, 1, 23), sale(0, 1, 8), 500).short(), (ResultCode::Approved, 1));
    bench.close();
}

#[test]
fn one_that_only_the_log_remembers_stays_voided_there() {
    let mut bench = Bench::new(1, 1);
    bench.tap(sale(0, 1, 1), 0, 1, 500);
    for sequence in 2..=40 {
        bench.reverse(sale(0, 1, sequence), (1, 99), 1);
    }
    assert_eq!(bench.void(sale(0, 1, 41), (1, 1), 500).short(), (ResultCode::Approved, 1));
    assert_eq!(bench.void(sale(0, 1, 42), (1, 1), 500).short(), (ResultCode::AlreadyVoided, 1));
    assert_eq!(bench.tap(sale(0, 1, 1), 0, 1, 500).short(), (ResultCode::Reversed, 0));
    assert_eq!(bench.refund(sale(0, 1, 43), sale(0, 1, 1), 1).outcome.code, ResultCode::RefundAfterVoid);
    assert_eq!(bench.wallets(0), [10_000, 0, 0]);
    bench.close();
}
