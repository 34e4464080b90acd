//! What a merchant gives back: whole sales of the open date, and parts of any.

use engine::ledger::account::AccountStatus;
use engine::ledger::command::{Refund, Void};
use protocol::result_code::ResultCode;

use super::debits::is_attended;
use super::identity::{Standing, bad_field};
use super::{Answer, Ask, Body, Deed, Model, Other, PaidFrom, Past, answer};

impl Model {
    pub(super) fn void(&mut self, r: &Void<'_>) -> Answer {
        let named = (r.original_epoch.0, r.original_sequence.0);
        let body = Body::Void { epoch: named.0, sequence: named.1, amount_fen: r.amount_fen };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let original = self.original_of_till(&ask, named);
        if original.as_ref().is_some_and(|past| past.amount_fen != r.amount_fen) {
            return self.refuse(&ask, ResultCode::IdentityConflict, None);
        }
        if let Some(answer) = bad_field(&ask, is_attended(self.tills[ask.till].kind)) {
            return answer;
        }
        if named.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        let Some(past) = original else { return self.refuse(&ask, ResultCode::NothingToVoid, None) };
        let own_merchant = self.tills[ask.till].merchant;
        let code = match past.deed {
            Deed::Debit { merchant, .. }
            | Deed::OfflineDebit { merchant, .. }
            | Deed::Refund { merchant }
            | Deed::Tender { merchant }
            | Deed::Undo { merchant: Some(merchant) }
                if merchant != own_merchant =>
            {
                return self.refuse(&ask, ResultCode::OtherMerchant, None);
            }
            Deed::Tombstone => ResultCode::VoidAfterReversal,
            Deed::OfflineDebit { .. } => ResultCode::VoidOfOfflineFact,
            Deed::Debit { .. } if past.voided => ResultCode::AlreadyVoided,
            Deed::Debit { .. } if past.reversed => ResultCode::VoidAfterReversal,
            Deed::Debit { .. } if past.refunded_fen > 0 => ResultCode::VoidAfterRefund,
            Deed::Debit { .. } if past.date != self.date => ResultCode::VoidTooLate,
            Deed::Debit { wallet, merchant, day, given_fen } => {
                let id = past.payer.expect("somebody paid");
                self.close_tap(id, (ask.till, named));
                let paid_fen = past.amount_fen + past.beside_fen;
                self.put_back(id, wallet, paid_fen, given_fen);
                self.accounts[id as usize].add_spent(day, -paid_fen);
                self.take_off_meal(id, day, &past, paid_fen);
                let deed = Deed::Undo { merchant: Some(merchant) };
                let answer = self.gave_back(&ask, merchant, id, deed, past.beside_fen);
                let voided = self.tills[ask.till].past.get_mut(&named).expect("it was found");
                (voided.reversed, voided.voided) = (true, true);
                return answer;
            }
            _ => ResultCode::NothingToVoid,
        };
        self.refuse(&ask, code, past.payer)
    }

    /// An earlier request of the same till, unless it can't have been one.
    fn original_of_till(&self, ask: &Ask<'_>, named: (u16, u32)) -> Option<Past> {
        let possible = named != (ask.epoch, ask.sequence) && named.0 <= ask.epoch;
        if !possible || ask.sequence == 0 || named.1 == 0 {
            return None;
        }
        match self.tills[ask.till].standing(named.0, named.1) {
            Standing::Known(past) => Some(past),
            _ => None,
        }
    }

