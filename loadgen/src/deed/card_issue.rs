//! A card for a person who has none.

use protocol::answer::Answer;
use protocol::card::CardKind;
use protocol::ids::CardUid;
use protocol::request::{AccountSelector, CardIssue as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CardIssue {
    holder: u32,
    card: CardUid,
    entry: Entry,
}

impl Deed for CardIssue {
    /// Whoever has a card asks all the same, and is told so.
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CardIssue>> {
        let holder = errand.holder;
        let entry = Entry::new(world.people.account(holder), errand.amount_fen);
        let card = world.people.card_to_hand_out();
        world.people.lay_card_down(holder);
        let request = Request::CardIssue(Body {
            account: AccountSelector::Account(entry.account),
            card_uid: card,
            kind: CardKind::Standard,
            expires_day: 0,
            fee_fen: errand.amount_fen,
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: CardIssue { holder, card, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.give_card(self.holder, self.card);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.people.pick_card_up(self.holder);
    }
}
