//! The closed loop: every connection has one request in flight and sends the next when the answer is there.
//!
//! It finds how much a server completes, not how late it is: a slow answer delays the next request, so its
//! latencies leave out what open-loop traffic would have suffered. Use it for ratios between servers only.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use protocol::answer::Answer;
use protocol::ids::{AccountId, CardCounter, CardUid, RequestId, Sequence};
use protocol::request::{AccountSelector, BalanceQuery, CardDebit, Request, RequestIds};
use protocol::result_code::ResultCode;
use protocol::sign_in::TerminalIdentity;

use crate::campus::Campus;
use crate::config::{ClosedConfig, ClosedRequest, SECOND_NS};
use crate::connection::{Connection, ConnectionError};
use crate::debit_connection::{DebitConnection, DebitOrder, Seat};
use crate::drive::{draw_nonce, identity_of};
use crate::error::LoadError;
use crate::measurement::{CodeCounts, new_histogram};
use crate::pacer::RunClock;
use crate::random::Random;
use crate::report::{ClosedReport, LatencySummary};
use crate::runtime::{await_all, card_counter_from_clock, run_here, unix_now_ns};

struct Shared {
    clock: RunClock,
    zero_unix_ns: u64,
    /// Answers count from here.
    from_ns: u64,
    /// No request is sent, and no answer counts, from here on.
    until_ns: u64,
    histogram: RefCell<Histogram<u64>>,
    refused: Cell<u64>,
    refused_by_code: RefCell<CodeCounts>,
    failed: Cell<u64>,
    first_failure: RefCell<Option<String>>,
    /// Approved on each connection, whether it was being measured or not.
    acknowledged: RefCell<Vec<u64>>,
}

impl Shared {
    fn fail(&self, reason: &dyn Display) {
        self.failed.set(self.failed.get() + 1);
        self.first_failure.borrow_mut().get_or_insert_with(|| reason.to_string());
    }
}

/// Runs the closed loop against a campus's server, in the caller's thread.
///
/// # Errors
/// A setting is out of range, or a connection can't sign in.
pub fn closed(campus: &Campus, config: &ClosedConfig) -> Result<ClosedReport, LoadError> {
    closed_watched(campus, config, &mut || {})
}

/// As [`closed`]; calls `at_edge` when the measured time begins and when it ends.
///
/// # Errors
/// As [`closed`].
pub fn closed_watched(
    campus: &Campus,
    config: &ClosedConfig,
    at_edge: &mut dyn FnMut(),
) -> Result<ClosedReport, LoadError> {
    campus.validate()?;
    if config.connections as usize > campus.tills.len() {
        let reason = format!("must be 1 to the {} tills of the campus", campus.tills.len());
        return Err(LoadError::setting("connections", reason));
    }
    let card_counter_next = Rc::new(Cell::new(0));
    let tills = async {
        let mut tills = Vec::with_capacity(config.connections as usize);
        for index in 0..config.connections {
            tills.push(sign_in(campus, config, index, Rc::clone(&card_counter_next)).await?);
        }
        Ok(tills)
    };
    let holders = campus.holders.len() as u32;
    let has_card = |holder: u32| campus.holders[holder as usize].card_uid.is_some();
    let comes = |holder: u32| config.request != ClosedRequest::CardDebit || has_card(holder);
    let mut report = closed_on(tills, config, holders, &comes, at_edge)?;
    report.card_counter_next = card_counter_next.get();
    Ok(report)
}

/// Runs the closed loop, in the caller's thread, on connections to whatever server. Holder `h` of so many `holders`
/// comes to connection `h % connections` only, and only if `comes` says so.
///
/// # Errors
/// A setting is out of range, or what `open` gives.
pub fn closed_on<C: DebitConnection>(
    open: impl Future<Output = Result<Vec<Seat<C>>, LoadError>>,
    config: &ClosedConfig,
    holders: u32,
    comes: &dyn Fn(u32) -> bool,
    at_edge: &mut dyn FnMut(),
) -> Result<ClosedReport, LoadError> {
    if config.connections == 0 {
        return Err(LoadError::setting("connections", "must be above 0"));
    }
    if config.measure_ns == 0 {
        return Err(LoadError::setting("measure", "must be above 0"));
    }
    let mut guests = Vec::with_capacity(config.connections as usize);
    for index in 0..config.connections {
        let own: Vec<u32> =
            (index..holders).step_by(config.connections as usize).filter(|&holder| comes(holder)).collect();
        if own.is_empty() {
            return Err(LoadError::Campus(format!("no holder who could pay is left for connection {index}")));
        }
        guests.push(own);
    }
    run_here(async { Ok(drive(open.await?, guests, config, at_edge).await) })
}

