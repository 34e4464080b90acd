//! The two back ends on real files, and the lock of the data directory.

use crate::model::*;
use std::path::Path;
use std::sync::Arc;
use wal::{
    Access, DirLock, Log, LogConfig, LogReader, LogWriter, Map, PAGE_BYTES, PaceStep, Priority, Storage,
    Tail, Through, WalError,
};

fn open_files(
    storage: Arc<dyn Storage>,
    config: LogConfig,
) -> Result<(Log, wal::RecoveryReport, Vec<Owned>), WalError> {
    let mut replayed = Vec::new();
    let (log, report) = Log::open(storage, config, Hands::new(), 0, &mut |records| {
        replayed.extend(records.map(Owned::from));
    })?;
    Ok((log, report, replayed))
}

fn back_end(data_dir: &Path, map: bool) -> Arc<dyn Storage> {
    if map { Arc::new(Map::new(data_dir)) } else { Arc::new(Through::new(data_dir)) }
}

fn segment(data_dir: &Path, id: u32) -> Vec<u8> {
    std::fs::read(data_dir.join(format!("log/{id:08}.seg"))).unwrap()
}

#[test]
fn both_back_ends_and_the_simulation_write_the_same_bytes() {
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let simulated = wal::Simulated::new();
    let storages: [Arc<dyn Storage>; 3] = [
        back_end(directories[0].path(), false),
        back_end(directories[1].path(), true),
        Arc::new(simulated.clone()),
    ];
    let mut expect = Vec::new();
    for storage in storages {
        let (log, _, _) = open_files(storage, small_config()).unwrap();
        expect.clear();
        for tag in 0..100 {
            let group = group(tag, &[80, 80, 8 * (tag as usize % 50)]);
            append(&log, &group, Priority::Normal).unwrap();
            expect.extend(group);
            if tag % 2 == 0 {
                log.commit_all().unwrap();
            }
        }
        log.seal().unwrap();
        assert!(read_all(&log.reader()) == expect);
    }
    for id in 0..3 {
        let through = segment(directories[0].path(), id);
        assert!(through == segment(directories[1].path(), id), "segment {id}");
        assert!(Some(through) == simulated.image(id), "segment {id}");
    }
    // What one back end wrote, the other goes on with.
    for (directory, map) in directories.iter().zip([true, false]) {
        let offline = LogReader::open_offline(directory.path()).unwrap();
        assert!(read_all(&offline) == expect);
        let (log, report, replayed) = open_files(back_end(directory.path(), map), small_config()).unwrap();
        assert_eq!(report.tail, Tail::Sealed);
        assert!(replayed == expect);
        append(&log, &group(7, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
        drop(log);
        let (_, report, replayed) = open_files(back_end(directory.path(), !map), small_config()).unwrap();
        assert_eq!((report.tail, replayed.len()), (Tail::Unsealed, expect.len() + 1));
    }
}

#[test]
fn a_segment_in_the_making_counts_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("log")).unwrap();
    std::fs::write(directory.path().join("log/00000000.new"), b"half").unwrap();
    std::fs::write(directory.path().join("log/notes.txt"), b"not ours").unwrap();
    let (log, report, _) = open_files(back_end(directory.path(), false), small_config()).unwrap();
    assert_eq!(report.tail, Tail::New);
    drop(log);
    assert_eq!(segment(directory.path(), 0).len(), 128 << 10);
    assert!(!directory.path().join("log/00000000.new").exists());
}

