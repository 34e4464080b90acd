//! Subsidy batches: from the first line to the last fen taken back, and every step that may not be taken.

use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::{SubsidyAction, SubsidyLine, SubsidyMode};
use protocol::result_code::ResultCode;

use super::bench::{Answer, Bench, sale};
use super::office::{AUDITOR, CARD_CENTRE, FINANCE, SECOND_FINANCE, TILL, with_operators};
use crate::ledger::account::AccountStatus;
use crate::ledger::calendar::{DAY_NS, day_of};
use crate::ledger::command::{
    Request, Sale, SetAccountTerms, SubsidyAdvance, SubsidyClaim, SubsidyLines, SubsidyOpen, SubsidyStep,
    SubsidyTakeBack,
};
use crate::ledger::ledger_account::{Clearing, LedgerAccount};
use crate::ledger::limits::{SUBSIDY_BATCHES_MAX, SUBSIDY_FEN_MAX};
use crate::ledger::record::RecordKind;
use crate::ledger::state::total_fen;
use crate::ledger::subsidies;

pub(super) const OPENER: u16 = FINANCE;
const APPROVER: u16 = SECOND_FINANCE;
const WHY: &[u8] = "核对无误".as_bytes();

/// A bench whose operators count their requests by themselves.
pub(super) struct Office {
    pub(super) bench: Bench,
    next: [u32; 16],
}

impl Office {
    pub(super) fn new(shards: usize, accounts: u32) -> Office {
        Office { bench: with_operators(shards, accounts), next: [1; 16] }
    }

    pub(super) fn sale(&mut self, slot: u16) -> Sale<'static> {
        let next = &mut self.next[usize::from(slot)];
        *next += 1;
        sale(slot, 1, *next - 1)
    }

    pub(super) fn today(&self) -> u16 {
        day_of(self.bench.time_ns)
    }

    fn open_as(&mut self, by: u16, batch: u32, mode: SubsidyMode, lines: u32, total_fen: i64) -> Answer {
        let (sale, deadline_day, title) = (self.sale(by), self.today() + 1, "伙食补助".as_bytes());
        self.bench.run(Request::SubsidyOpen(SubsidyOpen {
            sale,
            batch,
            mode,
            deadline_day,
            lines,
            total_fen,
            title,
        }))
    }

    fn page(&mut self, by: u16, batch: u32, first: u32, lines: &[(u32, u32)]) -> Answer {
        let sale = self.sale(by);
        let lines: Vec<SubsidyLine> = lines
            .iter()
            .map(|&(account, fen)| SubsidyLine { account: account.into(), amount_fen: fen.into() })
            .collect();
        self.bench.run(Request::SubsidyLines(SubsidyLines { sale, batch, first, lines: &lines }))
    }

    pub(super) fn step(&mut self, by: u16, batch: u32, action: SubsidyAction) -> ResultCode {
        let sale = self.sale(by);
        self.bench.run(Request::SubsidyStep(SubsidyStep { sale, batch, action, reason: WHY })).outcome.code
    }

    pub(super) fn claim(&mut self, batch: u32, account: u32) -> Answer {
        self.bench.run(Request::SubsidyClaim(SubsidyClaim { batch, account: AccountId(account) }))
    }

    pub(super) fn take_back(&mut self, batch: u32, account: u32) -> Answer {
        self.bench.run(Request::SubsidyTakeBack(SubsidyTakeBack { batch, account: AccountId(account) }))
    }

    pub(super) fn advance(&mut self, batch: u32, swept: bool) -> (ResultCode, usize) {
        self.bench.run(Request::SubsidyAdvance(SubsidyAdvance { batch, swept })).short()
    }

    pub(super) fn state(&self, batch: u32) -> SubsidyState {
        self.bench.state.registry.subsidies().get(batch).expect("it was opened").state
    }

    /// Opened, filled and approved.
    pub(super) fn approved(&mut self, batch: u32, mode: SubsidyMode, lines: &[(u32, u32)]) {
        let total_fen = lines.iter().map(|(_, fen)| i64::from(*fen)).sum();
        assert_eq!(
            self.open_as(OPENER, batch, mode, lines.len() as u32, total_fen).outcome.code,
            ResultCode::Approved
        );
        assert_eq!(self.page(OPENER, batch, 0, lines).outcome.code, ResultCode::Approved);
        assert_eq!(self.state(batch), SubsidyState::Previewed);
        assert_eq!(self.step(APPROVER, batch, SubsidyAction::Approve), ResultCode::Approved);
    }

    /// As [`Self::approved`], issued to the last line.
    pub(super) fn issued(&mut self, batch: u32, mode: SubsidyMode, lines: &[(u32, u32)]) {
        self.approved(batch, mode, lines);
        assert_eq!(self.step(OPENER, batch, SubsidyAction::Issue), ResultCode::Approved);
        for (account, _) in lines {
            self.claim(batch, *account);
        }
        assert_eq!(self.advance(batch, false), (ResultCode::Approved, 1));
    }

    pub(super) fn withdrawn(&mut self, batch: u32, accounts: &[u32]) {
        assert_eq!(self.step(OPENER, batch, SubsidyAction::Withdraw), ResultCode::Approved);
        for account in accounts {
            self.take_back(batch, *account);
        }
        assert_eq!(self.advance(batch, true), (ResultCode::Approved, 1));
    }

    pub(super) fn given_fen(&self) -> i64 {
        -total_fen(&self.bench.state.shards, LedgerAccount::clearing(Clearing::Subsidy))
    }

    pub(super) fn set_status(&mut self, account: u32, status: AccountStatus) {
        self.bench.done(Request::SetAccountTerms(SetAccountTerms {
            account: AccountId(account),
            status,
            card_lost: false,
            class: 0,
            debit_max_fen: 0,
            day_max_fen: 0,
        }));
    }
}

