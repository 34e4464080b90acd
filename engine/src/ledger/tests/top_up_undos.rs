use protocol::ids::{AccountId, BusinessDate, Epoch, Sequence, TerminalId};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, MERCHANT, sale, text};
use crate::ledger::command::{
    AccountSelector, Channel, CodeVerdict, CutOff, RegisterTerminal, Request, Sale, SaleQuery, TerminalSlot,
    TopUp, TopUpUndo,
};
use crate::ledger::decision::Decision;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::record::RecordKind;
use crate::ledger::registry::TerminalKind;
use crate::ledger::state::total_fen;

const COUNTER_SLOT: u16 = 4;

/// The counter's sales; the bench's own tills are gateways.
fn at_counter(sequence: u32) -> Sale<'static> {
    Sale {
        slot: TerminalSlot(COUNTER_SLOT),
        terminal: TerminalId(700),
        epoch: Epoch(1),
        sequence: Sequence(sequence),
        raw: b"raw",
    }
}

pub(super) fn with_counter(shards: usize) -> Bench {
    let mut bench = Bench::new(shards, 3);
    bench.done(Request::RegisterTerminal(RegisterTerminal {
        terminal: TerminalId(700),
        merchant: MERCHANT,
        kind: TerminalKind::Counter,
        key_version: 1,
        enabled: true,
    }));
    bench
}

pub(super) fn pay_in(bench: &mut Bench, sequence: u32, channel: Channel, order: &str) -> Answer {
    bench.run(Request::TopUp(TopUp {
        sale: at_counter(sequence),
        account: AccountSelector::Account(AccountId(1)),
        amount_fen: 5_000,
        channel,
        order_number: text(order),
    }))
}

pub(super) fn undo(bench: &mut Bench, sequence: u32, original: (u16, u32), amount_fen: i64) -> Answer {
    bench.run(Request::TopUpUndo(TopUpUndo {
        sale: at_counter(sequence),
        original_epoch: Epoch(original.0),
        original_sequence: Sequence(original.1),
        amount_fen,
    }))
}

fn cash_taken_fen(bench: &Bench) -> i64 {
    -total_fen(&bench.state.shards, LedgerAccount::clearing(Clearing::TopUp))
}

#[test]
fn cash_goes_back_and_the_order_stays_used() {
    for shards in [1, 4] {
        let mut bench = with_counter(shards);
        pay_in(&mut bench, 1, Channel::Counter, "c-1");
        assert_eq!((bench.wallets(1), cash_taken_fen(&bench)), ([10_000, 0, 5_000], 5_000));
        let undone = undo(&mut bench, 2, (1, 1), 5_000);
        assert_eq!(undone.short(), (ResultCode::Approved, 1));
        assert_eq!(undone.outcome.balance_after_fen, 10_000);
        assert_eq!(bench.kinds().last(), Some(&RecordKind::TopUpUndo));
        assert_eq!((bench.wallets(1), cash_taken_fen(&bench)), ([10_000, 0, 0], 0));
        // Retried it is answered the same; under another identity it was undone before.
        let retried = undo(&mut bench, 2, (1, 1), 5_000);
        assert_eq!(
            (retried.short(), retried.outcome.record),
            ((ResultCode::Approved, 0), undone.outcome.record)
        );
        assert_eq!(undo(&mut bench, 2, (1, 1), 5_001).outcome.code, ResultCode::IdentityConflict);
        assert_eq!(undo(&mut bench, 3, (1, 1), 5_000).short(), (ResultCode::NotUndoable, 1));
        // The top-up's retry is told; its order, told again, is credited no second time.
        assert_eq!(pay_in(&mut bench, 1, Channel::Counter, "c-1").short(), (ResultCode::Reversed, 0));
        let again = pay_in(&mut bench, 4, Channel::Counter, "c-1");
        assert_eq!((again.outcome.code, again.outcome.repeat), (ResultCode::Approved, true));
        assert_eq!((bench.wallets(1), cash_taken_fen(&bench)), ([10_000, 0, 0], 0));
        bench.close();
    }
}