#[test]
fn a_writer_thread_on_real_files_through_many_segments() {
    for map in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let (log, _, _) = open_files(back_end(directory.path(), map), small_config()).unwrap();
        let log = Arc::new(log);
        let writer = LogWriter::spawn(Arc::clone(&log)).unwrap();
        let mut expect = Vec::new();
        for tag in 0..4000 {
            let group = group(tag, &[80]);
            while let Err(refusal) = append(&log, &group, Priority::Normal) {
                assert_eq!(refusal, wal::AppendError::StagingFull);
                std::thread::yield_now();
            }
            log.kick();
            expect.extend(group);
        }
        writer.stop();
        log.seal().unwrap();
        assert!(read_all(&log.reader()) == expect);
        drop(log);
        let (log, report, replayed) = open_files(back_end(directory.path(), map), small_config()).unwrap();
        assert_eq!(report.tail, Tail::Sealed);
        assert!(report.segments > 2 && replayed == expect);
        log.reader().verify().unwrap();
    }
}

#[test]
fn a_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let lock = DirLock::acquire(&data_dir).unwrap();
    match DirLock::acquire(&data_dir) {
        Err(error @ WalError::Locked { pid, .. }) => {
            assert_eq!(pid, std::process::id());
            assert!(error.to_string().contains("in use by process"));
        }
        other => panic!("{other:?}"),
    }
    drop(lock);
    DirLock::acquire(&data_dir).unwrap();
}

#[test]
fn a_segment_whose_zeros_were_left_reads_and_takes_writes_like_any_other() {
    for map in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let storage = back_end(directory.path(), map);
        let pace = &mut |pages_done| match pages_done {
            0 => PaceStep::Zeros(4),
            _ => PaceStep::LeaveRest,
        };
        let file = storage.create(0, 64, pace).unwrap();
        assert_eq!(file.page_count(), 64);
        let mut page = [1; PAGE_BYTES];
        file.read(63, &mut page).unwrap();
        assert_eq!(page, [0; PAGE_BYTES]);
        file.write(2, &[7; 4 * PAGE_BYTES]).unwrap();
        drop(file);
        let file = storage.open(0, Access::ReadWrite).unwrap();
        assert_eq!(file.page_count(), 64);
        for (at, byte) in [(1, 0), (2, 7), (5, 7), (6, 0)] {
            file.read(at, &mut page).unwrap();
            assert_eq!(page, [byte; PAGE_BYTES], "page {at}");
        }
    }
}

#[test]
fn settings_out_of_range_are_named() {
    let good = small_config();
    let cases = [
        ("segment_bytes", LogConfig { segment_bytes: 100_000, ..good }),
        ("block_bytes_max", LogConfig { block_bytes_max: 5000, ..good }),
        ("staging_bytes_max", LogConfig { staging_bytes_max: 128 << 10, ..good }),
        ("reserve_bytes", LogConfig { reserve_bytes: 1 << 20, ..good }),
        ("log_bytes_max", LogConfig { log_bytes_max: Some(1), ..good }),
    ];
    for (name, config) in cases {
        match open(&wal::Simulated::new(), config, 0) {
            Err(WalError::InvalidConfig { setting, .. }) => assert_eq!(setting, name),
            Err(error) => panic!("{name}: {error}"),
            Ok(_) => panic!("{name}: accepted"),
        }
    }
}

#[test]
fn another_process_reads_while_the_log_grows() {
    let directory = tempfile::tempdir().unwrap();
    let (log, _, _) = open_files(back_end(directory.path(), false), small_config()).unwrap();
    let groups = 1500;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for tag in 0..groups {
                let sizes = [80, 1024, 2000, 2000];
                append(&log, &group(tag, &sizes[..1 + tag as usize % 4]), Priority::Normal).unwrap();
                log.commit_all().unwrap();
            }
            log.seal().unwrap();
        });
        let mut last_number = 0;
        loop {
            let finished = writer.is_finished();
            let reader = LogReader::open_offline(directory.path()).unwrap();
            assert!(reader.last_number() >= last_number, "what was trusted once is trusted ever after");
            last_number = reader.last_number();
            assert_eq!(reader.verify().unwrap().records, last_number);
            if finished {
                assert!(reader.blocks().last().unwrap().unwrap().seal);
                assert_eq!(last_number, log.durable());
                return;
            }
        }
    });
}
