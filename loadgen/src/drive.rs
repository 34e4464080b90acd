//! The open loop: every till a task, all on one thread, each sending at its intended moments.
//!
//! ```text
//!  profile ──▶ till (state machine) ──▶ connection ──▶ server
//!                 ▲        │                │
//!              pacer    steps            answers
//!          (one kernel timer)   ──▶ world: outcome log, histograms, counts
//! ```
//!
//! A till's task polls its state machine, does what it says, and sleeps until an answer comes or the pacer wakes it.
//! Nothing is shared with other threads but the numbers in [`RunControl`].

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use protocol::command_table::Kind;
use protocol::ids::{Epoch, TerminalId};
use protocol::keys::Key128;
use protocol::sign_in::{NONCE_BYTES, TerminalIdentity};
use protocol::text::Firmware;

use crate::campus::{Campus, CampusTill};
use crate::config::{RunConfig, SECOND_NS};
use crate::connection::{Connection, ConnectionError};
use crate::error::LoadError;
use crate::guide::rows_of;
use crate::hiccup::{HiccupMeter, HiccupSummary};
use crate::interval_log::IntervalLog;
use crate::machine::Machine;
use crate::measurement::Measurement;
use crate::outcome_log::OutcomeLog;
use crate::output::CAMPUS_NAME;
use crate::pacer::{Pacer, RunClock};
use crate::people::People;
use crate::profile::{Desks, PlanScope, ProfileConfig};
use crate::progress::{Progress, RunControl};
use crate::progress_line::ProgressPrinter;
use crate::random::Random;
use crate::report::{LatencySummary, RunCounts, RunReport};
use crate::runtime::{blank_cards_from_clock, card_counter_from_clock, run_here, unix_now_ns};
use crate::second::SecondReport;
use crate::self_scans::SelfScans;
use crate::terminal_keys::{SignedIn, TerminalKeys};
use crate::till::{Till, TillSettings, TillStep};
use crate::world::World;

/// How long all tills together have for their first sign-in.
const SIGN_IN_MAX_NS: u64 = 60 * SECOND_NS;
/// How often the control's numbers are published.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);

const STREAM_BACKOFF: u64 = 3 << 40;
const STREAM_NONCE: u64 = 4 << 40;

/// Plays a profile against the campus's server, in the caller's thread, until all is answered.
///
/// The outcomes are appended to `log`; [`crate::check::check`] takes it from there. `control` shows the numbers
/// while it runs and can stop it.
///
/// # Errors
/// A setting or the campus is wrong, no till can sign in, or a report can't be written. What the server does
/// wrong isn't an error: see [`RunReport::failures`].
pub fn run(
    campus: &Campus,
    config: &RunConfig,
    control: &RunControl,
    log: &mut OutcomeLog,
) -> Result<RunReport, LoadError> {
    campus.validate()?;
    let now_ns = unix_now_ns();
    let first_counter = config.card_counter_first.unwrap_or_else(|| card_counter_from_clock(now_ns));
    let first_blank = blank_cards_from_clock(now_ns);
    let mut people = People::new(campus, first_counter, config.chip_balance_fen, first_blank);
    run_with_people(campus, config, control, log, &mut people)
}

/// As [`run`], with people who may have been part of an earlier run: their cards' counters and their phones' codes
/// go on from there, so that runs can follow each other at once. After an error nobody is left.
pub(crate) fn run_with_people(
    campus: &Campus,
    config: &RunConfig,
    control: &RunControl,
    log: &mut OutcomeLog,
    people: &mut People,
) -> Result<RunReport, LoadError> {
    config.validate()?;
    campus.validate()?;
    let terminals = terminals_of(campus, config)?;
    if let Some(dir) = &config.out_dir {
        std::fs::create_dir_all(dir).map_err(|source| LoadError::file(dir, source))?;
    }
    let report = run_here(run_async(campus, config, control, log, people, &terminals));
    control.publish(Progress { ended: 1, ..control.progress() });
    report
}

/// Who takes part: the tills first, then, where the profile has something for them to do, gateways, counters and operators.
struct Terminals<'a> {
    tills: u32,
    desks: Desks,
    all: Vec<&'a CampusTill>,
}

