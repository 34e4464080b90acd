//! Messages: one file a body, and [`table`], which has one row for each kind of frame.
//!
//! A body knows its bytes and nothing else: not its kind, not its header. The table says which kind carries which
//! body, and the frames around them are put together in [`crate::request`] and [`crate::answer`], through which
//! everything here is seen from outside.
//!
//! Most bodies are [`Fixed`]: a layout, and the way from and to it. A body that is followed by items implements
//! [`Body`] itself, with the helpers of [`layout`].

use core::ops::RangeInclusive;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};

pub(crate) mod account_close;
pub(crate) mod account_freeze;
pub(crate) mod account_limits;
pub(crate) mod account_password;
pub(crate) mod adjust;
pub(crate) mod adjust_decide;
pub(crate) mod adjustments;
pub(crate) mod balance;
pub(crate) mod batch;
pub(crate) mod bill;
pub(crate) mod block_list;
pub(crate) mod card_debit;
pub(crate) mod card_issue;
pub(crate) mod card_replace;
pub(crate) mod card_return;
pub(crate) mod card_stock;
pub(crate) mod code_debit;
pub(crate) mod code_key_rotate;
pub(crate) mod code_revoke;
pub(crate) mod field;
pub(crate) mod gap_close;
pub(crate) mod heartbeat;
pub(crate) mod layout;
pub(crate) mod money_answer;
pub(crate) mod open_gaps;
pub(crate) mod password_debit;
pub(crate) mod phone_change;
pub(crate) mod reasoned;
pub(crate) mod refund;
pub(crate) mod refusal;
pub(crate) mod reprint;
pub(crate) mod reversal;
pub(crate) mod sale_query;
pub(crate) mod scan_pay;
pub(crate) mod selector;
pub(crate) mod shift;
pub(crate) mod statement;
pub(crate) mod subsidy_lines;
pub(crate) mod subsidy_open;
pub(crate) mod subsidy_preview;
pub(crate) mod subsidy_query;
pub(crate) mod subsidy_step;
pub(crate) mod table;
pub(crate) mod tables;
pub(crate) mod tap_answer;
pub(crate) mod tap_confirm;
pub(crate) mod tender;
pub(crate) mod terminal_key;
pub(crate) mod told_post;
pub(crate) mod top_up;
pub(crate) mod unconfirmed;
pub(crate) mod upload;
pub(crate) mod virtual_bind;
pub(crate) mod virtual_unbind;

/// The body of a frame: its bytes, and nothing else.
pub(crate) trait Body<'a>: Copy {
    /// Fewest and most bytes. The table says the same, or the crate doesn't build.
    const BYTES: RangeInclusive<usize>;

    /// The same body without its frame.
    type Owned;

    /// The body without its frame; none when items of it lie there.
    fn owned(&self) -> Option<Self::Owned>;

    /// Reads a body whose length was held to the table. Items stay where they are, in the frame.
    fn read(body: &'a [u8]) -> Result<Self, DecodeError>;

    /// The bytes that this one takes.
    fn body_bytes(&self) -> Result<usize, EncodeError>;

    /// Writes it over exactly [`Body::body_bytes`] bytes.
    fn write(&self, body: &mut [u8]);
}

/// A body that is one layout, whatever it says.
pub(crate) trait Fixed: Copy {
    /// The bytes, field by field.
    type Layout: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned;

    /// Takes the values out and holds them to their ranges; reserved bytes must be zero.
    fn from_layout(layout: &Self::Layout) -> Result<Self, DecodeError>;

    /// Lays the values out.
    fn to_layout(&self) -> Self::Layout;
}

impl<T: Fixed> Body<'_> for T {
    const BYTES: RangeInclusive<usize> = size_of::<T::Layout>()..=size_of::<T::Layout>();

    type Owned = T;

    fn owned(&self) -> Option<T> {
        Some(*self)
    }

    fn read(body: &[u8]) -> Result<Self, DecodeError> {
        T::from_layout(layout::fixed(body)?)
    }

    fn body_bytes(&self) -> Result<usize, EncodeError> {
        Ok(size_of::<T::Layout>())
    }

    fn write(&self, body: &mut [u8]) {
        layout::put(body, &self.to_layout());
    }
}
