//! What cashiers and operators ask of the tests' server.

use protocol::answer::{
    AdjustmentsAnswer, Answer, BatchLinesAnswer, BatchSettleAnswer, GapKind, GapLine, ShiftAnswer,
    UnconfirmedAnswer,
};
use protocol::ids::{AccountId, Epoch, RecordNumber, SaleId, Sequence, TerminalId};
use protocol::request::{AdjustDirection, OpenGapsQuery, Request};
use protocol::result_code::ResultCode;
use protocol::till_totals::TillTotals;

use super::{Books, Sale, account_of, money};

/// What one person may adjust alone, in fen.
const ADJUST_ALONE_MAX_FEN: i64 = 10_000;

impl Books {
    /// Answers what is theirs; `None` for anything else.
    pub(super) fn office(&mut self, sale: SaleId, request: &Request<'_>) -> Option<Answer<'static>> {
        Some(match request {
            Request::AccountFreeze(freeze) => {
                self.once(sale, account_of(&freeze.what.account), |_, _| ResultCode::Approved)
            }
            Request::AccountLimits(limits) => {
                self.once(sale, account_of(&limits.what.account), |_, _| ResultCode::Approved)
            }
            Request::Adjust(adjust) => {
                let (account, amount_fen) = (account_of(&adjust.what.account), adjust.what.amount_fen);
                assert_eq!(adjust.what.direction, AdjustDirection::Give, "the generator takes nothing");
                let code = if amount_fen > ADJUST_ALONE_MAX_FEN {
                    ResultCode::AwaitsApproval
                } else {
                    ResultCode::Approved
                };
                let done = self.give(sale, code, account, amount_fen);
                if code == ResultCode::AwaitsApproval {
                    self.proposals.insert(done.record, done);
                }
                money(&done)
            }
            Request::AdjustDecide(decide) => match self.proposals.remove(&decide.what.proposal.0) {
                Some(proposed) => {
                    money(&self.give(sale, ResultCode::Approved, proposed.account, proposed.amount_fen))
                }
                None => self.once(sale, u32::MAX, |_, _| ResultCode::UnknownProposal),
            },
            Request::Adjustments(_) => Answer::Adjustments(AdjustmentsAnswer {
                code: ResultCode::Approved,
                next_after: RecordNumber(0),
                server_time_ns: 0,
                lines: &[],
            }),
            Request::AccountClose(close) => {
                let account = account_of(&close.account);
                if let Some(done) = self.sales.get(&sale) {
                    return Some(money(done));
                }
                if self.card_of(account) != close.card_uid.0 {
                    return Some(money(&self.store(sale, ResultCode::CardNotBack, account, 0)));
                }
                self.current_cards.insert(account, 0);
                let left_fen = self.balances.insert(account, 0).unwrap_or(0);
                money(&self.store(sale, ResultCode::Approved, account, left_fen))
            }
            Request::CardStock(stock) => self.once(sale, u32::MAX, |books, _| {
                let range = stock.first.0..stock.first.0 + u64::from(stock.count);
                let fresh = range.into_iter().all(|card| books.stock.insert(card));
                assert!(fresh, "the generator stocks no card twice");
                ResultCode::Approved
            }),
            Request::TerminalKeyRotate(rotate) => self.once(sale, u32::MAX, |books, _| {
                let version = books.key_version(rotate.what.terminal.0);
                if rotate.what.key_version != version + 1 {
                    return ResultCode::TerminalKeyNotNext;
                }
                books.key_versions.insert(rotate.what.terminal.0, version + 1);
                ResultCode::Approved
            }),
            Request::CodeKeyRotate(rotate) => self.once(sale, u32::MAX, |books, _| {
                if rotate.key_version != books.code_key_version() + 1 {
                    return ResultCode::CodeKeyNotNext;
                }
                books.code_key_changes += 1;
                ResultCode::Approved
            }),
            Request::GapClose(close) => {
                assert_eq!(close.first, close.last, "the generator closes what was lost alone");
                let closed = SaleId { terminal: close.till, epoch: close.epoch, sequence: close.first };
                self.once(sale, u32::MAX, |books, _| {
                    let is_open = books.missing(close.till).contains(&close.first.0);
                    books.closed.insert(closed);
                    if is_open { ResultCode::Approved } else { ResultCode::GapNotOpen }
                })
            }
            Request::ToldPost(post) => {
                if let Some(done) = self.sales.get(&sale) {
                    return Some(money(done));
                }
                let card_uid = post.card_uid.0;
                let told = self.told.get(&(card_uid, post.card_counter.0)).copied();
                let account = self.account_of_card(card_uid);
                let (code, amount_fen) = match told {
                    Some((lost, amount_fen)) if !self.sales.contains_key(&lost) => {
                        self.debit(lost, account, amount_fen, true);
                        (ResultCode::ApprovedFlagged, amount_fen)
                    }
                    Some((_, amount_fen)) => (ResultCode::ToldCame, amount_fen),
                    None => (ResultCode::ToldNowhere, 0),
                };
                money(&self.store(sale, code, account, amount_fen))
            }
            Request::Unconfirmed(query) => Answer::Unconfirmed(UnconfirmedAnswer {
                account: Some(AccountId(account_of(&query.account))),
                ..UnconfirmedAnswer::none(ResultCode::Approved, 0)
            }),
            Request::CashierOn(_) | Request::CashierOff(_) => {
                money(&Sale { code: ResultCode::Approved, account: u32::MAX, amount_fen: 0, record: 0 })
            }
            Request::ShiftTotals => {
                let shift = self.shifts.get(&sale.terminal).copied().unwrap_or(0) + 1;
                Answer::Shift(shift_answer(shift, RecordNumber(0)))
            }
            Request::ShiftClose(close) => {
                self.records += 1;
                self.shifts.insert(sale.terminal, close.shift);
                Answer::Shift(shift_answer(close.shift, RecordNumber(self.records)))
            }
            Request::BatchLines(page) => {
                let sequences = page.lines.iter().map(|line| line.sequence.get());
                assert!(sequences.is_sorted(), "a till's lines are in order");
                let equal = page.lines.len() as u32;
                Answer::BatchLines(BatchLinesAnswer { code: ResultCode::Approved, equal, lines: &[] })
            }
            // It keeps no totals by kind, so a till's own are right.
            Request::BatchSettle(settle) => {
                self.records += 1;
                Answer::BatchSettle(BatchSettleAnswer {
                    code: ResultCode::Approved,
                    repeat: false,
                    epoch: sale.epoch,
                    batch: settle.batch,
                    last: settle.last,
                    record: RecordNumber(self.records),
                    totals: settle.totals,
                })
            }
            _ => return None,
        })
    }

    /// Sequences below a till's highest that neither came nor were closed.
    pub(super) fn missing(&self, till: TerminalId) -> Vec<u32> {
        let Some(come) = self.come.get(&till) else { return Vec::new() };
        let highest = come.last().copied().unwrap_or(0);
        let closed = |sequence| {
            self.closed.contains(&SaleId { terminal: till, epoch: Epoch(1), sequence: Sequence(sequence) })
        };
        (1..highest).filter(|sequence| !come.contains(sequence) && !closed(*sequence)).collect()
    }

    /// A page of them, as it is answered.
    pub(super) fn gap_lines(&self, query: &OpenGapsQuery) -> Vec<GapLine> {
        let line = |sequence: u32| GapLine {
            terminal: query.terminal.0.into(),
            first: sequence.into(),
            last: sequence.into(),
            epoch: 1.into(),
            kind: GapKind::Missing.number(),
            ..GapLine::default()
        };
        let missing = self.missing(query.terminal).into_iter();
        missing.take(query.lines_max.into()).map(line).collect()
    }

    /// Gives an account an amount, once, when it is approved.
    fn give(&mut self, sale: SaleId, code: ResultCode, account: u32, amount_fen: i64) -> Sale {
        if let Some(done) = self.sales.get(&sale) {
            return *done;
        }
        if code.is_approved() {
            *self.balances.entry(account).or_default() += amount_fen;
        }
        self.store(sale, code, account, amount_fen)
    }
}

fn shift_answer(shift: u32, record: RecordNumber) -> ShiftAnswer {
    ShiftAnswer {
        code: ResultCode::Approved,
        repeat: false,
        shift,
        cashier: 0,
        record,
        totals: TillTotals::default(),
    }
}