fn terminals_of<'a>(campus: &'a Campus, config: &RunConfig) -> Result<Terminals<'a>, LoadError> {
    let wanted = config.tills.map_or(campus.tills.len(), |tills| tills as usize);
    let tills = campus
        .tills
        .get(..wanted)
        .ok_or_else(|| LoadError::setting("tills", format!("the campus has only {}", campus.tills.len())))?;
    if campus.holders.len() < tills.len() {
        return Err(LoadError::Campus(format!(
            "{} holders for {} tills; each till needs at least one",
            campus.holders.len(),
            tills.len()
        )));
    }
    let mut terminals =
        Terminals { tills: tills.len() as u32, desks: Desks::default(), all: tills.iter().collect() };
    if config.profile.has_desks() {
        for (desks, what) in [(&campus.gateways, "gateways"), (&campus.counters, "counters")] {
            if desks.is_empty() {
                let profile = config.profile.name();
                return Err(LoadError::Campus(format!("no {what}; {profile} needs at least one")));
            }
            terminals.all.extend(desks);
        }
        terminals.desks = Desks {
            gateways: campus.gateways.len() as u32,
            counters: campus.counters.len() as u32,
            card_centre: campus.card_centre.len() as u32,
            finance: campus.finance.len() as u32,
            administrators: campus.administrators.len() as u32,
        };
        let operators = campus.card_centre.iter().chain(&campus.finance).chain(&campus.administrators);
        terminals.all.extend(operators);
    }
    Ok(terminals)
}

pub(crate) fn identity_of(till: &CampusTill) -> TerminalIdentity {
    TerminalIdentity {
        terminal: TerminalId(till.terminal),
        key: Key128::new(till.key.0),
        epoch: Epoch(till.epoch),
        firmware: Firmware::new("yika loadgen").unwrap_or(Firmware::EMPTY),
    }
}

pub(crate) fn draw_nonce(random: &mut Random) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    for part in nonce.chunks_exact_mut(8) {
        part.copy_from_slice(&random.next_u64().to_le_bytes());
    }
    nonce
}

/// What a run's tasks share; all on one thread.
struct Shared {
    world: RefCell<World>,
    tills: Vec<RefCell<Till>>,
    pacer: Pacer,
    clock: RunClock,
    address: SocketAddr,
    /// Why the last sign-in failed, and whose it was.
    last_failure: RefCell<Option<(TerminalId, String)>>,
}

