//! A start: the log is read and checked, its records are decoded and applied to empty books.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::ledger::command::CutOff;
use engine::ledger::{Request, Sizes};
use engine::limits::books::{self, BooksSpec};
use engine::opened_books::LogBackEnd;
use engine::runtime::engine::{Engine, Sources};
use protocol::ids::BusinessDate;
use wal::{LogConfig, LogId, Simulated, Storage, SystemClock};

/// Ten thousand accounts take three records each; the rest are debits.
const SPEC: BooksSpec =
    BooksSpec { accounts: 10_000, tills: 100, debits: 170_000, back_end: LogBackEnd::Through };

fn open(storage: &Arc<dyn Storage>) -> (Engine, u64) {
    let sources = Sources {
        storage: Arc::clone(storage),
        log: LogConfig::new(LogId([7; 16])),
        clock: Arc::new(SystemClock),
        sizes: Sizes { shards: 4, accounts_max: SPEC.accounts, ..Sizes::default() },
        snapshot: None,
        orders: None,
    };
    let (engine, report) = Engine::open(sources).expect("a log that can be trusted");
    (engine, report.recovery.records_replayed)
}

fn replay(criterion: &mut Criterion) {
    let storage: Arc<dyn Storage> = Arc::new(Simulated::new());
    let (engine, _) = open(&storage);
    engine.configure(Request::CutOff(CutOff { opened: BusinessDate(9_824) })).expect("the first date");
    books::open_accounts(&engine, &SPEC).expect("room for them all");
    books::debit(&engine, &SPEC).expect("nothing is refused");
    engine.sync().expect("a medium in memory");
    drop(engine);

    let (_, records) = open(&storage);
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10);
    group.throughput(Throughput::Elements(records));
    group.bench_function(format!("{records} records"), |b| b.iter(|| open(&storage).1));
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
