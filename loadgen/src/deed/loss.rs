//! A card is reported lost, and found again: both with the query password, on the phone or at a counter. What it left at
//! tills that were offline is uploaded later all the same.

use protocol::answer::Answer;
use protocol::request::{AccountPassword, AccountSelector, Request};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::passwords::unsealed;
use crate::world::World;

/// A card is lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossReport {
    holder: u32,
    entry: Entry,
}

impl Deed for LossReport {
    /// Of somebody who knows the password and has a card; it isn't tapped any more from here on.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<LossReport>> {
        let holder = world.phone_users.loses_card(&mut world.people)?;
        let entry = Entry::new(world.people.account(holder), 0);
        let request = Request::LossReport(body(entry, place.unix_ns));
        Some(Begun { doing: LossReport { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.phone_users.card_is_reported(self.holder);
        self.entry.is_said_by(answer)
    }

    fn not_done(&self, world: &mut World) {
        world.people.pick_card_up(self.holder);
    }
}

/// A card that was reported lost is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossLift {
    holder: u32,
    entry: Entry,
}

impl Deed for LossLift {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<LossLift>> {
        let holder = world.phone_users.finds_card()?;
        let entry = Entry::new(world.people.account(holder), 0);
        let request = Request::LossLift(body(entry, place.unix_ns));
        Some(Begun { doing: LossLift { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.pick_card_up(self.holder);
        self.entry.is_said_by(answer)
    }
}

fn body(entry: Entry, till_time_ns: u64) -> AccountPassword {
    let account = AccountSelector::Account(entry.account);
    AccountPassword { account, password: unsealed(entry.account), till_time_ns }
}
