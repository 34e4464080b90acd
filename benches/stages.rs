//! What the stage clocks cost a live request: the looks at the clock and the counts that the worker makes for a batch of
//! answered requests, on warm and on spread times. Held against a debit's processor time (`bench-limits`, `peers`).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::server::stages::{SAMPLE_EVERY, Stage, StageClocks};
use wal::{Clock, SystemClock};

/// What a batch of `count` requests is clocked and counted for; `times` gives how long each waited.
fn clock_batch(clocks: &mut StageClocks, count: u64, times: &mut impl FnMut() -> u64) {
    let begun_ns = SystemClock.monotonic_ns();
    for request in 0..count {
        let checked_ns = SystemClock.monotonic_ns();
        if request.is_multiple_of(SAMPLE_EVERY.into()) {
            clocks.record(Stage::Read, SystemClock.monotonic_ns() - checked_ns, 1);
            clocks.record(Stage::Verify, SystemClock.monotonic_ns() - checked_ns, 1);
        }
        clocks.record(Stage::Queue, black_box(times()), 1);
    }
    let staged_ns = SystemClock.monotonic_ns();
    clocks.record(Stage::Apply, staged_ns - begun_ns, count);
    clocks.record(Stage::Stage, black_box(times()), count);
    clocks.record(Stage::Sync, black_box(times()), count);
    clocks.record(Stage::Answer, SystemClock.monotonic_ns() - staged_ns, count);
}

fn stages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage_clocks");
    for count in [1, 8, 64] {
        group.throughput(Throughput::Elements(count));
        let mut clocks = StageClocks::default();
        // Times from 0 to 4 ms, as they come at half load: the counters that they fall on differ.
        let mut state = 1_u64;
        let mut times = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> 42
        };
        group.bench_function(format!("batch_of_{count}"), |bencher| {
            bencher.iter(|| clock_batch(&mut clocks, count, &mut times));
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
