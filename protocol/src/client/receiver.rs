//! The receiving half of a client.

use std::ops::Range;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

use super::ClientError;
use crate::answer::Answer;
use crate::command_table::Direction;
use crate::frame::{self, FRAME_BYTES_MIN, Header};
use crate::session::Opener;

/// Room that a reader starts with: many small answers, or the start of a large one.
const BUFFER_BYTES: usize = 8 * 1024;

/// Cuts a stream of bytes into frames. What has arrived stays when a call is dropped half-way.
#[derive(Debug)]
pub(super) struct FrameReader {
    stream: OwnedReadHalf,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have arrived and haven't been given out.
    unread: Range<usize>,
}

impl FrameReader {
    pub(super) fn new(stream: OwnedReadHalf) -> FrameReader {
        FrameReader { stream, buffer: vec![0; BUFFER_BYTES], unread: 0..0 }
    }

    /// The next frame's place in the buffer, once it is whole.
    fn take_frame(&mut self) -> Result<Option<Range<usize>>, ClientError> {
        let arrived = &self.buffer[self.unread.clone()];
        let need = frame::length(arrived)?;
        if let Some(length) = need.filter(|&length| length <= arrived.len()) {
            let frame = self.unread.start..self.unread.start + length;
            self.unread.start = frame.end;
            return Ok(Some(frame));
        }
        let room_needed = need.unwrap_or(FRAME_BYTES_MIN);
        if self.unread.start + room_needed > self.buffer.len() || self.unread.is_empty() {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        if room_needed > self.buffer.len() {
            self.buffer.resize(room_needed, 0);
        }
        Ok(None)
    }

    async fn next_frame(&mut self) -> Result<Range<usize>, ClientError> {
        loop {
            if let Some(frame) = self.take_frame()? {
                return Ok(frame);
            }
            match self.stream.read(&mut self.buffer[self.unread.end..]).await? {
                0 => return Err(ClientError::Closed),
                count => self.unread.end += count,
            }
        }
    }

    /// The next frame, of the sign-in.
    pub(super) async fn frame_within(&mut self, time: Duration) -> Result<&[u8], ClientError> {
        let frame = timeout(time, self.next_frame()).await.map_err(|_| ClientError::TimedOut)??;
        Ok(&self.buffer[frame])
    }
}

/// Receives and checks answers, in order.
#[derive(Debug)]
pub struct FrameReceiver {
    frames: FrameReader,
    opener: Opener,
    last: Range<usize>,
}

impl FrameReceiver {
    pub(super) fn new(frames: FrameReader, opener: Opener) -> FrameReceiver {
        FrameReceiver { frames, opener, last: 0..0 }
    }

    /// The next answer. May be dropped half-way and called again: what has arrived is kept.
    ///
    /// # Errors
    /// [`ClientError`]; the session is then lost.
    pub async fn receive(&mut self) -> Result<(Header, Answer<'_>), ClientError> {
        self.next_header().await?;
        self.last_answer()
    }

    /// Waits for the next answer, checks it, and keeps it for [`FrameReceiver::last_answer`].
    pub(super) async fn next_header(&mut self) -> Result<Header, ClientError> {
        let frame = self.frames.next_frame().await?;
        let bytes = &self.frames.buffer[frame.clone()];
        self.opener.open(bytes)?;
        let header = Header::decode(bytes, Direction::ToTill)?;
        self.last = frame;
        Ok(header)
    }

    /// The answer that came last.
    pub(super) fn last_answer(&self) -> Result<(Header, Answer<'_>), ClientError> {
        Ok(Answer::decode(&self.frames.buffer[self.last.clone()])?)
    }
}
