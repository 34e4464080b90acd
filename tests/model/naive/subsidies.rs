//! Subsidy batches: opened, filled, decided, paid line by line, taken back.

use std::collections::BTreeMap;

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    SubsidyAdvance, SubsidyClaim, SubsidyLines, SubsidyOpen, SubsidyStep, SubsidyTakeBack,
};
use engine::ledger::registry::TerminalKind;
use protocol::answer::SubsidyState;
use protocol::request::{SubsidyAction, SubsidyMode};
use protocol::result_code::ResultCode;

use super::{Answer, Ask, Body, Deed, Model, Other, Said, answer};

const SUBSIDY_MAX_FEN: i64 = (1 << 24) - 1;

/// A line and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    pub amount_fen: i64,
    /// What it brought as subsidy; none while it wasn't paid.
    pub brought_fen: Option<i64>,
    pub skipped: bool,
    pub withdrawn_fen: i64,
    /// Once its batch is over: whether something of it may come back.
    pub kept: bool,
}

impl Line {
    /// What of it was spent, or is there.
    fn matters_fen(&self) -> i64 {
        self.brought_fen.unwrap_or(0) - self.withdrawn_fen
    }
}

/// A batch.
#[derive(Clone, Debug)]
pub struct Batch {
    pub state: SubsidyState,
    pub mode: SubsidyMode,
    pub deadline_day: u16,
    pub lines_planned: usize,
    pub total_fen: i64,
    pub opener: u32,
    pub lines: BTreeMap<u32, Line>,
    /// Which was issued before which; 0 = none yet.
    pub issued: u64,
    /// The day on which it was gone through last.
    pub swept_day: u16,
}

impl Batch {
    fn is_over(&self) -> bool {
        matches!(self.state, SubsidyState::Withdrawn | SubsidyState::Rejected | SubsidyState::Expired)
    }

    /// Whether it must end, its deadline having passed.
    pub fn is_late(&self, today: u16) -> bool {
        today > self.deadline_day && !self.is_over() && self.state != SubsidyState::Withdrawing
    }

    fn sum_fen(&self) -> i64 {
        self.lines.values().map(|line| line.amount_fen).sum()
    }

    /// Whether something that was spent of it may come back before it is gone through for the last time.
    fn waits_for_returns(&self) -> bool {
        self.state == SubsidyState::Withdrawn
            && self.swept_day <= self.deadline_day
            && self.lines.values().any(|line| line.kept)
    }

    /// Whether it is time to go through it once more.
    pub fn is_to_sweep(&self, today: u16) -> bool {
        self.waits_for_returns() && self.swept_day < today
    }

    /// What no line needs any more is given up.
    fn drop_what_is_settled(&mut self) {
        for line in self.lines.values_mut() {
            line.kept = line.matters_fen() > 0;
        }
    }
}

