//! Holes in tills' sequences, closed by an operator, or by what a card told.

use engine::ledger::command::{Carried, GapClose, OfflineFact, Previous, ToldPost};
use engine::ledger::limits::GAPS_MAX;
use engine::ledger::registry::TerminalKind;
use protocol::result_code::ResultCode;

use super::debits::sells;
use super::identity::{Standing, bad_identity};
use super::{Answer, Ask, Body, CardOwner, Deed, Model, answer};

/// What a card told of its transaction before, by an offline sale that somebody paid.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    pub card_uid: u64,
    pub previous: Previous,
    pub till_time_ns: u64,
    /// Who paid.
    pub account: u32,
}

impl Model {
    pub(super) fn gap_close(&mut self, r: &GapClose<'_>) -> Answer {
        let (first, last) = (r.first.0, r.last.0);
        let body = Body::GapClose { till: r.till.0, epoch: r.epoch.0, first, last, reason: r.reason };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_identity(&ask, self.tills[ask.till].kind == TerminalKind::Counter) {
            return answer;
        }
        let slot = usize::from(r.till_slot.0);
        let Some(till) = self.tills.get(slot).filter(|till| till.terminal == r.till.0) else {
            return self.refuse(&ask, ResultCode::GapTillUnknown, None);
        };
        // A counter's own request has come when it closes a hole of its own.
        let mut received = till.received.clone();
        let begins_an_epoch = slot == ask.till && ask.epoch != till.epoch;
        if slot == ask.till && !begins_an_epoch {
            received.insert(ask.sequence);
        }
        let highest = received.last().copied().unwrap_or(0);
        let missing =
            first != 0 && first <= last && last < highest && (first..=last).all(|s| !received.contains(&s));
        if r.epoch.0 != till.epoch || begins_an_epoch || !missing {
            return self.refuse(&ask, ResultCode::GapNotOpen, None);
        }
        received.extend(first..=last);
        if super::identity::gaps(received.iter()) > GAPS_MAX {
            return answer(ResultCode::TooManyGaps, 0);
        }
        let record = self.next_record();
        let answer = self.settle(&ask, record, ResultCode::Approved, Deed::Other, None);
        self.tills[slot].received.extend(first..=last);
        answer
    }

    pub(super) fn told_post(&mut self, r: &ToldPost<'_>) -> Answer {
        let (card_uid, card_counter) = (r.card_uid.0, r.card_counter);
        let body = Body::ToldPost { card_uid, card_counter, reason: r.reason };
        let ask = match self.ask(&r.sale, body, 0) {
            Ok(ask) => ask,
            Err(refused) => return refused,
        };
        if let Some(answer) = self.known(&ask) {
            return answer;
        }
        if let Some(answer) = bad_identity(&ask, self.tills[ask.till].kind == TerminalKind::Counter) {
            return answer;
        }
        let Some(&CardOwner::Account(id)) = self.cards.get(&card_uid) else {
            return self.refuse(&ask, ResultCode::ToldNowhere, None);
        };
        let of_it = |told: &&Told| {
            (told.account, told.card_uid, told.previous.card_counter) == (id, card_uid, card_counter)
        };
        let told = self.told.iter().rev().find(of_it).copied();
        // It tells of nothing when somebody else had the card then, by what is known now.
        let told = told.filter(|told| {
            let holder = self.holder_at(card_uid, told.till_time_ns).map(|(holder, _)| holder);
            told.previous.sequence.0 != 0 && holder == Some(id)
        });
        match told {
            Some(told) => self.post_told(ask, r, id, &told),
            None => self.refuse(&ask, ResultCode::ToldNowhere, Some(id)),
        }
    }

    fn post_told(&mut self, ask: Ask<'_>, r: &ToldPost<'_>, id: u32, told: &Told) -> Answer {
        let Previous { terminal, epoch, sequence, amount_fen, .. } = told.previous;
        let ask = Ask { amount_fen: amount_fen.into(), ..ask };
        let refuse = |model: &mut Model, code| model.refuse(&ask, code, Some(id));
        let seller = self.tills.iter().position(|till| till.terminal == terminal.0);
        let Some(slot) = seller.filter(|&slot| {
            let kind = self.tills[slot].kind;
            sells(kind) && !kind.is_operator()
        }) else {
            return refuse(self, ResultCode::ToldTillUnknown);
        };
        let (epoch, sequence) = (epoch.0, sequence.0);
        let own = slot == ask.till;
        if own && (epoch, sequence) == (ask.epoch, ask.sequence) {
            return refuse(self, ResultCode::ToldCame);
        }
        let till = &self.tills[slot];
        let highest = till.received.last().copied().unwrap_or(0);
        let ahead = epoch > till.epoch || epoch == till.epoch && sequence > highest;
        let may_come = ahead && till.enabled;
        match till.standing(epoch, sequence) {
            Standing::Known(_) => return refuse(self, ResultCode::ToldCame),
            Standing::Fresh | Standing::TooManyGaps if may_come => {
                return refuse(self, ResultCode::ToldMayCome);
            }
            Standing::TooManyGaps => return answer(ResultCode::TooManyGaps, ask.amount_fen),
            Standing::Fresh | Standing::OlderUnknown => {}
        }
        let both_now = own && epoch == ask.epoch && epoch == till.epoch;
        if both_now && !till.fits(&[sequence, ask.sequence]) {
            return answer(ResultCode::TooManyGaps, ask.amount_fen);
        }
        let sold = Ask {
            till: slot,
            epoch,
            sequence,
            body: Body::Card { card_uid: r.card_uid.0, amount_fen: ask.amount_fen },
            amount_fen: ask.amount_fen,
            sale: &r.sale,
        };
        let fact = OfflineFact {
            sale: r.sale,
            record_terminal: terminal,
            card_uid: r.card_uid,
            card_counter: r.card_counter,
            amount_fen: ask.amount_fen,
            till_time_ns: told.till_time_ns,
            list: None,
            authentic: true,
            carried: Carried::default(),
        };
        let (payer, _) = self.post_fact(&sold, &fact, true);
        let record = self.next_record();
        self.settle(&ask, record, ResultCode::ApprovedFlagged, Deed::Other, payer)
    }
}
