//! A new card in the place of a lost or broken one. What tills stored of the old one while they were offline is uploaded
//! later, under its old number, and finds the account all the same.

use protocol::answer::Answer;
use protocol::card::{CardTerms, ReplaceReason};
use protocol::ids::CardUid;
use protocol::request::{AccountSelector, CardReplace as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CardReplace {
    holder: u32,
    new_card: CardUid,
    entry: Entry,
}

impl Deed for CardReplace {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CardReplace>> {
        let holder = errand.holder;
        world.people.card(holder)?;
        let entry = Entry::new(world.people.account(holder), errand.amount_fen);
        let new_card = world.people.card_to_hand_out();
        world.people.lay_card_down(holder);
        let request = Request::CardReplace(Body {
            account: AccountSelector::Account(entry.account),
            new_card,
            fee_fen: errand.amount_fen,
            // Every other person lost it.
            reason: if holder.is_multiple_of(2) { ReplaceReason::Broken } else { ReplaceReason::Lost },
            terms: CardTerms::STANDARD,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: CardReplace { holder, new_card, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.give_card(self.holder, self.new_card);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.people.pick_card_up(self.holder);
    }
}
