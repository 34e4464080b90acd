//! A sale above the limits, with the query password: somebody invites the others.

use protocol::answer::Answer;
use protocol::request::{PasswordDebit as Body, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::passwords::unsealed;
use crate::world::World;

/// What so many meals cost, above the ¥20 that nobody needs a password for.
const AMOUNT_FEN: i64 = 2_600;

#[derive(Clone, Copy, Debug)]
pub(crate) struct PasswordDebit {
    entry: Entry,
}

impl Deed for PasswordDebit {
    /// Of somebody who knows the password and has the card in hand.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<PasswordDebit>> {
        let holder = world.phone_users.invites(&world.people)?;
        let tap = world.people.tap(holder, place.sale, AMOUNT_FEN)?;
        let entry = Entry::new(world.people.account(holder), AMOUNT_FEN);
        let request = Request::PasswordDebit(Body {
            card_uid: tap.card_uid,
            card_counter: tap.counter,
            amount_fen: AMOUNT_FEN,
            password: unsealed(entry.account),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: PasswordDebit { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
