//! The sending half of a client.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;

use super::{ClientError, SaleIdentity};
use crate::frame::FRAME_BYTES_MAX;
use crate::ids::{RequestId, TerminalId};
use crate::keys::Key128;
use crate::request::{Request, RequestIds};
use crate::session::Sealer;

/// Most bytes that wait to be written, beyond which a request isn't queued: four of the largest frames.
pub const UNWRITTEN_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;

/// Seals and sends requests, in order. What a dropped call left unwritten is written first by the next.
#[derive(Debug)]
pub struct FrameSender {
    stream: OwnedWriteHalf,
    sealer: Sealer,
    terminal: TerminalId,
    last_request: RequestId,
    /// Sealed frames that haven't been written yet; its capacity is kept.
    buffer: Vec<u8>,
    /// Bytes of `buffer` that have been written.
    written: usize,
}

impl FrameSender {
    pub(super) fn new(stream: OwnedWriteHalf, sealer: Sealer, terminal: TerminalId) -> FrameSender {
        FrameSender {
            stream,
            sealer,
            terminal,
            last_request: RequestId(0),
            buffer: Vec::with_capacity(4096),
            written: 0,
        }
    }

    /// The key to seal query passwords under: see [`crate::password`].
    pub fn password_key(&mut self) -> Key128 {
        self.sealer.password_key()
    }

    /// Seals a request and queues it behind those that [`FrameSender::flush`] hasn't written yet. Request ids rise
    /// by one and pass over 0.
    ///
    /// # Errors
    /// [`ClientError::Encode`], [`ClientError::QueueFull`] above [`UNWRITTEN_BYTES_MAX`]; nothing is then queued.
    pub fn queue(&mut self, sale: SaleIdentity, request: &Request<'_>) -> Result<RequestId, ClientError> {
        if self.unwritten_bytes() + request.frame_bytes()? > UNWRITTEN_BYTES_MAX {
            return Err(ClientError::QueueFull);
        }
        let request_id = RequestId(self.last_request.0.wrapping_add(1).max(1));
        let ids =
            RequestIds { terminal: self.terminal, epoch: sale.epoch, sequence: sale.sequence, request_id };
        let frame = request.append(&ids, &mut self.buffer)?;
        self.sealer.seal(&mut self.buffer[frame]);
        self.last_request = request_id;
        Ok(request_id)
    }

    /// Writes what is queued. May be dropped half-way and called again: it goes on where it stopped.
    ///
    /// # Errors
    /// [`ClientError::Io`], [`ClientError::Closed`].
    pub async fn flush(&mut self) -> Result<(), ClientError> {
        while self.written < self.buffer.len() {
            match self.stream.write(&self.buffer[self.written..]).await? {
                0 => return Err(ClientError::Closed),
                count => self.written += count,
            }
        }
        self.buffer.clear();
        self.written = 0;
        Ok(())
    }

    /// Queues a request and writes it.
    ///
    /// # Errors
    /// As [`FrameSender::queue`] and [`FrameSender::flush`].
    pub async fn send(
        &mut self,
        sale: SaleIdentity,
        request: &Request<'_>,
    ) -> Result<RequestId, ClientError> {
        let request_id = self.queue(sale, request)?;
        self.flush().await?;
        Ok(request_id)
    }

    /// Bytes queued and not written.
    pub fn unwritten_bytes(&self) -> usize {
        self.buffer.len() - self.written
    }
}

/// Writes a frame of the sign-in.
pub(super) async fn write_all(
    stream: &mut OwnedWriteHalf,
    frame: &[u8],
    time: Duration,
) -> Result<(), ClientError> {
    let written: io::Result<()> =
        timeout(time, stream.write_all(frame)).await.map_err(|_| ClientError::TimedOut)?;
    Ok(written?)
}
