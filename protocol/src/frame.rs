//! The frame: header, body, MAC. See `README.md` for the drawing.
//!
//! ```text
//!  0                   4    5    6    7    8
//! ├─────────────────────┼────┼────┼────┼────┤
//! │ length u32          │'Y' │ver │kind│ 0  │
//! │ terminal u32        │ sequence u32      │  8
//! │ epoch u16 │ 0 u16   │ request id u32    │ 16
//! │ counter u64                             │ 24
//! │ body …                                  │ 32
//! │ MAC, 8 bytes                            │ length − 8
//! ```
//!
//! All numbers are little-endian. The layout needs no alignment.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::command_table::{Direction, Kind, Stage};
use crate::error::DecodeError;
use crate::ids::{Epoch, RequestId, SaleId, Sequence, TerminalId};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of the MAC that closes a frame.
pub const MAC_BYTES: usize = 8;
/// Bytes of a frame without a body.
pub const FRAME_BYTES_MIN: usize = HEADER_BYTES + MAC_BYTES;
/// Most bytes of any frame.
pub const FRAME_BYTES_MAX: usize = 256 * 1024;
/// Bytes that must have arrived before [`length`] can speak.
pub const LENGTH_PREFIX_BYTES: usize = 7;
/// The byte that opens every frame after its length.
pub const MAGIC: u8 = b'Y';
/// The oldest version spoken here.
pub const VERSION_MIN: u8 = 1;
/// The newest version spoken here.
pub const VERSION_MAX: u8 = 1;

/// The header as it lies in a frame.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct HeaderLayout {
    pub(crate) length: U32,
    pub(crate) magic: u8,
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) terminal: U32,
    pub(crate) sequence: U32,
    pub(crate) epoch: U16,
    pub(crate) reserved: U16,
    pub(crate) request_id: U32,
    pub(crate) counter: U64,
}

const _: () = assert!(size_of::<HeaderLayout>() == HEADER_BYTES);
/// Where the counter lies.
pub(crate) const COUNTER_OFFSET: usize = 24;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// The version the frame is written in.
    pub version: u8,
    /// What the frame is.
    pub kind: Kind,
    /// The till: who sends a request, whom an answer is for.
    pub terminal: TerminalId,
    /// The till's sequence for a money request, 0 for others; echoed in the answer.
    pub sequence: Sequence,
    /// The till's epoch; echoed in the answer.
    pub epoch: Epoch,
    /// Chosen by the till for this frame; echoed in the answer.
    pub request_id: RequestId,
    /// Position of the frame in its direction of the session; given when it is sealed.
    pub counter: u64,
}

impl Header {
    /// The identity of the sale that a money request names.
    pub const fn sale(&self) -> SaleId {
        SaleId { terminal: self.terminal, epoch: self.epoch, sequence: self.sequence }
    }

    /// Reads the header of a whole frame, after [`length`] has found its end.
    ///
    /// # Errors
    /// All of [`DecodeError`] but those of the body's fields.
    pub fn decode(frame: &[u8], direction: Direction) -> Result<Header, DecodeError> {
        whole(frame)?;
        let have = frame.len();
        let Ok((layout, _)) = HeaderLayout::ref_from_prefix(frame) else {
            return Err(DecodeError::Truncated { offset: have, need: HEADER_BYTES, have });
        };
        let Some(kind) = Kind::from_number(layout.kind) else {
            return Err(DecodeError::UnknownKind { have: layout.kind });
        };
        if kind.command().direction != direction {
            return Err(DecodeError::Misplaced { have: layout.kind });
        }
        if layout.flags != 0 {
            return Err(DecodeError::Reserved { offset: 7 });
        }
        if layout.reserved.get() != 0 {
            return Err(DecodeError::Reserved { offset: 18 });
        }
        Ok(Header {
            version: layout.version,
            kind,
            terminal: TerminalId(layout.terminal.get()),
            sequence: Sequence(layout.sequence.get()),
            epoch: Epoch(layout.epoch.get()),
            request_id: RequestId(layout.request_id.get()),
            counter: layout.counter.get(),
        })
    }

