//! One till's connection: sign-in, sealed frames out, opened frames in. No timer of its own.
//!
//! Frames are sealed when they are queued and leave in that order; a write that the socket doesn't take whole is
//! finished before the next read is awaited. The buffers grow to the largest frame once and are used again.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::passwords::sealed;
use crate::terminal_keys::SignedIn;
use protocol::answer::Answer;
use protocol::frame::{self, Header, LENGTH_PREFIX_BYTES};
use protocol::request::{Request, RequestIds};
use protocol::session::{Opener, Sealer};
use protocol::sign_in::{ClientHandshake, NONCE_BYTES, TerminalIdentity};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that the input buffer has at first: more than any answer but a batch's or a bill's.
const INPUT_BYTES_FIRST: usize = 1_024;

/// Why a connection can't be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the server closed the connection")]
    Closed,
    #[error("{0}")]
    SignIn(#[from] protocol::sign_in::SignInError),
    #[error("{0}")]
    Open(#[from] protocol::session::OpenError),
    #[error("{0}")]
    Decode(#[from] protocol::error::DecodeError),
    #[error("{0}")]
    Encode(#[from] protocol::error::EncodeError),
    #[error("no answer within {timeout_ms} ms")]
    Timeout { timeout_ms: u64 },
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    input: Vec<u8>,
    /// The unread bytes are `input[input_from..input_to]`.
    input_from: usize,
    input_to: usize,
    output: Vec<u8>,
    output_from: usize,
    /// Frames queued so far.
    queued: u64,
}

impl Connection {
    /// Connects and signs in.
    pub(crate) async fn open(
        address: SocketAddr,
        identity: &TerminalIdentity,
        client_nonce: [u8; NONCE_BYTES],
    ) -> Result<(Connection, SignedIn), ConnectionError> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut frame = Vec::with_capacity(256);
        let (handshake, hello) = ClientHandshake::start(identity, client_nonce);
        stream.write_all(&hello).await?;
        read_sign_in_frame(&mut stream, &mut frame).await?;
        let (proof, prove) = handshake.on_challenge(&frame)?;
        stream.write_all(&prove).await?;
        read_sign_in_frame(&mut stream, &mut frame).await?;
        let (session, welcome) = proof.on_welcome(&frame)?;
        let (sealer, mut opener) = session.into_split();
        let told = SignedIn::new(&welcome, opener.wrapping_key());
        let connection = Connection {
            stream,
            sealer,
            opener,
            input: vec![0; INPUT_BYTES_FIRST],
            input_from: 0,
            input_to: 0,
            output: Vec::with_capacity(256),
            output_from: 0,
            queued: 0,
        };
        Ok((connection, told))
    }

    /// Encodes and seals a request; it leaves with the next [`Connection::poll_flush`].
    pub(crate) fn queue(&mut self, ids: &RequestIds, request: &Request<'_>) -> Result<(), ConnectionError> {
        self.queued += 1;
        let request = sealed(request, || self.sealer.password_key(), self.queued);
        let range = request.append(ids, &mut self.output)?;
        self.sealer.seal(&mut self.output[range]);
        Ok(())
    }

    /// Writes what is queued. Ready when all of it has left.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        while self.output_from < self.output.len() {
            let written =
                ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.output_from..]))?;
            if written == 0 {
                return Poll::Ready(Err(ConnectionError::Closed));
            }
            self.output_from += written;
        }
        self.output.clear();
        self.output_from = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads once. Ready when bytes have come; [`Connection::next_answer`] then takes the frames out.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let mut space = ReadBuf::new(&mut self.input[self.input_to..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        match space.filled().len() {
            0 => Poll::Ready(Err(ConnectionError::Closed)),
            count => {
                self.input_to += count;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The next whole frame that has come, opened and decoded; `None` when more bytes are needed.
    pub(crate) fn next_answer(&mut self) -> Result<Option<(Header, Answer<'_>)>, ConnectionError> {
        let have = self.input_to - self.input_from;
        let need = match frame::length(&self.input[self.input_from..self.input_to])? {
            Some(length) if have >= length => {
                let range = self.input_from..self.input_from + length;
                self.input_from = range.end;
                let frame = &self.input[range];
                self.opener.open(frame)?;
                return Ok(Some(Answer::decode(frame)?));
            }
            Some(length) => length,
            None => LENGTH_PREFIX_BYTES,
        };
        self.input.copy_within(self.input_from..self.input_to, 0);
        (self.input_from, self.input_to) = (0, have);
        // `length` has bounded it by the kind's own maximum.
        if self.input.len() < need {
            self.input.resize(need, 0);
        }
        Ok(None)
    }

    /// Sends a request and awaits its answer, which `read` takes over. For callers with one request in flight.
    pub(crate) async fn call<T>(
        &mut self,
        ids: &RequestIds,
        request: &Request<'_>,
        read: impl FnOnce(&Header, &Answer<'_>) -> T,
    ) -> Result<T, ConnectionError> {
        self.queue(ids, request)?;
        poll_fn(|cx| self.poll_flush(cx)).await?;
        loop {
            if self.has_frame()? {
                break;
            }
            // No whole frame is there: this makes room for its rest.
            self.next_answer()?;
            poll_fn(|cx| self.poll_fill(cx)).await?;
        }
        match self.next_answer()? {
            Some((header, answer)) => Ok(read(&header, &answer)),
            None => Err(ConnectionError::Closed),
        }
    }

    fn has_frame(&self) -> Result<bool, ConnectionError> {
        let unread = &self.input[self.input_from..self.input_to];
        Ok(frame::length(unread)?.is_some_and(|length| unread.len() >= length))
    }

    /// As [`Connection::call`], but not longer than this.
    pub(crate) async fn call_within<T>(
        &mut self,
        timeout_ns: u64,
        ids: &RequestIds,
        request: &Request<'_>,
        read: impl FnOnce(&Header, &Answer<'_>) -> T,
    ) -> Result<T, ConnectionError> {
        let timeout = std::time::Duration::from_nanos(timeout_ns);
        match tokio::time::timeout(timeout, self.call(ids, request, read)).await {
            Ok(result) => result,
            Err(_) => Err(ConnectionError::Timeout { timeout_ms: timeout_ns / 1_000_000 }),
        }
    }
}

async fn read_sign_in_frame(stream: &mut TcpStream, into: &mut Vec<u8>) -> Result<(), ConnectionError> {
    into.clear();
    into.resize(LENGTH_PREFIX_BYTES, 0);
    read_exact(stream, into).await?;
    let length = frame::sign_in_length(into)?.ok_or(ConnectionError::Closed)?;
    into.resize(length, 0);
    read_exact(stream, &mut into[LENGTH_PREFIX_BYTES..]).await
}

async fn read_exact(stream: &mut TcpStream, into: &mut [u8]) -> Result<(), ConnectionError> {
    match stream.read_exact(into).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(ConnectionError::Closed),
        Err(error) => Err(error.into()),
    }
}
