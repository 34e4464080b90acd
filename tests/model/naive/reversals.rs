//! Reversals: before their original, after it, again.

use engine::ledger::command::Reversal;
use protocol::result_code::ResultCode;

use super::debits::sells;
use super::identity::{Standing, bad_field};
use super::{Answer, Ask, Body, Deed, Model, Past, answer};

const THREE_DAYS_NS: u64 = 3 * 24 * 3_600 * 1_000_000_000;

impl Model {
    pub(super) fn reversal(&mut self, r: &Reversal<'_>) -> Answer {
        let named = (r.original_epoch.0, r.original_sequence.0);
        let body = Body::Reversal { epoch: named.0, sequence: named.1, amount_fen: r.amount_fen };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let impossible = named == (ask.epoch, ask.sequence) || named.0 > ask.epoch;
        let mut original = None;
        if ask.sequence != 0 && named.1 != 0 && !impossible {
            match self.tills[ask.till].standing(named.0, named.1) {
                Standing::Known(past) => original = Some(past),
                _ if !self.both_fit(&ask, named) => return answer(ResultCode::TooManyGaps, ask.amount_fen),
                _ => {}
            }
        }
        if original.as_ref().is_some_and(|past| past.amount_fen != r.amount_fen) {
            return self.refuse(&ask, ResultCode::IdentityConflict, None);
        }
        if let Some(answer) = bad_field(&ask, sells(self.tills[ask.till].kind)) {
            return answer;
        }
        if named.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        if impossible {
            return self.refuse(&ask, ResultCode::NothingToReverse, None);
        }
        match original {
            None => self.reverse_beforehand(&ask, named),
            // Told by the till, and paid by nobody.
            Some(past) if past.deed == Deed::ScanPending => self.reverse_beforehand(&ask, named),
            Some(past)
                if past.deed == Deed::Tombstone
                    || past.reversed && !matches!(past.deed, Deed::TopUp { .. }) =>
            {
                let record = self.next_record();
                let mut answer = self.settle(&ask, record, ResultCode::Approved, Deed::Other, past.payer);
                if let Answer::Outcome(said) = &mut answer {
                    said.repeat = true;
                }
                answer
            }
            Some(past) if self.time_ns - past.time_ns > THREE_DAYS_NS => {
                self.refuse(&ask, ResultCode::ReversalTooLate, past.payer)
            }
            Some(past) => self.reverse(&ask, named, &past),
        }
    }

    /// Neither has come: first the original, which won't, then the reversal itself.
    fn both_fit(&self, ask: &Ask<'_>, named: (u16, u32)) -> bool {
        let till = &self.tills[ask.till];
        if ask.epoch > till.epoch {
            // A new epoch has but these two, and so two gaps at most.
            return true;
        }
        if named.0 == ask.epoch { till.fits(&[named.1, ask.sequence]) } else { till.fits(&[ask.sequence]) }
    }

    fn reverse_beforehand(&mut self, ask: &Ask<'_>, named: (u16, u32)) -> Answer {
        let record = self.next_record();
        let answer = self.settle(ask, record, ResultCode::Approved, Deed::Undo { merchant: None }, None);
        let time_ns = self.time_ns;
        let till = &mut self.tills[ask.till];
        let own = till.past[&(ask.epoch, ask.sequence)].clone();
        till.past.insert(named, Past { deed: Deed::Tombstone, ..own });
        if named.0 == till.epoch {
            till.take_in(named.1, time_ns);
        }
        answer
    }

    fn reverse(&mut self, ask: &Ask<'_>, named: (u16, u32), past: &Past) -> Answer {
        match (past.deed, past.payer) {
            (Deed::OfflineDebit { .. }, payer) => self.refuse(ask, ResultCode::ReversalOfOfflineFact, payer),
            (Deed::Debit { .. }, payer) if past.refunded_fen > 0 => {
                self.refuse(ask, ResultCode::ReversalAfterRefund, payer)
            }
            (Deed::Debit { wallet, merchant, day, given_fen }, Some(id)) => {
                self.close_tap(id, (ask.till, named));
                let paid_fen = past.amount_fen + past.beside_fen;
                self.put_back(id, wallet, paid_fen, given_fen);
                self.accounts[id as usize].add_spent(day, -paid_fen);
                self.take_off_meal(id, day, past, paid_fen);
                let deed = Deed::Undo { merchant: Some(merchant) };
                let answer = self.gave_back(ask, merchant, id, deed, past.beside_fen);
                self.tills[ask.till].past.get_mut(&named).expect("it was found").reversed = true;
                answer
            }
            (_, payer) => self.refuse(ask, ResultCode::NothingToReverse, payer),
        }
    }
}
