//! What happens to subsidy batches in a stream: mostly the next thing that may.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{
    Request, Sale, SetAccountTerms, SubsidyAdvance, SubsidyClaim, SubsidyLines, SubsidyOpen, SubsidyStep,
    SubsidyTakeBack,
};
use protocol::answer::SubsidyState;
use protocol::ids::AccountId;
use protocol::request::{SubsidyAction, SubsidyLine, SubsidyMode};

use super::naive::subsidies::Batch;
use super::naive::{Model, day_of};
use super::stream::Stream;

/// What every line brings, but for those that are wrong on purpose.
const LINE_FEN: u32 = 300;
/// Slots of those who may, and of some who may not.
const FINANCE: [u16; 4] = [8, 8, 9, 11];
const ANYBODY: [u16; 4] = [3, 7, 8, 10];

impl Stream {
    pub(super) fn subsidy(&mut self, model: &Model) -> Request<'static> {
        let today = day_of(self.time_ns);
        let over = [SubsidyState::Withdrawn, SubsidyState::Rejected, SubsidyState::Expired];
        let live: Vec<(u32, &Batch)> = model
            .batches
            .iter()
            .filter(|(_, batch)| !over.contains(&batch.state) || batch.is_to_sweep(today))
            .map(|(&number, batch)| (number, batch))
            .collect();
        // What is due by itself, mostly at once.
        let due = live.iter().find(|(_, batch)| batch.is_late(today) || batch.is_to_sweep(today));
        if let Some(&(number, _)) = due.filter(|_| self.random.chance(80)) {
            return Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept: false });
        }
        if live.is_empty() || (live.len() < 4 && self.random.chance(10)) {
            return self.open_batch(model);
        }
        // The one that came first, mostly.
        let at = if self.random.chance(60) { 0 } else { self.random.below(live.len() as u64) as usize };
        let (number, batch) = live[at];
        if self.random.chance(6) {
            return self.any_step(model, number);
        }
        match batch.state {
            SubsidyState::Open => self.page(model, number, batch),
            SubsidyState::Previewed => {
                let action =
                    if self.random.chance(85) { SubsidyAction::Approve } else { SubsidyAction::Reject };
                self.step(model, number, action)
            }
            // Somebody leaves before it is paid.
            SubsidyState::Approved if self.random.chance(8) => {
                let at = self.random.below(batch.lines.len() as u64) as usize;
                let account = batch.lines.keys().nth(at).copied().unwrap_or_default();
                Request::SetAccountTerms(SetAccountTerms {
                    account: AccountId(account),
                    status: AccountStatus::Closed,
                    card_lost: false,
                    class: 0,
                    debit_max_fen: 0,
                    day_max_fen: 0,
                })
            }
            SubsidyState::Approved => self.step(model, number, SubsidyAction::Issue),
            SubsidyState::Issuing => {
                let waits = batch.lines.iter().find(|(_, line)| line.brought_fen.is_none() && !line.skipped);
                match waits {
                    Some((&account, _)) if self.random.chance(85) => self.claim(number, account),
                    Some(_) => {
                        let account = self.random.below(26) as u32;
                        self.claim(number, account)
                    }
                    None => Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept: false }),
                }
            }
            // What was paid is used for a while.
            SubsidyState::Issued if self.random.chance(90) => self.tap(model),
            SubsidyState::Issued => self.step(model, number, SubsidyAction::Withdraw),
            // Another day: something of it may have come back.
            SubsidyState::Withdrawn => {
                Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept: false })
            }
            _ => {
                let at = self.random.below(batch.lines.len() as u64 + 1) as usize;
                let account = batch.lines.keys().nth(at).copied();
                match account.filter(|_| self.random.chance(85)) {
                    Some(account) => Request::SubsidyTakeBack(SubsidyTakeBack {
                        batch: number,
                        account: AccountId(account),
                    }),
                    None => {
                        let swept = self.random.chance(50);
                        Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept })
                    }
                }
            }
        }
    }

    fn claim(&mut self, batch: u32, account: u32) -> Request<'static> {
        Request::SubsidyClaim(SubsidyClaim { batch, account: AccountId(account) })
    }

    fn open_batch(&mut self, model: &Model) -> Request<'static> {
        let next = model.batches.keys().last().map_or(1, |last| last + 1);
        let batch = match self.random.below(20) {
            0 => 0,
            1 => self.random.below(u64::from(next)) as u32,
            _ => next,
        };
        let lines = if self.random.chance(95) {
            1 + self.random.below(6) as u32
        } else {
            self.random.of(&[0, 24, 25])
        };
        let wrong_fen = self.random.of(&[-1, 0, 1, i64::MAX, 5]);
        let total_fen = if self.random.chance(92) { i64::from(lines * LINE_FEN) } else { wrong_fen };
        let today = day_of(self.time_ns);
        let title = if self.random.chance(97) { "伙食补助".as_bytes() } else { &[] };
        let sale = self.finance_sale(model);
        let mode = self.random.of(&[SubsidyMode::Beside, SubsidyMode::Beside, SubsidyMode::Clear]);
        let deadline_day = if self.random.chance(97) {
            let ahead = self.random.of(&[0, 1, 2, 5, 10, 20]);
            (today + ahead).saturating_sub(self.random.of(&[0, 0, 0, 1]))
        } else {
            today + self.random.of(&[400, 401])
        };
        Request::SubsidyOpen(SubsidyOpen { sale, batch, mode, deadline_day, lines, total_fen, title })
    }

    fn page(&mut self, model: &Model, number: u32, batch: &Batch) -> Request<'static> {
        let left = batch.lines_planned - batch.lines.len();
        let count =
            if self.random.chance(95) { 1 + self.random.below(left as u64) as usize } else { left + 1 };
        let mut account = batch.lines.last_key_value().map_or(0, |(last, _)| last + 1);
        let people = model.accounts.len() as u32;
        let mut lines = Vec::new();
        for _ in 0..count.min(24) {
            // Enough people must be left for the lines that follow.
            let room = people.saturating_sub(account + (left - lines.len().min(left)) as u32);
            account += self.random.below(u64::from(room / 3) + 1) as u32;
            let wrong_fen = self.random.of(&[0, 1 << 24, 299, 301]);
            let amount_fen = if self.random.chance(95) { LINE_FEN } else { wrong_fen };
            lines.push(SubsidyLine { account: account.into(), amount_fen: amount_fen.into() });
            if !self.random.chance(1) {
                account += 1;
            }
        }
        let first = batch.lines.len() as u32 + u32::from(self.random.chance(3));
        // Lines are sent by who opened the batch, mostly.
        let opener = model.tills.iter().position(|till| till.terminal == batch.opener).unwrap_or(8) as u16;
        let slot = if self.random.chance(93) { opener } else { self.random.of(&FINANCE) };
        let sale = self.sale(model, slot);
        Request::SubsidyLines(SubsidyLines { sale, batch: number, first, lines: lines.leak() })
    }

    fn any_step(&mut self, model: &Model, number: u32) -> Request<'static> {
        let number = if self.random.chance(70) { number } else { self.random.below(60) as u32 };
        match self.random.below(5) {
            0 => Request::SubsidyAdvance(SubsidyAdvance { batch: number, swept: false }),
            1 => self.one_more_line(model, number),
            _ => {
                let action = self.random.of(SubsidyAction::ALL);
                self.step(model, number, action)
            }
        }
    }

    /// A line behind the last, whether one is still to come or not.
    fn one_more_line(&mut self, model: &Model, number: u32) -> Request<'static> {
        let lines = model.batches.get(&number).map(|batch| &batch.lines);
        let last = lines.and_then(|lines| lines.last_key_value()).map(|(last, _)| *last);
        let (first, account) = (lines.map_or(0, |lines| lines.len() as u32), last.map_or(0, |last| last + 1));
        let lines = vec![SubsidyLine { account: account.into(), amount_fen: LINE_FEN.into() }];
        let sale = self.finance_sale(model);
        Request::SubsidyLines(SubsidyLines { sale, batch: number, first, lines: lines.leak() })
    }

    fn step(&mut self, model: &Model, batch: u32, action: SubsidyAction) -> Request<'static> {
        let sale = self.finance_sale(model);
        let reason = "核对无误".as_bytes();
        Request::SubsidyStep(SubsidyStep { sale, batch, action, reason })
    }

    fn finance_sale(&mut self, model: &Model) -> Sale<'static> {
        let slot = if self.random.chance(96) { self.random.of(&FINANCE) } else { self.random.of(&ANYBODY) };
        self.sale(model, slot)
    }
}
