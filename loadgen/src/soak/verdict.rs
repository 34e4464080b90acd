//! The soak's rules: memory is flat, and no stall is longer than the machine's own. Pure.

use serde::Serialize;

use super::SoakSecond;
use super::trend::Trend;
use crate::capacity::milliseconds;

/// The first part of a soak isn't judged: tables that were set aside at the start are touched for the first time.
const MEMORY_FIRST_SHARE: f64 = 0.2;
/// Memory is flat when its trend grows by no more than this share of its mean over the judged part.
pub const MEMORY_GROWTH_SHARE_MAX: f64 = 0.02;
/// Fewer readings than this say nothing about a trend.
const MEMORY_READINGS_MIN: usize = 5;
/// Stalls written out in words at most.
const EXAMPLES_MAX: usize = 5;

/// Whether the server's memory stayed flat.
///
/// The rule: a least-squares line through the resident memory in the last 80 % of the soak grows by at most
/// [`MEMORY_GROWTH_SHARE_MAX`] of the mean from its beginning to its end. The server sets its tables aside when it
/// starts, so that they are in the mean from the first judged second on and can't grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MemoryVerdict {
    /// Readings in the judged part.
    pub readings: usize,
    /// Their mean, bytes.
    pub mean_bytes: f64,
    /// The trend's slope.
    pub slope_bytes_per_s: f64,
    /// The trend's growth over the judged part, bytes.
    pub growth_bytes: f64,
    /// Its bound.
    pub growth_max_bytes: f64,
    /// True when there were enough readings and the growth is within its bound.
    pub flat: bool,
}

impl MemoryVerdict {
    pub(super) fn of(seconds: &[SoakSecond]) -> MemoryVerdict {
        let points: Vec<(f64, f64)> = seconds
            .iter()
            .filter_map(|second| Some((second.second.from_ns as f64 / 1e9, second.resident_bytes? as f64)))
            .collect();
        let first = (points.len() as f64 * MEMORY_FIRST_SHARE) as usize;
        let judged = &points[first..];
        let (Some(trend), Some(begin), Some(end)) = (Trend::of(judged), judged.first(), judged.last()) else {
            return MemoryVerdict::default();
        };
        let mean_bytes = judged.iter().map(|point| point.1).sum::<f64>() / judged.len() as f64;
        let growth_bytes = trend.slope * (end.0 - begin.0);
        let growth_max_bytes = MEMORY_GROWTH_SHARE_MAX * mean_bytes;
        MemoryVerdict {
            readings: judged.len(),
            mean_bytes,
            slope_bytes_per_s: trend.slope,
            growth_bytes,
            growth_max_bytes,
            flat: judged.len() >= MEMORY_READINGS_MIN && growth_bytes <= growth_max_bytes,
        }
    }

    /// What is wrong, if anything is.
    pub(super) fn failure(&self) -> Option<String> {
        if self.flat {
            None
        } else if self.readings < MEMORY_READINGS_MIN {
            Some(format!("only {} readings of the server's memory", self.readings))
        } else {
            Some(format!(
                "memory isn't flat: its trend grew by {:.1} MiB of {:.0} MiB in the last 80 % (at most {:.1} allowed)",
                mib(self.growth_bytes),
                mib(self.mean_bytes),
                mib(self.growth_max_bytes)
            ))
        }
    }
}

pub(crate) fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

/// Whether the slowest answers are explained by the machine and the disk.
///
/// The rule, for each second: its slowest answer, from the intended start, took at most the worst hiccup of the whole
/// soak and the worst sync of that second together. A server's reading falls a little beside the run's second, and an
/// answer may have begun in the one before, so the seconds to both sides count for the sync: the durable write of one
/// block.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StallVerdict {
    /// The worst hiccup of the soak.
    pub hiccup_max_ns: u64,
    /// The slowest answer of the soak.
    pub slowest_ns: u64,
    /// Seconds with a reading of the sync.
    pub seconds_judged: usize,
    /// Of these, how many had a longer stall.
    pub seconds_beyond: usize,
    /// The first of them in words.
    pub examples: Vec<String>,
}

