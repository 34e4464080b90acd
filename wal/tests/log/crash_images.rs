//! A small log, cut at every byte and flipped at every byte: what is recovered is a valid prefix, or the log refuses to
//! start; it never gives a record that wasn't written.

use crate::model::*;
use wal::{PAGE_BYTES, Priority, Simulated, WalError};

const SECTOR_BYTES: usize = 512;

struct Image {
    bytes: Vec<u8>,
    records: Vec<Owned>,
    /// Where the written pages end.
    end: usize,
    /// Records up to the end of each block, and the byte where that block ends.
    blocks: Vec<(usize, usize)>,
}

/// Three blocks, of one, two and one pages, and perhaps a seal.
fn image(sealed: bool) -> Image {
    let storage = Simulated::new();
    let (log, _, _) = open(&storage, small_config(), 0).unwrap();
    let mut records = Vec::new();
    let blocks: [&[&[usize]]; 3] = [
        &[&[80, 80, 80], &[80]],
        &[&[80, 80], &[1024, 1024], &[504], &[1024, 1024, 80], &[80]],
        &[&[80], &[0, 8], &[80, 80, 80]],
    ];
    for (block, groups) in blocks.iter().enumerate() {
        for (index, sizes) in groups.iter().enumerate() {
            let group = group((block * 10 + index) as u64, sizes);
            append(&log, &group, Priority::Normal).unwrap();
            records.extend(group);
        }
        log.commit_all().unwrap();
    }
    if sealed {
        log.seal().unwrap();
    }
    let blocks: Vec<(usize, usize)> = log
        .reader()
        .blocks()
        .map(|block| block.unwrap())
        .map(|block| {
            let records = block.first_number as usize - 1 + block.record_count as usize;
            (records, (block.page + block.page_count) as usize * PAGE_BYTES)
        })
        .collect();
    assert_eq!(blocks.len(), if sealed { 4 } else { 3 });
    let end = blocks.last().unwrap().1;
    Image { bytes: storage.image(0).unwrap(), records, end, blocks }
}

fn recover(bytes: Vec<u8>) -> Result<Vec<Owned>, WalError> {
    let storage = Simulated::new();
    storage.set_image(0, Some(bytes));
    open(&storage, small_config(), 0).map(|(_, _, replayed)| replayed)
}

fn cut_at_every_byte(image: &Image) {
    for at in PAGE_BYTES..=image.end {
        let mut bytes = image.bytes.clone();
        bytes[at..].fill(0);
        let whole_blocks =
            image.blocks.iter().filter(|(_, end)| *end <= at).map(|(records, _)| *records).max();
        match recover(bytes) {
            Ok(replayed) => {
                let whole = whole_blocks.unwrap_or(0);
                // A cut through the padding's last bytes can't be undone, but one through nothing at all can.
                assert!(replayed == image.records[..whole], "cut at byte {at}: not the valid prefix");
            }
            Err(WalError::Damaged { .. }) => {
                assert!(!at.is_multiple_of(SECTOR_BYTES), "cut at byte {at}: a torn block is no damage");
            }
            Err(error) => panic!("cut at byte {at}: {error}"),
        }
    }
}

fn flip_every_byte(image: &Image) {
    // Behind the written pages every byte of two more, and then a sample: they are all alike.
    let written = 0..image.end + 2 * PAGE_BYTES;
    for at in written.clone().chain((written.end..image.bytes.len()).step_by(997)) {
        for mask in [1 << (at % 8), 0xFF] {
            let mut bytes = image.bytes.clone();
            bytes[at] ^= mask;
            match recover(bytes) {
                Ok(replayed) => {
                    assert!(
                        at >= image.end,
                        "byte {at} ^ {mask:#x}: damage in a written page went unnoticed"
                    );
                    assert!(replayed == image.records, "byte {at} ^ {mask:#x}: records are missing or wrong");
                }
                Err(WalError::Damaged { segment: 0, offset, page, .. }) => {
                    assert_eq!(offset, u64::from(page) * PAGE_BYTES as u64);
                }
                Err(WalError::UnsupportedVersion { .. }) => assert!((8..10).contains(&at)),
                Err(error) => panic!("byte {at} ^ {mask:#x}: {error}"),
            }
        }
    }
}

#[test]
fn an_unsealed_log_cut_at_every_byte() {
    cut_at_every_byte(&image(false));
}

#[test]
fn a_sealed_log_cut_at_every_byte() {
    cut_at_every_byte(&image(true));
}

#[test]
fn an_unsealed_log_flipped_at_every_byte() {
    flip_every_byte(&image(false));
}

#[test]
fn a_sealed_log_flipped_at_every_byte() {
    flip_every_byte(&image(true));
}

#[test]
fn a_shortened_file_is_refused() {
    let image = image(false);
    for length in (0..image.bytes.len()).step_by(SECTOR_BYTES) {
        let error = recover(image.bytes[..length].to_vec()).unwrap_err();
        assert!(matches!(error, WalError::Damaged { .. } | WalError::Io { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn any_lost_sectors_of_the_last_block_are_a_torn_block() {
    let image = image(false);
    let start = image.blocks[1].1;
    assert_eq!(image.end - start, PAGE_BYTES, "the last block has one page");
    for lost in 1..=255_u8 {
        let mut bytes = image.bytes.clone();
        for sector in (0..8).filter(|sector| lost >> sector & 1 == 1) {
            bytes[start + sector * SECTOR_BYTES..start + (sector + 1) * SECTOR_BYTES].fill(0);
        }
        let replayed = recover(bytes).unwrap();
        assert!(replayed == image.records[..image.blocks[1].0], "lost sectors {lost:08b}");
    }
}