async fn drive<C: DebitConnection>(
    seats: Vec<Seat<C>>,
    guests: Vec<Vec<u32>>,
    config: &ClosedConfig,
    at_edge: &mut dyn FnMut(),
) -> ClosedReport {
    let clock = RunClock::start();
    let from_ns = config.settle_ns;
    let until_ns = from_ns + config.measure_ns;
    let shared = Rc::new(Shared {
        clock,
        zero_unix_ns: unix_now_ns(),
        from_ns,
        until_ns,
        histogram: RefCell::new(new_histogram()),
        refused: Cell::new(0),
        refused_by_code: RefCell::new(CodeCounts::default()),
        failed: Cell::new(0),
        first_failure: RefCell::new(None),
        acknowledged: RefCell::new(vec![0; seats.len()]),
    });
    let zero = tokio::time::Instant::now();
    let tasks: Vec<_> = seats
        .into_iter()
        .zip(guests)
        .enumerate()
        .map(|(index, (seat, guests))| {
            let random = Random::new(config.seed, index as u64);
            let work = work(seat, guests, random, config.amount_fen, index, Rc::clone(&shared));
            tokio::task::spawn_local(work)
        })
        .collect();
    for edge_ns in [from_ns, until_ns] {
        tokio::time::sleep_until(zero + Duration::from_nanos(edge_ns)).await;
        at_edge();
    }
    let end = zero + Duration::from_nanos(until_ns + config.answer_timeout_ns);
    await_all(tasks, end, |reason| shared.fail(reason)).await;
    let histogram = shared.histogram.borrow().clone();
    ClosedReport {
        connections: config.connections,
        completed: histogram.len(),
        refused: shared.refused.get(),
        failed: shared.failed.get(),
        first_failure: shared.first_failure.take(),
        measured_ns: config.measure_ns,
        completed_per_s: histogram.len() as f64 * SECOND_NS as f64 / config.measure_ns as f64,
        latency: LatencySummary::of(&histogram),
        histogram,
        acknowledged: shared.acknowledged.take(),
        card_counter_next: 0,
        refused_by_code: shared.refused_by_code.borrow().list(),
    }
}

async fn work<C: DebitConnection>(
    seat: Seat<C>,
    guests: Vec<u32>,
    mut random: Random,
    amount_fen: i64,
    index: usize,
    shared: Rc<Shared>,
) -> Result<(), C::Error> {
    let Seat { mut connection, first_sequence } = seat;
    let mut sequence = first_sequence;
    let mut sent_ns = shared.clock.now_ns();
    while sent_ns < shared.until_ns {
        let holder = guests[random.below(guests.len() as u64) as usize];
        let till_time_ns = shared.zero_unix_ns + sent_ns;
        let code = connection.debit(&DebitOrder { sequence, holder, amount_fen, till_time_ns }).await?;
        let now_ns = shared.clock.now_ns();
        sequence += u32::from(!code.is_transient());
        shared.acknowledged.borrow_mut()[index] += u64::from(code.is_approved());
        if (shared.from_ns..shared.until_ns).contains(&now_ns) {
            if code.is_approved() {
                shared.histogram.borrow_mut().saturating_record(now_ns - sent_ns);
            } else {
                shared.refused.set(shared.refused.get() + 1);
                shared.refused_by_code.borrow_mut().add(code);
            }
        }
        sent_ns = now_ns;
    }
    Ok(())
}

/// A till's connection: sends card debits, or balance queries in their place.
struct TillConnection {
    identity: TerminalIdentity,
    connection: Connection,
    request: ClosedRequest,
    next_request_id: u32,
    /// Every so-manieth holder comes to this till.
    stride: u32,
    /// Of each who comes: the card or the account, and the card's next counter.
    holders: Vec<(Option<u64>, u32, u32)>,
    card_counter_next: Rc<Cell<u32>>,
}

async fn sign_in(
    campus: &Campus,
    config: &ClosedConfig,
    index: u32,
    card_counter_next: Rc<Cell<u32>>,
) -> Result<Seat<TillConnection>, LoadError> {
    let address: SocketAddr = campus.address;
    let identity = identity_of(&campus.tills[index as usize]);
    let unix_ns = unix_now_ns();
    let nonce = draw_nonce(&mut Random::new(unix_ns, u64::from(index)));
    let (connection, welcome) =
        Connection::open(address, &identity, nonce).await.map_err(|error| LoadError::Terminal {
            terminal: identity.terminal,
            address: address.to_string(),
            reason: error.to_string(),
        })?;
    let counter = config.card_counter_first.unwrap_or_else(|| card_counter_from_clock(unix_ns));
    let holders = campus.holders.iter().skip(index as usize).step_by(config.connections as usize);
    let connection = TillConnection {
        holders: holders.map(|holder| (holder.card_uid, holder.account, counter)).collect(),
        stride: config.connections,
        request: config.request,
        identity,
        connection,
        next_request_id: 1,
        card_counter_next,
    };
    Ok(Seat { connection, first_sequence: welcome.last_sequence.0.saturating_add(1) })
}

impl DebitConnection for TillConnection {
    type Error = ConnectionError;

    async fn debit(&mut self, order: &DebitOrder) -> Result<ResultCode, ConnectionError> {
        let (card_uid, account, counter) = &mut self.holders[(order.holder / self.stride) as usize];
        let (request, sequence) = match (self.request, *card_uid) {
            (ClosedRequest::CardDebit, Some(card_uid)) => {
                let debit = CardDebit {
                    card_uid: CardUid(card_uid),
                    card_counter: CardCounter(*counter),
                    amount_fen: order.amount_fen,
                    till_time_ns: order.till_time_ns,
                };
                *counter = counter.wrapping_add(1);
                self.card_counter_next.set(self.card_counter_next.get().max(*counter));
                (Request::CardDebit(debit), order.sequence)
            }
            _ => {
                let account = AccountSelector::Account(AccountId(*account));
                (Request::Balance(BalanceQuery { account }), 0)
            }
        };
        let ids = RequestIds {
            terminal: self.identity.terminal,
            epoch: self.identity.epoch,
            sequence: Sequence(sequence),
            request_id: RequestId(self.next_request_id),
        };
        self.next_request_id += 1;
        self.connection.call(&ids, &request, |_, answer| final_code(answer)).await
    }
}

fn final_code(answer: &Answer<'_>) -> ResultCode {
    match answer {
        Answer::Money(money) => money.code,
        Answer::Balance(balance) => balance.code,
        Answer::Refused(refusal) => refusal.code,
        // Nothing else answers these requests; whatever it is, it isn't a completion.
        _ => ResultCode::MalformedFrame,
    }
}
