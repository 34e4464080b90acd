//! An operator of the card centre freezes an account that somebody asked about, and opens it again.

use protocol::answer::Answer;
use protocol::request::{AccountFreeze as Body, AccountSelector, FreezeAction, Request};

use super::{Begun, Deed, Entry, Errand, Place, reasoned};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountFreeze {
    entry: Entry,
}

impl AccountFreeze {
    fn begun(
        errand: &Errand,
        action: FreezeAction,
        why: &'static str,
        world: &World,
    ) -> Begun<AccountFreeze> {
        let entry = Entry::new(world.people.account(errand.holder), 0);
        let what = Body { account: AccountSelector::Account(entry.account), action };
        let request = Request::AccountFreeze(reasoned(what, why));
        Begun { doing: AccountFreeze { entry }, request, entry: Some(entry) }
    }
}

impl Deed for AccountFreeze {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<AccountFreeze>> {
        Some(AccountFreeze::begun(errand, FreezeAction::Freeze, "账户异常", world))
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}

/// The same, lifted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountUnfreeze(AccountFreeze);

impl Deed for AccountUnfreeze {
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<AccountUnfreeze>> {
        let Begun { doing, request, entry } =
            AccountFreeze::begun(errand, FreezeAction::Unfreeze, "核实无误", world);
        Some(Begun { doing: AccountUnfreeze(doing), request, entry })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        self.0.approved(answer, world)
    }
}
