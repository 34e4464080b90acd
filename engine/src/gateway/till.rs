//! The gateway as a terminal of the server: one session, one request in flight, one sequence.
//!
//! It keeps nothing on disk. After a start it goes on above the highest sequence that Welcome tells. A request whose answer got
//! lost is sent again under its identity, over new sessions too, until it is answered; one that was in flight when the process
//! died comes again, with its order number, under another identity, and the ledger answers it as a repeat. Should the server
//! have taken the old one after all, beneath the new one's identity, that is `IdentityConflict`, and the next sequence is taken.

use std::net::SocketAddr;
use std::time::Duration;

use protocol::answer::{Answer, BalanceAnswer, MoneyAnswer};
use protocol::client::{Client, ClientError, SaleIdentity, SignInTimeouts};
use protocol::ids::Sequence;
use protocol::request::{BalanceQuery, Heartbeat, Request, TopUp};
use protocol::result_code::{ResultCode, TillAction};
use protocol::sign_in::{SignInError, TerminalIdentity, Welcome};
use protocol::terminal_kind::TerminalKind;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use wal::{Clock, SystemClock};

use crate::data_dir::random_bytes;

/// Requests that may wait for the session; more are turned away.
const WAITING_MAX: usize = 64;
/// A till's own time for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// How long a caller waits: less than a payment platform does.
const CALLER_WAITS_MAX: Duration = Duration::from_secs(4);
/// Pauses between attempts: doubled from the first to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LAST: Duration = Duration::from_secs(5);
/// How often another identity is taken for one request, at most.
const CONFLICTS_MAX: u32 = 8;

/// The request wasn't answered; whether it was carried out isn't known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TillError {
    /// Too many others wait.
    #[error("too many requests wait for the server")]
    Busy,
    /// No answer in time, or the gateway stops.
    #[error("the server doesn't answer")]
    NoAnswer,
    /// The server won't hear it, and would never: the gateway is set up wrongly.
    #[error("the server refused the request: {0}")]
    Refused(ResultCode),
}

/// Why the first sign-in makes no sense to repeat.
#[derive(Debug, thiserror::Error)]
pub enum SignInFailure {
    /// The server refused it, or isn't the one that has the terminal's key.
    #[error("sign-in at {server}: {source}")]
    Refused {
        /// The server.
        server: SocketAddr,
        /// What came.
        source: ClientError,
    },
    /// The terminal may not do what a gateway does.
    #[error("terminal {terminal} is registered as a {kind}, not as a phone-gateway")]
    OtherKind {
        /// The terminal's number.
        terminal: u32,
        /// What it is registered as.
        kind: &'static str,
    },
}

enum Job {
    TopUp(TopUp, oneshot::Sender<Result<MoneyAnswer, TillError>>),
    Balance(BalanceQuery, oneshot::Sender<Result<BalanceAnswer, TillError>>),
}

/// The way to the session.
#[derive(Clone)]
pub struct Till {
    jobs: mpsc::Sender<Job>,
}

impl Till {
    /// Pays money in; the answer is durable. An error says nothing of whether it was: ask again.
    ///
    /// # Errors
    /// [`TillError`].
    pub async fn top_up(&self, top_up: TopUp) -> Result<MoneyAnswer, TillError> {
        self.ask(|answer| Job::TopUp(top_up, answer)).await
    }

    /// Asks for an account and its balance.
    ///
    /// # Errors
    /// [`TillError`].
    pub async fn balance(&self, query: BalanceQuery) -> Result<BalanceAnswer, TillError> {
        self.ask(|answer| Job::Balance(query, answer)).await
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, TillError>>) -> Job,
    ) -> Result<T, TillError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.try_send(job(answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => TillError::Busy,
            mpsc::error::TrySendError::Closed(_) => TillError::NoAnswer,
        })?;
        match timeout(CALLER_WAITS_MAX, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(TillError::NoAnswer),
        }
    }
}

