//! Reading: by number, forwards, backwards, by block, from another process, while the log grows.

use crate::model::*;
use std::sync::Arc;
use wal::{Log, LogReader, Priority, Simulated, WalError};

/// A log over several segments with groups of all sizes, and its records.
fn long_log(storage: &Simulated) -> (Log, Vec<Owned>) {
    let (log, _, _) = open(storage, small_config(), 0).unwrap();
    let mut draws = Draws::new(5);
    let mut records = Vec::new();
    for tag in 0..600 {
        let sizes: Vec<usize> = (0..1 + draws.below(3)).map(|_| 8 * draws.below(70) as usize).collect();
        let group = group(tag, &sizes);
        append(&log, &group, Priority::Normal).unwrap();
        records.extend(group);
        if draws.below(3) == 0 {
            log.commit_all().unwrap();
        }
    }
    log.commit_all().unwrap();
    assert!(storage.image(4).is_some());
    (log, records)
}

#[test]
fn every_way_of_reading_gives_the_same_records() {
    let storage = Simulated::new();
    let (log, records) = long_log(&storage);
    let reader = log.reader();
    let owned = |record: Result<wal::RecordRef<'_>, WalError>| Owned::from(record.unwrap());
    assert_eq!(reader.last_number() as usize, records.len());
    assert!(read_all(&reader) == records);
    for from in [0, 1, 2, 41, 42, 300, records.len() as u64, records.len() as u64 + 1] {
        let skip = from.saturating_sub(1) as usize;
        assert!(reader.scan(from).map(owned).eq(records.iter().skip(skip).cloned()), "from {from}");
        let take = (from as usize).min(records.len());
        assert!(
            reader.scan_back(from).map(owned).eq(records[..take].iter().rev().cloned()),
            "back from {from}"
        );
    }
    assert!(reader.scan(7).zip(7..).all(|(record, number)| record.unwrap().number == number));
    assert_eq!(reader.record(0).unwrap(), None);
    assert_eq!(reader.record(records.len() as u64 + 1).unwrap(), None);
    let report = reader.verify().unwrap();
    assert_eq!(report.records as usize, records.len());
    let blocks: Vec<_> = reader.blocks().map(|block| block.unwrap()).collect();
    assert_eq!(blocks.len() as u64, report.blocks);
    assert_eq!(blocks.last().unwrap().link, report.link);
    let mut number = 1;
    for (sequence, block) in (1..).zip(&blocks) {
        assert_eq!((block.sequence, block.first_number), (sequence, number));
        number += u64::from(block.record_count);
    }
    assert_eq!(blocks.iter().map(|block| block.group_count).sum::<u32>(), 600);
}

#[test]
fn a_reader_stops_at_the_durable_position_and_follows_it() {
    let (log, _, _) = open(&Simulated::new(), small_config(), 0).unwrap();
    let reader = log.reader();
    for tag in 0..100 {
        append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
        assert_eq!(reader.last_number(), tag);
        assert_eq!(reader.record(tag + 1).unwrap(), None);
        assert_eq!(reader.scan(0).count() as u64, tag);
        log.commit_all().unwrap();
        assert_eq!(reader.record(tag + 1).unwrap().unwrap().number, tag + 1);
    }
}

#[test]
fn readers_run_while_the_log_grows() {
    let (log, _, _) = open(&Simulated::new(), small_config(), 0).unwrap();
    let log = Arc::new(log);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let reader = log.reader();
            scope.spawn(move || {
                let mut seen = 0;
                while seen < 3000 {
                    for record in reader.scan(seen + 1) {
                        let record = record.unwrap();
                        seen += 1;
                        assert_eq!(record.number, seen);
                        assert!(group(seen - 1, &[80])[0].payload == record.payload);
                    }
                    if seen > 0 {
                        assert_eq!(reader.record(seen).unwrap().unwrap().number, seen);
                        assert_eq!(reader.scan_back(seen).take(50).count() as u64, seen.min(50));
                    }
                }
                reader.verify().unwrap();
            });
        }
        for tag in 0..3000 {
            append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
            log.commit_all().unwrap();
        }
    });
}

#[test]
fn another_process_trusts_a_block_only_with_a_successor_or_a_seal() {
    let storage = Simulated::new();
    assert!(matches!(LogReader::open_offline_with(&storage), Err(WalError::MissingSegment { segment: 0 })));
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    let trusted = || LogReader::open_offline_with(&storage).unwrap().last_number();
    assert_eq!(trusted(), 0);
    // Two records a block, 30 blocks a segment: the header of the next segment is a successor too, and comes with its
    // first block.
    for tag in 0..70 {
        append(&log, &group(tag, &[80, 80]), Priority::Normal).unwrap();
        assert_eq!(trusted(), tag.saturating_sub(1) * 2);
        log.commit_all().unwrap();
        assert_eq!(trusted(), tag * 2);
    }
    log.seal().unwrap();
    assert_eq!(trusted(), 140);
    let offline = LogReader::open_offline_with(&storage).unwrap();
    assert!(read_all(&offline) == read_all(&log.reader()));
    assert_eq!(offline.verify().unwrap(), log.reader().verify().unwrap());
    assert_eq!(offline.log_id(), LOG_ID);
}

#[test]
fn another_process_takes_a_block_in_the_making_for_the_end_and_damage_for_damage() {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    for tag in 0..5 {
        append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
    }
    drop(log);
    let image = storage.image(0).unwrap();
    let flipped = |page: usize| {
        let mut bytes = image.clone();
        bytes[page * 4096 + 100] ^= 1;
        storage.set_image(0, Some(bytes));
        LogReader::open_offline_with(&storage).map(|reader| reader.last_number())
    };
    assert_eq!(flipped(5).unwrap(), 3);
    for page in 1..5 {
        assert!(matches!(flipped(page), Err(WalError::Damaged { segment: 0, .. })), "page {page}");
    }
}

#[test]
fn records_of_a_block_come_verified_or_not_at_all() {
    let storage = Simulated::new();
    let (log, records) = long_log(&storage);
    let mut seen = Vec::new();
    log.reader().verify_each(&mut |record| seen.push(Owned::from(record))).unwrap();
    assert!(seen == records);
}
