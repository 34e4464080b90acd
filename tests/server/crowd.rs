//! Clients on threads of their own, each in one session after another for as long as it has something to do, whatever
//! happens to the server meanwhile.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use engine::data_dir::random_bytes;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::client::{Client, ClientError, SaleIdentity, SignInTimeouts};
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::request::{Request, SaleQuery};
use protocol::result_code::TillAction;

use crate::campus::CampusKeys;

/// An answer that takes longer is taken for lost, and the request is sent again.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// A client that gets nothing done for this long fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of the crowd.
pub trait Member: Send + 'static {
    /// What it was told.
    type Log: Send + 'static;

    /// Who it is.
    fn terminal(&self) -> TerminalId;

    /// One session; `Ok` when it is done for good.
    async fn session(&mut self, place: &mut Place, address: SocketAddr) -> Result<(), ClientError>;

    /// What it was told, at its end.
    fn into_log(self) -> Self::Log;
}

#[derive(Default)]
struct Shared {
    address: Mutex<Option<SocketAddr>>,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

/// A member's place in the crowd.
pub struct Place {
    shared: Arc<Shared>,
    progress_at: Instant,
}

impl Place {
    /// Whether nothing new is to be begun.
    pub fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Counts what was acknowledged.
    pub fn acknowledge(&mut self, count: u64) {
        self.shared.acknowledged.fetch_add(count, Ordering::Release);
        self.goes_on();
    }

    /// Something was done.
    pub fn goes_on(&mut self) {
        self.progress_at = Instant::now();
    }

    fn play<M: Member>(mut self, mut member: M) -> M::Log {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        loop {
            let patient = self.progress_at.elapsed() < PATIENCE;
            assert!(patient, "{} gets nothing done", member.terminal());
            let address = *self.shared.address.lock().expect("nobody panics while it holds it");
            let Some(address) = address else {
                // Nobody serves, and that's not the client's fault.
                self.goes_on();
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            match runtime.block_on(member.session(&mut self, address)) {
                Ok(()) => return member.into_log(),
                Err(ClientError::Open(error)) => panic!("a frame of the server's is wrong: {error}"),
                Err(ClientError::Decode(error)) => panic!("a frame of the server's is wrong: {error}"),
                // Killed, stopping, or not there yet.
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

/// All of them, each of which leaves such a log.
pub struct Crowd<L> {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<L>>,
}

impl<L: Send + 'static> Crowd<L> {
    /// Starts them; they wait until an address is published.
    pub fn of<M: Member<Log = L>>(members: impl Iterator<Item = M>) -> Crowd<L> {
        let shared = Arc::<Shared>::default();
        let threads = members.map(|member| {
            let place = Place { shared: Arc::clone(&shared), progress_at: Instant::now() };
            thread::spawn(move || place.play(member))
        });
        let threads = threads.collect();
        Crowd { shared, threads }
    }

    /// Says where the server listens now; `None` while it doesn't.
    pub fn publish(&self, address: Option<SocketAddr>) {
        *self.shared.address.lock().expect("nobody panics while it looks") = address;
    }

    /// How much was acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Acquire)
    }

    /// Returns when `count` more were acknowledged.
    pub fn wait_for(&self, count: u64) {
        let enough = self.acknowledged() + count;
        while self.acknowledged() < enough {
            let ended = self.threads.iter().any(thread::JoinHandle::is_finished);
            assert!(!ended, "a client gave up; see its panic");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Each finishes what it has in hand, asks for all of its outcomes again, and signs off.
    pub fn finish(self) -> Vec<L> {
        self.shared.stop.store(true, Ordering::Release);
        let join = |thread: thread::JoinHandle<L>| match thread.join() {
            Ok(log) => log,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        self.threads.into_iter().map(join).collect()
    }
}

/// Signs in. The server knows every sequence up to `last_told`, which it acknowledged.
pub async fn sign_in(
    address: SocketAddr,
    keys: &CampusKeys,
    terminal: TerminalId,
    last_told: u32,
) -> Result<Client, ClientError> {
    let timeouts = SignInTimeouts { connect: ANSWER_TIMEOUT, answer: ANSWER_TIMEOUT };
    let identity = keys.identity(terminal);
    let (client, welcome) = Client::connect(address, &identity, random_bytes(), timeouts).await?;
    assert!(welcome.last_sequence.0 >= last_told, "the server forgot sequences that it acknowledged");
    Ok(client)
}

/// Signs out.
pub async fn sign_out(client: &mut Client) -> Result<(), ClientError> {
    client.call(SaleIdentity::default(), &Request::SignOut, ANSWER_TIMEOUT).await?;
    Ok(())
}

/// Asks for the outcome of a sequence.
pub async fn outcome_of(client: &mut Client, sequence: u32) -> Result<MoneyAnswer, ClientError> {
    let query = SaleQuery { epoch: Epoch(1), sequence: Sequence(sequence) };
    match client.call(SaleIdentity::default(), &Request::SaleQuery(query), ANSWER_TIMEOUT).await? {
        Answer::Money(answer) => Ok(answer),
        answer => {
            expect_retry(&answer);
            // Stopping: another session will ask.
            Err(ClientError::Closed)
        }
    }
}

/// Holds what isn't an outcome to be a refusal that says "try again".
pub fn expect_retry(answer: &Answer<'_>) {
    let Answer::Refused(refusal) = answer else { panic!("answered with {answer:?}") };
    assert_eq!(refusal.code.action(), TillAction::Retry, "{refusal:?}");
}
