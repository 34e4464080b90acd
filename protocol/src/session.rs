//! A signed-in session: the counter and the MAC of every frame, in both directions.
//!
//! Each direction has its own key and its own counter, so a frame can't be sent back to where it came from, and
//! each frame's counter is the one before plus one: nothing is replayed, left out or put in another order unseen.
//! Prove and Welcome carry counter 0, the first frame after them counter 1.
//!
//! **Invariant**: counter and MAC are given at the moment of sending. Answers leave in another order than their
//! requests came, and a retry is a new frame.

use crate::error::DecodeError;
use crate::frame::{self, COUNTER_OFFSET, MAC_BYTES};
use crate::keys::{Key128, password_key_input, wrapping_key_input};
use crate::mac::{Cmac128, equal_truncated};
use crate::result_code::ResultCode;

/// Why a frame isn't taken in a session. Each ends the session: sign in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] DecodeError),
    /// The MAC is wrong: forged, altered, or of another session or direction.
    #[error("the frame's MAC is wrong")]
    BadMac,
    /// The MAC is right and the counter isn't the next: replayed, lost or reordered.
    #[error("the frame's counter is {have}, the next is {need}")]
    BadCounter {
        /// The counter due.
        need: u64,
        /// The counter found.
        have: u64,
    },
}

impl OpenError {
    /// The code that tells the other side.
    pub const fn code(&self) -> ResultCode {
        match self {
            OpenError::Frame(error) => error.code(),
            OpenError::BadMac => ResultCode::BadMac,
            OpenError::BadCounter { .. } => ResultCode::BadCounter,
        }
    }
}

impl From<OpenError> for crate::answer::Refusal {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Frame(error) => error.into(),
            OpenError::BadMac => Self::new(ResultCode::BadMac),
            OpenError::BadCounter { have, .. } => {
                Self { code: ResultCode::BadCounter, offset: COUNTER_OFFSET as u32, value: have }
            }
        }
    }
}

/// The MAC of one direction of one session: the key's schedule is made once, a frame costs its blocks.
#[derive(Clone, Debug)]
pub struct SessionMac {
    cmac: Cmac128,
}

impl SessionMac {
    /// Prepares a direction's key.
    pub fn new(key: &Key128) -> SessionMac {
        SessionMac { cmac: Cmac128::new(key) }
    }

    /// The MAC of a frame: over all its bytes but the MAC itself.
    fn of(&mut self, frame: &[u8]) -> [u8; MAC_BYTES] {
        self.cmac.compute_truncated(&frame[..frame.len() - MAC_BYTES])
    }

    fn password_key(&mut self) -> Key128 {
        Key128::new(self.cmac.compute(&password_key_input()))
    }

    fn wrapping_key(&mut self) -> Key128 {
        Key128::new(self.cmac.compute(&wrapping_key_input()))
    }
}

/// Seals the frames of one direction, in the order they are sent.
#[derive(Debug)]
pub struct Sealer {
    mac: SessionMac,
    next_counter: u64,
}

impl Sealer {
    pub(crate) fn new(key: &Key128, next_counter: u64) -> Sealer {
        Sealer { mac: SessionMac::new(key), next_counter }
    }

    /// Gives a whole frame its counter and its MAC. Send it next: the counter is used up.
    ///
    /// # Panics
    /// When `frame` isn't exactly one encoded frame: a program that seals anything else would lose the session.
    pub fn seal(&mut self, frame: &mut [u8]) {
        assert_eq!(frame::whole(frame), Ok(()), "only a whole frame can be sealed");
        frame[COUNTER_OFFSET..COUNTER_OFFSET + 8].copy_from_slice(&self.next_counter.to_le_bytes());
        let mac = self.mac.of(frame);
        let mac_offset = frame.len() - MAC_BYTES;
        frame[mac_offset..].copy_from_slice(&mac);
        self.next_counter += 1;
    }

    /// On the server's side, the key that it wraps the terminal's next key under: see [`crate::wrapped_key`].
    pub fn wrapping_key(&mut self) -> Key128 {
        self.mac.wrapping_key()
    }

    /// On a till's side, the key that it seals query passwords under in this session: see [`crate::password`].
    pub fn password_key(&mut self) -> Key128 {
        self.mac.password_key()
    }
}

/// Checks the frames of one direction, in the order they arrive.
#[derive(Debug)]
pub struct Opener {
    mac: SessionMac,
    next_counter: u64,
}

impl Opener {
    pub(crate) fn new(key: &Key128, next_counter: u64) -> Opener {
        Opener { mac: SessionMac::new(key), next_counter }
    }

    /// Checks length, MAC (in constant time) and counter of a whole frame. The counter is used up only when all
    /// three are right.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&mut self, frame: &[u8]) -> Result<(), OpenError> {
        frame::whole(frame)?;
        let mac = frame.last_chunk::<MAC_BYTES>().expect("no kind is shorter");
        if !equal_truncated(self.mac.of(frame), *mac) {
            return Err(OpenError::BadMac);
        }
        let counter = frame[COUNTER_OFFSET..].first_chunk().expect("no kind is shorter than a header");
        let have = u64::from_le_bytes(*counter);
        if have != self.next_counter {
            return Err(OpenError::BadCounter { need: self.next_counter, have });
        }
        self.next_counter += 1;
        Ok(())
    }

    /// On a till's side, the key that its next key comes wrapped under in this session: see [`crate::wrapped_key`].
    pub fn wrapping_key(&mut self) -> Key128 {
        self.mac.wrapping_key()
    }

    /// On the server's side, the key that it opens the till's query passwords with: see [`crate::password`].
    pub fn password_key(&mut self) -> Key128 {
        self.mac.password_key()
    }
}

/// One side of a session.
#[derive(Debug)]
pub struct Session {
    sealer: Sealer,
    opener: Opener,
}

impl Session {
    pub(crate) fn new(sealer: Sealer, opener: Opener) -> Session {
        Session { sealer, opener }
    }

    /// Gives a frame its counter and MAC: see [`Sealer::seal`].
    ///
    /// # Panics
    /// When `frame` isn't exactly one encoded frame.
    pub fn seal(&mut self, frame: &mut [u8]) {
        self.sealer.seal(frame);
    }

    /// Checks a frame from the other side: see [`Opener::open`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&mut self, frame: &[u8]) -> Result<(), OpenError> {
        self.opener.open(frame)
    }

    /// On a till's side, the key that it seals query passwords under: see [`Sealer::password_key`].
    pub fn password_key(&mut self) -> Key128 {
        self.sealer.password_key()
    }

    /// On a till's side, the key that its next key comes wrapped under: see [`Opener::wrapping_key`].
    pub fn wrapping_key(&mut self) -> Key128 {
        self.opener.wrapping_key()
    }

    /// Both directions apart, for a reader and a writer that run apart.
    pub fn into_split(self) -> (Sealer, Opener) {
        (self.sealer, self.opener)
    }
}
