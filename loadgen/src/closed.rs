//! The closed loop: every connection has one request in flight and sends the next when the answer is there.
//!
//! It finds how much a server completes, not how late it is: a slow answer delays the next request, so its
//! latencies leave out what open-loop traffic would have suffered. Use it for ratios between servers only.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use protocol::answer::Answer;
use protocol::ids::{CardCounter, CardUid, RequestId, Sequence};
use protocol::request::{AccountSelector, BalanceQuery, CardDebit, Request, RequestIds};
use protocol::result_code::ResultCode;
use protocol::sign_in::TerminalIdentity;

use crate::campus::Campus;
use crate::config::{ClosedConfig, ClosedRequest, SECOND_NS};
use crate::connection::{Connection, ConnectionError};
use crate::drive::{draw_nonce, identity_of};
use crate::error::LoadError;
use crate::measurement::{CodeCounts, new_histogram};
use crate::pacer::RunClock;
use crate::random::Random;
use crate::report::{ClosedReport, LatencySummary};
use crate::runtime::{card_counter_from_clock, run_here, unix_now_ns};

struct Shared {
    clock: RunClock,
    zero_unix_ns: u64,
    /// Answers count from here.
    from_ns: Cell<u64>,
    /// No request is sent, and no answer counts, from here on.
    until_ns: Cell<u64>,
    histogram: RefCell<Histogram<u64>>,
    refused: Cell<u64>,
    refused_by_code: RefCell<CodeCounts>,
    failed: Cell<u64>,
    card_counter_next: Cell<u32>,
}

/// One connection's part.
struct Worker {
    identity: TerminalIdentity,
    connection: Connection,
    next_sequence: u32,
    /// The card or account of each holder who comes to this connection only.
    holders: Vec<(Option<u64>, u32)>,
    counters: Vec<u32>,
    random: Random,
}

/// Runs the closed loop in the caller's thread.
///
/// # Errors
/// A setting is out of range, or a connection can't sign in.
pub fn closed(campus: &Campus, config: &ClosedConfig) -> Result<ClosedReport, LoadError> {
    campus.validate()?;
    if config.connections == 0 || config.connections as usize > campus.tills.len() {
        let reason = format!("must be 1 to the {} tills of the campus", campus.tills.len());
        return Err(LoadError::setting("connections", reason));
    }
    if campus.holders.len() < config.connections as usize {
        return Err(LoadError::Campus("fewer holders than connections".to_owned()));
    }
    if config.measure_ns == 0 {
        return Err(LoadError::setting("measure", "must be above 0"));
    }
    run_here(closed_async(campus, config))
}

async fn closed_async(campus: &Campus, config: &ClosedConfig) -> Result<ClosedReport, LoadError> {
    let zero_unix_ns = unix_now_ns();
    let shared = Rc::new(Shared {
        clock: RunClock::start(),
        zero_unix_ns,
        from_ns: Cell::new(u64::MAX),
        until_ns: Cell::new(u64::MAX),
        histogram: RefCell::new(new_histogram()),
        refused: Cell::new(0),
        refused_by_code: RefCell::new(CodeCounts::default()),
        failed: Cell::new(0),
        card_counter_next: Cell::new(0),
    });
    let mut workers = Vec::with_capacity(config.connections as usize);
    for index in 0..config.connections {
        workers.push(sign_in(campus, config, index, zero_unix_ns).await?);
    }
    let from_ns = shared.clock.now_ns() + config.settle_ns;
    let until_ns = from_ns + config.measure_ns;
    shared.from_ns.set(from_ns);
    shared.until_ns.set(until_ns);
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|worker| {
            let (shared, request, amount_fen) = (Rc::clone(&shared), config.request, config.amount_fen);
            tokio::task::spawn_local(work(worker, shared, request, amount_fen))
        })
        .collect();
    // No timer for each request: one for them all, after which what still waits has failed.
    let patience = Duration::from_nanos(config.settle_ns + config.measure_ns + config.answer_timeout_ns);
    let end = tokio::time::Instant::now() + patience;
    for mut task in tasks {
        match tokio::time::timeout_at(end, &mut task).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(_))) => shared.failed.set(shared.failed.get() + 1),
            Ok(Err(error)) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
            Err(_) => {
                task.abort();
                shared.failed.set(shared.failed.get() + 1);
            }
        }
    }
    let histogram = shared.histogram.borrow().clone();
    Ok(ClosedReport {
        connections: config.connections,
        completed: histogram.len(),
        refused: shared.refused.get(),
        failed: shared.failed.get(),
        measured_ns: config.measure_ns,
        completed_per_s: histogram.len() as f64 * SECOND_NS as f64 / config.measure_ns as f64,
        latency: LatencySummary::of(&histogram),
        histogram,
        card_counter_next: shared.card_counter_next.get(),
        refused_by_code: shared.refused_by_code.borrow().list(),
    })
}

