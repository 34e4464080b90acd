//! Tills that sell and upload, keep retrying whatever happens to the server, and remember what they were told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use engine::data_dir::random_bytes;
use protocol::answer::{Answer, MoneyAnswer};
use protocol::client::{Client, ClientError, SaleIdentity, SignInTimeouts};
use protocol::ids::{Epoch, Sequence, TerminalId};
use protocol::offline_record::OfflineRecord;
use protocol::request::{Request, SaleQuery, Upload};
use protocol::result_code::{ResultCode, TillAction};

use crate::campus::{CampusKeys, HOLDERS, card, till};
use crate::seed::Random;
use crate::wire_till::{Tap, offline_record, tap_request};

/// An answer that takes longer is taken for lost, and the request is sent again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// A till that gets nothing done for this long fails the test.
const PATIENCE: Duration = Duration::from_secs(60);
/// Earlier outcomes that a till asks for again in each new session, besides those it hasn't asked for yet.
const ASKED_AGAIN: u64 = 16;
/// Earlier taps that it sends again in each new session.
const SENT_AGAIN: u64 = 4;

/// What a till was told about one sale.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledged {
    /// The sale.
    pub tap: Tap,
    /// It was made offline and uploaded.
    pub uploaded: bool,
    /// The outcome.
    pub code: ResultCode,
    /// The record it stands on.
    pub record: u64,
}

/// Everything that a till was told.
pub struct TillLog {
    /// The till.
    pub terminal: TerminalId,
    /// What it was told, each sale once.
    pub acknowledged: Vec<Acknowledged>,
}

/// Tills on threads of their own.
pub struct Load {
    address: Arc<Mutex<Option<SocketAddr>>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<TillLog>>,
}

impl Load {
    /// Starts `tills` tills; they wait until an address is published.
    pub fn start(keys: &CampusKeys, tills: u32, random: &mut Random) -> Load {
        let address = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let threads = (0..tills).map(|index| {
            let worker = TillWorker {
                index,
                tills,
                keys: keys.clone(),
                random: random.fork(),
                address: Arc::clone(&address),
                stop: Arc::clone(&stop),
                told: Arc::clone(&acknowledged),
                progress_at: Instant::now(),
                next_sequence: 1,
                next_counter: 1,
                in_hand: None,
                acknowledged: Vec::new(),
                confirmed: 0,
            };
            thread::spawn(move || worker.run())
        });
        let threads = threads.collect();
        Load { address, stop, acknowledged, threads }
    }

    /// Says where the server listens now; `None` while it doesn't.
    pub fn publish(&self, address: Option<SocketAddr>) {
        *self.address.lock().expect("no till panics while it looks") = address;
    }

