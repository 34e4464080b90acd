//! The ledger alone: decide, copy the record, apply, in batches of 64 over accounts in random order, and the loop that
//! only touches the same accounts and copies as many bytes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::limits::ledger_alone::LedgerAlone;

const BATCH: u64 = 64;
const SHARDS: usize = 4;
const SEED: u64 = 1;

fn apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apply");
    group.throughput(Throughput::Elements(BATCH));
    for accounts in [10_000, 1_000_000] {
        let mut alone = LedgerAlone::new(accounts, SHARDS, SEED).expect("sizes in their range");
        group.bench_function(BenchmarkId::new("debit", accounts), |b| {
            b.iter(|| alone.debits::<{ BATCH as usize }>(BATCH).expect("nothing is refused"));
        });
        group.bench_function(BenchmarkId::new("upload record", accounts), |b| {
            b.iter(|| alone.uploads(BATCH).expect("nothing is refused"));
        });
        group.bench_function(BenchmarkId::new("touch and copy", accounts), |b| {
            b.iter(|| alone.touches(BATCH));
        });
    }
    group.finish();
}

criterion_group!(benches, apply);
criterion_main!(benches);