/// What keeps the session: run [`Session::run`] as a task.
pub struct Session {
    server: SocketAddr,
    identity: TerminalIdentity,
    jobs: mpsc::Receiver<Job>,
    signed_in: Option<(Client, Duration)>,
    next_sequence: Sequence,
}

/// Why an attempt gave no outcome.
enum Trouble {
    /// The session is gone, or the server says to come again.
    Again(String),
    /// The server won't hear such a request.
    Never(ResultCode),
}

impl Session {
    /// A session to come, and the way to it.
    pub fn new(server: SocketAddr, identity: TerminalIdentity) -> (Till, Session) {
        let (sender, jobs) = mpsc::channel(WAITING_MAX);
        let session = Session { server, identity, jobs, signed_in: None, next_sequence: Sequence(1) };
        (Till { jobs: sender }, session)
    }

    /// Signs in for the first time. A server that isn't there is tried again later; one that refuses won't change its mind.
    ///
    /// # Errors
    /// [`SignInFailure`].
    pub async fn begin(&mut self) -> Result<(), SignInFailure> {
        match self.sign_in().await {
            Ok(welcome) if welcome.terminal_kind == TerminalKind::PhoneGateway => Ok(()),
            Ok(welcome) => {
                let terminal = self.identity.terminal.0;
                Err(SignInFailure::OtherKind { terminal, kind: welcome.terminal_kind.name() })
            }
            Err(source @ ClientError::SignIn(_)) if !is_for_now(&source) => {
                Err(SignInFailure::Refused { server: self.server, source })
            }
            Err(error) => {
                tracing::warn!(server = %self.server, %error, "the server isn't there yet");
                Ok(())
            }
        }
    }

    /// Carries out what is asked for, until nobody can ask any more.
    pub async fn run(mut self) {
        loop {
            let job = match self.signed_in {
                Some((_, heartbeat)) => timeout(heartbeat, self.jobs.recv()).await,
                None => Ok(self.jobs.recv().await),
            };
            match job {
                Ok(Some(job)) => self.perform(job).await,
                Ok(None) => return,
                Err(_) => self.beat().await,
            }
        }
    }

    async fn sign_in(&mut self) -> Result<Welcome, ClientError> {
        let timeouts = SignInTimeouts::default();
        let (client, welcome) =
            Client::connect(self.server, &self.identity, random_bytes(), timeouts).await?;
        let heartbeat = Duration::from_millis(welcome.heartbeat_interval_ms.max(1).into());
        self.signed_in = Some((client, heartbeat));
        self.next_sequence = self.next_sequence.max(Sequence(welcome.last_sequence.0.saturating_add(1)));
        tracing::info!(server = %self.server, sequence = self.next_sequence.0, "signed in");
        Ok(welcome)
    }