use SubsidyAction::{Approve, Issue, Reject, Withdraw};
use SubsidyMode::{Beside, Clear};

#[test]
fn a_batch_from_its_first_line_to_its_last_fen() {
    let mut office = Office::new(2, 4);
    assert_eq!(office.open_as(OPENER, 7, Beside, 3, 900).short(), (ResultCode::Approved, 1));
    assert_eq!(office.page(OPENER, 7, 0, &[(0, 300)]).short(), (ResultCode::Approved, 1));
    assert_eq!(office.state(7), SubsidyState::Open);
    assert_eq!(office.page(OPENER, 7, 1, &[(1, 200), (3, 400)]).short(), (ResultCode::Approved, 1));
    assert_eq!(office.state(7), SubsidyState::Previewed);
    let lines = subsidies::lines(&office.bench.state.shards, 7, AccountId(1), 9);
    assert_eq!(
        lines.iter().map(|line| (line.account.0, line.amount_fen)).collect::<Vec<_>>(),
        [(1, 200), (3, 400)]
    );
    assert_eq!(office.step(OPENER, 7, Approve), ResultCode::SamePerson);
    assert_eq!(office.step(APPROVER, 7, Approve), ResultCode::Approved);
    assert_eq!(office.given_fen(), 0);
    assert_eq!(office.step(OPENER, 7, Issue), ResultCode::Approved);
    for (account, fen) in [(0, 300), (1, 200), (3, 400)] {
        let paid = office.claim(7, account);
        assert_eq!((paid.short(), paid.outcome.amount_fen), ((ResultCode::Approved, 1), fen));
        // Gone through again after a restart, it is paid already.
        let again = office.claim(7, account);
        assert_eq!((again.outcome.repeat, again.records), (true, 0));
        assert_eq!(office.bench.subsidy_fen(account), fen);
    }
    assert_eq!(office.advance(7, false), (ResultCode::Approved, 1));
    assert_eq!((office.state(7), office.given_fen()), (SubsidyState::Issued, 900));
    // One spends some of it, one all.
    office.bench.tap(sale(0, 1, 1), 0, 1, 120);
    office.bench.tap(sale(0, 1, 2), 1, 1, 1_000);
    office.withdrawn(7, &[0, 1, 3]);
    assert_eq!([0, 1, 3].map(|account| office.bench.subsidy_fen(account)), [0, 0, 0]);
    assert_eq!(office.given_fen(), 120 + 200, "what was used");
    let totals = subsidies::totals(&office.bench.state.shards, 7);
    assert_eq!((totals.claimed, totals.claimed_fen), (3, 900));
    assert_eq!((totals.withdrawn, totals.withdrawn_fen), (2, 180 + 400));
    office.bench.close();
}

