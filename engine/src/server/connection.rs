//! One till's connection: reads and checks its frames, holds what couldn't be sent yet.
//!
//! A connection belongs to one worker's thread. It looks nothing up: terminal slot, keys and lease were found at
//! sign-in. What it may hold is bounded: one live request, one job on the slow lane, one read buffer, and an
//! outbox of [`OUTBOX_BYTES_MAX`]; a peer that doesn't read its answers is let go.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use protocol::answer::{Answer, Refusal};
use protocol::error::DecodeError;
use protocol::frame::Header;
use protocol::ids::TerminalId;
use protocol::keys::Key128;
use protocol::result_code::ResultCode;
use protocol::session::{Opener, Sealer};
use protocol::terminal_kind::TerminalKind;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::large_reads::{LARGE_READ_BYTES, LargeReads};
use super::read_buffer::ReadBuffer;
use super::sessions::Lease;
use super::stages::Stage;
use crate::ledger::TerminalSlot;

/// Bytes of answers that may wait for a slow peer: a full batch answer and a few live ones.
const OUTBOX_BYTES_MAX: usize = 64 * 1024;
/// Reads that find bytes at once before the worker's other connections get their turn.
const READS_IN_A_ROW_MAX: u32 = 4;
/// Bytes of the largest answer that is encoded on the stack.
const SMALL_ANSWER_BYTES: usize = 128;

/// A signed-in connection.
pub struct Connection {
    writer: OwnedWriteHalf,
    sealer: RefCell<Sealer>,
    outbox: RefCell<Vec<u8>>,
    /// Names the connection to the slow lane; never used again in this worker.
    pub key: u64,
    /// The till.
    pub terminal: TerminalId,
    /// Its slot.
    pub slot: TerminalSlot,
    /// What it may send.
    pub kind: TerminalKind,
    /// Its claim to speak for the till.
    pub lease: Lease,
    /// What query passwords are sealed under in this session.
    pub password_key: Key128,
    /// A live request is being decided or its answer waits for the log.
    pub live_in_flight: Cell<bool>,
    /// An upload or a bill is on the slow lane or its answer waits for the log.
    pub slow_in_flight: Cell<bool>,
    /// Whether a heartbeat waits for its answer.
    pub heartbeat_in_flight: Cell<bool>,
    /// Seconds of the worker's clock when the peer was last heard.
    pub heard_at_s: Cell<u64>,
    end: Cell<Option<End>>,
    waker: Cell<Option<Waker>>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed it or the network broke it.
    Peer,
    /// The till signed out.
    SignedOut,
    /// Nothing was heard for too long.
    Idle,
    /// A frame was refused in a way that ends the session.
    Refused(ResultCode),
    /// The peer doesn't read its answers.
    NotReading,
    /// The server stops.
    Stopping,
}

/// What a connection is made of, after sign-in.
pub struct SignedIn {
    /// The socket's writing side.
    pub writer: OwnedWriteHalf,
    /// Seals answers.
    pub sealer: Sealer,
    /// Names the connection in its worker.
    pub key: u64,
    /// The till.
    pub terminal: TerminalId,
    /// Its slot.
    pub slot: TerminalSlot,
    /// What it may send.
    pub kind: TerminalKind,
    /// Its claim to speak for the till.
    pub lease: Lease,
    /// What query passwords are sealed under in this session.
    pub password_key: Key128,
}

/// Takes the frames that a connection has read and checked.
pub trait FrameHandler {
    /// Handles one frame, whose MAC and counter were right.
    fn handle(&self, connection: &Rc<Connection>, frame: &[u8]);
    /// Seconds on the worker's clock.
    fn now_s(&self) -> u64;
    /// The worker's turns at reading large frames.
    fn large_reads(&self) -> &LargeReads;
    /// The monotonic clock, when the read that is about to happen is one of those that are clocked.
    fn sample(&self) -> Option<u64>;
    /// Counts what a clocked read spent in a stage since then; gives the monotonic clock.
    fn sampled(&self, stage: Stage, since_ns: u64) -> u64;
}

