//! Every cut and a flip of every byte (by a stride) of a small log.

use std::thread;

use wal::{PAGE_BYTES, Simulated};

use super::books_log::{Truth, busy_log, segments, with_segment};

const SECTOR_BYTES: usize = 512;

/// Bytes between two flips. The log's own tests flip every byte; here each flip replays the whole ledger, and a prime
/// stride comes to every place of a record and of a page in the course of the log. 1 flips every byte.
fn flip_stride() -> usize {
    std::env::var("YIKA_FLIP_STRIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(17)
}

fn seed() -> u64 {
    std::env::var("YIKA_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// What to say when something is wrong.
fn again(what: &str, test: &str) -> String {
    format!("{what}; again: YIKA_SEED={} cargo test -p tests --test crash -- {test}", seed())
}

/// Holds `check` for every place, on two threads; the places' results are added up.
fn add_up(
    places: &[usize],
    check: impl Fn(usize) -> Result<Counts, String> + Sync,
) -> Result<Counts, String> {
    let (first, second) = places.split_at(places.len() / 2);
    let sum = |places: &[usize]| {
        places.iter().try_fold(Counts::default(), |sum, &place| check(place).map(|counts| sum.and(counts)))
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| sum(second));
        let own = sum(first)?;
        Ok(own.and(other.join().expect("checking doesn't panic")?))
    })
}

/// How the starts ended.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    whole: u64,
    prefix: u64,
    refused: u64,
}

impl Counts {
    fn of(started: Option<u64>, truth: &Truth) -> Counts {
        match started {
            None => Counts { refused: 1, ..Counts::default() },
            Some(last) if last == truth.len() => Counts { whole: 1, ..Counts::default() },
            Some(_) => Counts { prefix: 1, ..Counts::default() },
        }
    }

    fn and(self, other: Counts) -> Counts {
        Counts {
            whole: self.whole + other.whole,
            prefix: self.prefix + other.prefix,
            refused: self.refused + other.refused,
        }
    }
}

/// Where the last written page of a segment in use ends.
fn written_end(image: &[u8]) -> usize {
    let page = image.chunks(PAGE_BYTES).rposition(|page| page.iter().any(|byte| *byte != 0));
    (page.expect("it isn't empty") + 1) * PAGE_BYTES
}

/// The last segment in use, and where its last written page ends.
fn last_segment(medium: &Simulated) -> (u32, Vec<u8>, usize) {
    let (id, image) = segments(medium).pop().expect("the log has a segment");
    let end = written_end(&image);
    (id, image, end)
}

/// From every sector on, the medium has nothing: as if all later writes had been lost.
#[test]
fn a_log_that_loses_its_end_comes_back_with_a_prefix() {
    let medium = busy_log(seed(), false);
    let truth = Truth::of(&medium);
    assert!(truth.len() > 400, "{} records", truth.len());
    let (id, image, end) = last_segment(&medium);
    let places: Vec<usize> = (SECTOR_BYTES..=end).step_by(SECTOR_BYTES).collect();
    let counts = add_up(&places, |place| {
        let mut cut = image.clone();
        cut[place..].fill(0);
        let image = with_segment(&medium, id, cut);
        let started = truth.start(&image, 4).map_err(|what| format!("cut at byte {place}: {what}"))?;
        Ok(Counts::of(started, &truth))
    })
    .unwrap_or_else(|what| panic!("{}", again(&what, "a_log_that_loses_its_end")));
    assert!(counts.whole >= 1 && counts.prefix > 100, "{counts:?}");
}

/// The file itself ends somewhere: at every byte of a page boundary's neighbourhood.
#[test]
fn a_file_that_was_cut_is_refused() {
    let medium = busy_log(seed(), true);
    let truth = Truth::of(&medium);
    let (id, image, _) = last_segment(&medium);
    let mut places: Vec<usize> = (0..image.len())
        .step_by(PAGE_BYTES)
        .flat_map(|page| [page, page + 1, page + 7, page + SECTOR_BYTES, page + PAGE_BYTES - 1])
        .collect();
    places.extend(1..64);
    let counts = add_up(&places, |place| {
        let cut = with_segment(&medium, id, image[..place].to_vec());
        let started = truth.start(&cut, 1).map_err(|what| format!("file cut at byte {place}: {what}"))?;
        Ok(Counts::of(started, &truth))
    })
    .unwrap_or_else(|what| panic!("{}", again(&what, "a_file_that_was_cut")));
    assert_eq!((counts.whole, counts.prefix), (0, 0), "{counts:?}");
}

/// One byte is another: with all bits flipped, and with one.
#[test]
fn a_flipped_byte_gives_a_prefix_or_a_refusal() {
    for seal in [true, false] {
        let medium = busy_log(seed(), seal);
        let truth = Truth::of(&medium);
        let all = segments(&medium);
        assert!(all.len() > 1, "the log has one segment only");
        for (id, image) in all {
            let places: Vec<usize> = (0..written_end(&image)).step_by(flip_stride()).collect();
            let counts = add_up(&places, |place| {
                let mut flipped = image.clone();
                flipped[place] ^= if place.is_multiple_of(2) { 0xff } else { 1 << (place / 2 % 8) };
                let image = with_segment(&medium, id, flipped);
                let started = truth.start(&image, 2);
                let started =
                    started.map_err(|what| format!("byte {place} of segment {id} flipped: {what}"))?;
                Ok(Counts::of(started, &truth))
            })
            .unwrap_or_else(|what| panic!("{}", again(&what, "a_flipped_byte")));
            assert!(counts.refused > 0, "{counts:?}");
        }
    }
}

/// After a torn end, the engine goes on and a second start finds what the first left.
#[test]
fn what_came_back_stays() {
    let medium = busy_log(seed(), false);
    let truth = Truth::of(&medium);
    let (id, image, end) = last_segment(&medium);
    for place in (PAGE_BYTES..end).step_by(PAGE_BYTES) {
        let mut torn = image.clone();
        torn[place..].fill(0);
        let torn = with_segment(&medium, id, torn);
        let first = truth.start(&torn, 2).unwrap_or_else(|what| panic!("{}", again(&what, "what_came_back")));
        let digest = Truth::digest(&torn, 16);
        let after = torn.crash(seed() ^ place as u64);
        let second =
            truth.start(&after, 4).unwrap_or_else(|what| panic!("{}", again(&what, "what_came_back")));
        assert_eq!(first, second, "{}", again("two starts differ", "what_came_back"));
        assert_eq!(digest, Truth::digest(&after, 1), "{}", again("two states differ", "what_came_back"));
    }
}