#[test]
fn every_step_out_of_turn_has_its_own_code() {
    let mut office = Office::new(1, 3);
    assert_eq!(office.step(APPROVER, 1, Approve), ResultCode::UnknownBatch);
    office.open_as(OPENER, 1, Beside, 1, 100);
    let refused = |office: &mut Office, batch, codes: [ResultCode; 4]| {
        for (action, code) in [Approve, Reject, Issue, Withdraw].into_iter().zip(codes) {
            if code.is_approved() {
                continue;
            }
            assert_eq!(office.step(APPROVER, batch, action), code, "{action:?} in {:?}", office.state(batch));
        }
    };
    let may = ResultCode::Approved;
    use ResultCode::{
        BatchDecided, BatchExpired, BatchIssuedBefore, BatchNotApproved, BatchNotPreviewed, BatchOver,
        BatchRunning,
    };
    refused(&mut office, 1, [BatchNotPreviewed, BatchNotPreviewed, BatchNotApproved, may]);
    office.page(OPENER, 1, 0, &[(0, 100)]);
    refused(&mut office, 1, [may, may, BatchNotApproved, may]);
    assert_eq!(office.step(APPROVER, 1, Approve), may);
    refused(&mut office, 1, [BatchDecided, BatchDecided, may, may]);
    assert_eq!(office.claim(1, 0).short(), (BatchNotApproved, 0), "not before it is issued");
    assert_eq!(office.step(OPENER, 1, Issue), may);
    refused(&mut office, 1, [BatchDecided, BatchDecided, BatchIssuedBefore, BatchRunning]);
    assert_eq!(office.advance(1, false), (BatchRunning, 0), "a line waits");
    assert_eq!(office.claim(1, 2).short(), (ResultCode::UnknownAccount, 0), "no line of this batch");
    office.claim(1, 0);
    office.advance(1, false);
    refused(&mut office, 1, [BatchDecided, BatchDecided, BatchIssuedBefore, may]);
    assert_eq!(office.take_back(1, 0).short(), (BatchNotApproved, 0), "it isn't withdrawn");
    assert_eq!(office.step(APPROVER, 1, Withdraw), may);
    refused(&mut office, 1, [BatchDecided, BatchDecided, BatchIssuedBefore, BatchRunning]);
    assert_eq!(office.advance(1, false), (BatchRunning, 0), "not gone through yet");
    office.take_back(1, 0);
    office.advance(1, true);
    refused(&mut office, 1, [BatchOver; 4]);

    office.open_as(OPENER, 2, Beside, 1, 100);
    office.page(OPENER, 2, 0, &[(0, 100)]);
    assert_eq!(office.step(OPENER, 2, Reject), may, "who opened it may drop it");
    refused(&mut office, 2, [BatchOver; 4]);

    office.issued(3, Beside, &[(0, 100)]);
    office.bench.time_ns += 2 * DAY_NS;
    assert_eq!(office.step(OPENER, 3, Withdraw), BatchExpired);
    assert_eq!(office.advance(3, false), (may, 1));
    refused(&mut office, 3, [BatchExpired; 4]);
    assert_eq!(office.bench.subsidy_fen(0), 100, "what was paid stays");
    office.bench.close();
}

#[test]
fn every_line_that_cant_be_taken_has_its_own_code() {
    let mut office = Office::new(2, 4);
    office.set_status(3, AccountStatus::Closed);
    assert_eq!(office.page(OPENER, 1, 0, &[(0, 100)]).short(), (ResultCode::UnknownBatch, 1));
    office.open_as(OPENER, 1, Beside, 2, 300);
    let mut code = |by, first, lines: &[(u32, u32)]| office.page(by, 1, first, lines).outcome.code;
    assert_eq!(code(APPROVER, 0, &[(0, 100)]), ResultCode::BatchNotYours);
    assert_eq!(code(OPENER, 1, &[(0, 100)]), ResultCode::BatchLineOrder);
    assert_eq!(code(OPENER, 0, &[(1, 100), (0, 200)]), ResultCode::BatchLineOrder);
    assert_eq!(code(OPENER, 0, &[(1, 100), (1, 200)]), ResultCode::BatchLineOrder);
    assert_eq!(code(OPENER, 0, &[(0, 0)]), ResultCode::BatchLineAmount);
    assert_eq!(code(OPENER, 0, &[(0, SUBSIDY_FEN_MAX + 1)]), ResultCode::BatchLineAmount);
    assert_eq!(code(OPENER, 0, &[(0, 301)]), ResultCode::BatchTotalsDiffer);
    assert_eq!(code(OPENER, 0, &[(0, 100), (1, 199)]), ResultCode::BatchTotalsDiffer);
    assert_eq!(code(OPENER, 0, &[(0, 50), (1, 50), (2, 50)]), ResultCode::BatchTotalsDiffer);
    assert_eq!(code(OPENER, 0, &[(0, 100), (3, 200)]), ResultCode::AccountClosed);
    assert_eq!(code(OPENER, 0, &[(0, 100), (9, 200)]), ResultCode::UnknownAccount);
    assert_eq!(code(OPENER, 0, &[(1, 100)]), ResultCode::Approved);
    assert_eq!(code(OPENER, 1, &[(1, 200)]), ResultCode::BatchLineOrder, "it had one");
    assert_eq!(code(OPENER, 1, &[(2, 200)]), ResultCode::Approved);
    assert_eq!(code(OPENER, 2, &[(3, 1)]), ResultCode::AccountClosed);
    assert_eq!(office.page(OPENER, 1, 2, &[]).outcome.code, ResultCode::BatchNotOpen);
    office.bench.close();
}

