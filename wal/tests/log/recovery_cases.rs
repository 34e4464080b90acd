//! The case table of `README.md`, row by row.

use crate::model::*;
use wal::{LogConfig, LogId, PAGE_BYTES, Priority, Simulated, Tail, WalError};

const SECTOR_BYTES: usize = 512;

/// Two segments in use and a spare. Segment 1 ends with a block of one page and a block of two.
struct Case {
    storage: Simulated,
    records: usize,
    /// Records up to the end of the last block but one.
    records_before_last: usize,
    /// First page of the last block.
    last_page: usize,
    /// First page behind it.
    end_page: usize,
}

impl Case {
    fn new() -> Self {
        let storage = Simulated::new();
        let (log, _, _) = open(&storage, small_config(), 0).unwrap();
        for tag in 0..35 {
            append(&log, &group(tag, &[80, 80]), Priority::Normal).unwrap();
            log.commit_all().unwrap();
        }
        let records_before_last = log.durable() as usize;
        append(&log, &group(99, &[1024, 1024, 1024, 1024, 1024]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
        let last = log.reader().blocks().last().unwrap().unwrap();
        assert_eq!((last.segment, last.page_count), (1, 2));
        let last_page = last.page as usize;
        Self {
            storage,
            records: log.durable() as usize,
            records_before_last,
            last_page,
            end_page: last_page + 2,
        }
    }

    fn edit(self, segment: u32, edit: impl FnOnce(&mut Vec<u8>, &Case)) -> Self {
        let mut image = self.storage.image(segment).unwrap();
        edit(&mut image, &self);
        self.storage.set_image(segment, Some(image));
        self
    }

    /// It starts, with this many records and this tail, and goes on well.
    fn starts(self, tail: Tail, records: usize) {
        let (log, report, replayed) = open(&self.storage, small_config(), 0).unwrap();
        assert_eq!((report.tail, replayed.len()), (tail, records));
        append(&log, &group(7, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
        drop(log);
        let (log, report, replayed) = open(&self.storage, small_config(), 0).unwrap();
        assert_eq!((report.tail, replayed.len()), (Tail::Unsealed, records + 1));
        log.reader().verify().unwrap();
    }

    /// It refuses to start, naming this segment and page.
    fn refuses(self, segment: u32, page: usize, text: &str) {
        match open(&self.storage, small_config(), 0) {
            Err(error @ WalError::Damaged { segment: at_segment, offset, page: at_page, what }) => {
                assert_eq!((at_segment, at_page as usize), (segment, page), "{error}");
                assert_eq!(offset as usize, page * PAGE_BYTES);
                assert!(what.contains(text), "{what}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it starts"),
        }
    }
}

fn page(bytes: &mut [u8], page: usize) -> &mut [u8] {
    &mut bytes[page * PAGE_BYTES..(page + 1) * PAGE_BYTES]
}

fn sector(bytes: &mut [u8], at_page: usize, sector: usize) -> &mut [u8] {
    &mut page(bytes, at_page)[sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES]
}

#[test]
fn case_1_valid_to_the_end() {
    let case = Case::new();
    let records = case.records;
    case.starts(Tail::Unsealed, records);
}

#[test]
fn case_2_a_seal() {
    let case = Case::new();
    let records = case.records;
    let (log, _, _) = open(&case.storage, small_config(), 0).unwrap();
    log.seal().unwrap();
    drop(log);
    case.starts(Tail::Sealed, records);
}

#[test]
fn case_3_the_last_block_lacks_pages_or_sectors() {
    let lose: [fn(&mut Vec<u8>, &Case); 5] = [
        |bytes, case| page(bytes, case.last_page).fill(0),
        |bytes, case| page(bytes, case.last_page + 1).fill(0),
        |bytes, case| sector(bytes, case.last_page, 0).fill(0),
        |bytes, case| sector(bytes, case.last_page + 1, 7).fill(0),
        |bytes, case| {
            sector(bytes, case.last_page, 3).fill(0);
            sector(bytes, case.last_page + 1, 0).fill(0);
        },
    ];
    for lose in lose {
        let case = Case::new().edit(1, lose);
        let tail = Tail::Torn { segment: 1, page: case.last_page as u32 };
        let records = case.records_before_last;
        case.starts(tail, records);
    }
}

#[test]
fn case_3_the_last_block_lacks_all_its_pages() {
    let case = Case::new().edit(1, |bytes, case| {
        page(bytes, case.last_page).fill(0);
        page(bytes, case.last_page + 1).fill(0);
    });
    let records = case.records_before_last;
    case.starts(Tail::Unsealed, records);
}

#[test]
fn case_4_a_damaged_byte_in_the_last_block() {
    for offset in [4, 9, 100, 3000, 4095] {
        let case = Case::new().edit(1, |bytes, case| page(bytes, case.last_page + 1)[offset] ^= 0x10);
        let at = case.last_page + 1;
        case.refuses(1, at, "no lost sector explains it");
    }
}

#[test]
fn case_5_a_torn_block_that_the_log_goes_on_behind() {
    let case = Case::new().edit(1, |bytes, case| page(bytes, case.last_page - 1).fill(0));
    let at = case.last_page;
    case.refuses(1, at, "a page of another block");
    // The same in a segment that isn't the last.
    Case::new().edit(0, |bytes, _| sector(bytes, 30, 2).fill(0)).refuses(0, 30, "the log goes on behind it");
}

#[test]
fn case_6_bytes_behind_the_end() {
    let case = Case::new().edit(1, |bytes, case| page(bytes, case.end_page)[0] = 1);
    let at = case.end_page;
    case.refuses(1, at, "fails its checksum");
    // Behind the window.
    let config = LogConfig { segment_bytes: 512 << 10, ..small_config() };
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, config, 0).unwrap();
    append(&log, &group(0, &[80]), Priority::Normal).unwrap();
    log.commit_all().unwrap();
    drop(log);
    let mut image = storage.image(0).unwrap();
    page(&mut image, 127)[4095] = 1;
    storage.set_image(0, Some(image));
    match open(&storage, config, 0) {
        Err(WalError::Damaged { segment: 0, page: 127, what, .. }) => {
            assert!(what.contains("ends before it"), "{what}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

#[test]
fn case_7_a_valid_page_in_the_wrong_place() {
    // A copy of the last page, one further on.
    let case = Case::new().edit(1, |bytes, case| {
        let copy = page(bytes, case.end_page - 1).to_vec();
        page(bytes, case.end_page).copy_from_slice(&copy);
    });
    let at = case.end_page;
    case.refuses(1, at, "a page of another block");
    // A page of another segment fails its seed.
    let case = Case::new();
    let mut other = case.storage.image(0).unwrap();
    let case = case.edit(1, |bytes, case| {
        page(bytes, case.last_page - 1).copy_from_slice(page(&mut other, 5));
    });
    let at = case.last_page - 1;
    case.refuses(1, at, "fails its checksum");
    // Two blocks of one page, swapped.
    let case = Case::new().edit(0, |bytes, _| {
        let copy = page(bytes, 3).to_vec();
        bytes.copy_within(4 * PAGE_BYTES..5 * PAGE_BYTES, 3 * PAGE_BYTES);
        page(bytes, 4).copy_from_slice(&copy);
    });
    case.refuses(0, 3, "out of sequence");
}

#[test]
fn case_8_segments_missing_foreign_or_of_another_version() {
    let case = Case::new();
    case.storage.set_image(0, None);
    assert!(matches!(open(&case.storage, small_config(), 0), Err(WalError::MissingSegment { segment: 0 })));

    let case = Case::new();
    case.storage.set_image(1, None);
    assert!(matches!(open(&case.storage, small_config(), 0), Err(WalError::MissingSegment { segment: 1 })));

    let case = Case::new();
    let other = Simulated::new();
    let (log, _, _) = open(&other, LogConfig { log_id_if_new: LogId([1; 16]), ..small_config() }, 0).unwrap();
    for tag in 0..40 {
        append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
    }
    case.storage.set_image(1, other.image(1));
    assert!(matches!(open(&case.storage, small_config(), 0), Err(WalError::ForeignSegment { segment: 1 })));

    let case = Case::new().edit(0, |bytes, _| bytes[8] = 9);
    let error = open(&case.storage, small_config(), 0).err().unwrap();
    assert_eq!(error.to_string(), "log segment 0 has format version 9; this program reads version 1");
}

#[test]
fn case_9_headers() {
    Case::new().edit(0, |bytes, _| page(bytes, 0).fill(0)).refuses(0, 0, "the segment is in use");
    Case::new().edit(1, |bytes, _| page(bytes, 0).fill(0)).refuses(1, 0, "the segment is in use");
    Case::new().edit(1, |bytes, _| page(bytes, 0)[50] ^= 1).refuses(1, 0, "fails its checksum");
    Case::new().edit(2, |bytes, _| page(bytes, 1)[77] = 1).refuses(2, 0, "the segment is in use");
    // The last segment's header was never written: the log ends in the segment before.
    let case = Case::new().edit(1, |bytes, _| bytes.fill(0));
    case.starts(Tail::Unsealed, 60);
}

#[test]
fn case_10_a_snapshot_ahead_of_the_log() {
    let case = Case::new();
    let records = case.records as u64;
    let (_, report, replayed) = open(&case.storage, small_config(), records + 1).unwrap();
    assert_eq!((report.records_replayed, replayed.len()), (0, 0));
    assert!(matches!(
        open(&case.storage, small_config(), records + 2),
        Err(WalError::ReplayBeyondEnd { replay_from, last_number }) if (replay_from, last_number) == (records + 2, records)
    ));
    assert!(matches!(open(&Simulated::new(), small_config(), 2), Err(WalError::ReplayBeyondEnd { .. })));
}

#[test]
fn replay_starts_where_it_is_asked_to_and_reads_no_more_than_it_must() {
    let case = Case::new();
    let (_, all, _) = open(&case.storage, small_config(), 0).unwrap();
    assert_eq!((all.segments, all.segments_read), (2, 2));
    for from in [1, 2, 59, 60, 61, 62, 70] {
        let (log, report, replayed) = open(&case.storage, small_config(), from).unwrap();
        assert_eq!(replayed.len() as u64, case.records as u64 + 1 - from);
        assert_eq!(report.segments_read, if from <= 60 { 2 } else { 1 });
        assert_eq!((report.last_number, report.link), (all.last_number, all.link));
        // What was not replayed can be read all the same.
        assert_eq!(read_all(&log.reader()).len(), case.records);
        log.reader().verify().unwrap();
    }
    // Damage in what isn't read for the replay shows when it is read.
    let case = case.edit(0, |bytes, _| page(bytes, 3)[2000] ^= 1);
    let (log, _, _) = open(&case.storage, small_config(), 61).unwrap();
    assert!(matches!(log.reader().record(5), Err(WalError::Damaged { segment: 0, page: 3, .. })));
    assert!(log.reader().record(60).is_ok());
    assert!(log.reader().verify().is_err());
    // And its end is always looked at.
    let case = case.edit(0, |bytes, _| page(bytes, 30).fill(0));
    assert!(matches!(
        open(&case.storage, small_config(), 61),
        Err(WalError::Damaged { segment: 0, page: 29, .. })
    ));
}

#[test]
fn other_sizes_after_a_restart() {
    let case = Case::new();
    let config = LogConfig { segment_bytes: 256 << 10, block_bytes_max: 8 << 10, ..small_config() };
    let (log, _, _) = open(&case.storage, config, 0).unwrap();
    for tag in 0..200 {
        append(&log, &group(tag, &[80]), Priority::Normal).unwrap();
        log.commit_all().unwrap();
    }
    drop(log);
    assert_eq!(case.storage.image(2).unwrap().len(), 128 << 10, "the spare keeps its size");
    assert_eq!(case.storage.image(3).unwrap().len(), 256 << 10);
    let (log, _, replayed) = open(&case.storage, small_config(), 0).unwrap();
    assert_eq!(replayed.len(), case.records + 200);
    log.reader().verify().unwrap();
}