    /// The header of an answer to bytes that needn't be a frame: what they don't hold is zero.
    pub(crate) fn echo_of(refused: &[u8], version: u8, kind: Kind) -> Header {
        let mut bytes = [0; HEADER_BYTES];
        if let Some(header) = refused.first_chunk::<HEADER_BYTES>() {
            bytes = *header;
        }
        let layout: HeaderLayout = zerocopy::transmute!(bytes);
        Header {
            version,
            kind,
            terminal: TerminalId(layout.terminal.get()),
            sequence: Sequence(layout.sequence.get()),
            epoch: Epoch(layout.epoch.get()),
            request_id: RequestId(layout.request_id.get()),
            counter: 0,
        }
    }

    /// Writes the header at the start of `frame`, whose length becomes the length field.
    ///
    /// # Panics
    /// When `frame` is shorter than [`FRAME_BYTES_MIN`] or longer than [`FRAME_BYTES_MAX`].
    pub(crate) fn write(&self, frame: &mut [u8]) {
        assert!((FRAME_BYTES_MIN..=FRAME_BYTES_MAX).contains(&frame.len()), "no frame has this length");
        let layout = HeaderLayout {
            length: U32::new(frame.len() as u32),
            magic: MAGIC,
            version: self.version,
            kind: self.kind.number(),
            flags: 0,
            terminal: U32::new(self.terminal.0),
            sequence: U32::new(self.sequence.0),
            epoch: U16::new(self.epoch.0),
            reserved: U16::ZERO,
            request_id: U32::new(self.request_id.0),
            counter: U64::new(self.counter),
        };
        frame[..HEADER_BYTES].copy_from_slice(layout.as_bytes());
    }
}

/// The length of the frame that these bytes begin, once [`LENGTH_PREFIX_BYTES`] of them are there; `None` before.
///
/// Bounded by the kind's own maximum, so a buffer of the returned size is safe to allocate in a session. Before a
/// session, call [`sign_in_length`].
///
/// # Errors
/// [`DecodeError::Magic`], [`DecodeError::Version`], [`DecodeError::UnknownKind`], [`DecodeError::Length`].
pub fn length(prefix: &[u8]) -> Result<Option<usize>, DecodeError> {
    length_at(prefix, None)
}

/// As [`length`], for a peer that hasn't signed in: only frames of the sign-in pass, all of them small.
///
/// # Errors
/// As [`length`], and [`DecodeError::Misplaced`] for every kind that needs a session.
pub fn sign_in_length(prefix: &[u8]) -> Result<Option<usize>, DecodeError> {
    length_at(prefix, Some(Stage::SignIn))
}

fn length_at(prefix: &[u8], stage: Option<Stage>) -> Result<Option<usize>, DecodeError> {
    let Some(&[l0, l1, l2, l3, magic, version, number]) = prefix.first_chunk::<LENGTH_PREFIX_BYTES>() else {
        return Ok(None);
    };
    if magic != MAGIC {
        return Err(DecodeError::Magic { have: magic });
    }
    if !(VERSION_MIN..=VERSION_MAX).contains(&version) {
        return Err(DecodeError::Version { have: version });
    }
    let Some(kind) = Kind::from_number(number) else {
        return Err(DecodeError::UnknownKind { have: number });
    };
    let command = kind.command();
    if stage.is_some_and(|stage| command.stage != stage && command.stage != Stage::Any) {
        return Err(DecodeError::Misplaced { have: number });
    }
    let have = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let (min, max) = (command.frame_bytes_min(), command.frame_bytes_max());
    if !(min..=max).contains(&have) {
        return Err(DecodeError::Length { kind: number, have, min, max });
    }
    Ok(Some(have))
}

/// Checks that the bytes are one frame, neither less nor more.
///
/// # Errors
/// As [`length`], [`DecodeError::Truncated`] for less, [`DecodeError::Length`] for more.
pub fn whole(frame: &[u8]) -> Result<(), DecodeError> {
    let have = frame.len();
    let Some(declared) = length(frame)? else {
        return Err(DecodeError::Truncated { offset: have, need: FRAME_BYTES_MIN, have });
    };
    if have < declared {
        return Err(DecodeError::Truncated { offset: have, need: declared, have });
    }
    if have > declared {
        return Err(DecodeError::Length { kind: frame[6], have, min: declared, max: declared });
    }
    Ok(())
}

/// The body of a frame whose header has been decoded.
pub(crate) fn body(frame: &[u8]) -> &[u8] {
    &frame[HEADER_BYTES..frame.len() - MAC_BYTES]
}