#[test]
fn what_isnt_a_counters_own_top_up_of_today_stays() {
    let mut bench = with_counter(1);
    pay_in(&mut bench, 1, Channel::Counter, "c-1");
    pay_in(&mut bench, 2, Channel::WeChat, "w-1");
    assert_eq!(bench.tap(at_counter(3), 1, 1, 100).outcome.code, ResultCode::Approved);
    let refused = pay_in(&mut bench, 4, Channel::Counter, "w-1");
    assert_eq!(refused.outcome.code, ResultCode::Approved, "another channel, another order");
    for (sequence, original, amount_fen, code) in [
        (10, (1, 2), 5_000, ResultCode::NotUndoable),
        (11, (1, 3), 100, ResultCode::NotUndoable),
        (12, (1, 9), 5_000, ResultCode::NotUndoable),
        (13, (1, 13), 5_000, ResultCode::NotUndoable),
        (14, (2, 1), 5_000, ResultCode::NotUndoable),
        (15, (1, 10), 5_000, ResultCode::NotUndoable),
        (16, (1, 1), 4_999, ResultCode::IdentityConflict),
    ] {
        assert_eq!(undo(&mut bench, sequence, original, amount_fen).short(), (code, 1), "{original:?}");
    }
    assert_eq!(undo(&mut bench, 17, (1, 0), 5_000).short(), (ResultCode::SequenceZero, 0));
    assert_eq!(undo(&mut bench, 17, (1, 1), 0).outcome.code, ResultCode::IdentityConflict);
    // Another till can't name it, and a gateway undoes nothing.
    let at_gateway = TopUpUndo {
        sale: sale(0, 1, 1),
        original_epoch: Epoch(1),
        original_sequence: Sequence(1),
        amount_fen: 5_000,
    };
    assert_eq!(bench.run(Request::TopUpUndo(at_gateway)).short(), (ResultCode::NotPermitted, 0));
    // Tomorrow it is too late.
    bench.done(Request::CutOff(CutOff { opened: BusinessDate(9_825) }));
    assert_eq!(undo(&mut bench, 18, (1, 1), 5_000).short(), (ResultCode::NotUndoable, 1));
    bench.close();
}

#[test]
fn what_was_spent_cant_be_taken_back() {
    let mut bench = with_counter(1);
    pay_in(&mut bench, 1, Channel::Counter, "c-1");
    // More than the card wallet has: the load takes it from the electronic wallet.
    bench.upload(sale(0, 1, 1), 1, 1, 9_900);
    bench.time_ns += crate::ledger::calendar::DAY_NS;
    bench.tap(sale(0, 1, 2), 1, 2, 200);
    assert_eq!(bench.wallets(1), [0, 0, 4_900]);
    assert_eq!(undo(&mut bench, 2, (1, 1), 5_000).short(), (ResultCode::InsufficientFunds, 1));
    assert_eq!(bench.wallets(1), [0, 0, 4_900]);
    bench.close();
}

#[test]
fn what_was_paid_by_code_cant_be_taken_back() {
    let mut bench = with_counter(1);
    pay_in(&mut bench, 1, Channel::Counter, "c-1");
    bench.upload(sale(0, 1, 1), 1, 1, 9_900);
    bench.time_ns += crate::ledger::calendar::DAY_NS;
    let authentic = CodeVerdict::Authentic { account: AccountId(1), step: 1, nonce: 1 };
    bench.code(sale(0, 1, 2), authentic, 200);
    assert_eq!(bench.wallets(1), [100, -200, 5_000]);
    assert_eq!(undo(&mut bench, 2, (1, 1), 5_000).short(), (ResultCode::InsufficientFunds, 1));
    assert_eq!(bench.wallets(1), [100, -200, 5_000]);
    bench.close();
}

#[test]
fn an_old_one_is_found_in_the_log_and_stays_undone_there() {
    let mut bench = with_counter(1);
    pay_in(&mut bench, 1, Channel::Counter, "c-1");
    pay_in(&mut bench, 2, Channel::Counter, "c-2");
    // The ring of outcomes is long full.
    for sequence in 3..40 {
        undo(&mut bench, sequence, (1, 99), 1);
    }
    assert_eq!(undo(&mut bench, 40, (1, 2), 5_000).short(), (ResultCode::Approved, 1));
    for sequence in 41..80 {
        undo(&mut bench, sequence, (1, 99), 1);
    }
    let walks = bench.walks;
    assert_eq!(undo(&mut bench, 80, (1, 2), 5_000).short(), (ResultCode::NotUndoable, 1));
    assert_eq!(pay_in(&mut bench, 2, Channel::Counter, "c-2").short(), (ResultCode::Reversed, 0));
    let query = SaleQuery { sale: at_counter(2) };
    let Decision::NoRecord(told) = bench.decide(Request::SaleQuery(query)) else { panic!("it is known") };
    assert_eq!(told.code, ResultCode::Reversed);
    assert!(bench.walks >= walks + 3);
    assert_eq!(bench.wallets(1), [10_000, 0, 5_000]);
    bench.close();
}
