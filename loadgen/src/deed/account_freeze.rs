//! An operator of the card centre freezes an account that somebody asked about, and opens it again.

use protocol::answer::Answer;
use protocol::request::{AccountFreeze as Body, AccountSelector, FreezeAction, Request};

use super::{Begun, Deed, DeedKind, Entry, Errand, Place, reasoned};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountFreeze {
    entry: Entry,
}

impl Deed for AccountFreeze {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<AccountFreeze>> {
        let (action, why) = if errand.deed == DeedKind::AccountFreeze {
            (FreezeAction::Freeze, "账户异常")
        } else {
            (FreezeAction::Unfreeze, "核实无误")
        };
        let entry = Entry::new(world.people.account(errand.holder), 0);
        let what = Body { account: AccountSelector::Account(entry.account), action };
        let request = Request::AccountFreeze(reasoned(what, why));
        Some(Begun { doing: AccountFreeze { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
