//! Batches that were paid or taken back wrongly, each of which is found.

use protocol::ids::BusinessDate;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{I64, U16, U32};

use super::*;
use crate::ledger::calendar::DAY_NS;
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::record::{MoneyRecord, Wallet, Wallets};

const BATCH: u32 = 7;
const LINE_FEN: i64 = 500;
const SUBSIDY: LedgerAccount = LedgerAccount::clearing(Clearing::Subsidy);

/// A batch of one line, for account 3, and what its account has.
struct Walk {
    batches: Batches,
    purse: Purse,
    time_ns: u64,
}

fn money(amount_fen: i64, operator: u32) -> MoneyRecord {
    let money = MoneyRecord::of_no_till(BusinessDate(9_824), amount_fen, Wallet::Card);
    if operator == 0 {
        return money;
    }
    MoneyRecord { terminal: U32::new(operator), slot: U16::new(operator as u16), ..money }
}

fn moved(amount_fen: i64, comes: bool, mode: u8) -> SubsidyRecord {
    let person = LedgerAccount::person(AccountId(3));
    let (debit, credit) = if comes { (SUBSIDY, person) } else { (person, SUBSIDY) };
    let (debit, credit) = (U32::new(debit.bits()), U32::new(credit.bits()));
    let change_fen = I64::new(if comes { amount_fen } else { -amount_fen });
    SubsidyRecord {
        money: MoneyRecord { debit, credit, ..money(amount_fen, 0) },
        wallets: Wallets { card_fen: change_fen, subsidy_fen: change_fen, ..Wallets::default() },
        batch: U32::new(BATCH),
        mode,
        reserved: [0; 3],
    }
}

impl Walk {
    /// Opened by operator 1, filled, approved by operator 2, about to be paid.
    fn issuing(mode: SubsidyMode) -> Walk {
        let mut walk =
            Walk { batches: Batches::default(), purse: Purse::default(), time_ns: 20_000 * DAY_NS };
        let opened = SubsidyOpenedRecord {
            money: money(LINE_FEN, 1),
            batch: U32::new(BATCH),
            lines: U32::new(1),
            deadline_day: U16::new(day_of(walk.time_ns) + 1),
            mode: mode.number(),
            title_bytes: 1,
            reserved: U32::ZERO,
        };
        walk.right(&Record::SubsidyOpened(opened, b"t"));
        let line = SubsidyLine { account: 3.into(), amount_fen: (LINE_FEN as u32).into() };
        let page = SubsidyLinesRecord {
            money: money(LINE_FEN, 1),
            batch: U32::new(BATCH),
            first: U32::ZERO,
            count: 1,
            reserved: [0; 7],
        };
        walk.right(&Record::SubsidyLines(page, line.as_bytes()));
        assert!(walk.step(1, SubsidyState::Approved).is_err(), "his own");
        walk.step(2, SubsidyState::Approved).expect("another's");
        walk.step(1, SubsidyState::Issuing).expect("it is approved");
        walk
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), String> {
        let purse = self.purse;
        self.batches.take(self.time_ns, record, &|_| Some(purse))
    }

    fn right(&mut self, record: &Record<'_>) {
        self.take(record).expect("it is right");
    }

    fn step(&mut self, operator: u32, state: SubsidyState) -> Result<(), String> {
        let reason: &[u8] = if operator == 0 { b"" } else { b"why" };
        let stepped = SubsidySteppedRecord {
            money: money(0, operator),
            batch: U32::new(BATCH),
            state: state.number(),
            reason_bytes: reason.len() as u8,
            reserved: U16::ZERO,
        };
        self.take(&Record::SubsidyStepped(stepped, reason))
    }

    /// The line is paid, and stands on the card.
    fn claim(&mut self, mode: u8) -> Result<(), String> {
        (self.purse.card_fen, self.purse.subsidy_fen) =
            (self.purse.card_fen + i128::from(LINE_FEN), self.purse.subsidy_fen + i128::from(LINE_FEN));
        self.take(&Record::SubsidyClaimed(moved(LINE_FEN, true, mode)))
    }

    fn skip(&mut self, code: ResultCode) -> Result<(), String> {
        let person = U32::new(LedgerAccount::person(AccountId(3)).bits());
        let money = MoneyRecord { code: U16::new(code.number()), debit: person, ..money(LINE_FEN, 0) };
        self.take(&Record::SubsidySkipped(SubsidySkippedRecord {
            money,
            batch: U32::new(BATCH),
            reserved: U32::ZERO,
        }))
    }

