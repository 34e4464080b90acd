//! Lines of subsidies paid and taken back, with as many batches as may have lines at a time, each with a line of every account.

use protocol::ids::AccountId;
use protocol::request::{SUBSIDY_PAGE_LINES_MAX, SubsidyAction, SubsidyLine, SubsidyMode};
use protocol::result_code::ResultCode;

use super::{Campus, OPERATOR, SECOND_OPERATOR};
use crate::ledger::Request;
use crate::ledger::calendar::day_of;
use crate::ledger::command::{
    SubsidyAdvance, SubsidyClaim, SubsidyLines, SubsidyOpen, SubsidyStep, SubsidyTakeBack,
};
use crate::ledger::limits::SUBSIDY_BATCHES_WITH_LINES_MAX;
use crate::ledger::tests::bench::NOON_NS;

/// Accounts that get something of each batch; the first isn't the first of all.
const LINES: core::ops::Range<u32> = 100..900;
const BATCHES: u32 = SUBSIDY_BATCHES_WITH_LINES_MAX as u32;
const WHY: &[u8] = "伙食补助".as_bytes();

impl Campus {
    fn approved(&mut self, request: Request<'_>) {
        assert_eq!(self.run(request), ResultCode::Approved);
    }

    fn step(&mut self, by: u16, batch: u32, action: SubsidyAction) {
        let sale = self.next_sale_of(by);
        self.approved(Request::SubsidyStep(SubsidyStep { sale, batch, action, reason: WHY }));
    }

    /// Opened, filled, approved, and about to be paid.
    fn issue(&mut self, batch: u32) {
        let lines: Vec<SubsidyLine> =
            LINES.map(|account| SubsidyLine { account: account.into(), amount_fen: 10.into() }).collect();
        let (sale, mode) = (self.next_sale_of(OPERATOR), SubsidyMode::Beside);
        let (deadline_day, total_fen) = (day_of(NOON_NS) + 30, 10 * lines.len() as i64);
        let (lines_planned, title) = (lines.len() as u32, WHY);
        self.approved(Request::SubsidyOpen(SubsidyOpen {
            sale,
            batch,
            mode,
            deadline_day,
            lines: lines_planned,
            total_fen,
            title,
        }));
        let mut first = 0;
        for lines in lines.chunks(SUBSIDY_PAGE_LINES_MAX) {
            let sale = self.next_sale_of(OPERATOR);
            self.approved(Request::SubsidyLines(SubsidyLines { sale, batch, first, lines }));
            first += lines.len() as u32;
        }
        self.step(SECOND_OPERATOR, batch, SubsidyAction::Approve);
        self.step(OPERATOR, batch, SubsidyAction::Issue);
    }

    /// Every line of the newest batch is paid, and every line of the oldest taken back.
    pub(super) fn subsidies(&mut self) {
        for batch in 1..=BATCHES {
            self.issue(batch);
            for account in LINES.map(AccountId) {
                self.counted(Request::SubsidyClaim(SubsidyClaim { batch, account }));
            }
            self.approved(Request::SubsidyAdvance(SubsidyAdvance { batch, swept: false }));
        }
        self.step(OPERATOR, 1, SubsidyAction::Withdraw);
        for account in LINES.map(AccountId) {
            self.counted(Request::SubsidyTakeBack(SubsidyTakeBack { batch: 1, account }));
        }
        self.approved(Request::SubsidyAdvance(SubsidyAdvance { batch: 1, swept: true }));
    }
}