#[test]
fn a_batch_has_a_number_of_its_own_a_title_and_a_day() {
    let mut office = Office::new(1, 2);
    let mut open = |batch, lines, total_fen, days: i32, title: &[u8]| {
        let (sale, day) = (office.sale(OPENER), office.today());
        let answer = office.bench.run(Request::SubsidyOpen(SubsidyOpen {
            sale,
            batch,
            mode: Beside,
            deadline_day: day.checked_add_signed(days as i16).expect("a day"),
            lines,
            total_fen,
            title,
        }));
        if answer.records == 0 {
            office.next[usize::from(OPENER)] -= 1;
        }
        answer.short()
    };
    assert_eq!(open(0, 1, 1, 0, WHY), (ResultCode::NotPermitted, 0));
    assert_eq!(open(1, 0, 1, 0, WHY), (ResultCode::NotPermitted, 0));
    assert_eq!(open(1, 257, 1, 0, WHY), (ResultCode::NotPermitted, 0), "more than accounts can be");
    assert_eq!(open(1, 1, 0, 0, WHY), (ResultCode::AmountNotPositive, 0));
    assert_eq!(open(1, 1, 1 << 50, 0, WHY), (ResultCode::AmountTooLarge, 0));
    assert_eq!(open(1, 1, 1, 0, &[]), (ResultCode::ReasonMissing, 0));
    assert_eq!(open(1, 1, 1, 0, &[b't'; 97]), (ResultCode::ReasonTooLong, 0));
    assert_eq!(open(1, 1, 1, -1, WHY), (ResultCode::BatchExpired, 1));
    assert_eq!(open(1, 1, 1, 0, WHY), (ResultCode::Approved, 1));
    assert_eq!(open(1, 1, 1, 0, WHY), (ResultCode::BatchExists, 1));
    assert_eq!(open(1, 2, 3, 1, WHY), (ResultCode::BatchExists, 1));
    assert_eq!(open(2, 1, 1, 401, WHY), (ResultCode::BatchDeadlineTooFar, 1));
    assert_eq!(open(1, 1, 1, 401, WHY), (ResultCode::BatchExists, 1), "the lower number");
    assert_eq!(open(2, 255, 255, 400, WHY), (ResultCode::Approved, 1));
    for batch in 3..6 {
        assert_eq!(open(batch, 256, 256, 1, WHY), (ResultCode::Approved, 1));
    }
    assert_eq!(open(6, 1, 1, 1, WHY), (ResultCode::TooManyBatchLines, 1), "four for each account");
    office.bench.close();
}

#[test]
fn a_batch_that_clears_takes_the_rest_of_earlier_ones_back_first() {
    let mut office = Office::new(2, 2);
    office.issued(1, Beside, &[(0, 500), (1, 500)]);
    office.bench.tap(sale(0, 1, 1), 0, 1, 200);
    office.bench.tap(sale(0, 1, 2), 1, 1, 500);
    let from = office.bench.log.len();
    office.issued(2, Clear, &[(0, 100), (1, 100)]);
    let kinds = &office.bench.kinds()[from..];
    let moved: Vec<_> = kinds.iter().filter(|kind| kind.is_posting()).collect();
    assert_eq!(
        moved,
        [&RecordKind::SubsidyTakenBack, &RecordKind::SubsidyClaimed, &RecordKind::SubsidyClaimed]
    );
    assert_eq!([office.bench.subsidy_fen(0), office.bench.subsidy_fen(1)], [100, 100]);
    assert_eq!(office.bench.wallets(0)[0], 10_000 + 100);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 2).cleared_fen, 300);
    assert_eq!(office.given_fen(), 200 + 500 + 200);
    // Of the first nothing is left, of the second all.
    office.withdrawn(1, &[0, 1]);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 1).withdrawn_fen, 0);
    office.withdrawn(2, &[0, 1]);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 2).withdrawn_fen, 200);
    office.bench.close();
}

