//! Somebody of finance gives back what a till took twice: a small amount alone, a large one only with a second person.

use protocol::answer::Answer;
use protocol::ids::TerminalId;
use protocol::request::{AccountSelector, Adjust as Body, AdjustDirection, AdjustWallet, Request};
use protocol::result_code::ResultCode;

use super::{Begun, Deed, Entry, Errand, Place, money, reasoned};
use crate::proposals::Proposal;
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjust {
    operator: TerminalId,
    entry: Entry,
}

impl Deed for Adjust {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<Adjust>> {
        let entry = Entry::new(world.people.account(errand.holder), errand.amount_fen);
        let what = Body {
            account: AccountSelector::Account(entry.account),
            amount_fen: entry.amount_fen,
            wallet: AdjustWallet::Electronic,
            direction: AdjustDirection::Give,
        };
        let request = Request::Adjust(reasoned(what, "重复扣款"));
        Some(Begun { doing: Adjust { operator: place.sale.terminal, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }

    /// Waiting for a second person is a refusal for now: nothing has moved.
    fn refused(&self, answer: &Answer<'_>, world: &mut World) {
        if let Some(told) = money(answer)
            && told.code == ResultCode::AwaitsApproval
        {
            let Entry { account, amount_fen, .. } = self.entry;
            let proposal = Proposal { record: told.record, proposer: self.operator, account, amount_fen };
            world.proposals.add(proposal);
        }
    }
}