    fn take_back(&mut self, amount_fen: i64) -> Result<(), String> {
        self.purse.card_fen -= i128::from(amount_fen);
        self.purse.subsidy_fen -= i128::from(amount_fen);
        self.take(&Record::SubsidyTakenBack(moved(amount_fen, false, SubsidyRecord::WITHDRAWN)))
    }
}

/// Issued, and being withdrawn.
fn withdrawing() -> Walk {
    let mut walk = Walk::issuing(SubsidyMode::Beside);
    walk.claim(SubsidyRecord::BESIDE).expect("it waits");
    walk.step(0, SubsidyState::Issued).expect("no line waits");
    walk.step(1, SubsidyState::Withdrawing).expect("it is issued");
    walk
}

#[test]
fn a_line_that_could_be_paid_isnt_skipped() {
    for code in [ResultCode::AccountClosed, ResultCode::BalanceOverflow, ResultCode::Approved] {
        assert!(Walk::issuing(SubsidyMode::Beside).skip(code).is_err(), "{code:?}");
    }
    let mut closed = Walk::issuing(SubsidyMode::Beside);
    closed.purse.is_closed = true;
    assert!(closed.skip(ResultCode::BalanceOverflow).is_err());
    closed.skip(ResultCode::AccountClosed).expect("it is closed");
    let mut full = Walk::issuing(SubsidyMode::Beside);
    full.purse.card_fen = i128::from(SUBSIDY_FEN_MAX);
    full.purse.subsidy_fen = full.purse.card_fen;
    full.skip(ResultCode::BalanceOverflow).expect("it is full");
    assert!(Walk::issuing(SubsidyMode::Beside).step(0, SubsidyState::Issued).is_err(), "nobody was paid");
}

#[test]
fn a_batch_clears_if_it_says_so_and_only_then() {
    assert!(Walk::issuing(SubsidyMode::Beside).claim(SubsidyRecord::CLEAR).is_err());
    assert!(Walk::issuing(SubsidyMode::Clear).claim(SubsidyRecord::BESIDE).is_err());
    let cleared = moved(1, false, SubsidyRecord::CLEARED);
    assert!(Walk::issuing(SubsidyMode::Beside).take(&Record::SubsidyTakenBack(cleared)).is_err());
    let mut with_rest = Walk::issuing(SubsidyMode::Clear);
    (with_rest.purse.card_fen, with_rest.purse.subsidy_fen) = (1, 1);
    assert!(with_rest.claim(SubsidyRecord::CLEAR).is_err(), "1 fen was left before");
    Walk::issuing(SubsidyMode::Clear).claim(SubsidyRecord::CLEAR).expect("nothing was left before");
}

#[test]
fn nothing_is_left_of_what_is_withdrawn_but_what_came_back_meanwhile() {
    let mut walk = withdrawing();
    assert!(walk.take_back(LINE_FEN + 1).is_err());
    let mut forgotten = withdrawing();
    assert!(forgotten.step(0, SubsidyState::Withdrawn).is_err(), "its line was left out");
    let mut in_part = withdrawing();
    in_part.take_back(LINE_FEN - 1).expect("it is there");
    assert!(in_part.step(0, SubsidyState::Withdrawn).is_err(), "1 fen is left");

    // Spent, and back while the rest was gone through.
    let mut returned = withdrawing();
    (returned.purse.card_fen, returned.purse.subsidy_fen) = (300, 300);
    returned.take_back(300).expect("it is there");
    (returned.purse.card_fen, returned.purse.subsidy_fen, returned.purse.came_back_fen) = (200, 200, 200);
    returned.step(0, SubsidyState::Withdrawn).expect("it came back meanwhile");
    assert!(returned.step(0, SubsidyState::Withdrawing).is_err(), "not on the same day");
    returned.time_ns += DAY_NS;
    assert!(returned.step(1, SubsidyState::Withdrawing).is_err(), "by itself");
    returned.step(0, SubsidyState::Withdrawing).expect("the next day");
    assert!(returned.step(0, SubsidyState::Withdrawn).is_err(), "by now it is to be taken back");
}

#[test]
fn what_is_spent_by_phone_isnt_there() {
    let mut walk = withdrawing();
    walk.purse.transition_fen = -i128::from(LINE_FEN);
    walk.step(0, SubsidyState::Withdrawn).expect("all of it was spent");
}
