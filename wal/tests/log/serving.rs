//! Appending and committing: numbers, time, refusals, poison, seal, spares, wake-ups.

use crate::model::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wal::{
    AppendError, Committed, Log, LogConfig, LogWriter, PAYLOAD_BYTES_MAX, Priority, Record, Simulated, Tail,
    WalError,
};

#[test]
fn a_group_is_durable_only_after_its_block() {
    let storage = Simulated::new();
    let (log, report, _) = open(&storage, small_config(), 0).unwrap();
    assert_eq!(report.tail, Tail::New);
    assert_eq!(log.commit().unwrap(), Committed::Nothing);
    assert_eq!(append(&log, &group(1, &[80, 80, 80]), Priority::Normal), Ok(1));
    assert_eq!(append(&log, &group(2, &[80]), Priority::Normal), Ok(4));
    assert_eq!((log.staged(), log.durable(), log.staged_groups_waiting()), (4, 0, 2));
    assert_eq!(log.reader().record(1).unwrap(), None);
    assert_eq!(log.commit().unwrap(), Committed::Written { durable_number: 4 });
    assert_eq!((log.durable(), log.staged_groups_waiting()), (4, 0));
    assert_eq!(log.commit().unwrap(), Committed::Nothing);
    assert_eq!(read_all(&log.reader()), [group(1, &[80, 80, 80]), group(2, &[80])].concat());
}

#[test]
fn one_stage_gives_one_time_and_dense_numbers() {
    let storage = Simulated::new();
    let clock = Hands::new();
    let (log, _) = Log::open(Arc::new(storage), small_config(), clock.clone(), 0, &mut |_| {}).unwrap();
    let mut stage = log.stage();
    let time_ns = stage.time_ns();
    assert_eq!(stage.next_number(), 1);
    clock.pass(SECOND_NS);
    for _ in 0..3 {
        stage.append(&[Record { kind: 1, version: 0, payload: &[7; 16] }], Priority::Normal).unwrap();
    }
    assert_eq!((stage.next_number(), stage.time_ns()), (4, time_ns));
    drop(stage);
    clock.move_wall(-(SECOND_NS as i64) * 2);
    assert_eq!(log.stage().time_ns(), time_ns, "time stands rather than going backwards");
    clock.move_wall(3600 * SECOND_NS as i64);
    clock.pass(2 * SECOND_NS);
    assert_eq!(log.stage().time_ns(), time_ns + SECOND_NS);
    assert!(log.time_alarm());
    log.accept_wall_clock();
    assert_eq!(log.stage().time_ns(), time_ns + 3601 * SECOND_NS);
    assert!(!log.time_alarm());
    log.commit_all().unwrap();
    assert!(log.reader().scan(0).all(|record| record.unwrap().time_ns == time_ns));
}

#[test]
fn malformed_groups_are_refused_and_leave_nothing() {
    let (log, _, _) = open(&Simulated::new(), small_config(), 0).unwrap();
    let mut stage = log.stage();
    let big = [0; PAYLOAD_BYTES_MAX + 8];
    let cases: [&[Record<'_>]; 4] = [
        &[],
        &[Record { kind: 0, version: 0, payload: &[] }],
        &[Record { kind: 1, version: 0, payload: &[0; 12] }],
        &[Record { kind: 1, version: 0, payload: &big }],
    ];
    for case in cases {
        assert_eq!(stage.append(case, Priority::Normal), Err(AppendError::InvalidRecord));
    }
    let one = Record { kind: 1, version: 0, payload: &big[..PAYLOAD_BYTES_MAX] };
    assert_eq!(stage.append(&[one; 5], Priority::Reserved), Err(AppendError::GroupTooLarge));
    assert_eq!(stage.append(&[one; 4], Priority::Reserved), Ok(1));
    assert_eq!(stage.next_number(), 5);
}

#[test]
fn staging_is_bounded_and_empties_block_by_block() {
    let (log, _, _) = open(&Simulated::new(), small_config(), 0).unwrap();
    let mut groups = 0;
    let refusal = loop {
        match append(&log, &group(groups, &[1000, 1000, 1000]), Priority::Normal) {
            Ok(_) => groups += 1,
            Err(refusal) => break refusal,
        }
    };
    assert_eq!(refusal, AppendError::StagingFull);
    // Four blocks of four pages: three such records in the first page, four in each other.
    assert_eq!(groups, 20);
    let mut blocks = 0;
    while let Committed::Written { durable_number } = log.commit().unwrap() {
        blocks += 1;
        assert_eq!(durable_number, blocks * 15);
    }
    assert_eq!(blocks, 4);
    assert!(append(&log, &group(groups, &[1000]), Priority::Normal).is_ok());
}

#[test]
fn a_full_block_is_told_of_until_it_is_taken() {
    let (log, _, _) = open(&Simulated::new(), small_config(), 0).unwrap();
    let mut groups = 0;
    while log.stage().full_blocks_waiting() == 0 {
        append(&log, &group(groups, &[1000]), Priority::Normal).unwrap();
        groups += 1;
    }
    assert_eq!(log.stage().full_blocks_waiting(), 1);
    // The group that found the block full opened the next one.
    assert_eq!(log.commit().unwrap(), Committed::Written { durable_number: groups - 1 });
    assert_eq!(log.stage().full_blocks_waiting(), 0);
}

#[test]
fn a_full_log_keeps_its_reserve_and_comes_back() {
    let config = LogConfig { log_bytes_max: Some(256 << 10), ..small_config() };
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, config, 0).unwrap();
    let mut tag = 0;
    let mut fill = |priority| {
        loop {
            match append(&log, &group(tag, &[80]), priority) {
                Ok(_) => tag += 1,
                Err(refusal) => break refusal,
            }
            log.commit_all().unwrap();
        }
    };
    assert_eq!(fill(Priority::Normal), AppendError::Full);
    let normal = log.durable();
    assert_eq!(fill(Priority::Reserved), AppendError::Full);
    // One page a commit: two segments of 30 record pages, four of them the reserve.
    assert_eq!((normal, log.durable()), (56, 60));
    log.seal().unwrap();
    drop(log);
    let (log, report, _) = open(&storage, config, 0).unwrap();
    assert_eq!((report.tail, report.last_number), (Tail::Sealed, 60));
    assert_eq!(append(&log, &group(0, &[80]), Priority::Reserved), Err(AppendError::Full));
    log.seal().unwrap();
    drop(log);
    let (log, _, _) = open(&storage, LogConfig { log_bytes_max: None, ..config }, 0).unwrap();
    assert_eq!(append(&log, &group(0, &[80]), Priority::Normal), Ok(61));
    log.commit_all().unwrap();
    assert_eq!(read_all(&log.reader()).len(), 61);
}

