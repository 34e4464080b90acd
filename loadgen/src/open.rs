//! The open loop for whatever server: the same intended moments, people and amounts as [`crate::run`] plays for one
//! seed, without what only a till of ours does (retries, reversals, offline sales).
//!
//! Each connection sends its intended debits in order, one in flight. Latency counts from the intended moment, so a
//! server that answers late makes the debits behind it late as well, and they count.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::config::SECOND_NS;
use crate::debit_connection::{DebitConnection, DebitOrder, Seat};
use crate::error::LoadError;
use crate::hiccup::{HiccupMeter, HiccupSummary};
use crate::measurement::{CodeCounts, new_histogram};
use crate::pacer::{Pacer, RunClock};
use crate::profile::{Intent, IntentAction, PlanScope, ProfileConfig};
use crate::report::CodeCount;
use crate::runtime::{await_all, run_here, unix_now_ns};

/// A person who has waited this long without the connection being free leaves, and counts as dropped.
const LATE_MAX_NS: u64 = 30 * SECOND_NS;
/// How long after the last intended debit answers are awaited.
const DRAIN_MAX_NS: u64 = 30 * SECOND_NS;

/// What an open loop found. Counts and histograms hold every debit from the first to the last.
#[derive(Clone, Debug)]
pub struct OpenReport {
    /// Debits that the schedule intended.
    pub intended: u64,
    /// Debits approved.
    pub approved: u64,
    /// Debits refused, by code.
    pub refused_by_code: Vec<CodeCount>,
    /// Intended debits that were never sent, because their connection wasn't free in time.
    pub dropped: u64,
    /// Intended debits without an answer, those on connections that broke among them.
    pub unanswered: u64,
    /// Why the first connection that broke did.
    pub first_failure: Option<String>,
    /// Approved debits: from the intended moment to the answer, nanoseconds.
    pub latency: Histogram<u64>,
    /// The generator's own lag: from the moment that a debit was due and its connection free to its sending.
    pub lag: Histogram<u64>,
    /// The machine's own stalls meanwhile.
    pub hiccups: HiccupSummary,
    /// Approved on each connection.
    pub acknowledged: Vec<u64>,
}

struct Shared {
    clock: RunClock,
    zero_unix_ns: u64,
    start_ns: u64,
    pacer: Pacer,
    latency: RefCell<Histogram<u64>>,
    lag: RefCell<Histogram<u64>>,
    refused: RefCell<CodeCounts>,
    dropped: Cell<u64>,
    first_failure: RefCell<Option<String>>,
    acknowledged: RefCell<Vec<u64>>,
}

impl Shared {
    fn fail(&self, reason: &dyn Display) {
        self.first_failure.borrow_mut().get_or_insert_with(|| reason.to_string());
    }
}

/// Plays a profile of debits by card, in the caller's thread, on connections to whatever server.
///
/// # Errors
/// A setting is out of range, the profile intends something else than sales, or what `open` gives.
pub fn open_on<C: DebitConnection>(
    open: impl Future<Output = Result<Vec<Seat<C>>, LoadError>>,
    profile: &ProfileConfig,
    scope: PlanScope,
) -> Result<OpenReport, LoadError> {
    profile.validate()?;
    if scope.tills == 0 || scope.holders < scope.tills {
        return Err(LoadError::setting("tills", "must be above 0 and at most the holders"));
    }
    let mut intended = 0;
    for plan in profile.plan(scope) {
        for intent in plan.intents {
            if !matches!(intent.action, IntentAction::Sale { .. }) {
                return Err(LoadError::setting("profile", "intends more than sales"));
            }
            intended += 1;
        }
    }
    run_here(async { drive(open.await?, profile, scope, intended).await })
}