    pub(super) fn refund(&mut self, r: &Refund<'_>) -> Answer {
        let (terminal, named) = (r.original.terminal.0, (r.original.epoch.0, r.original.sequence.0));
        let body = Body::Refund { terminal, epoch: named.0, sequence: named.1, amount_fen: r.amount_fen };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_field(&ask, is_attended(self.tills[ask.till].kind)) {
            return answer;
        }
        if named.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        let sold_at = self.tills.iter().position(|till| till.terminal == terminal);
        let sold_at =
            sold_at.filter(|slot| r.original_slot.is_some_and(|named| usize::from(named.0) == *slot));
        let own_merchant = self.tills[ask.till].merchant;
        if sold_at.is_some_and(|slot| self.tills[slot].merchant != own_merchant) {
            return self.refuse(&ask, ResultCode::OtherMerchant, None);
        }
        let past = sold_at.and_then(|slot| Some((slot, self.tills[slot].past.get(&named)?.clone())));
        let Some((slot, past)) = past else {
            return self.refuse(&ask, ResultCode::NothingToRefund, None);
        };
        let (wallet, day, given_fen, flagged) = match past.deed {
            Deed::Debit { merchant, .. }
            | Deed::OfflineDebit { merchant, .. }
            | Deed::Refund { merchant }
            | Deed::Tender { merchant }
            | Deed::Undo { merchant: Some(merchant) }
                if merchant != own_merchant =>
            {
                return self.refuse(&ask, ResultCode::OtherMerchant, None);
            }
            Deed::Debit { wallet, day, given_fen, .. } => (wallet, day, given_fen, false),
            Deed::OfflineDebit { day, given_fen, flagged, .. } => (PaidFrom::Card, day, given_fen, flagged),
            Deed::Refund { .. } => return self.refuse(&ask, ResultCode::RefundOfRefund, past.payer),
            Deed::Undo { .. } => return self.refuse(&ask, ResultCode::RefundOfReversal, past.payer),
            Deed::Tombstone => return self.refuse(&ask, ResultCode::RefundAfterReversal, past.payer),
            Deed::TopUp { .. } | Deed::Tender { .. } | Deed::ScanPending | Deed::Other => {
                return self.refuse(&ask, ResultCode::NothingToRefund, past.payer);
            }
        };
        let left_fen = past.amount_fen - past.refunded_fen;
        let code = if past.voided {
            Some(ResultCode::RefundAfterVoid)
        } else if past.reversed {
            Some(ResultCode::RefundAfterReversal)
        } else if r.amount_fen > left_fen {
            Some(ResultCode::RefundAboveOriginal)
        } else if flagged {
            Some(ResultCode::RefundUnderReview)
        } else {
            None
        };
        if let Some(code) = code {
            return self.refuse(&ask, code, past.payer);
        }
        // The school paid what a card paid that was blocked in time.
        let Some(id) = past.payer else {
            return self.refuse(&ask, ResultCode::NothingToRefund, None);
        };
        // What was paid with one's own money comes back before what the school had given.
        let beside_fen = Model::beside_back_fen(&past, past.refunded_fen, r.amount_fen);
        let back_fen = r.amount_fen + beside_fen;
        let back_before_fen = past.refunded_fen + Model::beside_back_fen(&past, 0, past.refunded_fen);
        let own_left_fen = (past.amount_fen + past.beside_fen - given_fen - back_before_fen).max(0);
        let given_back_fen = (back_fen - own_left_fen).max(0);
        self.close_tap(id, (slot, named));
        let own_back_fen = self.put_back(id, wallet, back_fen, given_back_fen);
        if day == self.today() {
            self.accounts[id as usize].add_spent(day, -back_fen);
            self.take_off_meal(id, day, &past, back_fen);
        }
        let deed = Deed::Refund { merchant: own_merchant };
        let answer = self.gave_back(&ask, own_merchant, id, deed, beside_fen);
        self.tills[slot].past.get_mut(&named).expect("it was found").refunded_fen += r.amount_fen;
        let account = &mut self.accounts[id as usize];
        if account.status == AccountStatus::Closed {
            let own_on_card_fen = account.wallets.card_fen - account.subsidy_fen;
            let own_fen = account.wallets.sum_fen() - account.subsidy_fen;
            let payable_fen = own_back_fen.min(own_on_card_fen).min(own_fen);
            if payable_fen > 0 {
                account.wallets.card_fen -= payable_fen;
                self.owe(Other::Payable, payable_fen);
                let record = self.next_record();
                self.link(id, record);
            }
        }
        answer
    }

    /// Puts money back where it was paid from; what a tap settled of it since is the card's. Says how much of it came onto the
    /// card as one's own.
    pub(super) fn put_back(&mut self, id: u32, wallet: PaidFrom, amount_fen: i64, given_fen: i64) -> i64 {
        let account = &mut self.accounts[id as usize];
        let onto_card_fen = match wallet {
            PaidFrom::Card => amount_fen,
            PaidFrom::Transition => {
                let unsettled_fen = amount_fen.min(-account.wallets.transition_fen);
                account.wallets.transition_fen += unsettled_fen;
                amount_fen - unsettled_fen
            }
        };
        let subsidy_before_fen = account.subsidy_fen;
        account.put_on_card(onto_card_fen, given_fen);
        onto_card_fen - (account.subsidy_fen - subsidy_before_fen)
    }

    /// The merchant owes less, and the request is done.
    pub(super) fn gave_back(
        &mut self,
        ask: &Ask<'_>,
        merchant: u32,
        id: u32,
        deed: Deed,
        beside_fen: i64,
    ) -> Answer {
        self.owe(Other::Merchant(merchant), -ask.amount_fen);
        let record = self.next_record();
        let answer = self.settle(ask, record, ResultCode::Approved, deed, Some(id));
        let past = self.tills[ask.till].past.get_mut(&(ask.epoch, ask.sequence));
        past.expect("it was settled").payer = None;
        self.told_with(ask, answer, beside_fen, -1)
    }
}
