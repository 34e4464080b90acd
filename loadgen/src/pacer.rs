//! Wakes tills at their moments, to some microseconds, without a timer for each request.
//!
//! The runtime's own timers tick in milliseconds, which would be most of the latency to be measured. One kernel
//! timer (timerfd) is set to the earliest intended request instead; when it fires, all tills that are due are woken.
//! Deadlines (answers, retries, heartbeats) needn't be exact: a sweep over all tills looks at them every few
//! milliseconds, so that setting one costs a store.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::config::{MILLISECOND_NS, SECOND_NS};

/// How often deadlines are looked at.
const SWEEP_NS: u64 = 5 * MILLISECOND_NS;

/// The run's clock: nanoseconds since its zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    zero: Instant,
}

impl RunClock {
    pub(crate) fn start() -> RunClock {
        RunClock { zero: Instant::now() }
    }

    pub(crate) fn now_ns(self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug)]
struct Signal {
    woken: Cell<bool>,
    deadline_ns: Cell<u64>,
    /// The intention that the heap holds for this till; `u64::MAX` for none.
    armed_ns: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    fn wake(&self) {
        self.woken.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// The wake-ups of all tills of a run, on one thread.
#[derive(Debug)]
pub(crate) struct Pacer {
    clock: RunClock,
    timer: AsyncFd<OwnedFd>,
    /// What the kernel timer is set to.
    timer_ns: Cell<u64>,
    intents: RefCell<BinaryHeap<Reverse<(u64, u32)>>>,
    signals: Vec<Signal>,
}

impl Pacer {
    pub(crate) fn new(clock: RunClock, tills: usize) -> std::io::Result<Pacer> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let signal = || Signal {
            woken: Cell::new(false),
            deadline_ns: Cell::new(u64::MAX),
            armed_ns: Cell::new(u64::MAX),
            waker: RefCell::new(None),
        };
        Ok(Pacer {
            clock,
            timer: register(timer)?,
            timer_ns: Cell::new(u64::MAX),
            intents: RefCell::new(BinaryHeap::with_capacity(tills)),
            signals: (0..tills).map(|_| signal()).collect(),
        })
    }

    /// Sets a till's moments: the exact one of its next intention, and a deadline that may be late.
    pub(crate) fn arm(&self, till: u32, intent_ns: Option<u64>, deadline_ns: u64) {
        let signal = &self.signals[till as usize];
        signal.deadline_ns.set(deadline_ns);
        if let Some(intent_ns) = intent_ns
            && intent_ns < signal.armed_ns.get()
        {
            signal.armed_ns.set(intent_ns);
            self.intents.borrow_mut().push(Reverse((intent_ns, till)));
            if intent_ns < self.timer_ns.get() {
                self.set_timer(intent_ns);
            }
        }
    }

    /// Ready once the till's moment has come since the last time this was ready.
    pub(crate) fn poll_woken(&self, till: u32, cx: &mut Context<'_>) -> Poll<()> {
        let signal = &self.signals[till as usize];
        if signal.woken.replace(false) {
            return Poll::Ready(());
        }
        let mut waker = signal.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Wakes every till, whatever its moments: something concerns them all.
    pub(crate) fn wake_all(&self) {
        for signal in &self.signals {
            signal.wake();
        }
    }

    /// Runs for ever; one task of the run.
    pub(crate) async fn run(&self) -> std::io::Result<()> {
        let mut sweep_ns = self.clock.now_ns();
        loop {
            let now_ns = self.clock.now_ns();
            self.wake_due(now_ns);
            if now_ns >= sweep_ns {
                for signal in &self.signals {
                    if signal.deadline_ns.get() <= now_ns {
                        signal.deadline_ns.set(u64::MAX);
                        signal.wake();
                    }
                }
                sweep_ns = now_ns + SWEEP_NS;
            }
            let next_ns = self.intents.borrow().peek().map_or(sweep_ns, |Reverse((at, _))| sweep_ns.min(*at));
            self.set_timer(next_ns);
            let mut ready = self.timer.readable().await?;
            let mut count = [0; 8];
            match rustix::io::read(&self.timer, &mut count) {
                Ok(_) | Err(rustix::io::Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
            ready.clear_ready();
        }
    }

    fn wake_due(&self, now_ns: u64) {
        let mut intents = self.intents.borrow_mut();
        while let Some(&Reverse((at_ns, till))) = intents.peek()
            && at_ns <= now_ns
        {
            intents.pop();
            let signal = &self.signals[till as usize];
            if signal.armed_ns.get() == at_ns {
                signal.armed_ns.set(u64::MAX);
            }
            signal.wake();
        }
    }

    fn set_timer(&self, at_ns: u64) {
        self.timer_ns.set(at_ns);
        // A zero value would disarm the timer.
        let wait = Duration::from_nanos(at_ns.saturating_sub(self.clock.now_ns()).max(1));
        let value = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let setting = Itimerspec { it_interval: zero, it_value: value };
        debug_assert!(u64::from(wait.subsec_nanos()) < SECOND_NS);
        // It fails for a bad descriptor or value only, and both are made here.
        let set = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting);
        debug_assert!(set.is_ok(), "{set:?}");
    }
}

#[expect(
    deprecated,
    reason = "the successor is an unsafe function that asks for a descriptor which stays open and the same; \
              an OwnedFd is one"
)]
fn register(timer: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(timer)
}