impl Connection {
    /// Takes over a socket after its sign-in.
    pub fn new(signed_in: SignedIn, now_s: u64) -> Connection {
        let SignedIn { writer, sealer, key, terminal, slot, kind, lease, password_key } = signed_in;
        Connection {
            writer,
            sealer: RefCell::new(sealer),
            outbox: RefCell::default(),
            key,
            terminal,
            slot,
            kind,
            lease,
            password_key,
            live_in_flight: Cell::new(false),
            slow_in_flight: Cell::new(false),
            heartbeat_in_flight: Cell::new(false),
            heard_at_s: Cell::new(now_s),
            end: Cell::new(None),
            waker: Cell::new(None),
        }
    }

    /// What the terminal's next key is wrapped under in this session.
    pub fn wrapping_key(&self) -> Key128 {
        self.sealer.borrow_mut().wrapping_key()
    }

    /// Encodes, seals and sends an answer. Counter and MAC are given now, in the order of sending.
    pub fn answer(&self, request: &Header, answer: &Answer<'_>) {
        if self.end.get().is_some() {
            return;
        }
        let mut small = [0; SMALL_ANSWER_BYTES];
        let mut large = Vec::new();
        let frame = match answer.encode(request, &mut small) {
            Ok(length) => &mut small[..length],
            Err(_) => {
                answer
                    .append(request, &mut large)
                    .expect("an answer fits its request and its lines fit a frame");
                &mut large[..]
            }
        };
        self.sealer.borrow_mut().seal(frame);
        self.send(frame);
    }

    /// Answers that a request wasn't carried out; after a code of the session group the connection ends.
    pub fn refuse(&self, frame: &[u8], refusal: Refusal) {
        if self.end.get().is_some() {
            return;
        }
        let mut answer = refusal.frame(frame);
        self.sealer.borrow_mut().seal(&mut answer);
        self.send(&answer);
        if (100..200).contains(&refusal.code.number()) {
            self.finish(End::Refused(refusal.code));
        }
    }

    fn send(&self, frame: &[u8]) {
        let mut outbox = self.outbox.borrow_mut();
        let sent = if outbox.is_empty() {
            match self.writer.try_write(frame) {
                Ok(sent) => sent,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
                Err(_) => return self.finish(End::Peer),
            }
        } else {
            0
        };
        if sent == frame.len() {
            return;
        }
        if outbox.len() + frame.len() - sent > OUTBOX_BYTES_MAX {
            return self.finish(End::NotReading);
        }
        outbox.extend_from_slice(&frame[sent..]);
        self.wake();
    }