    /// Sales acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Returns when `count` more sales were acknowledged.
    pub fn wait_for(&self, count: u64) {
        let enough = self.acknowledged() + count;
        while self.acknowledged() < enough {
            self.expect_alive();
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn expect_alive(&self) {
        assert!(!self.threads.iter().any(thread::JoinHandle::is_finished), "a till gave up; see its panic");
    }

    /// Every till finishes what it has in hand, asks for all of its outcomes again, and signs off.
    pub fn finish(self) -> Vec<TillLog> {
        self.stop.store(true, Ordering::Release);
        let join = |thread: thread::JoinHandle<TillLog>| match thread.join() {
            Ok(log) => log,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        self.threads.into_iter().map(join).collect()
    }
}

/// What a till does until it is answered.
enum InHand {
    Tap(Tap),
    Upload { batch: u32, taps: Vec<Tap>, records: Vec<OfflineRecord> },
}

struct TillWorker {
    index: u32,
    tills: u32,
    keys: CampusKeys,
    random: Random,
    address: Arc<Mutex<Option<SocketAddr>>>,
    stop: Arc<AtomicBool>,
    told: Arc<AtomicU64>,
    progress_at: Instant,
    next_sequence: u32,
    next_counter: u32,
    in_hand: Option<InHand>,
    acknowledged: Vec<Acknowledged>,
    /// Outcomes up to here were asked for again in a later session.
    confirmed: usize,
}

impl TillWorker {
    fn run(mut self) -> TillLog {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        loop {
            assert!(self.progress_at.elapsed() < PATIENCE, "till {} gets nothing done", self.index);
            let address = *self.address.lock().expect("nobody panics while it holds it");
            let Some(address) = address else {
                // Nobody serves, and that's not the till's fault.
                self.progress_at = Instant::now();
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            match runtime.block_on(self.session(address)) {
                Ok(()) => {
                    return TillLog { terminal: till(self.index), acknowledged: self.acknowledged };
                }
                Err(ClientError::Open(error)) => panic!("a frame of the server's is wrong: {error}"),
                Err(ClientError::Decode(error)) => panic!("a frame of the server's is wrong: {error}"),
                // Killed, stopping, or not there yet.
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// One session; `Ok` when the till is done for good.
    async fn session(&mut self, address: SocketAddr) -> Result<(), ClientError> {
        let identity = self.keys.identity(till(self.index));
        let timeouts = SignInTimeouts { connect: ANSWER_TIMEOUT, answer: ANSWER_TIMEOUT };
        let (mut client, welcome) = Client::connect(address, &identity, random_bytes(), timeouts).await?;
        let last_told = self.acknowledged.iter().map(|told| told.tap.sequence).max().unwrap_or(0);
        assert!(welcome.last_sequence.0 >= last_told, "the server forgot sequences that it acknowledged");
        self.confirm(&mut client).await?;
        loop {
            if self.in_hand.is_none() {
                if self.stop.load(Ordering::Acquire) {
                    break;
                }
                self.in_hand = Some(self.new_work());
            }
            self.work(&mut client).await?;
        }
        self.confirm_all(&mut client).await?;
        client.call(SaleIdentity::default(), &Request::SignOut, ANSWER_TIMEOUT).await?;
        Ok(())
    }

    /// A tap mostly, sometimes an upload. Each till has its own holders, so their card counters rise.
    fn new_work(&mut self) -> InHand {
        if self.random.below(24) > 0 {
            return InHand::Tap(self.new_tap());
        }
        let count = 1 + self.random.below(100);
        let taps: Vec<Tap> = (0..count).map(|_| self.new_tap()).collect();
        let record = |tap: &Tap| offline_record(&self.keys, till(self.index), tap, 1_790_000_000_000_000_000);
        let records = taps.iter().map(record).collect();
        InHand::Upload { batch: self.next_sequence, taps, records }
    }

    fn new_tap(&mut self) -> Tap {
        let own_holders = HOLDERS / self.tills;
        let account = self.random.below(own_holders.into()) as u32 * self.tills + self.index;
        let tap = Tap {
            sequence: self.next_sequence,
            card: card(account),
            counter: self.next_counter,
            amount_fen: 1 + self.random.below(500).cast_signed(),
        };
        self.next_sequence += 1;
        self.next_counter += 1;
        tap
    }

    async fn work(&mut self, client: &mut Client) -> Result<(), ClientError> {
        let told = match self.in_hand.as_ref().expect("there is work") {
            InHand::Tap(tap) => {
                let Some(answer) = send_tap(client, tap).await? else {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    return Ok(());
                };
                vec![Acknowledged { tap: *tap, uploaded: false, code: answer.code, record: answer.record.0 }]
            }
            InHand::Upload { batch, taps, records } => {
                let upload = Request::Upload(Upload { batch: *batch, records });
                match client.call(SaleIdentity::default(), &upload, ANSWER_TIMEOUT).await? {
                    Answer::Batch(answer) => {
                        let lines = answer.lines.iter().zip(taps).map(|(line, &tap)| {
                            let code = line.result().expect("a known code");
                            assert_eq!(line.sequence.get(), tap.sequence, "the lines are in order");
                            Acknowledged { tap, uploaded: true, code, record: line.record.get() }
                        });
                        lines.collect()
                    }
                    answer => {
                        expect_retry(&answer);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        return Ok(());
                    }
                }
            }
        };
        if told.iter().any(|told| told.code.action() == TillAction::Retry) {
            return Ok(());
        }
        for told in &told {
            assert!(told.code.is_approved() && told.record > 0, "{told:?}");
        }
        self.told.fetch_add(told.len() as u64, Ordering::Release);
        self.acknowledged.extend(told);
        self.in_hand = None;
        self.progress_at = Instant::now();
        Ok(())
    }

    /// Asks again for what was told since the last time, and for some of what was told before.
    async fn confirm(&mut self, client: &mut Client) -> Result<(), ClientError> {
        for index in self.confirmed..self.acknowledged.len() {
            ask(client, &self.acknowledged[index]).await?;
        }
        self.confirmed = self.acknowledged.len();
        if self.acknowledged.is_empty() {
            return Ok(());
        }
        for turn in 0..ASKED_AGAIN + SENT_AGAIN {
            let told = self.acknowledged[self.random.below(self.acknowledged.len() as u64) as usize];
            if turn < ASKED_AGAIN {
                ask(client, &told).await?;
            } else if !told.uploaded {
                let answer = send_tap(client, &told.tap).await?.ok_or(ClientError::Closed)?;
                assert!(answer.repeat, "a retry of {told:?} was taken for a new sale: {answer:?}");
                expect_same(&told, &answer);
            }
        }
        self.progress_at = Instant::now();
        Ok(())
    }

    async fn confirm_all(&mut self, client: &mut Client) -> Result<(), ClientError> {
        for told in &self.acknowledged {
            ask(client, told).await?;
        }
        Ok(())
    }
}

/// `None`: the server can't now; send it again.
async fn send_tap(client: &mut Client, tap: &Tap) -> Result<Option<MoneyAnswer>, ClientError> {
    let sale = SaleIdentity { epoch: Epoch(1), sequence: Sequence(tap.sequence) };
    match client.call(sale, &tap_request(tap), ANSWER_TIMEOUT).await? {
        Answer::Money(answer) => Ok(Some(answer)),
        answer => {
            expect_retry(&answer);
            Ok(None)
        }
    }
}

fn expect_retry(answer: &Answer<'_>) {
    let Answer::Refused(refusal) = answer else { panic!("answered with {answer:?}") };
    assert_eq!(refusal.code.action(), TillAction::Retry, "{refusal:?}");
}

/// Asks for an outcome: it must be there as it was told.
async fn ask(client: &mut Client, told: &Acknowledged) -> Result<(), ClientError> {
    let query = SaleQuery { epoch: Epoch(1), sequence: Sequence(told.tap.sequence) };
    match client.call(SaleIdentity::default(), &Request::SaleQuery(query), ANSWER_TIMEOUT).await? {
        Answer::Money(answer) => {
            expect_same(told, &answer);
            Ok(())
        }
        answer => {
            expect_retry(&answer);
            // Stopping: another session will ask.
            Err(ClientError::Closed)
        }
    }
}

fn expect_same(told: &Acknowledged, answer: &MoneyAnswer) {
    assert_eq!(
        (answer.code, answer.record.0, answer.amount_fen),
        (told.code, told.record, told.tap.amount_fen),
        "the outcome of {told:?} isn't what was acknowledged"
    );
}
