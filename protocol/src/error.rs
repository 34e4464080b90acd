//! Why a frame can't be read or written.

use crate::result_code::ResultCode;

/// Why bytes are no frame, or no frame of the kind they claim to be.
///
/// Offsets count from the first byte of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the layout needs.
    #[error("at byte {offset}: {need} bytes needed, {have} there")]
    Truncated {
        /// Where the missing bytes would begin.
        offset: usize,
        /// Bytes needed from the frame's start.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// The length field is outside what the kind allows, or isn't the length of the bytes at hand.
    #[error("a frame of kind {kind:#04x} says {have} bytes; {min} to {max} are allowed")]
    Length {
        /// The kind's number.
        kind: u8,
        /// The length field.
        have: usize,
        /// Fewest bytes allowed.
        min: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// The magic byte is another.
    #[error("magic byte is {have:#04x}, not 0x59")]
    Magic {
        /// The byte found.
        have: u8,
    },
    /// A version that this code doesn't speak.
    #[error("version {have} isn't spoken here")]
    Version {
        /// The byte found.
        have: u8,
    },
    /// No kind has this number.
    #[error("no frame has the kind {have:#04x}")]
    UnknownKind {
        /// The byte found.
        have: u8,
    },
    /// A known kind, sent in the wrong direction or at the wrong time.
    #[error("a frame of kind {have:#04x} has no place here")]
    Misplaced {
        /// The kind's number.
        have: u8,
    },
    /// Bytes that must be zero aren't.
    #[error("at byte {offset}: reserved bytes must be zero")]
    Reserved {
        /// Where the reserved bytes begin.
        offset: usize,
    },
    /// A field's value is outside its range.
    #[error("at byte {offset}: value {value} is out of range")]
    Field {
        /// Where the field begins.
        offset: usize,
        /// The value found.
        value: u64,
    },
    /// A text field isn't UTF-8 closed by zero bytes.
    #[error("at byte {offset}: not UTF-8 text closed by zero bytes")]
    Text {
        /// Where the field begins.
        offset: usize,
    },
}

impl DecodeError {
    /// The code that tells the other side.
    pub const fn code(&self) -> ResultCode {
        match self {
            DecodeError::Version { .. } => ResultCode::UnsupportedVersion,
            DecodeError::UnknownKind { .. } => ResultCode::UnknownKind,
            _ => ResultCode::MalformedFrame,
        }
    }

    /// Where the fault lies: bytes from the frame's start.
    pub const fn offset(&self) -> u32 {
        (match *self {
            DecodeError::Truncated { offset, .. }
            | DecodeError::Reserved { offset }
            | DecodeError::Field { offset, .. }
            | DecodeError::Text { offset } => offset,
            DecodeError::Length { .. } => 0,
            DecodeError::Magic { .. } => 4,
            DecodeError::Version { .. } => 5,
            DecodeError::UnknownKind { .. } | DecodeError::Misplaced { .. } => 6,
        }) as u32
    }

    /// The offending value, 0 where there is none to show.
    pub const fn value(&self) -> u64 {
        match *self {
            DecodeError::Truncated { have, .. } | DecodeError::Length { have, .. } => have as u64,
            DecodeError::Magic { have }
            | DecodeError::Version { have }
            | DecodeError::UnknownKind { have }
            | DecodeError::Misplaced { have } => have as u64,
            DecodeError::Field { value, .. } => value,
            DecodeError::Reserved { .. } | DecodeError::Text { .. } => 0,
        }
    }
}

/// Why a message can't be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The buffer is smaller than the frame.
    #[error("the frame has {need} bytes, the buffer {have}")]
    BufferTooSmall {
        /// Bytes of the frame.
        need: usize,
        /// Bytes of the buffer.
        have: usize,
    },
    /// More items than a frame carries, or none where one is needed.
    #[error("{have} items; {min} to {max} fit a frame")]
    ItemCount {
        /// Items given.
        have: usize,
        /// Fewest allowed.
        min: usize,
        /// Most allowed.
        max: usize,
    },
    /// This answer doesn't belong to that request.
    #[error("a request of kind {request:#04x} isn't answered so")]
    WrongAnswer {
        /// The number of the request's kind.
        request: u8,
    },
}
