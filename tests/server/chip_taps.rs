//! Taps in two phases over real sockets: chips that are written, torn and never confirmed, at tills of other shards, over
//! restarts, found in the log.

use protocol::card::ChipWrite;
use protocol::ids::AccountId;
use protocol::result_code::ResultCode;

use crate::campus::{COUNTER, Campus, OPENING_FEN, Served, card, till};
use crate::wire_till::{Tap, WireTill};

/// Each has a card, taps at a till of its own, and is presented at another.
const PEOPLE: u32 = 24;

fn sign_in(served: &Served, index: u32) -> WireTill {
    WireTill::sign_in(served.address(), &served.keys.identity(till(index)))
}

fn first_tap(account: u32) -> Tap {
    Tap { sequence: account + 1, card: card(account), counter: 1, amount_fen: 500 }
}

/// What a presentation makes of a tap: every second chip was written.
fn was_written(account: u32) -> bool {
    account.is_multiple_of(2)
}

fn next_tap(account: u32, sequence: u32) -> Tap {
    let counter = if was_written(account) { 2 } else { 1 };
    Tap { sequence, card: card(account), counter, amount_fen: 70 }
}

#[test]
fn open_taps_outlive_restarts_and_are_resolved_at_any_till() {
    let mut campus = Campus::new();
    campus.sizes.shards = 4;
    campus.sizes.outcomes_per_terminal = 8;
    let served = campus.serve();
    let mut first = sign_in(&served, 0);
    for account in 0..PEOPLE {
        let answer = first.card_tap(&first_tap(account));
        assert_eq!(answer.money.code, ResultCode::Approved);
        let chip = answer.chip.expect("it is open");
        assert_eq!((chip.balance_fen, chip.counter.0), (0, 1));
        // Again, in a new frame: the same, but for its counter and MAC.
        let again = first.card_tap(&first_tap(account));
        assert_eq!((again.chip, again.money.repeat), (answer.chip, true));
        assert_eq!(again.money.record, answer.money.record);
    }
    drop(first);
    // Killed without a seal, then stopped in order: from the log, and from a snapshot.
    served.stop_unsealed();
    let served = campus.serve();
    let mut second = sign_in(&served, 1);
    for account in 0..PEOPLE / 2 {
        let tap = next_tap(account, account + 1);
        // In one phase and in two.
        let code = if account % 4 < 2 { second.tap(&tap).code } else { second.card_tap(&tap).money.code };
        assert_eq!(code, ResultCode::Approved);
    }
    drop(second);
    served.stop();
    let served = campus.serve();
    let mut second = sign_in(&served, 1);
    for account in PEOPLE / 2..PEOPLE {
        assert_eq!(second.tap(&next_tap(account, account + 1)).code, ResultCode::Approved);
    }
    // The first till remembers few: what became of its taps is found in the log.
    let mut first = sign_in(&served, 0);
    for account in 0..PEOPLE {
        let expected = if was_written(account) { ResultCode::TapStands } else { ResultCode::TapUndone };
        let late = first.confirm(100 + account, &first_tap(account), ChipWrite::Written);
        assert_eq!((late.code, late.account), (expected, Some(AccountId(account))), "account {account}");
        let again = first.card_tap(&first_tap(account));
        let stands = if was_written(account) { ResultCode::Approved } else { ResultCode::Reversed };
        assert_eq!((again.money.code, again.chip), (stands, None), "account {account}");
        let paid_fen = if was_written(account) { 570 } else { 70 };
        assert_eq!(first.balance(account).system_fen, OPENING_FEN - paid_fen);
    }
    served.stop();
    let report = campus.expect_sound();
    assert_eq!(report.records_by_kind["tap_undone"], u64::from(PEOPLE / 2));
}

#[test]
fn a_till_writes_confirms_and_is_told_what_it_did_wrong() {
    let campus = Campus::new();
    let served = campus.serve();
    let (mut pos, mut other) = (sign_in(&served, 0), sign_in(&served, 1));
    let tap = Tap { sequence: 1, card: card(3), counter: 9, amount_fen: 1_000 };
    assert!(pos.card_tap(&tap).chip.is_some());
    // Another till can't speak for it, whatever the chip says.
    let of_other = Tap { sequence: 1, ..tap };
    assert_eq!(other.confirm(1, &of_other, ChipWrite::Written).code, ResultCode::NothingToConfirm);
    assert_eq!(pos.confirm(2, &tap, ChipWrite::Written).code, ResultCode::Approved);
    let again = pos.confirm(2, &tap, ChipWrite::Written);
    assert_eq!((again.code, again.repeat), (ResultCode::Approved, true));
    assert_eq!(pos.confirm(3, &tap, ChipWrite::NotWritten).code, ResultCode::TapConfirmedBefore);
    let refused = Tap { sequence: 4, counter: 9, ..tap };
    let answer = pos.card_tap(&refused);
    assert_eq!((answer.money.code, answer.chip), (ResultCode::CardCounterReplayed, None));
    assert_eq!(pos.confirm(5, &refused, ChipWrite::Written).code, ResultCode::NothingToConfirm);
    // A counter that isn't there to sell at is one all the same.
    let mut counter = WireTill::sign_in(served.address(), &served.keys.identity(COUNTER));
    assert_eq!(counter.card_tap(&Tap { sequence: 1, counter: 10, ..tap }).money.code, ResultCode::Approved);
    served.stop();
    campus.expect_sound();
}
