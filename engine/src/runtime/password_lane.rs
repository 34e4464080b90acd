//! The password lane: requests that carry a query password, on a thread of their own.
//!
//! A hash takes some 20 ms on purpose, and making one durable a write, so neither is done by a worker, nor under a lock, nor
//! where uploads wait. A worker decides such a request first: most that is wrong with it is found out without a hash. What
//! needs one comes here, is hashed, and decided again. The queue is bounded; a full one is "busy".
//!
//! A password's hash is durable before its record is staged: see [`super::password_vault`]. As the slow lane it runs after the
//! workers when there are too few processors.

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
    let password = command.password();
    look_up::decide(engine, signal, &command.command().request, |need, known| {
        // What isn't a password is refused before a hash is needed; here it is to be found again in the log at most.
        let Some(password) = &password else { return Some(ResultCode::Busy) };
        answer(vault, password, need, known).unwrap_or_else(|error| {
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
        Need::Sale { .. }
        | Need::Refunds { .. }
        | Need::Told { .. }
        | Need::Totals(_)
        | Need::Record(_)
        | Need::Order { .. }
        | Need::Till(_)
        | Need::Account(_) => {
            unreachable!("the log knows {need:?}")
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use protocol::ids::{AccountId, Epoch, MerchantId, Sequence, TerminalId};
    use protocol::keys::Key128;

    use super::*;
    use crate::ledger::command::{AccountSelector, LossReport, RegisterTerminal, Sale};
    use crate::ledger::registry::TerminalKind;
    use crate::ledger::{Command, Request, TerminalSlot};
    use crate::runtime::small_engine::small_engine;

    const COUNTER: TerminalId = TerminalId(77);

    /// A loss report with what isn't a password.
    struct Malformed {
        slot: TerminalSlot,
        sequence: u32,
    }

    impl OwnedCommand for Malformed {
        fn command(&self) -> Command<'_> {
            let sequence = Sequence(self.sequence);
            let sale = Sale { slot: self.slot, terminal: COUNTER, epoch: Epoch(1), sequence, raw: &[] };
            let account = AccountSelector::Account(AccountId(0));
            Request::LossReport(LossReport { sale, account, well_formed: false }).into()
        }
    }

    #[test]
    fn what_was_no_password_is_told_again_long_after() {
        let engine = Arc::new(small_engine(2, 1));
        let merchant = MerchantId(1);
        let counter = RegisterTerminal {
            terminal: COUNTER,
            merchant,
            kind: TerminalKind::Counter,
            key_version: 1,
            enabled: true,
        };
        engine.configure(Request::RegisterTerminal(counter)).expect("it is new");
        let slot = TerminalSlot(1);
        let mut first = None;
        let mut sequence = 1;
        // Until memory has forgotten the first.
        loop {
            let reply = engine.execute(&Malformed { slot, sequence }.command());
            let Reply::Outcome(outcome) = reply else { panic!("{reply:?}") };
            assert_eq!(outcome.code, ResultCode::PasswordMalformed);
            first.get_or_insert(outcome.record);
            sequence += 1;
            let again = engine.execute(&Malformed { slot, sequence: 1 }.command());
            if let Reply::Needs(_) = again {
                break;
            }
            assert!(sequence < 10_000, "the first is never forgotten");
        }
        engine.sync().expect("the simulated medium works");
        let vault = Arc::new(PasswordVault::in_memory(Key128::new([0; 16])));
        let lane = PasswordLane::spawn(Arc::clone(&engine), vault).expect("a thread");
        let (told, answer) = mpsc::channel();
        let done = Box::new(move |reply| told.send(reply).expect("the test waits"));
        assert_eq!(lane.submit(Box::new(Malformed { slot, sequence: 1 }), done), Ok(()));
        match answer.recv() {
            Ok(Reply::Outcome(outcome)) => {
                assert_eq!((outcome.code, Some(outcome.record)), (ResultCode::PasswordMalformed, first));
            }
            other => panic!("{other:?}"),
        }
    }
}