#[test]
fn what_came_first_is_used_first_and_later_batches_arent_touched() {
    let mut office = Office::new(1, 1);
    office.issued(1, Beside, &[(0, 300)]);
    office.issued(2, Beside, &[(0, 400)]);
    office.bench.tap(sale(0, 1, 1), 0, 1, 350);
    // All of the first was used, and 50 of the second.
    office.withdrawn(1, &[0]);
    assert_eq!(office.bench.subsidy_fen(0), 350);
    office.issued(3, Beside, &[(0, 100)]);
    office.withdrawn(2, &[0]);
    assert_eq!(office.bench.subsidy_fen(0), 100);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 2).withdrawn_fen, 350);
    office.bench.close();
}

#[test]
fn a_line_that_cant_be_paid_is_skipped_and_a_debt_takes_its_part() {
    let mut office = Office::new(2, 4);
    office.bench.upload(sale(0, 1, 1), 1, 1, 10_400);
    office.approved(1, Beside, &[(0, 500), (1, 500), (2, 500), (3, SUBSIDY_FEN_MAX)]);
    office.set_status(0, AccountStatus::Closed);
    office.set_status(2, AccountStatus::Frozen);
    office.bench.give_subsidy(3, 1);
    office.step(OPENER, 1, Issue);
    assert_eq!(office.claim(1, 0).short(), (ResultCode::AccountClosed, 1));
    assert_eq!(office.claim(1, 1).short(), (ResultCode::Approved, 1));
    assert_eq!(office.claim(1, 2).short(), (ResultCode::Approved, 1));
    assert_eq!(office.claim(1, 3).short(), (ResultCode::BalanceOverflow, 1));
    office.advance(1, false);
    assert_eq!([0, 1, 2].map(|account| office.bench.subsidy_fen(account)), [0, 100, 500]);
    let totals = subsidies::totals(&office.bench.state.shards, 1);
    assert_eq!((totals.claimed_fen, totals.skipped), (1_000, 2));
    assert_eq!(totals.skipped_fen, 500 + i64::from(SUBSIDY_FEN_MAX));
    office.withdrawn(1, &[0, 1, 2, 3]);
    assert_eq!(subsidies::totals(&office.bench.state.shards, 1).withdrawn_fen, 600);
    office.bench.close();
}

#[test]
fn the_day_after_its_deadline_a_batch_is_over_wherever_it_stands() {
    let mut office = Office::new(2, 2);
    office.open_as(OPENER, 1, Beside, 1, 1);
    office.approved(2, Beside, &[(0, 100), (1, 100)]);
    office.step(OPENER, 2, Issue);
    office.claim(2, 0);
    office.issued(3, Beside, &[(0, 100)]);
    office.issued(4, Beside, &[(1, 100)]);
    office.step(OPENER, 4, Withdraw);
    assert_eq!(office.bench.state.registry.subsidies().due(office.today() + 1), None);
    office.bench.time_ns += 2 * DAY_NS;
    assert_eq!(office.claim(2, 1).short(), (ResultCode::BatchExpired, 0));
    assert_eq!(office.page(OPENER, 1, 0, &[(0, 1)]).outcome.code, ResultCode::BatchExpired);
    for batch in 1..4 {
        assert_eq!(office.bench.state.registry.subsidies().due(office.today()), Some(batch));
        assert_eq!(office.advance(batch, false), (ResultCode::Approved, 1));
        assert_eq!(office.state(batch), SubsidyState::Expired);
    }
    // A withdrawal that has begun goes on.
    assert_eq!(office.bench.state.registry.subsidies().due(office.today()), None);
    assert_eq!(office.take_back(4, 1).short(), (ResultCode::Approved, 1));
    office.advance(4, true);
    assert_eq!(office.bench.subsidy_fen(0), 200, "what was paid stays");
    // Lines of what is over are forgotten, sums aren't.
    for batch in 1..5 {
        assert_eq!(office.bench.state.registry.subsidies().get(batch).expect("opened").lines_kept, 0);
        assert_eq!(subsidies::lines(&office.bench.state.shards, batch, AccountId(0), 9), []);
    }
    assert_eq!(subsidies::totals(&office.bench.state.shards, 2).claimed_fen, 100);
    office.bench.close();
}

