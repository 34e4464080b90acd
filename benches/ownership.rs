//! Who decides: every producer inline under the engine's short locks, or one writer thread behind a bounded queue.
//!
//! Two producers each bring their debits in batches, on a medium that forgets, so that what is compared is the
//! hand-over. In both, blocks are written as the server does it: inline when little is staged, by the log's thread
//! otherwise. Behind the queue a producer may be some batches ahead of the writer; it is told when they are decided.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::{self, Receiver, Sender};
use engine::ledger::command::CutOff;
use engine::ledger::{Command, Request, Sizes};
use engine::limits::books::{self, BooksSpec, card_debit};
use engine::opened_books::LogBackEnd;
use engine::runtime::engine::{Engine, Reply, Sources};
use protocol::ids::BusinessDate;
use protocol::result_code::ResultCode;
use wal::{LogConfig, LogId, LogWriter, SystemClock};

mod discard;

const PRODUCERS: u16 = 2;
/// Tills of one producer.
const TILLS: u16 = 500;
const ACCOUNTS: u32 = 100_000;
/// Debits of one producer in one round.
const DEBITS: u32 = 32_000;
/// Requests of a producer that may wait in the queue, in batches of one and of 64 alike.
const AHEAD: u32 = 256;

struct Books {
    engine: Arc<Engine>,
    /// Writes what producers leave to it; stops when the books are dropped.
    _writer: LogWriter,
    /// Rounds played: sequences and card counters go on from there.
    round: u32,
}

impl Books {
    fn new() -> Books {
        let sources = Sources {
            storage: Arc::new(discard::Discard),
            log: LogConfig::new(LogId([7; 16])),
            clock: Arc::new(SystemClock),
            sizes: Sizes { shards: 4, accounts_max: ACCOUNTS, ..Sizes::default() },
            snapshot: None,
            orders: None,
        };
        let engine = Arc::new(Engine::open(sources).expect("an empty medium").0);
        engine.configure(Request::CutOff(CutOff { opened: BusinessDate(9_824) })).expect("the first date");
        let writer = LogWriter::spawn(engine.log().clone()).expect("two threads");
        let tills = PRODUCERS * TILLS;
        let spec = BooksSpec { accounts: ACCOUNTS, tills, debits: 0, back_end: LogBackEnd::Through };
        books::open_accounts(&engine, &spec).expect("room for them all");
        Books { engine, _writer: writer, round: 0 }
    }

    /// One round with each producer on its own thread; the time it took.
    fn play(&mut self, run: impl Fn(&Engine, u16, u32) + Sync) -> Duration {
        let (engine, round) = (&*self.engine, self.round);
        let begun = Instant::now();
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let run = &run;
                scope.spawn(move || run(engine, producer, round));
            }
        });
        self.round += 1;
        begun.elapsed()
    }
}

/// The `index`th debit of a producer in a round; its tills and accounts are its own.
fn debit(producer: u16, round: u32, index: u32) -> Command<'static> {
    let number = round * DEBITS + index;
    let till = producer * TILLS + (number % u32::from(TILLS)) as u16;
    // A stride that meets every account of the producer before it meets one again, in no order.
    let mine = ACCOUNTS / u32::from(PRODUCERS);
    let account = u32::from(producer) * mine + (u64::from(number) * 7_919 % u64::from(mine)) as u32;
    card_debit(till, number / u32::from(TILLS) + 1, account, number + 1)
}

/// Decides commands in one turn, then commits, as a worker of the server does.
fn decide(engine: &Engine, commands: &[Command<'static>]) {
    let mut done = 0;
    while done < commands.len() {
        let routes = engine.routes();
        let left = &commands[done..];
        let mut turn = routes.hold_for(left.iter().copied());
        for command in left {
            match turn.execute(command) {
                Reply::Outcome(outcome) if outcome.code.is_approved() => done += 1,
                Reply::Refused(ResultCode::Busy) => break,
                reply => panic!("a debit that must be approved: {reply:?}"),
            }
        }
        drop(turn);
        engine.commit().expect("a medium that takes everything");
        if done < commands.len() {
            // Staging is full: the log's thread is behind.
            engine.sync().expect("a medium that takes everything");
        }
    }
}

fn batches(producer: u16, round: u32, batch: u32) -> impl Iterator<Item = Vec<Command<'static>>> {
    (0..DEBITS).step_by(batch as usize).map(move |from| {
        (from..(from + batch).min(DEBITS)).map(|index| debit(producer, round, index)).collect()
    })
}

fn inline(engine: &Engine, producer: u16, round: u32, batch: u32) {
    for commands in batches(producer, round, batch) {
        decide(engine, &commands);
    }
}

/// A batch on its way to the writer, and where to say that it is decided.
struct Handed {
    commands: Vec<Command<'static>>,
    decided: Sender<()>,
}

fn hand_over(queue: &Sender<Handed>, producer: u16, round: u32, batch: u32) {
    let ahead = (AHEAD / batch) as usize;
    let (decided, told) = channel::bounded(ahead);
    let mut waiting = 0;
    for commands in batches(producer, round, batch) {
        if waiting == ahead {
            told.recv().expect("the writer runs until the queue closes");
            waiting -= 1;
        }
        queue.send(Handed { commands, decided: decided.clone() }).expect("the writer runs");
        waiting += 1;
    }
    for _ in 0..waiting {
        told.recv().expect("the writer runs until the queue closes");
    }
}

/// The single writer: takes whatever has come, decides it in one turn, and tells the producers.
fn write(engine: &Engine, queue: &Receiver<Handed>) {
    let mut commands = Vec::with_capacity(2 * AHEAD as usize);
    let mut decided = Vec::with_capacity(2 * AHEAD as usize);
    while let Ok(first) = queue.recv() {
        for handed in std::iter::once(first).chain(queue.try_iter().take(63)) {
            commands.extend_from_slice(&handed.commands);
            decided.push(handed.decided);
        }
        decide(engine, &commands);
        commands.clear();
        for told in decided.drain(..) {
            // A producer waits for all of its batches before it leaves.
            let _ = told.send(());
        }
    }
}

fn ownership(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ownership");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(PRODUCERS) * u64::from(DEBITS)));
    for batch in [1, 64] {
        let mut books = Books::new();
        group.bench_function(BenchmarkId::new("inline under short locks", batch), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| books.play(|engine, producer, round| inline(engine, producer, round, batch)))
                    .sum()
            });
        });
        let mut books = Books::new();
        let (queue, incoming) = channel::bounded::<Handed>(2 * AHEAD as usize);
        let engine = Arc::clone(&books.engine);
        let writer = thread::spawn(move || write(&engine, &incoming));
        group.bench_function(BenchmarkId::new("one writer behind a queue", batch), |b| {
            b.iter_custom(|rounds| {
                (0..rounds)
                    .map(|_| books.play(|_, producer, round| hand_over(&queue, producer, round, batch)))
                    .sum()
            });
        });
        drop(queue);
        writer.join().expect("the writer ends when the queue closes");
    }
    group.finish();
}

criterion_group!(benches, ownership);
criterion_main!(benches);
