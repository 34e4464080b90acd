//! An operator of the card centre sets the limits that a holder asks for.

use protocol::answer::Answer;
use protocol::request::{AccountLimits as Body, AccountSelector, Request};

use super::{Begun, Deed, Entry, Errand, Place, reasoned};
use crate::world::World;

/// Lower than those of card holders are by default.
const DEBIT_MAX_FEN: u32 = 1_500;
const DAY_MAX_FEN: u32 = 3_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountLimits {
    entry: Entry,
}

impl Deed for AccountLimits {
    /// The class is card holders', who are who is played.
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<AccountLimits>> {
        let entry = Entry::new(world.people.account(errand.holder), 0);
        let what = Body {
            account: AccountSelector::Account(entry.account),
            debit_max_fen: DEBIT_MAX_FEN,
            day_max_fen: DAY_MAX_FEN,
            class: 0,
        };
        let request = Request::AccountLimits(reasoned(what, "本人申请"));
        Some(Begun { doing: AccountLimits { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
