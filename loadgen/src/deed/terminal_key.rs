//! A terminal fetches its newest key; and an administrator takes the next one of a till into use.

use protocol::answer::Answer;
use protocol::ids::TerminalId;
use protocol::request::{Request, TerminalKeyRotate as Body};

use super::{Begun, Deed, Entry, Errand, NOBODY, Place, reasoned};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalKey {
    terminal: TerminalId,
}

impl Deed for TerminalKey {
    fn begin(_: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<TerminalKey>> {
        let doing = TerminalKey { terminal: place.sale.terminal };
        Some(Begun { doing, request: Request::TerminalKey, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        matches!(answer, Answer::TerminalKey(told) if world.terminal_keys.fetched(self.terminal, told))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalKeyRotate {
    entry: Entry,
}

impl Deed for TerminalKeyRotate {
    /// The till hears of it by itself.
    fn begin(errand: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<TerminalKeyRotate>> {
        let (terminal, key_version) = world.terminal_keys.next_to_change(errand.holder)?;
        let entry = Entry::new(NOBODY, 0);
        let request = Request::TerminalKeyRotate(reasoned(Body { terminal, key_version }, "到期更换"));
        Some(Begun { doing: TerminalKeyRotate { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}