impl Model {
    pub(super) fn subsidy_open(&mut self, r: &SubsidyOpen<'_>) -> Answer {
        let body = Body::Batch {
            batch: r.batch,
            plan: (r.mode, r.deadline_day, r.lines, r.total_fen),
            title: r.title.to_vec(),
        };
        let ask = match self.begin_subsidy(&r.sale, body, r.total_fen, Some(r.title)) {
            Ok(ask) => ask,
            Err(answer) => return answer,
        };
        if r.batch == 0 || r.lines == 0 || r.lines as usize > self.bounds.accounts_max {
            return answer(ResultCode::NotPermitted, r.total_fen);
        }
        // A stream never opens as many as are kept.
        if self.batches.contains_key(&r.batch) {
            return self.refuse(&ask, ResultCode::BatchExists, None);
        }
        if r.deadline_day < self.today() {
            return self.refuse(&ask, ResultCode::BatchExpired, None);
        }
        if r.deadline_day > self.today() + 400 {
            return self.refuse(&ask, ResultCode::BatchDeadlineTooFar, None);
        }
        let kept: Vec<usize> = self.batches.values().map(|batch| self.lines_kept(batch)).collect();
        if kept.iter().filter(|lines| **lines > 0).count() >= 16 {
            return self.refuse(&ask, ResultCode::TooManyBatches, None);
        }
        let held: usize = kept.iter().sum();
        if held + r.lines as usize > 4 * self.bounds.accounts_max {
            return self.refuse(&ask, ResultCode::TooManyBatchLines, None);
        }
        let batch = Batch {
            state: SubsidyState::Open,
            mode: r.mode,
            deadline_day: r.deadline_day,
            lines_planned: r.lines as usize,
            total_fen: r.total_fen,
            opener: r.sale.terminal.0,
            lines: BTreeMap::new(),
            issued: 0,
            swept_day: 0,
        };
        self.batches.insert(r.batch, batch);
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    pub(super) fn subsidy_lines(&mut self, r: &SubsidyLines<'_>) -> Answer {
        let lines: Vec<(u32, i64)> =
            r.lines.iter().map(|line| (line.account.get(), i64::from(line.amount_fen.get()))).collect();
        let page_fen = lines.iter().map(|(_, amount_fen)| amount_fen).sum();
        let body = Body::BatchLines { batch: r.batch, first: r.first, lines: lines.clone() };
        let ask = match self.begin_subsidy(&r.sale, body, page_fen, None) {
            Ok(ask) => ask,
            Err(answer) => return answer,
        };
        let Some(batch) = self.batches.get(&r.batch) else {
            return self.refuse(&ask, ResultCode::UnknownBatch, None);
        };
        let mut codes = Vec::new();
        if batch.state != SubsidyState::Open {
            codes.push(ResultCode::BatchNotOpen);
        }
        if batch.opener != r.sale.terminal.0 {
            codes.push(ResultCode::BatchNotYours);
        }
        if batch.is_late(self.today()) {
            codes.push(ResultCode::BatchExpired);
        }
        // What was forgotten doesn't matter: such a batch isn't open.
        let mut last = batch.lines.last_key_value().map(|(account, _)| *account);
        let mut in_order = batch.lines.len() == r.first as usize;
        for (account, amount_fen) in &lines {
            in_order &= last.is_none_or(|last| last < *account);
            last = Some(*account);
            if !(1..=SUBSIDY_MAX_FEN).contains(amount_fen) {
                codes.push(ResultCode::BatchLineAmount);
            }
            match self.accounts.get(*account as usize) {
                None => codes.push(ResultCode::UnknownAccount),
                Some(known) if known.status == AccountStatus::Closed => codes.push(ResultCode::AccountClosed),
                Some(_) => {}
            }
        }
        if !in_order {
            codes.push(ResultCode::BatchLineOrder);
        }
        let (count, sum_fen) = (batch.lines.len() + lines.len(), batch.sum_fen() + page_fen);
        let ends_wrong = count == batch.lines_planned && sum_fen != batch.total_fen;
        if count > batch.lines_planned || sum_fen > batch.total_fen || ends_wrong {
            codes.push(ResultCode::BatchTotalsDiffer);
        }
        if let Some(&code) = codes.iter().min() {
            return self.refuse(&ask, code, None);
        }
        let batch = self.batches.get_mut(&r.batch).expect("just found");
        for (account, amount_fen) in lines {
            let line = Line { amount_fen, brought_fen: None, skipped: false, withdrawn_fen: 0, kept: true };
            batch.lines.insert(account, line);
        }
        if count == batch.lines_planned {
            batch.state = SubsidyState::Previewed;
        }
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    pub(super) fn subsidy_step(&mut self, r: &SubsidyStep<'_>) -> Answer {
        let body = Body::BatchStep { batch: r.batch, action: r.action, reason: r.reason.to_vec() };
        let ask = match self.begin_subsidy_of(&r.sale, body, r.reason) {
            Ok(ask) => ask,
            Err(answer) => return answer,
        };
        let Some(batch) = self.batches.get(&r.batch) else {
            return self.refuse(&ask, ResultCode::UnknownBatch, None);
        };
        let own = batch.opener == r.sale.terminal.0;
        let stepped = match (r.action, batch.state) {
            (_, SubsidyState::Expired) => Err(ResultCode::BatchExpired),
            (_, SubsidyState::Withdrawn | SubsidyState::Rejected) => Err(ResultCode::BatchOver),
            (SubsidyAction::Approve | SubsidyAction::Reject, SubsidyState::Open) => {
                Err(ResultCode::BatchNotPreviewed)
            }
            (SubsidyAction::Approve, SubsidyState::Previewed) if own => Err(ResultCode::SamePerson),
            (SubsidyAction::Approve, SubsidyState::Previewed) => Ok(SubsidyState::Approved),
            (SubsidyAction::Reject, SubsidyState::Previewed) => Ok(SubsidyState::Rejected),
            (SubsidyAction::Approve | SubsidyAction::Reject, _) => Err(ResultCode::BatchDecided),
            (SubsidyAction::Issue, SubsidyState::Approved) => Ok(SubsidyState::Issuing),
            (SubsidyAction::Issue, SubsidyState::Open | SubsidyState::Previewed) => {
                Err(ResultCode::BatchNotApproved)
            }
            (SubsidyAction::Issue, _) => Err(ResultCode::BatchIssuedBefore),
            (SubsidyAction::Withdraw, SubsidyState::Issuing | SubsidyState::Withdrawing) => {
                Err(ResultCode::BatchRunning)
            }
            (SubsidyAction::Withdraw, SubsidyState::Issued) => Ok(SubsidyState::Withdrawing),
            (SubsidyAction::Withdraw, _) => Ok(SubsidyState::Withdrawn),
        };
        let late = batch.is_late(self.today()).then_some(ResultCode::BatchExpired);
        if let Some(code) = stepped.err().into_iter().chain(late).min() {
            return self.refuse(&ask, code, None);
        }
        let record = self.next_record();
        let batch = self.batches.get_mut(&r.batch).expect("just found");
        batch.state = stepped.expect("no code");
        if batch.state == SubsidyState::Issuing {
            batch.issued = record;
        }
        if batch.is_over() {
            batch.drop_what_is_settled();
        }
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, None)
    }

    pub(super) fn subsidy_advance(&mut self, r: &SubsidyAdvance) -> Answer {
        let today = self.today();
        let Some(batch) = self.batches.get_mut(&r.batch) else {
            return answer(ResultCode::UnknownBatch, 0);
        };
        let done = batch.lines.values().all(|line| line.brought_fen.is_some() || line.skipped);
        let next = if batch.state == SubsidyState::Issuing && done {
            SubsidyState::Issued
        } else if batch.state == SubsidyState::Withdrawing && r.swept {
            batch.swept_day = today;
            SubsidyState::Withdrawn
        } else if batch.is_to_sweep(today) {
            SubsidyState::Withdrawing
        } else if batch.is_late(today) {
            SubsidyState::Expired
        } else {
            return answer(ResultCode::BatchRunning, 0);
        };
        batch.state = next;
        if batch.is_over() {
            batch.drop_what_is_settled();
        }
        let record = self.next_record();
        Answer::Outcome(Said { record, ..said(ResultCode::Approved, None, 0, 0) })
    }

    pub(super) fn subsidy_claim(&mut self, r: &SubsidyClaim) -> Answer {
        let (today, id) = (self.today(), r.account.0);
        let Some(batch) = self.batches.get(&r.batch) else {
            return answer(ResultCode::UnknownBatch, 0);
        };
        if batch.state != SubsidyState::Issuing {
            return answer(ResultCode::BatchNotApproved, 0);
        }
        let Some(line) = batch.lines.get(&id).copied() else {
            return answer(ResultCode::UnknownAccount, 0);
        };
        if batch.is_late(today) {
            return answer(ResultCode::BatchExpired, 0);
        }
        if line.brought_fen.is_some() || line.skipped {
            return self.stands(ResultCode::Approved, Some(id));
        }
        let clears = batch.mode == SubsidyMode::Clear;
        let amount_fen = line.amount_fen;
        let rest_fen = if clears { self.school_fen(id) } else { 0 };
        let account = &mut self.accounts[id as usize];
        let card_fen = account.wallets.card_fen - rest_fen + amount_fen;
        let subsidy_fen = account.subsidy_fen - rest_fen;
        let brought_fen = amount_fen.min(card_fen.max(0) - subsidy_fen);
        let code = if account.status == AccountStatus::Closed {
            ResultCode::AccountClosed
        } else if subsidy_fen + brought_fen > SUBSIDY_MAX_FEN {
            ResultCode::BalanceOverflow
        } else {
            ResultCode::Approved
        };
        let line = self.batches.get_mut(&r.batch).and_then(|batch| batch.lines.get_mut(&id));
        let line = line.expect("just found");
        if code != ResultCode::Approved {
            line.skipped = true;
        } else {
            line.brought_fen = Some(brought_fen);
            let account = &mut self.accounts[id as usize];
            account.wallets.card_fen = card_fen;
            account.subsidy_fen = subsidy_fen + brought_fen;
            self.owe(Other::SubsidyClearing, rest_fen - amount_fen);
            if rest_fen > 0 {
                let record = self.next_record();
                self.link(id, record);
            }
        }
        let record = self.next_record();
        self.link(id, record);
        Answer::Outcome(Said { record, ..said(code, Some(id), amount_fen, self.balance_fen(Some(id))) })
    }

    pub(super) fn subsidy_take_back(&mut self, r: &SubsidyTakeBack) -> Answer {
        let id = r.account.0;
        let Some(batch) = self.batches.get(&r.batch) else {
            return answer(ResultCode::UnknownBatch, 0);
        };
        if batch.state != SubsidyState::Withdrawing {
            return answer(ResultCode::BatchNotApproved, 0);
        }
        let Some(line) = batch.lines.get(&id).copied().filter(|line| line.kept) else {
            return answer(ResultCode::UnknownAccount, 0);
        };
        // Used first is what came first: what later batches brought, and didn't take back, is still there before this.
        let later_fen: i64 = self
            .batches
            .values()
            .filter(|later| later.issued > batch.issued)
            .filter_map(|later| later.lines.get(&id))
            .map(Line::matters_fen)
            .sum();
        let left_fen = (self.school_fen(id) - later_fen).min(line.matters_fen());
        if left_fen <= 0 {
            return self.stands(ResultCode::Approved, Some(id));
        }
        let line = self.batches.get_mut(&r.batch).and_then(|batch| batch.lines.get_mut(&id));
        line.expect("just found").withdrawn_fen += left_fen;
        let account = &mut self.accounts[id as usize];
        account.wallets.card_fen -= left_fen;
        account.subsidy_fen -= left_fen;
        self.owe(Other::SubsidyClearing, left_fen);
        let record = self.next_record();
        self.link(id, record);
        let balance_fen = self.balance_fen(Some(id));
        Answer::Outcome(Said { record, ..said(ResultCode::Approved, Some(id), left_fen, balance_fen) })
    }

    /// What of the subsidies is there: what is owed by phone counts as paid, out of subsidies first.
    fn school_fen(&self, id: u32) -> i64 {
        let account = &self.accounts[id as usize];
        let owed_by_phone_fen = (-account.wallets.transition_fen).min(account.wallets.card_fen);
        (account.subsidy_fen - owed_by_phone_fen.max(0)).max(0)
    }

    /// Lines are kept as long as they can matter: of a batch of which something may be taken back, and of those issued after it.
    fn lines_kept(&self, batch: &Batch) -> usize {
        if !batch.is_over() {
            return batch.lines_planned;
        }
        let moves_before = |other: &Batch| {
            (!other.is_over() || other.waits_for_returns()) && other.issued > 0 && other.issued < batch.issued
        };
        let needed = batch.waits_for_returns() || self.batches.values().any(moves_before);
        batch.lines.values().filter(|line| line.kept && needed).count()
    }

    fn begin_subsidy<'a>(
        &mut self,
        sale: &'a engine::ledger::command::Sale<'a>,
        body: Body,
        amount_fen: i64,
        title: Option<&[u8]>,
    ) -> Result<Ask<'a>, Answer> {
        let ask = self.ask(sale, body, amount_fen)?;
        if let Some(answer) = self.known(&ask) {
            return Err(answer);
        }
        if title.is_some() && amount_fen <= 0 {
            return Err(answer(ResultCode::AmountNotPositive, amount_fen));
        }
        if title.is_some() && amount_fen > 1_000_000_000_000_000 {
            return Err(answer(ResultCode::AmountTooLarge, amount_fen));
        }
        self.bad_finance_field(ask, title.unwrap_or(b"none is wanted"))
    }

    fn begin_subsidy_of<'a>(
        &mut self,
        sale: &'a engine::ledger::command::Sale<'a>,
        body: Body,
        reason: &[u8],
    ) -> Result<Ask<'a>, Answer> {
        let ask = self.ask(sale, body, 0)?;
        if let Some(answer) = self.known(&ask) {
            return Err(answer);
        }
        self.bad_finance_field(ask, reason)
    }

    fn bad_finance_field<'a>(&self, ask: Ask<'a>, reason: &[u8]) -> Result<Ask<'a>, Answer> {
        let finance = [TerminalKind::Finance, TerminalKind::Administrator];
        match self.bad_office_field(&ask, &finance, reason) {
            Some(answer) => Err(answer),
            None => Ok(ask),
        }
    }
}

fn said(code: ResultCode, account: Option<u32>, amount_fen: i64, balance_after_fen: i64) -> Said {
    Said { code, account, amount_fen, balance_after_fen, record: 0, repeat: false }
}