async fn sign_in(
    campus: &Campus,
    config: &ClosedConfig,
    index: u32,
    unix_ns: u64,
) -> Result<Worker, LoadError> {
    let address: SocketAddr = campus.address;
    let identity = identity_of(&campus.tills[index as usize]);
    let nonce = draw_nonce(&mut Random::new(unix_ns, u64::from(index)));
    let (connection, welcome) =
        Connection::open(address, &identity, nonce).await.map_err(|error| LoadError::Terminal {
            terminal: identity.terminal,
            address: address.to_string(),
            reason: error.to_string(),
        })?;
    let holders: Vec<(Option<u64>, u32)> = campus
        .holders
        .iter()
        .skip(index as usize)
        .step_by(config.connections as usize)
        .filter(|holder| config.request != ClosedRequest::CardDebit || holder.card_uid.is_some())
        .map(|holder| (holder.card_uid, holder.account))
        .collect();
    if holders.is_empty() {
        return Err(LoadError::Campus(format!("no holder with a card is left for connection {index}")));
    }
    let counter = config.card_counter_first.unwrap_or_else(|| card_counter_from_clock(unix_ns));
    Ok(Worker {
        counters: vec![counter; holders.len()],
        identity,
        connection,
        next_sequence: welcome.last_sequence.0.saturating_add(1),
        holders,
        random: Random::new(config.seed, u64::from(index)),
    })
}

async fn work(
    mut worker: Worker,
    shared: Rc<Shared>,
    kind: ClosedRequest,
    amount_fen: i64,
) -> Result<(), ConnectionError> {
    let mut request_id = 0;
    let mut sent_ns = shared.clock.now_ns();
    while sent_ns < shared.until_ns.get() {
        let place = worker.random.below(worker.holders.len() as u64) as usize;
        let (card_uid, account) = worker.holders[place];
        let (request, sequence) = match (kind, card_uid) {
            (ClosedRequest::CardDebit, Some(card_uid)) => {
                let counter = worker.counters[place];
                worker.counters[place] = counter.wrapping_add(1);
                shared.card_counter_next.set(shared.card_counter_next.get().max(counter.saturating_add(1)));
                let debit = CardDebit {
                    card_uid: CardUid(card_uid),
                    card_counter: CardCounter(counter),
                    amount_fen,
                    till_time_ns: shared.zero_unix_ns + sent_ns,
                };
                (Request::CardDebit(debit), worker.next_sequence)
            }
            _ => {
                let account = AccountSelector::Account(protocol::ids::AccountId(account));
                (Request::Balance(BalanceQuery { account }), 0)
            }
        };
        request_id += 1;
        let ids = RequestIds {
            terminal: worker.identity.terminal,
            epoch: worker.identity.epoch,
            sequence: Sequence(sequence),
            request_id: RequestId(request_id),
        };
        let code = worker.connection.call(&ids, &request, |_, answer| final_code(answer)).await?;
        let now_ns = shared.clock.now_ns();
        if sequence != 0 && !code.is_transient() {
            worker.next_sequence += 1;
        }
        if (shared.from_ns.get()..shared.until_ns.get()).contains(&now_ns) {
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

fn final_code(answer: &Answer<'_>) -> ResultCode {
    match answer {
        Answer::Money(money) => money.code,
        Answer::Balance(balance) => balance.code,
        Answer::Refused(refusal) => refusal.code,
        // Nothing else answers these requests; whatever it is, it isn't a completion.
        _ => ResultCode::MalformedFrame,
    }
}
