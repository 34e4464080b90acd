//! An asynchronous client for tills and load generators, on tokio. Feature `client`.
//!
//! It is no till: no timers, no stored sales, no retries. [`Client`] keeps one request in flight; its two halves,
//! [`FrameSender`] and [`FrameReceiver`], keep as many as the server allows. Randomness is the caller's: the nonce
//! of a sign-in comes in as an argument.

mod error;
mod receiver;
mod sender;

use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

pub use error::ClientError;
pub use receiver::FrameReceiver;
pub use sender::{FrameSender, UNWRITTEN_BYTES_MAX};

use crate::answer::Answer;
use crate::frame::Header;
use crate::ids::{Epoch, Sequence};
use crate::request::Request;
use crate::sign_in::{ClientHandshake, NONCE_BYTES, TerminalIdentity, Welcome};

/// What a money request is known by, beside the terminal: the same for every retry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SaleIdentity {
    /// The till's epoch.
    pub epoch: Epoch,
    /// The till's sequence; 0 for a request that consumes none.
    pub sequence: Sequence,
}

/// How long the steps of a sign-in may take.
#[derive(Clone, Copy, Debug)]
pub struct SignInTimeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until each of the two answers.
    pub answer: Duration,
}

impl Default for SignInTimeouts {
    /// A till's three seconds for each.
    fn default() -> Self {
        SignInTimeouts { connect: Duration::from_secs(3), answer: Duration::from_secs(3) }
    }
}

/// A signed-in till with one request in flight.
#[derive(Debug)]
pub struct Client {
    sender: FrameSender,
    receiver: FrameReceiver,
}

impl Client {
    /// Connects and signs in.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn connect(
        address: impl ToSocketAddrs,
        identity: &TerminalIdentity,
        client_nonce: [u8; NONCE_BYTES],
        timeouts: SignInTimeouts,
    ) -> Result<(Client, Welcome), ClientError> {
        let stream = timeout(timeouts.connect, TcpStream::connect(address))
            .await
            .map_err(|_| ClientError::TimedOut)??;
        Client::sign_in(stream, identity, client_nonce, timeouts.answer).await
    }

    /// Signs in on a connection that stands. `answer_timeout` is for each of the two answers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sign_in(
        stream: TcpStream,
        identity: &TerminalIdentity,
        client_nonce: [u8; NONCE_BYTES],
        answer_timeout: Duration,
    ) -> Result<(Client, Welcome), ClientError> {
        stream.set_nodelay(true)?;
        let (read, mut write) = stream.into_split();
        let mut frames = receiver::FrameReader::new(read);

        let (handshake, hello) = ClientHandshake::start(identity, client_nonce);
        sender::write_all(&mut write, &hello, answer_timeout).await?;
        let challenge = frames.frame_within(answer_timeout).await?;
        let (proof, prove) = handshake.on_challenge(challenge)?;
        sender::write_all(&mut write, &prove, answer_timeout).await?;
        let welcome = frames.frame_within(answer_timeout).await?;
        let (session, welcome) = proof.on_welcome(welcome)?;

        let (sealer, opener) = session.into_split();
        let sender = FrameSender::new(write, sealer, identity.terminal);
        Ok((Client { sender, receiver: FrameReceiver::new(frames, opener) }, welcome))
    }

    /// Sends a request and waits for its answer. Answers to earlier calls that timed out are passed over.
    ///
    /// A retry of a sale is another call with the same `sale` and the same request.
    ///
    /// # Errors
    /// [`ClientError`]. After [`ClientError::TimedOut`], [`ClientError::Encode`] or [`ClientError::QueueFull`] the client
    /// may be used again; after any other the session is lost.
    pub async fn call(
        &mut self,
        sale: SaleIdentity,
        request: &Request<'_>,
        answer_timeout: Duration,
    ) -> Result<Answer<'_>, ClientError> {
        let Client { sender, receiver } = self;
        let exchange = async {
            let request_id = sender.send(sale, request).await?;
            loop {
                let header = receiver.next_header().await?;
                // A refusal of bytes that weren't understood can't echo them.
                if header.request_id == request_id || header.request_id.0 == 0 {
                    return Ok::<Header, ClientError>(header);
                }
            }
        };
        let header = timeout(answer_timeout, exchange).await.map_err(|_| ClientError::TimedOut)??;
        let (_, answer) = receiver.last_answer()?;
        answer.kind(request.kind()).map_err(|_| ClientError::WrongAnswer(header.kind))?;
        Ok(answer)
    }

    /// Both halves, for a reader and a writer that run apart.
    pub fn into_split(self) -> (FrameSender, FrameReceiver) {
        (self.sender, self.receiver)
    }
}
