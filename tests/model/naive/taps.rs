//! Taps in two phases: open, confirmed, resolved by the next presentation.

use engine::ledger::command::{CardTap, TapConfirm};
use protocol::card::ChipWrite;
use protocol::result_code::ResultCode;
use protocol::till_totals::TillKind;

use super::debits::{Tapped, Way, sells};
use super::identity::{Standing, bad_field};
use super::{Answer, Ask, Body, Deed, Model, OpenTap, Other, Past, answer};

impl Model {
    pub(super) fn card_tap(&mut self, r: &CardTap<'_>) -> Answer {
        let (card_uid, counter) = (r.card_uid, r.card_counter.0);
        self.tap(&r.sale, &Tapped { card_uid, counter, amount_fen: r.amount_fen, way: Way::TwoPhase })
    }

    /// A sale that was approved in two phases isn't answered again in one, nor the other way.
    pub(super) fn known_tap(&mut self, ask: &Ask<'_>, two_phase: bool) -> Option<Answer> {
        if ask.sequence != 0
            && let Standing::Known(past) = self.tills[ask.till].standing(ask.epoch, ask.sequence)
            && past.body == ask.body
            && matches!(past.deed, Deed::Debit { .. })
            && !past.reversed
            && past.two_phase != two_phase
        {
            return Some(self.conflict(ask, &past));
        }
        self.known(ask)
    }

    /// The card is there again, and says by its counter what became of its last tap: what wasn't written is undone.
    pub(super) fn resolve(&mut self, id: u32, counter: u32) {
        let open = self.accounts[id as usize].open_tap;
        if open.is_some_and(|open| counter <= open.counter || open.contradicted) {
            self.undo_tap(id);
        }
    }

    /// What is open of an account counts from now on.
    pub(super) fn let_stand(&mut self, id: u32) {
        let account = &mut self.accounts[id as usize];
        if let Some(open) = account.open_tap.take() {
            account.card_counter = account.card_counter.max(open.counter);
            account.card_seen = account.card_seen.max(open.counter);
        }
    }

    /// The money of a tap is given back: it isn't open any more, whatever its till and its name.
    pub(super) fn close_tap(&mut self, id: u32, tap: (usize, (u16, u32))) {
        let open = &mut self.accounts[id as usize].open_tap;
        if open.is_some_and(|open| (open.till, open.named) == tap) {
            *open = None;
        }
    }

    fn undo_tap(&mut self, id: u32) {
        let open = self.accounts[id as usize].open_tap.take().expect("it was asked for");
        let till = &mut self.tills[open.till];
        let past = till.past.get_mut(&open.named).expect("it was settled");
        (past.reversed, past.unwritten) = (true, true);
        let Deed::Debit { merchant, day, given_fen, .. } = past.deed else {
            unreachable!("a tap is a debit")
        };
        let (amount_fen, beside_fen, counts_in) = (past.amount_fen, past.beside_fen, past.counts_in);
        till.duty.did.push((open.named.0, open.named.1, TillKind::Reversal, amount_fen));
        let account = &mut self.accounts[id as usize];
        account.put_on_card(amount_fen + beside_fen, given_fen);
        account.add_spent(day, -amount_fen - beside_fen);
        account.add_meal(day, counts_in, -amount_fen - beside_fen);
        self.owe(Other::Merchant(merchant), -amount_fen);
        self.owe(Other::Pricing, -beside_fen);
        let record = self.next_record();
        self.link(id, record);
    }

    pub(super) fn tap_confirm(&mut self, r: &TapConfirm<'_>) -> Answer {
        let named = (r.original_epoch.0, r.original_sequence.0);
        let body = Body::TapConfirm {
            terminal: r.original_terminal.0,
            epoch: named.0,
            sequence: named.1,
            amount_fen: r.amount_fen,
            write: r.write,
        };
        let ask = match self.ask(&r.sale, body, r.amount_fen) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        let own = r.original_terminal == r.sale.terminal;
        let impossible = named == (ask.epoch, ask.sequence) || named.0 > ask.epoch;
        let mut original = None;
        if own
            && ask.sequence != 0
            && named.1 != 0
            && !impossible
            && let Standing::Known(past) = self.tills[ask.till].standing(named.0, named.1)
        {
            if past.amount_fen != r.amount_fen {
                return self.refuse(&ask, ResultCode::IdentityConflict, None);
            }
            original = Some(past);
        }
        if let Some(answer) = bad_field(&ask, sells(self.tills[ask.till].kind)) {
            return answer;
        }
        if !own {
            return self.refuse(&ask, ResultCode::TapOfAnotherTill, None);
        }
        if named.1 == 0 {
            return answer(ResultCode::SequenceZero, ask.amount_fen);
        }
        let Some(past) = original else { return self.refuse(&ask, ResultCode::NothingToConfirm, None) };
        let open = OpenTap::of(self, &past).filter(|open| (open.till, open.named) == (ask.till, named));
        if let Some(code) = closed(&past, open.is_some()) {
            return self.refuse(&ask, code, past.payer);
        }
        let id = past.payer.expect("somebody tapped");
        match r.write {
            ChipWrite::Written => self.let_stand(id),
            ChipWrite::NotWritten => self.undo_tap(id),
            ChipWrite::Unknown => {}
        }
        if r.write != ChipWrite::Unknown {
            self.tills[ask.till].past.get_mut(&named).expect("it was found").confirmed = true;
        }
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::Approved, Deed::Other, Some(id))
    }
}

impl OpenTap {
    /// The open tap of whoever paid in the past.
    fn of(model: &Model, past: &Past) -> Option<OpenTap> {
        model.accounts[past.payer? as usize].open_tap
    }
}

fn closed(past: &Past, is_open: bool) -> Option<ResultCode> {
    if past.deed == Deed::Tombstone {
        return Some(ResultCode::Reversed);
    }
    if !past.two_phase {
        return Some(ResultCode::NothingToConfirm);
    }
    match (past.unwritten, past.reversed, past.confirmed) {
        (false, true, _) => Some(ResultCode::Reversed),
        (_, _, true) => Some(ResultCode::TapConfirmedBefore),
        (true, ..) => Some(ResultCode::TapUndone),
        (false, false, false) => (!is_open).then_some(ResultCode::TapStands),
    }
}
