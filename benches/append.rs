//! Appending groups and making them durable: the log's own work on a medium that forgets, and a real file.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use wal::{
    AppendError, Log, LogConfig, LogId, LogWriter, Map, Priority, Record, Storage, SystemClock, Through,
};

mod discard;

/// Bytes of a debit's payload.
const PAYLOAD: [u8; 96] = [0x5a; 96];

/// A log, and the thread that keeps a spare segment ready for it.
fn open(storage: Arc<dyn Storage>) -> (Arc<Log>, LogWriter) {
    let config = LogConfig::new(LogId([7; 16]));
    let opened = Log::open(storage, config, Arc::new(SystemClock), 1, &mut |_| {});
    let log = Arc::new(opened.expect("an empty medium").0);
    let writer = LogWriter::spawn(Arc::clone(&log)).expect("two threads");
    (log, writer)
}

fn append_and_commit(log: &Log, groups: u64) {
    let record = Record { kind: 1, version: 1, payload: &PAYLOAD };
    let mut staged = 0;
    while staged < groups {
        let mut stage = log.stage();
        match stage.append(&[record], Priority::Normal) {
            Ok(_) => {
                staged += 1;
                while staged < groups && stage.append(&[record], Priority::Normal).is_ok() {
                    staged += 1;
                }
            }
            // The spare segment isn't ready yet.
            Err(AppendError::StagingFull) => {
                drop(stage);
                thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
    while log.durable() < log.staged() {
        log.commit().expect("a medium that works");
    }
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    // Every iteration stays on the disk until the end: a few seconds are a gigabyte.
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for groups in [1, 64] {
        group.throughput(Throughput::Elements(groups));
        let (log, _writer) = open(Arc::new(discard::Discard));
        group.bench_function(BenchmarkId::new("discard", groups), |b| {
            b.iter(|| append_and_commit(&log, groups));
        });
        let folder = tempfile::tempdir().expect("a temporary directory");
        let through: Arc<dyn Storage> = Arc::new(Through::new(&folder.path().join("through")));
        let map: Arc<dyn Storage> = Arc::new(Map::new(&folder.path().join("map")));
        for storage in [through, map] {
            let name = storage.name();
            let (log, _writer) = open(storage);
            group.bench_function(BenchmarkId::new(name, groups), |b| {
                b.iter(|| append_and_commit(&log, groups));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