#[test]
fn there_are_always_numbers_left_and_none_is_used_twice() {
    let mut office = Office::new(2, 1);
    let most = SUBSIDY_BATCHES_MAX as u32;
    for batch in 2..most + 2 {
        assert_eq!(office.open_as(OPENER, batch, Beside, 1, 1).outcome.code, ResultCode::Approved);
        if batch > 16 {
            assert_eq!(office.step(OPENER, batch, Withdraw), ResultCode::Approved);
        }
    }
    // The lowest wait for their lines: the lowest of which nothing is left makes place.
    assert_eq!(office.open_as(OPENER, most + 2, Beside, 1, 1).short(), (ResultCode::Approved, 1));
    assert_eq!(office.bench.state.registry.subsidies().get(17), None);
    assert_eq!(office.step(OPENER, 17, Approve), ResultCode::UnknownBatch);
    assert_eq!(office.state(2), SubsidyState::Open);
    // What was let go of isn't free again, nor what is below it.
    for used in [1, 2, 16, 17, most + 2] {
        assert_eq!(office.open_as(OPENER, used, Beside, 1, 1).outcome.code, ResultCode::BatchExists);
    }
    assert_eq!(office.state(18), SubsidyState::Withdrawn, "a refused number makes no place");
    // Sixteen wait for lines by now.
    assert_eq!(office.open_as(OPENER, most + 3, Beside, 1, 1).short(), (ResultCode::TooManyBatches, 1));
    assert_eq!(office.step(OPENER, 2, Withdraw), ResultCode::Approved);
    assert_eq!(office.open_as(OPENER, most + 3, Beside, 1, 1).short(), (ResultCode::Approved, 1));
    office.bench.close();
}

/// The three requests of operators about batch 1, as whoever sends them, the second with another body.
fn asked<'a>(sale: Sale<'a>, lines: &'a [SubsidyLine], changed: bool) -> [Request<'a>; 3] {
    let (batch, mode, total_fen) = (1, Beside, if changed { 301 } else { 300 });
    let deadline_day = day_of(super::bench::NOON_NS) + 1;
    let action = if changed { Reject } else { Approve };
    [
        Request::SubsidyOpen(SubsidyOpen {
            sale,
            batch,
            mode,
            deadline_day,
            lines: 1,
            total_fen,
            title: WHY,
        }),
        Request::SubsidyLines(SubsidyLines { sale, batch, first: u32::from(changed), lines }),
        Request::SubsidyStep(SubsidyStep { sale, batch, action, reason: WHY }),
    ]
}

#[test]
fn only_finance_asks_and_what_is_asked_again_happens_once() {
    let lines = [SubsidyLine { account: 0.into(), amount_fen: 300.into() }];
    let mut office = Office::new(2, 2);
    for (by, code) in [
        (TILL, ResultCode::NotPermitted),
        (CARD_CENTRE, ResultCode::WrongRole),
        (AUDITOR, ResultCode::WrongRole),
    ] {
        for request in asked(sale(by, 1, 1), &lines, false) {
            assert_eq!(office.bench.run(request).short(), (code, 0), "{by}");
        }
    }
    for (at, by) in [OPENER, OPENER, APPROVER].into_iter().enumerate() {
        let sale = sale(by, 1, 1 + at as u32);
        let request = asked(sale, &lines, false)[at];
        let first = office.bench.run(request);
        assert_eq!(first.short(), (ResultCode::Approved, 1));
        let again = office.bench.run(request);
        assert_eq!((again.short(), again.outcome.repeat), ((ResultCode::Approved, 0), true));
        assert_eq!(again.outcome.record, first.outcome.record);
        let other = office.bench.run(asked(sale, &lines, true)[at]);
        assert_eq!(other.outcome.code, ResultCode::IdentityConflict);
    }
    assert_eq!(office.state(1), SubsidyState::Approved);
    office.bench.close();
}