#[test]
fn a_full_medium_refuses_and_is_asked_again() {
    let storage = Simulated::new();
    storage.set_capacity_bytes(Some(128 << 10));
    let clock = Hands::new();
    let (log, _) = Log::open(Arc::new(storage.clone()), small_config(), clock, 0, &mut |_| {}).unwrap();
    while append(&log, &group(1, &[80]), Priority::Normal).is_ok() {
        log.commit_all().unwrap();
    }
    assert_eq!(append(&log, &group(1, &[80]), Priority::Normal), Err(AppendError::Full));
    assert!(append(&log, &group(1, &[80]), Priority::Reserved).is_ok());
    assert!(!log.poisoned());
    storage.set_capacity_bytes(None);
    log.maintain().unwrap();
    assert!(append(&log, &group(1, &[80]), Priority::Normal).is_ok());
    log.commit_all().unwrap();
}

#[test]
fn no_room_for_a_first_segment_is_told() {
    let storage = Simulated::new();
    storage.set_capacity_bytes(Some(4096));
    assert!(matches!(open(&storage, small_config(), 0), Err(WalError::Full { .. })));
}

#[test]
fn every_block_is_reported_once_before_its_records_count_as_durable() {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    let log = Arc::new(log);
    let reports = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let (seen, reported) = (Arc::downgrade(&log), Arc::clone(&reports));
    log.on_block(move |block| {
        assert!(seen.upgrade().unwrap().durable() < block.last_number);
        reported.lock().push(*block);
    });
    for groups in [1, 3] {
        for tag in 0..groups {
            append(&log, &group(tag, &[80, 40]), Priority::Normal).unwrap();
        }
        log.commit().unwrap();
    }
    let reports = reports.lock();
    let sizes: Vec<_> = reports.iter().map(|b| (b.last_number, b.groups, b.records, b.bytes)).collect();
    assert_eq!(sizes, [(2, 1, 2, 4096), (8, 3, 6, 4096)]);
    assert!(
        reports.iter().all(|block| block.begun_ns <= block.taken_ns && block.taken_ns <= block.durable_ns)
    );
}

#[test]
fn a_failed_sync_poisons_for_good() {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    let told = Arc::new(AtomicU64::new(0));
    let tell = Arc::clone(&told);
    log.on_durable(Box::new(move |number| {
        tell.fetch_add(1000 + number, Ordering::Relaxed);
    }));
    append(&log, &group(1, &[80]), Priority::Normal).unwrap();
    log.commit().unwrap();
    assert_eq!(told.load(Ordering::Relaxed), 1001);
    storage.fail_at_operation(storage.operations() + 1);
    append(&log, &group(2, &[80]), Priority::Normal).unwrap();
    assert!(matches!(log.commit(), Err(WalError::Io { .. })));
    assert_eq!(told.load(Ordering::Relaxed), 2002, "those who wait are woken, with nothing new");
    assert!(log.poisoned() && log.poison_cause().unwrap().contains("write block"));
    assert!(matches!(log.commit(), Err(WalError::Poisoned { .. })));
    assert!(matches!(log.seal(), Err(WalError::Poisoned { .. })));
    assert_eq!(append(&log, &group(3, &[80]), Priority::Reserved), Err(AppendError::Poisoned));
    assert_eq!((log.durable(), read_all(&log.reader()).len()), (1, 1));
}