async fn run_async(
    campus: &Campus,
    config: &RunConfig,
    control: &RunControl,
    log: &mut OutcomeLog,
    people: &mut People,
    terminals: &Terminals<'_>,
) -> Result<RunReport, LoadError> {
    let clock = RunClock::start();
    let zero_unix_ns = unix_now_ns();
    let mut world = World::new(people.take(), campus.holders.len(), zero_unix_ns);
    world.log = std::mem::take(log);
    if config.profile.has_desks() {
        // Somebody pays what is shown only where phones are played.
        world.self_scans = SelfScans::for_phones();
    }
    world.terminal_keys = TerminalKeys::new(campus);
    let scope = PlanScope { seed: config.seed, tills: terminals.tills, holders: campus.holders.len() as u32 };
    let settings = TillSettings {
        timers: config.timers.clone(),
        upload_batch_records: config.upload_batch_records as usize,
        late_max_ns: config.late_max_ns,
    };
    let plans =
        config.profile.plan(scope).into_iter().chain(config.profile.plan_desks(scope, terminals.desks));
    let tills = plans
        .zip(&terminals.all)
        .zip(0..)
        .map(|((plan, till), index)| {
            let random = Random::new(config.seed, STREAM_BACKOFF + index);
            let sale = (TerminalId(till.terminal), Epoch(till.epoch));
            RefCell::new(Till::new(sale, plan, settings.clone(), random))
        })
        .collect();
    let shared = Rc::new(Shared {
        world: RefCell::new(world),
        tills,
        pacer: Pacer::new(clock, terminals.all.len())?,
        clock,
        address: campus.address,
        last_failure: RefCell::new(None),
    });

    let pacer = Rc::clone(&shared);
    let pacing = tokio::task::spawn_local(async move { pacer.pacer.run().await });
    // A storm's sign-ins are part of it; every other profile begins with all tills signed in.
    let storm = matches!(config.profile, ProfileConfig::Storm(_));
    let mut start_ns = if storm { start_all(&shared) } else { 0 };
    let tasks: Vec<_> = (0..)
        .zip(&terminals.all)
        .map(|(index, till)| {
            // Nonces must be new in each run, so the wall clock goes into them beside the seed.
            let nonces = Random::new(config.seed ^ zero_unix_ns, STREAM_NONCE + u64::from(index));
            let identity = identity_of(till);
            tokio::task::spawn_local(play_till(Rc::clone(&shared), index, identity, nonces))
        })
        .collect();
    if !storm {
        await_sign_in(&shared, control, &terminals.all).await?;
        start_ns = start_all(&shared);
    }
    shared.world.borrow_mut().measurement.measure_from_ns =
        if config.settle_ns > 0 { start_ns + config.settle_ns } else { 0 };
    let hiccups = HiccupMeter::start()?;
    shared.pacer.wake_all();

    let result = watch(&shared, config, control, start_ns, &tasks, &hiccups).await;
    let hiccups = hiccups.stop();
    pacing.abort();
    for task in &tasks {
        task.abort();
    }
    // Aborted tasks are dropped at their next turn; only then is the world ours alone.
    for task in tasks {
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
    let elapsed_ns = result?;
    let mut world = shared.world.borrow_mut();
    if world.measurement.counts.sign_ins == 0 {
        *log = std::mem::take(&mut world.log);
        let (terminal, reason) = shared
            .last_failure
            .take()
            .unwrap_or((TerminalId(terminals.all[0].terminal), "no answer to the sign-in".to_owned()));
        return Err(LoadError::Terminal { terminal, address: shared.address.to_string(), reason });
    }
    for till in &shared.tills {
        till.borrow_mut().finish(&mut world);
    }
    *log = std::mem::take(&mut world.log);
    let mut report = report_of(campus, config, scope.tills, &world, zero_unix_ns + start_ns, elapsed_ns);
    report.hiccups = hiccups;
    report.seconds = control.seconds_from(0);
    publish(&shared, &world, control, config, start_ns, 1);
    *people = world.people.take();
    if let Some(dir) = &config.out_dir {
        crate::output::write(dir, &report, log)?;
        if config.profile.has_desks() {
            report.campus_left.write(&dir.join(CAMPUS_NAME))?;
        }
    }
    Ok(report)
}

fn start_all(shared: &Shared) -> u64 {
    let start_ns = shared.clock.now_ns();
    for till in &shared.tills {
        till.borrow_mut().start(start_ns);
    }
    start_ns
}

async fn await_sign_in(
    shared: &Shared,
    control: &RunControl,
    campus_tills: &[&CampusTill],
) -> Result<(), LoadError> {
    loop {
        let up = shared.tills.iter().filter(|till| till.borrow().is_up()).count();
        control.publish(Progress { tills_up: up as u64, ..Progress::default() });
        if up == shared.tills.len() {
            return Ok(());
        }
        if shared.clock.now_ns() > SIGN_IN_MAX_NS || control.is_stopping() {
            let down = shared.tills.iter().position(|till| !till.borrow().is_up()).unwrap_or(0);
            let (terminal, reason) = shared
                .last_failure
                .borrow()
                .clone()
                .unwrap_or((TerminalId(campus_tills[down].terminal), "no answer to the sign-in".to_owned()));
            let reason = format!("{up} of {} tills signed in; {reason}", shared.tills.len());
            return Err(LoadError::Terminal { terminal, address: shared.address.to_string(), reason });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Publishes the numbers and writes the interval log until all tills have finished or time is up; tells how long
/// it took from the start.
async fn watch(
    shared: &Shared,
    config: &RunConfig,
    control: &RunControl,
    start_ns: u64,
    tasks: &[tokio::task::JoinHandle<()>],
    hiccups: &HiccupMeter,
) -> Result<u64, LoadError> {
    let mut intervals = match &config.out_dir {
        Some(dir) => Some(IntervalLog::create(dir, shared.world.borrow().clock_zero_unix_ns + start_ns)?),
        None => None,
    };
    let printer = ProgressPrinter::new(config.progress);
    let end_ns = start_ns.saturating_add(config.profile.duration_ns());
    let drained_ns = end_ns.saturating_add(config.drain_max_ns);
    let mut interval_ns = start_ns;
    let mut counted = RunCounts::default();
    let mut stop_ns = u64::MAX;
    loop {
        tokio::time::sleep(PUBLISH_EVERY).await;
        let now_ns = shared.clock.now_ns();
        let finished = tasks.iter().all(tokio::task::JoinHandle::is_finished);
        if control.is_stopping() && stop_ns == u64::MAX {
            stop_ns = now_ns.saturating_add(config.drain_max_ns);
            for till in &shared.tills {
                till.borrow_mut().stop();
            }
            shared.pacer.wake_all();
        }
        let over = finished || now_ns >= drained_ns.min(stop_ns);
        let mut world = shared.world.borrow_mut();
        let progress = publish(shared, &world, control, config, start_ns, 0);
        if over || now_ns >= interval_ns + SECOND_NS {
            if let Some(intervals) = &mut intervals {
                intervals.write(interval_ns - start_ns, now_ns - interval_ns, &world.measurement.interval)?;
            }
            let measured = &mut world.measurement;
            let latency = LatencySummary::of(&measured.interval);
            let second = SecondReport {
                from_ns: interval_ns - start_ns,
                duration_ns: now_ns - interval_ns,
                approved: latency.count,
                refused: measured.counts.refused - counted.refused,
                dropped: measured.counts.dropped - counted.dropped,
                in_flight: progress.in_flight,
                p50_ns: latency.p50_ns,
                p99_ns: latency.p99_ns,
                p999_ns: latency.p999_ns,
                max_ns: latency.max_ns,
                hiccup_max_ns: hiccups.take_max_ns(),
                lag_max_ns: std::mem::take(&mut measured.interval_lag_max_ns),
            };
            measured.interval.reset();
            counted = measured.counts;
            interval_ns = now_ns;
            printer.print(&progress, &second);
            control.publish_second(second);
        }
        if over {
            printer.end();
            return Ok(now_ns - start_ns);
        }
    }
}

fn publish(
    shared: &Shared,
    world: &World,
    control: &RunControl,
    config: &RunConfig,
    start_ns: u64,
    ended: u64,
) -> Progress {
    let counts = &world.measurement.counts;
    let (mut tills_up, mut in_flight) = (0, 0);
    for till in &shared.tills {
        // A till's own task holds it only while it runs, and this runs on the same thread.
        let till = till.borrow();
        tills_up += u64::from(till.is_up());
        in_flight += u64::from(till.is_waiting());
    }
    let progress = Progress {
        elapsed_ns: shared.clock.now_ns().saturating_sub(start_ns),
        planned_ns: config.profile.duration_ns(),
        sent: counts.sent,
        approved: counts.approved,
        refused: counts.refused,
        retries: counts.retries,
        reversed: counts.reversed,
        uploaded: counts.uploaded,
        dropped: counts.dropped,
        tills_up,
        in_flight,
        ended,
    };
    control.publish(progress);
    progress
}

fn report_of(
    campus: &Campus,
    config: &RunConfig,
    tills: u32,
    world: &World,
    started_unix_ns: u64,
    elapsed_ns: u64,
) -> RunReport {
    let mut campus_left = world.people.campus_left(campus);
    world.terminal_keys.give_to(&mut campus_left);
    let Measurement { counts, .. } = &world.measurement;
    let measured = &world.measurement;
    let (approved, refused) = (measured.sales_approved(), measured.sales_refused());
    let of_message = |kind| {
        measured.by_message.get(kind).map_or_else(LatencySummary::default, |m| LatencySummary::of(&m.latency))
    };
    RunReport {
        config: config.clone(),
        machine: Machine::here(config.out_dir.as_deref()),
        tills,
        holders: campus.holders.len() as u32,
        started_unix_ns,
        planned_ns: config.profile.duration_ns(),
        elapsed_ns,
        counts: *counts,
        people_served: world.served.iter().filter(|&&served| served).count() as u64,
        debits_per_s: counts.approved as f64 * SECOND_NS as f64 / elapsed_ns.max(1) as f64,
        latency: LatencySummary::of(&approved),
        latency_undisturbed: LatencySummary::of(&measured.undisturbed),
        latency_refused: LatencySummary::of(&refused),
        latency_query: of_message(Kind::Balance),
        service: LatencySummary::of(&measured.service),
        upload_batch: of_message(Kind::Upload),
        lag: LatencySummary::of(&measured.lag),
        hiccups: HiccupSummary::default(),
        seconds: Vec::new(),
        approved_histogram: approved,
        service_histogram: measured.service.clone(),
        lag_histogram: measured.lag.clone(),
        campus_left,
        card_counter_next: world.people.card_counter_next(),
        rows: rows_of(measured),
        refused_by_code: measured.refused_by_code.list(),
        transient_by_code: measured.transient_by_code.list(),
        check: None,
    }
}

/// What a sleeping till is woken by.
enum Event {
    Woken,
    Bytes,
    Broken,
}

async fn play_till(shared: Rc<Shared>, index: u32, mut identity: TerminalIdentity, mut nonces: Random) {
    let till = &shared.tills[index as usize];
    let mut connection: Option<Connection> = None;
    loop {
        let now_ns = shared.clock.now_ns();
        let step = till.borrow_mut().poll(now_ns, &mut shared.world.borrow_mut());
        let broken = match step {
            TillStep::Connect => {
                // It may have fetched another since.
                if let Some(key) = shared.world.borrow().terminal_keys.key_of(identity.terminal) {
                    identity.key = key.clone();
                }
                let opened = open(&shared, &identity, draw_nonce(&mut nonces)).await;
                let now_ns = shared.clock.now_ns();
                let (mut till, mut world) = (till.borrow_mut(), shared.world.borrow_mut());
                match opened {
                    Ok((opened, told)) => {
                        connection = Some(opened);
                        till.on_connected(now_ns, &told, &mut world);
                    }
                    Err(error) => {
                        *shared.last_failure.borrow_mut() = Some((identity.terminal, error.to_string()));
                        till.on_connection_lost(now_ns, &mut world);
                    }
                }
                false
            }
            TillStep::Disconnect => {
                connection = None;
                false
            }
            TillStep::Send(order) => {
                let till = till.borrow();
                match (&mut connection, till.request(&order)) {
                    (Some(connection), Some(request)) => connection.queue(&order.ids, &request).is_err(),
                    _ => true,
                }
            }
            TillStep::Wait { intent_ns, deadline_ns } => {
                shared.pacer.arm(index, intent_ns, deadline_ns);
                match next_event(&shared.pacer, index, connection.as_mut()).await {
                    Event::Woken => false,
                    Event::Bytes => take_answers(&shared, till, connection.as_mut()).is_err(),
                    Event::Broken => true,
                }
            }
            TillStep::Finished => return,
        };
        if broken {
            connection = None;
            let now_ns = shared.clock.now_ns();
            till.borrow_mut().on_connection_lost(now_ns, &mut shared.world.borrow_mut());
        }
    }
}

/// Connects within the time that an answer may take, so that a server which accepts and says nothing isn't waited for.
async fn open(
    shared: &Shared,
    identity: &TerminalIdentity,
    nonce: [u8; NONCE_BYTES],
) -> Result<(Connection, SignedIn), ConnectionError> {
    const TIMEOUT: Duration = Duration::from_secs(10);
    match tokio::time::timeout(TIMEOUT, Connection::open(shared.address, identity, nonce)).await {
        Ok(opened) => opened,
        Err(_) => Err(ConnectionError::Timeout { timeout_ms: 10_000 }),
    }
}

/// Sends what is queued, then sleeps until the pacer wakes the till or bytes come.
async fn next_event(pacer: &Pacer, index: u32, mut connection: Option<&mut Connection>) -> Event {
    poll_fn(|cx| {
        if let Some(connection) = &mut connection {
            if let Poll::Ready(Err(_)) = connection.poll_flush(cx) {
                return Poll::Ready(Event::Broken);
            }
            match connection.poll_fill(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Event::Bytes),
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Broken),
                Poll::Pending => {}
            }
        }
        pacer.poll_woken(index, cx).map(|()| Event::Woken)
    })
    .await
}

fn take_answers(
    shared: &Shared,
    till: &RefCell<Till>,
    connection: Option<&mut Connection>,
) -> Result<(), ConnectionError> {
    let Some(connection) = connection else { return Ok(()) };
    let now_ns = shared.clock.now_ns();
    while let Some((header, answer)) = connection.next_answer()? {
        till.borrow_mut().on_answer(now_ns, &header, &answer, &mut shared.world.borrow_mut());
    }
    Ok(())
}
