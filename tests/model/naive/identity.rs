//! Has this terminal, epoch and sequence come before? And what is kept out of the books.

use std::collections::BTreeMap;

use engine::ledger::command::Sale;
use engine::ledger::limits::{GAPS_MAX, SUSPENSE_PER_TERMINAL_DAY_MAX, SUSPENSE_RECENT};
use protocol::result_code::ResultCode;
use protocol::till_totals::TillKind;

use super::{Answer, Ask, Body, Deed, Model, Past, Said, Till, answer};

/// What is known of an identity.
pub(super) enum Standing {
    Fresh,
    Known(Past),
    OlderUnknown,
    TooManyGaps,
}

/// How many runs of sequences are missing below the highest.
pub(super) fn gaps<'a>(received: impl Iterator<Item = &'a u32>) -> usize {
    let mut expected = 1;
    let mut gaps = 0;
    for &sequence in received {
        gaps += usize::from(sequence != expected);
        expected = sequence.wrapping_add(1);
    }
    gaps
}

impl Till {
    pub(super) fn standing(&self, epoch: u16, sequence: u32) -> Standing {
        if let Some(past) = self.past.get(&(epoch, sequence)) {
            return Standing::Known(past.clone());
        }
        if epoch > self.epoch {
            return Standing::Fresh;
        }
        // What was closed counts as come.
        if epoch < self.epoch || self.received.contains(&sequence) {
            return Standing::OlderUnknown;
        }
        if self.fits(&[sequence]) { Standing::Fresh } else { Standing::TooManyGaps }
    }

    /// Whether memory, which keeps so many outcomes by their sequences, knows a sale no more: a newer one took its place.
    pub(super) fn has_forgotten(&self, (epoch, sequence): (u16, u32), outcomes: u32) -> bool {
        let newer = self.past.range((epoch, sequence)..).skip(1);
        newer.map(|(&(_, newer), _)| newer).any(|newer| newer % outcomes == sequence % outcomes)
    }

    /// Whether these sequences of the open epoch may come, one after the other.
    pub(super) fn fits(&self, sequences: &[u32]) -> bool {
        let mut received = self.received.clone();
        sequences.iter().all(|&sequence| {
            received.insert(sequence);
            gaps(received.iter()) <= GAPS_MAX
        })
    }

    /// A greater epoch opens; sequences of an older one aren't counted any more.
    pub(super) fn receive(&mut self, epoch: u16, sequence: u32, time_ns: u64) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.received.clear();
        }
        if epoch == self.epoch {
            self.take_in(sequence, time_ns);
        }
    }

    /// Whatever is passed over is missing from now on.
    pub(super) fn take_in(&mut self, sequence: u32, time_ns: u64) {
        let highest = self.received.last().copied().unwrap_or(0);
        for missing in highest + 1..sequence {
            self.missing_since_s.insert(missing, (time_ns / 1_000_000_000) as u32);
        }
        self.received.insert(sequence);
    }

    /// What is missing now, and since when.
    pub fn missing(&self) -> BTreeMap<u32, u32> {
        let highest = self.received.last().copied().unwrap_or(0);
        let missing = (1..highest).filter(|sequence| !self.received.contains(sequence));
        missing.map(|sequence| (sequence, self.missing_since_s[&sequence])).collect()
    }
}

impl Model {
    /// The till that a sale names, when it is registered there and may trade.
    pub(super) fn till(&self, sale: &Sale<'_>) -> Option<usize> {
        let slot = usize::from(sale.slot.0);
        let till = self.tills.get(slot)?;
        (till.terminal == sale.terminal.0 && till.enabled).then_some(slot)
    }

    pub(super) fn ask<'a>(&self, sale: &'a Sale<'a>, body: Body, amount_fen: i64) -> Result<Ask<'a>, Answer> {
        match self.till(sale) {
            None => Err(answer(ResultCode::UnknownTerminal, amount_fen)),
            Some(till) => {
                Ok(Ask { till, epoch: sale.epoch.0, sequence: sale.sequence.0, body, amount_fen, sale })
            }
        }
    }

    /// The answer to an identity that isn't fresh.
    pub(super) fn known(&mut self, ask: &Ask<'_>) -> Option<Answer> {
        if ask.sequence == 0 {
            return None;
        }
        match self.tills[ask.till].standing(ask.epoch, ask.sequence) {
            Standing::Fresh => None,
            Standing::OlderUnknown => Some(answer(ResultCode::StaleEpoch, ask.amount_fen)),
            Standing::TooManyGaps => Some(answer(ResultCode::TooManyGaps, ask.amount_fen)),
            Standing::Known(past) if past.deed != Deed::Tombstone && past.body != ask.body => {
                Some(self.conflict(ask, &past))
            }
            Standing::Known(past) => Some(told_again(&past)),
        }
    }

    pub(super) fn conflict(&mut self, ask: &Ask<'_>, past: &Past) -> Answer {
        self.keep_out(ask, ResultCode::IdentityConflict, past.record, !past.suspended)
    }

