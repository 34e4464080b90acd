//! Cards at tills that write chips, and at a counter that hands them out.

use engine::ledger::command::{
    AccountClose, AccountSelector, CardDebit, CardIssue, CardReplace, CardReturn, CardStock, CardTap,
    PasswordDebit, Request, TapConfirm,
};
use protocol::card::{CardKind, CardTerms, ChipWrite, PayoutWay, ReplaceReason};
use protocol::ids::{AccountId, CardCounter, CardUid, Epoch, Sequence, TerminalId};

use super::super::naive::Model;
use super::{CARDS, SECOND_NS, Stream};

impl Stream {
    pub(crate) fn tap(&mut self, model: &Model) -> Request<'static> {
        let card_uid = self.card(model);
        let last = model.accounts.iter().find(|account| account.card == Some(card_uid.0));
        let last = last.map_or(0, |account| account.card_counter);
        let counter = if self.random.chance(4) { last } else { last + 1 + self.random.below(3) as u32 };
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let amount_fen = self.amount_fen();
        let card_counter = CardCounter(counter);
        if self.random.chance(10) {
            let amount_fen = amount_fen * self.random.of(&[1, 1, 3, 10]);
            let well_formed = !self.random.chance(4);
            let debit = PasswordDebit { sale, card_uid, card_counter, amount_fen, well_formed };
            return Request::PasswordDebit(debit);
        }
        if self.random.chance(40) {
            return Request::CardTap(CardTap { sale, card_uid, card_counter, amount_fen });
        }
        Request::CardDebit(CardDebit { sale, card_uid, card_counter, amount_fen })
    }

    /// Mostly of a tap in two phases, of late, by its own till.
    pub(super) fn confirm(&mut self, model: &Model) -> Request<'static> {
        let slot = self.slot();
        let sale = self.sale(model, slot);
        let till = model.tills.get(usize::from(slot));
        let mut past: Vec<_> = till.map_or(Vec::new(), |till| till.past.iter().collect());
        if self.random.chance(93) {
            past.retain(|(_, past)| past.two_phase);
        }
        let reach = if self.random.chance(80) { past.len().min(3) } else { past.len() };
        let (original, amount_fen) = match past.len().checked_sub(1) {
            Some(newest) if !self.random.chance(4) => {
                let (original, past) = past[newest - self.random.below(reach as u64) as usize];
                (*original, past.amount_fen + i64::from(self.random.chance(3)))
            }
            _ => ((sale.epoch.0, self.random.below(u64::from(sale.sequence.0) + 3) as u32), 700),
        };
        Request::TapConfirm(TapConfirm {
            sale,
            original_terminal: TerminalId(sale.terminal.0 + u32::from(self.random.chance(3))),
            original_epoch: Epoch(original.0),
            original_sequence: Sequence(original.1),
            amount_fen,
            write: self.random.of(ChipWrite::ALL),
        })
    }

    pub(super) fn card_at_a_counter(&mut self, model: &Model) -> Request<'static> {
        let slot = if self.random.chance(92) { 4 } else { self.slot() };
        let sale = self.sale(model, slot);
        let bare = (0..).zip(&model.accounts).find(|(_, account)| account.card.is_none());
        let mut account = self.selector(model);
        let card_uid = match self.random.below(20) {
            0 => CardUid(0),
            1..4 => self.card(model),
            4..6 => CardUid(1 + self.random.below(CARDS)),
            // Few, so that they come back and are given out again.
            6..14 => CardUid(300_000 + self.random.below(40)),
            _ => CardUid(200_000 + self.random.below(100_000)),
        };
        let fee_fen = if self.random.chance(70) {
            0
        } else {
            self.random.of(&[-1, 2_000, 2_000, 2_000, 1_000_000_001])
        };
        match self.random.below(13) {
            11..13 => {
                let first = match self.random.below(20) {
                    0 => CardUid(u64::MAX - self.random.below(900)),
                    1..7 => card_uid,
                    _ => CardUid(200_000 + self.random.below(100_100)),
                };
                let count = self.random.of(&[1, 1, 7, 300, 1_000, 1_024, 1_025, 0]);
                Request::CardStock(CardStock { sale, first, count })
            }
            0..4 => {
                if let Some((id, _)) = bare.filter(|_| self.random.chance(80)) {
                    account = AccountSelector::Account(AccountId(id));
                }
                let CardTerms { kind, expires_day } = self.terms();
                Request::CardIssue(CardIssue { sale, account, card_uid, kind, expires_day, fee_fen })
            }
            4..8 => {
                let reason = self.random.of(ReplaceReason::ALL);
                let (new_card, terms) = (card_uid, self.terms());
                Request::CardReplace(CardReplace { sale, account, new_card, reason, terms, fee_fen })
            }
            8 => {
                let person = self.random.below(model.accounts.len() as u64) as usize;
                let current = model.accounts[person].card.unwrap_or(0);
                let card_uid = if self.random.chance(75) { CardUid(current) } else { CardUid(0) };
                let id = AccountSelector::Account(AccountId(person as u32));
                let account = if self.random.chance(90) { id } else { account };
                Request::AccountClose(AccountClose { sale, account, card_uid, way: PayoutWay::Cash })
            }
            _ => {
                let person = self.random.below(model.accounts.len() as u64) as usize;
                let card_uid = match model.accounts[person].card {
                    Some(current) if self.random.chance(85) => {
                        account = AccountSelector::Account(AccountId(person as u32));
                        CardUid(current)
                    }
                    _ => card_uid,
                };
                Request::CardReturn(CardReturn { sale, account, card_uid })
            }
        }
    }

    /// Mostly a person's own card for ever, else one that expires soon, and now and then what can't be had.
    fn terms(&mut self) -> CardTerms {
        let today = (self.time_ns / SECOND_NS + 8 * 3_600) / 86_400 - 10_957;
        let kind = self.random.of(CardKind::ALL);
        match self.random.below(10) {
            0 => CardTerms { kind, expires_day: today as u16 },
            1 => CardTerms { kind, expires_day: 0 },
            2..5 => CardTerms { kind, expires_day: today as u16 + 1 + self.random.below(12) as u16 },
            _ => CardTerms::STANDARD,
        }
    }
}
