//! The block-list downloaded, and reported as active.

use core::ops::RangeInclusive;

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::block_list::BlockListLine;
use crate::error::{DecodeError, EncodeError};
use crate::ids::CardUid;
use crate::message::field::{code, field, zero};
use crate::message::layout::{
    counted_body_bytes, head_and_items, item_body_bytes, items, put_head_and_items,
};
use crate::message::{Body, Fixed};
use crate::result_code::ResultCode;

/// Most lines of one page of the block-list.
pub const BLOCK_LIST_LINES_MAX: usize = 2_000;

const LINES: RangeInclusive<usize> = 0..=BLOCK_LIST_LINES_MAX;

/// Asks for a page of the block-list: the moves that lead from a version to the newest or, where these aren't all kept, the
/// whole list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockListQuery {
    /// The version that the till has; 0 for none: then it gets the whole list.
    pub have_version: u32,
    /// To go on with a whole list: the version of its first page. 0 otherwise.
    pub of_version: u32,
    /// To go on with a whole list: the last card of the page before.
    pub after_card: CardUid,
    /// Most lines wanted, 1 to [`BLOCK_LIST_LINES_MAX`].
    pub lines_max: u16,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BlockListQueryLayout {
    have_version: U32,
    of_version: U32,
    after_card: U64,
    lines_max: U16,
    reserved: [u8; 6],
}

impl Fixed for BlockListQuery {
    type Layout = BlockListQueryLayout;

    fn from_layout(layout: &BlockListQueryLayout) -> Result<BlockListQuery, DecodeError> {
        zero(&layout.reserved, 18)?;
        let lines_max = layout.lines_max.get();
        if !(1..=BLOCK_LIST_LINES_MAX).contains(&usize::from(lines_max)) {
            return Err(field(16, lines_max));
        }
        Ok(BlockListQuery {
            have_version: layout.have_version.get(),
            of_version: layout.of_version.get(),
            after_card: CardUid(layout.after_card.get()),
            lines_max,
        })
    }

    fn to_layout(&self) -> BlockListQueryLayout {
        BlockListQueryLayout {
            have_version: self.have_version.into(),
            of_version: self.of_version.into(),
            after_card: self.after_card.0.into(),
            lines_max: self.lines_max.into(),
            reserved: [0; 6],
        }
    }
}

/// Answers a query for the block-list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockListAnswer<'a> {
    /// The outcome.
    pub code: ResultCode,
    /// True for lines of the whole list: what the till holds beside it doesn't count. False for moves.
    pub whole: bool,
    /// The version that the list has now.
    pub version: u32,
    /// Whether more lines follow these.
    pub more: bool,
    /// [`digest`](crate::block_list::digest) of the list of that version.
    pub digest: [u8; 16],
    /// How many cards that list has.
    pub cards: u32,
    /// Cards in rising order, or moves in order of version.
    pub lines: &'a [BlockListLine],
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct BlockListAnswerLayout {
    code: U16,
    action: u8,
    whole: u8,
    version: U32,
    count: U16,
    more: u8,
    reserved: [u8; 5],
    digest: [u8; 16],
    cards: U32,
    reserved_tail: U32,
}

fn flag(value: u8, body_offset: usize) -> Result<bool, DecodeError> {
    if value > 1 { Err(field(body_offset, value)) } else { Ok(value == 1) }
}

impl<'a> Body<'a> for BlockListAnswer<'a> {
    const BYTES: RangeInclusive<usize> = item_body_bytes::<BlockListAnswerLayout, BlockListLine>(LINES);

    type Owned = BlockListAnswer<'static>;

    fn owned(&self) -> Option<BlockListAnswer<'static>> {
        None
    }

    fn read(body: &'a [u8]) -> Result<BlockListAnswer<'a>, DecodeError> {
        let (layout, lines) = head_and_items::<BlockListAnswerLayout>(body)?;
        zero(&layout.reserved, 11)?;
        zero(layout.reserved_tail.as_bytes(), 36)?;
        Ok(BlockListAnswer {
            code: code(layout.code, layout.action)?,
            whole: flag(layout.whole, 3)?,
            version: layout.version.get(),
            more: flag(layout.more, 10)?,
            digest: layout.digest,
            cards: layout.cards.get(),
            lines: items(lines, layout.count, 8)?,
        })
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        counted_body_bytes::<BlockListAnswerLayout, BlockListLine>(self.lines, LINES)
    }

    fn write(&self, body: &mut [u8]) {
        let head = BlockListAnswerLayout {
            code: self.code.number().into(),
            action: self.code.action().number(),
            whole: self.whole.into(),
            version: self.version.into(),
            // `body_bytes` has bounded the count.
            count: U16::new(self.lines.len() as u16),
            more: self.more.into(),
            reserved: [0; 5],
            digest: self.digest,
            cards: self.cards.into(),
            reserved_tail: U32::ZERO,
        };
        put_head_and_items(body, &head, self.lines);
    }
}

/// Reports which list the till judges by from now on. Consumes no sequence; the same again is answered the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockListActive {
    /// Its version.
    pub version: u32,
    /// Its [`digest`](crate::block_list::digest), as the till computed it over its own list.
    pub digest: [u8; 16],
    /// The till's clock when it changed over: nanoseconds since 1970 UTC.
    pub till_time_ns: u64,
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BlockListActiveLayout {
    version: U32,
    reserved: U32,
    digest: [u8; 16],
    till_time_ns: U64,
}

impl Fixed for BlockListActive {
    type Layout = BlockListActiveLayout;

    fn from_layout(layout: &BlockListActiveLayout) -> Result<BlockListActive, DecodeError> {
        zero(layout.reserved.as_bytes(), 4)?;
        Ok(BlockListActive {
            version: layout.version.get(),
            digest: layout.digest,
            till_time_ns: layout.till_time_ns.get(),
        })
    }

    fn to_layout(&self) -> BlockListActiveLayout {
        BlockListActiveLayout {
            version: self.version.into(),
            reserved: U32::ZERO,
            digest: self.digest,
            till_time_ns: self.till_time_ns.into(),
        }
    }
}