    /// Kept out of the books: in suspense if it is worth it and wasn't just kept, up to the day's bound.
    pub(super) fn keep_out(
        &mut self,
        ask: &Ask<'_>,
        code: ResultCode,
        record: u64,
        worth_it: bool,
    ) -> Answer {
        let date = self.date;
        let key = (ask.epoch, ask.sequence, ask.body.clone());
        let till = &mut self.tills[ask.till];
        let count = if till.suspense_date == date { till.suspense_count } else { 0 };
        let room = count < usize::from(SUSPENSE_PER_TERMINAL_DAY_MAX);
        if worth_it && room && !till.suspense_recent.contains(&key) {
            till.suspense_date = date;
            till.suspense_count = count + 1;
            till.suspense_recent.push(key);
            if till.suspense_recent.len() > SUSPENSE_RECENT {
                till.suspense_recent.remove(0);
            }
            // A record of another terminal says nothing about this terminal's sale of the same sequence.
            if code != ResultCode::WrongTerminal
                && let Some(past) = till.past.get_mut(&(ask.epoch, ask.sequence))
            {
                past.suspended = true;
            }
            self.next_record();
        }
        Answer::Outcome(Said {
            code,
            account: None,
            amount_fen: ask.amount_fen,
            balance_after_fen: 0,
            record,
            repeat: false,
        })
    }

    /// Remembers what became of a request, and answers it.
    pub(super) fn settle(
        &mut self,
        ask: &Ask<'_>,
        record: u64,
        code: ResultCode,
        deed: Deed,
        account: Option<u32>,
    ) -> Answer {
        let balance_after_fen = self.balance_fen(account);
        if let Some(account) = account {
            self.link(account, record);
        }
        let past = Past {
            body: ask.body.clone(),
            deed,
            code,
            account,
            payer: account,
            amount_fen: ask.amount_fen,
            beside_fen: 0,
            counts_in: None,
            balance_after_fen,
            record,
            time_ns: self.time_ns,
            date: self.date,
            reversed: false,
            voided: false,
            refunded_fen: 0,
            suspended: false,
            two_phase: false,
            confirmed: false,
            unwritten: false,
        };
        let time_ns = self.time_ns;
        let till = &mut self.tills[ask.till];
        till.receive(ask.epoch, ask.sequence, time_ns);
        if let Some(kind) = counted(deed, &ask.body) {
            till.duty.did.push((ask.epoch, ask.sequence, kind, ask.amount_fen));
        }
        till.past.insert((ask.epoch, ask.sequence), past);
        let amount_fen = ask.amount_fen;
        Answer::Outcome(Said { code, account, amount_fen, balance_after_fen, record, repeat: false })
    }

    /// A refusal that is remembered.
    pub(super) fn refuse(&mut self, ask: &Ask<'_>, code: ResultCode, account: Option<u32>) -> Answer {
        let record = self.next_record();
        self.settle(ask, record, code, Deed::Other, account)
    }
}

/// As what a deed counts in its till's totals.
fn counted(deed: Deed, body: &Body) -> Option<TillKind> {
    Some(match (deed, body) {
        (Deed::Debit { .. }, _) => TillKind::Debit,
        (Deed::OfflineDebit { .. }, _) => TillKind::Offline,
        (Deed::Refund { .. }, _) => TillKind::Refund,
        (Deed::TopUp { .. }, _) => TillKind::TopUp,
        (Deed::Tender { .. }, _) => TillKind::Tender,
        (Deed::Undo { .. }, Body::TopUpUndo { .. }) => TillKind::TopUpUndone,
        (Deed::Undo { .. }, Body::Void { .. }) => TillKind::Void,
        (Deed::Undo { merchant: Some(_) }, _) => TillKind::Reversal,
        _ => return None,
    })
}

/// The answer of a retry or a query to what is remembered.
pub(super) fn told_again(past: &Past) -> Answer {
    let gone = past.reversed || past.deed == Deed::Tombstone;
    Answer::Outcome(Said {
        code: if gone { ResultCode::Reversed } else { past.code },
        account: past.account,
        amount_fen: past.amount_fen + past.beside_fen,
        balance_after_fen: past.balance_after_fen,
        record: past.record,
        repeat: !gone,
    })
}

/// What no request may carry: no record, no trace.
pub(super) fn bad_field(ask: &Ask<'_>, permitted: bool) -> Option<Answer> {
    const TEN_MILLION_YUAN_FEN: i64 = 1_000_000_000;
    let code = match ask.amount_fen {
        ..=0 => ResultCode::AmountNotPositive,
        amount_fen if amount_fen > TEN_MILLION_YUAN_FEN => ResultCode::AmountTooLarge,
        _ if ask.sale.sequence.0 == 0 => ResultCode::SequenceZero,
        _ if !permitted => ResultCode::NotPermitted,
        _ => return None,
    };
    Some(answer(code, ask.amount_fen))
}

/// The same of a request that moves no money.
pub(super) fn bad_identity(ask: &Ask<'_>, permitted: bool) -> Option<Answer> {
    let code = match ask.sale.sequence.0 {
        0 => ResultCode::SequenceZero,
        _ if !permitted => ResultCode::NotPermitted,
        _ => return None,
    };
    Some(answer(code, 0))
}