async fn drive<C: DebitConnection>(
    seats: Vec<Seat<C>>,
    profile: &ProfileConfig,
    scope: PlanScope,
    intended: u64,
) -> Result<OpenReport, LoadError> {
    let clock = RunClock::start();
    let shared = Rc::new(Shared {
        clock,
        zero_unix_ns: unix_now_ns(),
        start_ns: clock.now_ns(),
        pacer: Pacer::new(clock, seats.len())?,
        latency: RefCell::new(new_histogram()),
        lag: RefCell::new(new_histogram()),
        refused: RefCell::default(),
        dropped: Cell::new(0),
        first_failure: RefCell::new(None),
        acknowledged: RefCell::new(vec![0; seats.len()]),
    });
    let pacer = Rc::clone(&shared);
    let pacing = tokio::task::spawn_local(async move { pacer.pacer.run().await });
    let hiccups = HiccupMeter::start()?;
    let zero = tokio::time::Instant::now();
    let tasks: Vec<_> = (0..)
        .zip(seats)
        .zip(profile.plan(scope))
        .map(|((index, seat), plan)| {
            tokio::task::spawn_local(play(index, seat, plan.intents, Rc::clone(&shared)))
        })
        .collect();
    let end = zero + Duration::from_nanos(profile.duration_ns() + DRAIN_MAX_NS);
    await_all(tasks, end, |reason| shared.fail(reason)).await;
    pacing.abort();
    let hiccups = hiccups.stop();
    let (latency, lag) = (shared.latency.borrow().clone(), shared.lag.borrow().clone());
    let refused_by_code = shared.refused.borrow().list();
    let refused: u64 = refused_by_code.iter().map(|entry| entry.count).sum();
    let (approved, dropped) = (latency.len(), shared.dropped.get());
    Ok(OpenReport {
        intended,
        approved,
        refused_by_code,
        dropped,
        unanswered: intended - approved - refused - dropped,
        first_failure: shared.first_failure.take(),
        latency,
        lag,
        hiccups,
        acknowledged: shared.acknowledged.take(),
    })
}

