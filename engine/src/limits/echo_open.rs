//! The open loop against the echo server, paced like loadgen's: every connection has its own Poisson process, one
//! kernel timer is set to the earliest intended request, and latency counts from the intention.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use loadgen::measurement::new_histogram;
use loadgen::random::Random;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;
use tokio::task::{self, LocalSet};

use super::echo_client::EchoConnection;
use super::{LimitsError, SECOND_NS};

/// How long after the last intended request answers are awaited.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What an open run against the echo server found.
#[derive(Clone, Debug)]
pub struct EchoOpen {
    /// From the intended start to the answer, nanoseconds.
    pub histogram: Histogram<u64>,
    /// From the intended start to the moment that the connection's task took it up, its connection being free.
    pub lag: Histogram<u64>,
    /// Intended requests without an answer, and connections that broke.
    pub failed: u64,
}

/// One connection's intended requests that are due and not sent yet.
#[derive(Default)]
struct Inbox {
    due_ns: RefCell<VecDeque<u64>>,
    closed: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Inbox {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The oldest that is due; `None` once all were taken and no more come.
    async fn next(&self) -> Option<u64> {
        poll_fn(|cx| {
            if let Some(due_ns) = self.due_ns.borrow_mut().pop_front() {
                return Poll::Ready(Some(due_ns));
            }
            if self.closed.get() {
                return Poll::Ready(None);
            }
            self.waker.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await
    }
}

struct Shared {
    zero: Instant,
    inboxes: Vec<Inbox>,
    histogram: RefCell<Histogram<u64>>,
    lag: RefCell<Histogram<u64>>,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        self.zero.elapsed().as_nanos() as u64
    }
}

/// Plays `rate_per_s` on so many connections for `measure`.
///
/// # Errors
/// The runtime or the timer can't be made, or a connection can't be opened.
pub fn run(
    address: SocketAddr,
    connections: u32,
    rate_per_s: f64,
    measure: Duration,
    seed: u64,
) -> Result<EchoOpen, LimitsError> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        LocalSet::new().block_on(&runtime, open(address, connections, rate_per_s, measure, seed))
    };
    run().map_err(LimitsError::io("the echo server"))
}

async fn open(
    address: SocketAddr,
    connections: u32,
    rate_per_s: f64,
    measure: Duration,
    seed: u64,
) -> io::Result<EchoOpen> {
    let mut opened = Vec::with_capacity(connections as usize);
    for _ in 0..connections {
        opened.push(EchoConnection::open(address).await?);
    }
    let shared = Rc::new(Shared {
        zero: Instant::now(),
        inboxes: (0..connections).map(|_| Inbox::default()).collect(),
        histogram: RefCell::new(new_histogram()),
        lag: RefCell::new(new_histogram()),
    });
    let tasks: Vec<_> = opened
        .into_iter()
        .enumerate()
        .map(|(place, connection)| task::spawn_local(work(connection, place, Rc::clone(&shared))))
        .collect();
    let gap_mean_ns = SECOND_NS as f64 * f64::from(connections) / rate_per_s;
    let intended = pace(&shared, gap_mean_ns, measure, seed).await?;
    for inbox in &shared.inboxes {
        inbox.closed.set(true);
        inbox.wake();
    }
    let end = tokio::time::Instant::now() + DRAIN_MAX;
    for mut task in tasks {
        if tokio::time::timeout_at(end, &mut task).await.is_err() {
            task.abort();
        }
    }
    let histogram = shared.histogram.borrow().clone();
    let lag = shared.lag.borrow().clone();
    Ok(EchoOpen { failed: intended - histogram.len(), histogram, lag })
}

/// Hands out every intended request at its moment; gives their number.
async fn pace(shared: &Shared, gap_mean_ns: f64, measure: Duration, seed: u64) -> io::Result<u64> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    let timer = register(timer)?;
    let end_ns = measure.as_nanos() as u64;
    let mut streams: Vec<Random> =
        (0..shared.inboxes.len()).map(|place| Random::new(seed, place as u64)).collect();
    let start_ns = shared.now_ns();
    let mut heap: BinaryHeap<Reverse<(u64, usize)>> = streams
        .iter_mut()
        .enumerate()
        .map(|(place, random)| Reverse((start_ns + random.exponential(gap_mean_ns) as u64, place)))
        .collect();
    let mut intended = 0;
    while let Some(&Reverse((next_ns, _))) = heap.peek()
        && next_ns < start_ns + end_ns
    {
        let now_ns = shared.now_ns();
        if next_ns > now_ns {
            sleep(&timer, next_ns - now_ns).await?;
            continue;
        }
        while let Some(mut first) = heap.peek_mut()
            && first.0.0 <= now_ns
            && first.0.0 < start_ns + end_ns
        {
            let Reverse((due_ns, place)) = *first;
            *first = Reverse((due_ns + streams[place].exponential(gap_mean_ns) as u64, place));
            drop(first);
            let inbox = &shared.inboxes[place];
            inbox.due_ns.borrow_mut().push_back(due_ns);
            inbox.wake();
            intended += 1;
        }
        task::yield_now().await;
    }
    Ok(intended)
}

async fn sleep(timer: &AsyncFd<OwnedFd>, wait_ns: u64) -> io::Result<()> {
    let wait = Duration::from_nanos(wait_ns.max(1));
    let value = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: i64::from(wait.subsec_nanos()) };
    let setting = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &setting)?;
    let mut ready = timer.readable().await?;
    let mut count = [0; 8];
    match rustix::io::read(timer, &mut count) {
        Ok(_) | Err(rustix::io::Errno::AGAIN) => {}
        Err(error) => return Err(error.into()),
    }
    ready.clear_ready();
    Ok(())
}

async fn work(mut connection: EchoConnection, place: usize, shared: Rc<Shared>) -> io::Result<()> {
    let mut free_ns = 0;
    while let Some(due_ns) = shared.inboxes[place].next().await {
        let sent_ns = shared.now_ns();
        shared.lag.borrow_mut().saturating_record(sent_ns.saturating_sub(due_ns.max(free_ns)));
        connection.call().await?;
        free_ns = shared.now_ns();
        shared.histogram.borrow_mut().saturating_record(free_ns.saturating_sub(due_ns));
    }
    Ok(())
}

#[expect(
    deprecated,
    reason = "the successor is an unsafe function that asks for a descriptor which stays open and the same; \
              an OwnedFd is one"
)]
fn register(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(timer)
}
