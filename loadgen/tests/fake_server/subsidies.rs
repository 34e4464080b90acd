//! The subsidy batches of the tests' server: paid and taken back at once.

use protocol::answer::{
    Answer, SubsidyAnswer, SubsidyLineState, SubsidyPreviewAnswer, SubsidyPreviewLine, SubsidyState,
    SubsidyTitle,
};
use protocol::ids::{SaleId, TerminalId};
use protocol::request::{Request, SubsidyAction, SubsidyPreview};
use protocol::result_code::ResultCode;

use super::{Books, money};

/// A batch.
pub(super) struct Batch {
    opener: TerminalId,
    state: SubsidyState,
    total_fen: i64,
    lines_planned: u32,
    lines: Vec<SubsidyPreviewLine>,
}

impl Batch {
    fn sum_fen(&self, of_line: impl Fn(&SubsidyPreviewLine) -> u32) -> i64 {
        self.lines.iter().map(|line| i64::from(of_line(line))).sum()
    }

    fn paid_fen(&self) -> i64 {
        let waits = |line: &SubsidyPreviewLine| line.state == SubsidyLineState::Waiting.number();
        self.sum_fen(|line| if waits(line) { 0 } else { line.amount_fen.get() })
    }
}

impl Books {
    /// What batches brought, less what was taken back.
    pub(super) fn subsidised_fen(&self) -> i64 {
        let batches = self.subsidies.values();
        batches.map(|batch| batch.paid_fen() - batch.sum_fen(|line| line.withdrawn_fen.get())).sum()
    }

    /// Answers what finance asks about a batch; `None` for anything else.
    pub(super) fn finance(&mut self, sale: SaleId, request: &Request<'_>) -> Option<Answer<'static>> {
        let is_finances =
            matches!(request, Request::SubsidyOpen(_) | Request::SubsidyLines(_) | Request::SubsidyStep(_));
        if let Some(done) = self.sales.get(&sale).filter(|_| is_finances) {
            return Some(money(done));
        }
        let (code, amount_fen) = match request {
            Request::SubsidyOpen(open) => {
                let batch = Batch {
                    opener: sale.terminal,
                    state: SubsidyState::Open,
                    total_fen: open.what.total_fen,
                    lines_planned: open.what.lines,
                    lines: Vec::new(),
                };
                let is_new = self.subsidies.insert(open.what.batch, batch).is_none();
                assert!(is_new, "a batch's number is used once");
                (ResultCode::Approved, open.what.total_fen)
            }
            Request::SubsidyLines(page) => {
                let batch = self.subsidies.get_mut(&page.batch).expect("it was opened");
                assert_eq!((batch.opener, batch.lines.len()), (sale.terminal, page.first as usize));
                let before = batch.lines.last().map_or(0, |line| line.account.get());
                assert!(page.lines[0].account.get() > before, "accounts rise");
                batch.lines.extend(page.lines.iter().map(|line| SubsidyPreviewLine {
                    account: line.account,
                    amount_fen: line.amount_fen,
                    ..SubsidyPreviewLine::default()
                }));
                if batch.lines.len() == batch.lines_planned as usize {
                    assert_eq!(batch.sum_fen(|line| line.amount_fen.get()), batch.total_fen);
                    batch.state = SubsidyState::Previewed;
                }
                let page_fen = page.lines.iter().map(|line| i64::from(line.amount_fen.get())).sum();
                (ResultCode::Approved, page_fen)
            }
            Request::SubsidyStep(step) => (self.step(sale, step.what.batch, step.what.action), 0),
            _ => return None,
        };
        Some(money(&self.store(sale, code, u32::MAX, amount_fen)))
    }

    fn step(&mut self, sale: SaleId, number: u32, action: SubsidyAction) -> ResultCode {
        let batch = self.subsidies.get_mut(&number).expect("it was opened");
        let by_opener = batch.opener == sale.terminal;
        batch.state = match (action, batch.state) {
            (SubsidyAction::Approve, SubsidyState::Previewed) if by_opener => return ResultCode::SamePerson,
            (SubsidyAction::Approve, SubsidyState::Previewed) => SubsidyState::Approved,
            (SubsidyAction::Reject, SubsidyState::Previewed) => SubsidyState::Rejected,
            (SubsidyAction::Issue, SubsidyState::Approved) => {
                for line in &mut batch.lines {
                    *self.balances.entry(line.account.get()).or_default() += i64::from(line.amount_fen.get());
                    line.state = SubsidyLineState::Claimed.number();
                }
                SubsidyState::Issued
            }
            // It doesn't know what was spent of it: whatever is there is taken.
            (SubsidyAction::Withdraw, SubsidyState::Issued) => {
                for line in &mut batch.lines {
                    let balance_fen = self.balances.entry(line.account.get()).or_default();
                    let back_fen = i64::from(line.amount_fen.get()).min(*balance_fen).max(0);
                    *balance_fen -= back_fen;
                    line.withdrawn_fen = (back_fen as u32).into();
                    line.state = SubsidyLineState::Withdrawn.number();
                }
                SubsidyState::Withdrawn
            }
            (action, state) => panic!("{action:?} of a batch that is {state:?}"),
        };
        ResultCode::Approved
    }

    /// How far a batch has come.
    pub(super) fn batch_told(&self, number: u32) -> SubsidyAnswer {
        let batch = &self.subsidies[&number];
        SubsidyAnswer {
            code: ResultCode::Approved,
            state: batch.state,
            batch: number,
            total_fen: batch.total_fen,
            claimed_fen: batch.paid_fen(),
            skipped_fen: 0,
            cleared_fen: 0,
            withdrawn_fen: batch.sum_fen(|line| line.withdrawn_fen.get()),
            lines: batch.lines_planned,
            uploaded: batch.lines.len() as u32,
            claimed: 0,
            skipped: 0,
            withdrawn: 0,
            opener: batch.opener.0,
            approver: 0,
            deadline_day: 0,
            mode: 1,
            server_time_ns: 0,
            title: SubsidyTitle::EMPTY,
        }
    }

    /// The lines of a page, and where the next begins.
    pub(super) fn batch_lines(&self, query: &SubsidyPreview) -> (Vec<SubsidyPreviewLine>, u32) {
        let lines = self.subsidies[&query.batch].lines.iter();
        let mut behind = lines.skip_while(|line| line.account.get() < query.from_account);
        let page = behind.by_ref().take(query.lines_max.into()).copied().collect();
        (page, behind.next().map_or(0, |line| line.account.get()))
    }
}

/// Such a page as it is answered.
pub(super) fn preview(batch: u32, lines: &[SubsidyPreviewLine], next_account: u32) -> Answer<'_> {
    let code = ResultCode::Approved;
    Answer::SubsidyPreview(SubsidyPreviewAnswer { code, batch, next_account, server_time_ns: 0, lines })
}
