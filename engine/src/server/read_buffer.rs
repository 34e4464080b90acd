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
}

impl Default for ReadBuffer {
    fn default() -> ReadBuffer {
        ReadBuffer { bytes: vec![0; READ_BUFFER_BYTES], filled: 0..0 }
    }
}

impl ReadBuffer {
    /// Room to read into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        if self.filled.end == self.bytes.len() {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
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
        let Some(length) = length else { return Ok(None) };
        if self.filled.len() >= length {
            return Ok(Some(self.filled.start..self.filled.start + length));
        }
        if self.filled.start + length > self.bytes.len() {
            self.bytes.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
            if length > self.bytes.len() {
                self.bytes.resize(length, 0);
            }
        }
        Ok(None)
    }

    /// The bytes of a frame found by [`Self::next_frame`].
    pub fn frame(&self, frame: &Range<usize>) -> &[u8] {
        &self.bytes[frame.clone()]
    }

    /// Leaves a frame behind.
    pub fn consume(&mut self, frame: &Range<usize>) {
        self.filled.start = frame.end;
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
