//! The password lane: requests that carry a query password, on a thread of their own.
//!
//! A hash takes some 20 ms on purpose, and making one durable a write, so neither is done by a worker, nor under a lock, nor
//! where uploads wait. A worker decides such a request first: most that is wrong with it is found out without a hash. What
//! needs one comes here, is hashed, and decided again. The queue is bounded; a full one is "busy".
//!
//! A password's hash is durable before its record is staged: see [`super::password_vault`].

use std::sync::Arc;
use std::thread;

use crossbeam::channel::{self, Sender};
use protocol::password::Password;
use protocol::result_code::ResultCode;

use super::durable_signal::DurableSignal;
use super::engine::{Engine, Reply};
use super::look_up;
use super::password_vault::{PasswordVault, VaultError};
use super::slow_lane::{OwnedCommand, QueueFull};
use crate::ledger::known::{Known, KnownPassword, Need};

/// Requests that may wait for their hash: about a second's worth.
const WAITING_MAX: usize = 64;

/// A request that waits for its hash.
struct Job {
    command: Box<dyn OwnedCommand>,
    done: Box<dyn FnOnce(Reply) + Send>,
}

/// The lane's thread. Dropping it closes the queue, finishes what is in it and waits.
pub struct PasswordLane {
    queue: Option<Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl PasswordLane {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn spawn(engine: Arc<Engine>, vault: Arc<PasswordVault>) -> std::io::Result<PasswordLane> {
        let (queue, jobs) = channel::bounded::<Job>(WAITING_MAX);
        let signal = DurableSignal::of(engine.log());
        let thread = thread::Builder::new().name("passwords".to_owned()).spawn(move || {
            for Job { command, done } in jobs {
                done(decide(&engine, &vault, &signal, &*command));
            }
        })?;
        Ok(PasswordLane { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a request that carries a password.
    ///
    /// # Errors
    /// The queue is full; the request is dropped and nothing of it was done.
    pub fn submit(
        &self,
        command: Box<dyn OwnedCommand>,
        done: Box<dyn FnOnce(Reply) + Send>,
    ) -> Result<(), QueueFull> {
        let queue = self.queue.as_ref().expect("the queue is open until the lane is dropped");
        queue.try_send(Job { command, done }).map_err(|_| QueueFull)
    }
}

impl Drop for PasswordLane {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the password lane ends when its queue is closed");
        }
    }
}

fn decide(
    engine: &Engine,
    vault: &PasswordVault,
    signal: &DurableSignal,
    command: &dyn OwnedCommand,
) -> Reply {
    let Some(password) = command.password() else { return Reply::Refused(ResultCode::Busy) };
    let mut known = Known::default();
    look_up::decide(engine, signal, &command.command().request, &mut known, |need, known| {
        answer(vault, &password, need, known).unwrap_or_else(|error| {
            tracing::error!(%error, "the vault of passwords can't be used: requests will be told \"busy\"");
            Some(ResultCode::Busy)
        })
    })
}

/// Answers what the vault knows; says why the request is refused, if it is.
fn answer(
    vault: &PasswordVault,
    password: &Password,
    need: Need,
    known: &mut Known,
) -> Result<Option<ResultCode>, VaultError> {
    match need {
        Need::Password(of) => {
            known.password = Some(KnownPassword { of, verdict: vault.compare(of, password)? });
        }
        Need::NewPassword => known.stored = vault.store(&[vault.hash(password)])?.first().copied(),
        Need::Sale { .. } | Need::Refunds { .. } | Need::Totals(_) | Need::Record(_) | Need::Order { .. } => {
            unreachable!("the log knows {need:?}")
        }
    }
    Ok(None)
}