    /// Ends the connection once what is in its outbox has been offered to the socket; the first reason stays.
    pub fn finish(&self, end: End) {
        if self.end.get().is_none() {
            self.end.set(Some(end));
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Reads frames until the connection ends.
    pub async fn run(
        self: &Rc<Connection>,
        mut reader: OwnedReadHalf,
        mut opener: Opener,
        mut buffer: ReadBuffer,
        handler: &impl FrameHandler,
    ) -> End {
        let mut reads_in_a_row = 0;
        let mut sample = None;
        let mut large_read = None;
        loop {
            // Frames may have come in one segment with the end of the sign-in.
            self.take_frames(&mut opener, &mut buffer, handler, sample.take());
            if let Some(end) = self.end.get() {
                return end;
            }
            if large_read.is_some() {
                // The turn ends after the others have had theirs.
                tokio::task::yield_now().await;
            }
            drop(large_read.take());
            if buffer.is_large() {
                let turn = handler.large_reads().turn().await;
                match poll_fn(|cx| Poll::Ready(self.poll_read(cx, &mut reader, &mut buffer))).await {
                    // The turn isn't kept while the peer is waited for.
                    Poll::Pending => {
                        drop(turn);
                        woken_once().await;
                    }
                    Poll::Ready(Ok(0)) => return self.end.get().unwrap_or(End::Peer),
                    Poll::Ready(Ok(_)) => {
                        self.heard_at_s.set(handler.now_s());
                        large_read = Some(turn);
                    }
                    Poll::Ready(Err(_)) => return End::Peer,
                }
                continue;
            }
            let mut waited = false;
            let read = poll_fn(|cx| {
                let begun_ns = handler.sample();
                let read = self.poll_read(cx, &mut reader, &mut buffer);
                if read.is_ready() {
                    sample = begun_ns.map(|begun_ns| handler.sampled(Stage::Read, begun_ns));
                }
                waited |= read.is_pending();
                read
            });
            match read.await {
                Ok(0) => return self.end.get().unwrap_or(End::Peer),
                Ok(_) => self.heard_at_s.set(handler.now_s()),
                Err(_) => return End::Peer,
            }
            reads_in_a_row = if waited { 0 } else { reads_in_a_row + 1 };
            if reads_in_a_row == READS_IN_A_ROW_MAX {
                reads_in_a_row = 0;
                // A peer that sends faster than it's served would otherwise keep its worker for itself.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what is waiting, then reads; 0 bytes when the connection ends.
    ///
    /// Reads through the reactor's own read: after one that doesn't fill the buffer it knows the socket to be empty,
    /// and saves a system call for each frame that `try_read` would spend on finding out.
    fn poll_read(
        &self,
        cx: &mut Context<'_>,
        reader: &mut OwnedReadHalf,
        buffer: &mut ReadBuffer,
    ) -> Poll<io::Result<usize>> {
        let waker = self.waker.take().filter(|waker| waker.will_wake(cx.waker()));
        self.waker.set(waker.or_else(|| Some(cx.waker().clone())));
        self.flush(cx)?;
        if self.end.get().is_some() {
            return Poll::Ready(Ok(0));
        }
        let room = buffer.room();
        let bytes_max = room.len().min(LARGE_READ_BYTES);
        let mut room = ReadBuf::new(&mut room[..bytes_max]);
        ready!(Pin::new(reader).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        buffer.fill(count);
        Poll::Ready(Ok(count))
    }

    fn flush(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut outbox = self.outbox.borrow_mut();
        while !outbox.is_empty() {
            match self.writer.try_write(&outbox) {
                Ok(sent) => drop(outbox.drain(..sent)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    match self.writer.as_ref().poll_write_ready(cx) {
                        Poll::Ready(ready) => ready?,
                        Poll::Pending => return Ok(()),
                    }
                }
                Err(e) => return Err(e),
            }
        }
        if outbox.capacity() > SMALL_ANSWER_BYTES {
            *outbox = Vec::new();
        }
        Ok(())
    }

    fn take_frames(
        self: &Rc<Connection>,
        opener: &mut Opener,
        buffer: &mut ReadBuffer,
        handler: &impl FrameHandler,
        mut sample: Option<u64>,
    ) {
        while self.end.get().is_none() {
            let frame = match buffer.next_frame(true) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return self.refuse(&[], Refusal::from(error)),
            };
            let bytes = buffer.frame(&frame);
            match opener.open(bytes) {
                Ok(()) if self.lease.is_fenced() => self.refuse(bytes, Refusal::new(ResultCode::Fenced)),
                Ok(()) => handler.handle(self, bytes),
                Err(error) => self.refuse(bytes, Refusal::from(error)),
            }
            buffer.consume(&frame);
            if let Some(read_ns) = sample.take() {
                handler.sampled(Stage::Verify, read_ns);
            }
        }
    }
}

/// Waits until the task is woken, by whatever has its waker.
async fn woken_once() {
    let mut woken = false;
    poll_fn(|_| if std::mem::replace(&mut woken, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Reads one frame of the sign-in.
///
/// # Errors
/// The bytes are no such frame, or the peer has gone (`Ok(None)` when it closed between frames).
pub async fn read_sign_in_frame(
    stream: &TcpStream,
    buffer: &mut ReadBuffer,
) -> io::Result<Result<Option<Vec<u8>>, DecodeError>> {
    loop {
        match buffer.next_frame(false) {
            Err(error) => return Ok(Err(error)),
            Ok(Some(frame)) => {
                let bytes = buffer.frame(&frame).to_vec();
                buffer.consume(&frame);
                return Ok(Ok(Some(bytes)));
            }
            Ok(None) => {}
        }
        stream.readable().await?;
        match stream.try_read(buffer.room()) {
            Ok(0) => return Ok(Ok(None)),
            Ok(count) => buffer.fill(count),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}