async fn play<C: DebitConnection>(
    index: u32,
    seat: Seat<C>,
    intents: impl Iterator<Item = Intent>,
    shared: Rc<Shared>,
) -> Result<(), C::Error> {
    let Seat { mut connection, first_sequence } = seat;
    let mut sequence = first_sequence;
    let mut free_ns = shared.start_ns;
    for intent in intents {
        let IntentAction::Sale { holder, amount_fen, .. } = intent.action else { continue };
        let due_ns = shared.start_ns + intent.at_ns;
        let mut now_ns = shared.clock.now_ns();
        while now_ns < due_ns {
            shared.pacer.arm(index, Some(due_ns), u64::MAX);
            poll_fn(|cx| shared.pacer.poll_woken(index, cx)).await;
            now_ns = shared.clock.now_ns();
        }
        if now_ns - due_ns > LATE_MAX_NS {
            shared.dropped.set(shared.dropped.get() + 1);
            continue;
        }
        shared.lag.borrow_mut().saturating_record(now_ns - due_ns.max(free_ns));
        let till_time_ns = shared.zero_unix_ns + now_ns;
        let code = connection.debit(&DebitOrder { sequence, holder, amount_fen, till_time_ns }).await?;
        free_ns = shared.clock.now_ns();
        sequence += u32::from(!code.is_transient());
        if code.is_approved() {
            shared.acknowledged.borrow_mut()[index as usize] += 1;
            shared.latency.borrow_mut().saturating_record(free_ns - due_ns);
        } else {
            shared.refused.borrow_mut().add(code);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::MILLISECOND_NS;
    use crate::profile::{PoissonConfig, SalesMix};
    use protocol::result_code::ResultCode;

    const TILLS: u32 = 4;
    const SCOPE: PlanScope = PlanScope { seed: 7, tills: TILLS, holders: 40 };

    fn profile(sales: SalesMix) -> ProfileConfig {
        ProfileConfig::Poisson(PoissonConfig {
            rate_per_s: 4_000.0,
            duration_ns: 100 * MILLISECOND_NS,
            sales,
        })
    }

    /// Notes what it is sent; refuses, is busy or breaks where it is told to.
    struct Notebook {
        orders: Rc<RefCell<Vec<DebitOrder>>>,
        outcome: fn(u32) -> Result<ResultCode, &'static str>,
        sent: u32,
    }

    impl DebitConnection for Notebook {
        type Error = &'static str;

        async fn debit(&mut self, order: &DebitOrder) -> Result<ResultCode, &'static str> {
            self.orders.borrow_mut().push(*order);
            self.sent += 1;
            (self.outcome)(self.sent)
        }
    }

    fn play(
        outcome: fn(u32) -> Result<ResultCode, &'static str>,
    ) -> (OpenReport, Vec<Rc<RefCell<Vec<DebitOrder>>>>) {
        let notes: Vec<Rc<RefCell<Vec<DebitOrder>>>> = (0..TILLS).map(|_| Rc::default()).collect();
        let seats =
            notes.iter().map(|orders| Seat::fresh(Notebook { orders: Rc::clone(orders), outcome, sent: 0 }));
        let seats = Ok(seats.collect());
        let report = open_on(async { seats }, &profile(SalesMix::one_fen_by_card()), SCOPE).expect("it runs");
        (report, notes)
    }

    #[test]
    fn every_intended_debit_is_sent_once_by_its_own_till() {
        let (report, notes) = play(|_| Ok(ResultCode::Approved));
        let plans = profile(SalesMix::one_fen_by_card()).plan(SCOPE);
        for (till, (orders, plan)) in notes.iter().zip(plans).enumerate() {
            let orders = orders.borrow();
            let sent: Vec<u32> = orders.iter().map(|order| order.holder).collect();
            let intended = plan.intents.map(|intent| match intent.action {
                IntentAction::Sale { holder, .. } => holder,
                other => panic!("{other:?}"),
            });
            assert_eq!(sent, intended.collect::<Vec<u32>>());
            assert!(orders.iter().zip(1..).all(|(order, sequence)| order.sequence == sequence));
            assert_eq!(report.acknowledged[till], orders.len() as u64);
        }
        assert!(report.intended > 0);
        assert_eq!((report.approved, report.lag.len()), (report.intended, report.intended));
        assert_eq!((report.dropped, report.unanswered, report.first_failure), (0, 0, None));
    }

    #[test]
    fn refusals_count_apart_and_only_an_answer_without_a_trace_gives_its_sequence_back() {
        let (report, notes) = play(|sent| match sent % 3 {
            0 => Ok(ResultCode::Busy),
            1 => Ok(ResultCode::InsufficientFunds),
            _ => Ok(ResultCode::Approved),
        });
        let refused: u64 = report.refused_by_code.iter().map(|entry| entry.count).sum();
        assert_eq!(report.approved + refused, report.intended);
        assert_eq!(report.latency.len(), report.approved);
        let orders = notes[0].borrow();
        let sequences: Vec<u32> = orders.iter().take(5).map(|order| order.sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 3, 4]);
    }

    #[test]
    fn what_a_broken_connection_leaves_is_unanswered() {
        let (report, _) = play(|sent| if sent == 3 { Err("cable cut") } else { Ok(ResultCode::Approved) });
        assert_eq!(report.approved, 2 * u64::from(TILLS));
        assert_eq!(report.unanswered, report.intended - report.approved);
        assert_eq!(report.first_failure.as_deref(), Some("cable cut"));
    }

    #[test]
    fn a_profile_that_asks_for_more_than_sales_is_refused() {
        let sales = SalesMix { query_share: 1.0, ..SalesMix::default() };
        let seats: Result<Vec<Seat<Notebook>>, LoadError> = Ok(Vec::new());
        let error = open_on(async { seats }, &profile(sales), SCOPE).expect_err("queries").to_string();
        assert_eq!(error, "setting profile: intends more than sales");
    }
}
