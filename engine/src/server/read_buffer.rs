//! Bytes that a peer has sent and that aren't a whole frame yet.
//!
//! Small while a till sells; grows to one frame's declared length, after the codec has checked that length
//! against the kind's maximum, and shrinks again when the large frame is done. So an idle connection costs a
//! few kilobytes, whatever its peer claimed to be sending.

use std::ops::Range;

use protocol::error::DecodeError;
use protocol::frame;

/// Bytes of the buffer while no large frame is under way. Larger than any live frame: a read that doesn't fill
/// the buffer tells the reactor that the socket is empty and saves asking it.
pub const READ_BUFFER_BYTES: usize = 2 * 1024;

/// A growing and shrinking window on the stream of one peer.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    filled: Range<usize>,
    /// Bytes of the frame under way; less than a frame's first bytes tell it: 0.
    frame_bytes: usize,
}

impl Default for ReadBuffer {
    fn default() -> ReadBuffer {
        ReadBuffer { bytes: vec![0; READ_BUFFER_BYTES], filled: 0..0, frame_bytes: 0 }
    }
}

impl ReadBuffer {
    /// True while a frame is under way that is larger than the buffer of a till that only sells.
    pub fn is_large(&self) -> bool {
        self.frame_bytes > READ_BUFFER_BYTES
    }

    /// Room to read into; never empty. Memory for a large frame is taken here, not when its first bytes arrive.
    pub fn room(&mut self) -> &mut [u8] {
        let frame_end = self.filled.start + self.frame_bytes;
        if frame_end > self.bytes.len() || self.filled.end == self.bytes.len() {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        if self.frame_bytes > self.bytes.len() {
            self.bytes.resize(self.frame_bytes, 0);
        }
        &mut self.bytes[self.filled.end..]
    }

    /// Notes that `count` bytes were read into [`Self::room`].
    pub fn fill(&mut self, count: usize) {
        self.filled.end += count;
    }

    /// The next whole frame, to be looked at in [`Self::frame`] and left by [`Self::consume`]; `None` until more
    /// bytes arrive. `signed_in` decides which kinds, and so which lengths, are let in.
    pub fn next_frame(&mut self, signed_in: bool) -> Result<Option<Range<usize>>, DecodeError> {
        let have = &self.bytes[self.filled.clone()];
        let length = if signed_in { frame::length(have)? } else { frame::sign_in_length(have)? };
        self.frame_bytes = length.unwrap_or(0);
        let Some(length) = length.filter(|&length| self.filled.len() >= length) else { return Ok(None) };
        Ok(Some(self.filled.start..self.filled.start + length))
    }

    /// The bytes of a frame found by [`Self::next_frame`].
    pub fn frame(&self, frame: &Range<usize>) -> &[u8] {
        &self.bytes[frame.clone()]
    }

    /// Leaves a frame behind.
    pub fn consume(&mut self, frame: &Range<usize>) {
        self.filled.start = frame.end;
        self.frame_bytes = 0;
        if !self.filled.is_empty() {
            return;
        }
        self.filled = 0..0;
        if self.bytes.len() > READ_BUFFER_BYTES {
            self.bytes = vec![0; READ_BUFFER_BYTES];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::{HEADER_BYTES, MAC_BYTES};

    /// A frame of `kind` with a zero body, as far as its length goes.
    fn frame_of(kind: u8, body_bytes: usize) -> Vec<u8> {
        let length = HEADER_BYTES + body_bytes + MAC_BYTES;
        let mut frame = vec![0; length];
        frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
        frame[4..7].copy_from_slice(&[b'Y', 1, kind]);
        frame
    }

    fn feed(buffer: &mut ReadBuffer, mut bytes: &[u8], chunk: usize) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !bytes.is_empty() {
            let room = buffer.room();
            let count = chunk.min(bytes.len()).min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            buffer.fill(count);
            bytes = &bytes[count..];
            while let Some(frame) = buffer.next_frame(true).unwrap() {
                lengths.push(buffer.frame(&frame).len());
                buffer.consume(&frame);
            }
        }
        lengths
    }

    #[test]
    fn frames_come_out_whole_however_the_bytes_arrive() {
        let mut stream = Vec::new();
        for _ in 0..100 {
            stream.extend(frame_of(0x10, 32));
            stream.extend(frame_of(0x04, 8));
        }
        stream.extend(frame_of(0x30, 8 + 96 * 1_000));
        stream.extend(frame_of(0x04, 8));
        for chunk in [1, 7, 72, 1_000, 100_000] {
            let lengths = feed(&mut ReadBuffer::default(), &stream, chunk);
            assert_eq!(lengths.len(), 202);
            assert_eq!(lengths[200], 48 + 96 * 1_000);
        }
    }

    #[test]
    fn a_large_frame_s_memory_is_given_back() {
        let mut buffer = ReadBuffer::default();
        feed(&mut buffer, &frame_of(0x30, 8 + 96 * 2_000), 4_096);
        assert_eq!(buffer.bytes.len(), READ_BUFFER_BYTES);
        assert!(!buffer.is_large());
    }

    #[test]
    fn a_large_frame_s_memory_is_taken_when_it_is_read() {
        let mut buffer = ReadBuffer::default();
        let frame = frame_of(0x30, 8 + 96 * 2_000);
        buffer.room()[..64].copy_from_slice(&frame[..64]);
        buffer.fill(64);
        assert_eq!(buffer.next_frame(true).unwrap(), None);
        assert!(buffer.is_large());
        assert_eq!(buffer.bytes.len(), READ_BUFFER_BYTES, "a header alone costs nothing");
        assert_eq!(buffer.room().len(), frame.len() - 64);
    }

    #[test]
    fn a_claimed_length_beyond_the_kind_allocates_nothing() {
        let mut buffer = ReadBuffer::default();
        let mut frame = frame_of(0x10, 32);
        frame[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        buffer.room()[..frame.len()].copy_from_slice(&frame);
        buffer.fill(frame.len());
        assert!(matches!(buffer.next_frame(true), Err(DecodeError::Length { .. })));
        assert!(matches!(buffer.next_frame(false), Err(DecodeError::Misplaced { .. })));
        assert_eq!(buffer.bytes.len(), READ_BUFFER_BYTES);
    }
}