    /// One request and its answer, on the session that stands or on a new one.
    async fn call<T>(
        &mut self,
        sequence: Option<Sequence>,
        request: &Request<'_>,
        read: impl FnOnce(&Answer<'_>) -> Option<T>,
    ) -> Result<T, Trouble> {
        let sale = SaleIdentity { epoch: self.identity.epoch, sequence: sequence.unwrap_or(Sequence(0)) };
        let Some((client, _)) = &mut self.signed_in else {
            return Err(Trouble::Again("not signed in".into()));
        };
        let refusal = match client.call(sale, request, ANSWER_MAX).await {
            Ok(Answer::Refused(refusal)) => refusal,
            Ok(answer) => {
                return read(&answer).ok_or_else(|| Trouble::Again("an answer of another kind".into()));
            }
            Err(error) => {
                self.signed_in = None;
                return Err(Trouble::Again(error.to_string()));
            }
        };
        match refusal.code.action() {
            TillAction::Retry => {}
            TillAction::Stop if refusal.code != ResultCode::Fenced => {
                return Err(Trouble::Never(refusal.code));
            }
            _ => self.signed_in = None,
        }
        Err(Trouble::Again(format!("the server says {}", refusal.code)))
    }

    async fn ready(&mut self) -> Result<(), Trouble> {
        if self.signed_in.is_none() {
            self.sign_in().await.map_err(|error| Trouble::Again(error.to_string()))?;
        }
        Ok(())
    }

    async fn beat(&mut self) {
        let heartbeat = Request::Heartbeat(Heartbeat { till_time_ns: SystemClock.wall_ns() });
        if self.call(None, &heartbeat, |_| Some(())).await.is_err() {
            self.signed_in = None;
        }
    }

    async fn perform(&mut self, job: Job) {
        // Who asked may have gone: nobody is told then, and asks again.
        match job {
            Job::TopUp(top_up, answer) => {
                if let Some(outcome) = self.top_up(&Request::TopUp(top_up), &answer).await {
                    let _ = answer.send(outcome);
                }
            }
            Job::Balance(query, answer) => {
                if let Some(outcome) = self.balance(&Request::Balance(query), &answer).await {
                    let _ = answer.send(outcome);
                }
            }
        }
    }

    /// Asks until it is answered or nobody waits for it.
    async fn balance(
        &mut self,
        request: &Request<'_>,
        waits: &oneshot::Sender<Result<BalanceAnswer, TillError>>,
    ) -> Option<Result<BalanceAnswer, TillError>> {
        let mut pause = PAUSE_FIRST;
        while !waits.is_closed() {
            let read = |answer: &Answer<'_>| match answer {
                Answer::Balance(balance) => Some(*balance),
                _ => None,
            };
            let outcome = match self.ready().await {
                Ok(()) => self.call(None, request, read).await,
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Ok(balance) => return Some(Ok(balance)),
                Err(Trouble::Never(code)) => return Some(Err(TillError::Refused(code))),
                Err(Trouble::Again(reason)) => rest(&mut pause, &reason).await,
            }
        }
        None
    }

    /// Repeats a top-up under its identity until it is answered; gives up only what was never sent and nobody waits for.
    async fn top_up(
        &mut self,
        request: &Request<'_>,
        waits: &oneshot::Sender<Result<MoneyAnswer, TillError>>,
    ) -> Option<Result<MoneyAnswer, TillError>> {
        // The identity is this request's own from the first time that it is sent, whatever a later Welcome tells.
        let mut taken = None;
        let mut conflicts = 0;
        let mut pause = PAUSE_FIRST;
        loop {
            if taken.is_none() && waits.is_closed() {
                return None;
            }
            let outcome = match self.ready().await {
                Ok(()) => {
                    let sequence = *taken.get_or_insert(self.next_sequence);
                    let read = |answer: &Answer<'_>| match answer {
                        Answer::Money(money) => Some(*money),
                        _ => None,
                    };
                    self.call(Some(sequence), request, read).await
                }
                Err(trouble) => Err(trouble),
            };
            let answer = match outcome {
                Ok(answer) => answer,
                Err(Trouble::Never(code)) => return Some(Err(TillError::Refused(code))),
                Err(Trouble::Again(reason)) => {
                    rest(&mut pause, &reason).await;
                    continue;
                }
            };
            if answer.code.action() == TillAction::Retry {
                rest(&mut pause, answer.code.name()).await;
                continue;
            }
            if !answer.code.is_transient() {
                let used = taken.map_or(0, |sequence| sequence.0);
                self.next_sequence = self.next_sequence.max(Sequence(used.saturating_add(1)));
            }
            if answer.code == ResultCode::IdentityConflict && conflicts < CONFLICTS_MAX {
                conflicts += 1;
                taken = None;
                continue;
            }
            return Some(Ok(answer));
        }
    }
}

/// Whether the server refused a sign-in because of what it is doing just now.
fn is_for_now(error: &ClientError) -> bool {
    matches!(error, ClientError::SignIn(SignInError::Refused(refusal)) if refusal.code.action() == TillAction::Retry)
}

async fn rest(pause: &mut Duration, reason: &str) {
    tracing::warn!(
        reason,
        pause_ms = pause.as_millis(),
        "the server doesn't answer a request; it is sent again"
    );
    sleep(*pause).await;
    *pause = (*pause * 2).min(PAUSE_LAST);
}
