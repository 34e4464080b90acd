//! A till reports the block-list that it judges by.

use protocol::answer::Answer;
use protocol::request::{BlockListActive as Body, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockListActive;

impl Deed for BlockListActive {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<BlockListActive>> {
        let (version, digest) = world.block_lists.of(place.sale.terminal).active();
        let request = Request::BlockListActive(Body { version, digest, till_time_ns: place.unix_ns });
        Some(Begun { doing: BlockListActive, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::Money(_))
    }
}
