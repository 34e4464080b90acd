//! A till brings its block-list up to date, by a page.

use protocol::answer::Answer;
use protocol::ids::TerminalId;
use protocol::request::Request;

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockList {
    terminal: TerminalId,
}

impl Deed for BlockList {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<BlockList>> {
        let terminal = place.sale.terminal;
        let request = Request::BlockList(world.block_lists.of(terminal).query());
        Some(Begun { doing: BlockList { terminal }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        let Answer::BlockList(page) = answer else { return false };
        world.block_lists.of(self.terminal).take(page)
    }
}