impl StallVerdict {
    pub(super) fn of(seconds: &[SoakSecond]) -> StallVerdict {
        let hiccup_max_ns = seconds.iter().map(|second| second.second.hiccup_max_ns).max().unwrap_or(0);
        let mut verdict = StallVerdict {
            hiccup_max_ns,
            slowest_ns: seconds.iter().map(|second| second.second.max_ns).max().unwrap_or(0),
            ..StallVerdict::default()
        };
        for (place, second) in seconds.iter().enumerate() {
            let around = &seconds[place.saturating_sub(1)..(place + 2).min(seconds.len())];
            let Some(sync_max_ns) = around.iter().filter_map(|second| second.sync_max_ns).max() else {
                continue;
            };
            verdict.seconds_judged += 1;
            let slowest_ns = second.second.max_ns;
            if slowest_ns <= hiccup_max_ns.saturating_add(sync_max_ns) {
                continue;
            }
            verdict.seconds_beyond += 1;
            if verdict.examples.len() < EXAMPLES_MAX {
                verdict.examples.push(format!(
                    "second {}: slowest {}, worst hiccup {}, worst sync {}",
                    second.second.from_ns / 1_000_000_000,
                    milliseconds(slowest_ns),
                    milliseconds(hiccup_max_ns),
                    milliseconds(sync_max_ns)
                ));
            }
        }
        verdict
    }

    /// What is wrong, if anything is.
    pub(super) fn failure(&self) -> Option<String> {
        if self.seconds_judged == 0 {
            return Some("no second has a reading of the server's syncs".to_owned());
        }
        (self.seconds_beyond > 0).then(|| {
            format!(
                "{} of {} seconds have a stall longer than the machine's worst hiccup and one sync ({})",
                self.seconds_beyond,
                self.seconds_judged,
                self.examples.join("; ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::second::SecondReport;

    const MIB: u64 = 1 << 20;
    const MS: u64 = 1_000_000;

    fn seconds(count: u64, of: impl Fn(u64) -> SoakSecond) -> Vec<SoakSecond> {
        (0..count)
            .map(|second| {
                let mut made = of(second);
                made.second.from_ns = second * 1_000_000_000;
                made
            })
            .collect()
    }

    fn with_memory(bytes: u64) -> SoakSecond {
        SoakSecond { resident_bytes: Some(bytes), ..SoakSecond::default() }
    }

    #[test]
    fn memory_that_grows_at_first_and_then_stays_is_flat() {
        let soak = seconds(100, |second| with_memory((100 + second.min(15)) * MIB));
        let verdict = MemoryVerdict::of(&soak);
        assert!(verdict.flat && verdict.readings == 80, "{verdict:?}");
        assert_eq!(verdict.failure(), None);
    }

    #[test]
    fn memory_that_leaks_is_not() {
        let soak = seconds(100, |second| with_memory(200 * MIB + second * MIB / 10));
        let verdict = MemoryVerdict::of(&soak);
        assert!((mib(verdict.growth_bytes) - 7.9).abs() < 0.01, "{verdict:?}");
        assert!(verdict.failure().expect("leaks").contains("grew by 7.9 MiB"), "{verdict:?}");
        // The same in a noise of 10 MiB up and down.
        let soak = seconds(100, |second| with_memory(200 * MIB + second * MIB / 10 + second % 2 * 10 * MIB));
        assert!(!MemoryVerdict::of(&soak).flat);
        assert!(!MemoryVerdict::of(&[]).flat);
        assert_eq!(
            MemoryVerdict::of(&[]).failure().expect("no readings"),
            "only 0 readings of the server's memory"
        );
    }

    fn with_stall(max_ms: u64, hiccup_ms: u64, sync_ms: u64) -> SoakSecond {
        let second =
            SecondReport { max_ns: max_ms * MS, hiccup_max_ns: hiccup_ms * MS, ..SecondReport::default() };
        SoakSecond { second, sync_max_ns: Some(sync_ms * MS), ..SoakSecond::default() }
    }

    #[test]
    fn a_stall_is_the_machines_up_to_a_hiccup_and_a_sync() {
        let soak = seconds(10, |second| match second {
            4 => with_stall(12, 2, 3),
            8 => with_stall(3, 9, 1),
            _ => with_stall(2, 1, 1),
        });
        // The worst hiccup came in another second, and counts.
        assert_eq!(StallVerdict::of(&soak).failure(), None);
        let soak = seconds(10, |second| if second == 4 { with_stall(13, 2, 3) } else { with_stall(2, 9, 1) });
        let verdict = StallVerdict::of(&soak);
        assert_eq!((verdict.seconds_beyond, verdict.slowest_ns), (1, 13 * MS));
        assert!(verdict.failure().expect("a stall").contains("second 4: slowest 13.00 ms"), "{verdict:?}");
    }

    #[test]
    fn the_sync_of_a_neighbouring_second_counts_too() {
        let soak = seconds(10, |second| match second {
            4 => with_stall(9, 1, 1),
            5 => with_stall(2, 1, 8),
            _ => with_stall(2, 1, 1),
        });
        assert_eq!(StallVerdict::of(&soak).failure(), None);
        let unread = seconds(3, |_| SoakSecond::default());
        assert!(StallVerdict::of(&unread).failure().is_some());
    }
}