#[test]
fn a_seal_refuses_what_comes_after_and_is_found_again() {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    append(&log, &group(1, &[80]), Priority::Normal).unwrap();
    log.seal().unwrap();
    log.seal().unwrap();
    assert_eq!(append(&log, &group(2, &[80]), Priority::Normal), Err(AppendError::Sealed));
    assert_eq!(log.durable(), 1);
    drop(log);
    for _ in 0..3 {
        // Opening and sealing again without a record writes no further seal.
        let (log, report, replayed) = open(&storage, small_config(), 0).unwrap();
        assert_eq!((report.tail, report.blocks_read, replayed.len()), (Tail::Sealed, 2, 1));
        log.seal().unwrap();
    }
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    assert_eq!(append(&log, &group(2, &[80]), Priority::Normal), Ok(2));
    log.commit_all().unwrap();
    drop(log);
    let (_, report, replayed) = open(&storage, small_config(), 0).unwrap();
    assert_eq!((report.tail, report.blocks_read), (Tail::Unsealed, 3));
    assert_eq!(replayed, [group(1, &[80]), group(2, &[80])].concat());
}

#[test]
fn a_start_leaves_the_spare_to_the_first_write() {
    let storage = Simulated::new();
    let segments = || wal::Storage::list(&storage).unwrap().len();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    assert_eq!(segments(), 1);
    append(&log, &group(1, &[80]), Priority::Normal).unwrap();
    log.commit_all().unwrap();
    assert_eq!(segments(), 2);
}

#[test]
fn a_spare_is_always_ready() {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    for tag in 0..200 {
        append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
        let in_use = 1 + tag / 30;
        assert!(wal::Storage::list(&storage).unwrap().len() as u64 > in_use, "after group {tag}");
    }
    assert!(storage.image(7).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn a_stop_interrupts_the_making_of_a_spare_and_the_next_start_makes_it() {
    let storage = Simulated::new();
    let config = LogConfig { segment_bytes: 4 << 20, ..small_config() };
    let (log, _, _) = open(&storage, config, 0).unwrap();
    let log = Arc::new(log);
    for round in 0..4 {
        let writer = LogWriter::spawn(Arc::clone(&log)).unwrap();
        // More than a segment takes: the spare is claimed, and another one is begun, with 64 pauses.
        for tag in 0..300 {
            let group = group(round * 300 + tag, &[800; 16]);
            while append(&log, &group, Priority::Normal) == Err(AppendError::StagingFull) {
                std::thread::yield_now();
            }
            log.commit_all().unwrap();
        }
        writer.stop();
    }
    for _ in 0..20 {
        LogWriter::spawn(Arc::clone(&log)).unwrap().stop();
    }
    let in_use = log.reader().verify().unwrap().segments as usize;
    log.maintain().unwrap();
    assert_eq!(wal::Storage::list(&storage).unwrap().len(), in_use + 1, "one spare, and nothing half made");
}

#[test]
fn threads_append_and_the_writer_makes_all_of_it_durable() {
    let storage = Simulated::new();
    let config = LogConfig { segment_bytes: 1 << 20, ..small_config() };
    let (log, _, _) = open(&storage, config, 0).unwrap();
    let log = Arc::new(log);
    let writer = LogWriter::spawn(Arc::clone(&log)).unwrap();
    let durable = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&durable);
    log.on_durable(Box::new(move |number| {
        assert!(seen.fetch_max(number, Ordering::Relaxed) < number, "durable numbers ascend");
    }));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                let mut tag = 0;
                while tag < 2000 {
                    match append(log, &group(thread * 2000 + tag, &[80, 40]), Priority::Normal) {
                        Ok(_) => tag += 1,
                        Err(AppendError::StagingFull) => std::thread::yield_now(),
                        Err(refusal) => panic!("{refusal}"),
                    }
                    if tag % 3 == 0 {
                        log.kick();
                    } else {
                        log.commit().unwrap();
                    }
                }
                log.kick();
            });
        }
    });
    // Every thread kicked after its last append: the writer gets there without another word.
    while log.durable() < 16_000 {
        std::thread::yield_now();
    }
    assert_eq!(durable.load(Ordering::Relaxed), 16_000);
    writer.stop();
    log.seal().unwrap();
    drop(log);
    let (_, report, replayed) = open(&storage, config, 0).unwrap();
    assert_eq!((report.tail, replayed.len()), (Tail::Sealed, 16_000));
    let mut groups: Vec<_> = replayed.chunks(2).map(<[Owned]>::to_vec).collect();
    let mut expect: Vec<_> = (0..8000).map(|tag| group(tag, &[80, 40])).collect();
    groups.sort_by(|a, b| a[0].payload.cmp(&b[0].payload));
    expect.sort_by(|a, b| a[0].payload.cmp(&b[0].payload));
    assert!(groups == expect);
}
