//! From bytes to layouts and back: whole bodies, and heads that items follow.

use core::ops::RangeInclusive;

use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{DecodeError, EncodeError};
use crate::frame::{FRAME_BYTES_MIN, HEADER_BYTES};
use crate::message::field::field;

/// Reads a fixed body; its length was checked against the table, whose sizes are those of the layouts.
pub(crate) fn fixed<T>(body: &[u8]) -> Result<&T, DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    T::ref_from_bytes(body).map_err(|_| truncated::<T>(body))
}

/// Splits a body into its fixed head and the bytes of its items.
pub(crate) fn head_and_items<T>(body: &[u8]) -> Result<(&T, &[u8]), DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    T::ref_from_prefix(body).map_err(|_| truncated::<T>(body))
}

fn truncated<T>(body: &[u8]) -> DecodeError {
    DecodeError::Truncated {
        offset: HEADER_BYTES + body.len(),
        need: FRAME_BYTES_MIN + size_of::<T>(),
        have: FRAME_BYTES_MIN + body.len(),
    }
}

/// Reads items that fill `bytes` exactly; `count_offset` is where the body gives their count.
pub(crate) fn items<T>(bytes: &[u8], count: U16, count_offset: usize) -> Result<&[T], DecodeError>
where
    T: FromBytes + Immutable + KnownLayout + Unaligned,
{
    <[T]>::ref_from_bytes(bytes)
        .ok()
        .filter(|items| items.len() == usize::from(count.get()))
        .ok_or_else(|| field(count_offset, count.get()))
}

/// Writes a layout over exactly its bytes.
pub(crate) fn put<T: IntoBytes + Immutable>(body: &mut [u8], layout: &T) {
    body.copy_from_slice(layout.as_bytes());
}

/// Writes a head and the items behind it.
pub(crate) fn put_head_and_items<H, I>(body: &mut [u8], head: &H, items: &[I])
where
    H: IntoBytes + Immutable,
    I: IntoBytes + Immutable,
{
    let (head_bytes, item_bytes) = body.split_at_mut(size_of::<H>());
    put(head_bytes, head);
    item_bytes.copy_from_slice(items.as_bytes());
}

/// Fewest and most bytes of a head of type `H` and as many items of type `I` as the range allows.
pub(crate) const fn item_body_bytes<H, I>(counts: RangeInclusive<usize>) -> RangeInclusive<usize> {
    let head = size_of::<H>();
    let item = size_of::<I>();
    head + item * *counts.start()..=head + item * *counts.end()
}

/// Bytes of a head of type `H` and these items, if the range allows so many.
pub(crate) fn counted_body_bytes<H, I>(
    items: &[I],
    counts: RangeInclusive<usize>,
) -> Result<usize, EncodeError> {
    let have = items.len();
    if counts.contains(&have) {
        Ok(size_of::<H>() + size_of_val(items))
    } else {
        Err(EncodeError::ItemCount { have, min: *counts.start(), max: *counts.end() })
    }
}
