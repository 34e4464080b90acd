//! What a server tells about itself while it runs: `GET /metrics.json`, read and subtracted.
//!
//! Everything in it counts from the server's start, so the difference of two readings is what happened between them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where the server answers.
const PATH: &str = "/metrics.json";
/// How long one reading may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// No answer, or one that isn't OK: no server there, or one that has no metrics.
    #[error("http://{address}{PATH}: {source}")]
    Fetch {
        /// Who was asked.
        address: SocketAddr,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
    /// An answer of another form: a server of another version.
    #[error("http://{address}{PATH}: not the metrics expected: {source}")]
    Parse {
        /// Who was asked.
        address: SocketAddr,
        /// Line, column and reason.
        source: serde_json::Error,
    },
}

/// A histogram as the server writes it: counts by highest value, ascending, empty ones left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SparseHistogram {
    /// How many values.
    pub count: u64,
    /// Their sum.
    #[serde(alias = "sum_ns")]
    pub sum: u64,
    /// `(highest value of the bucket, values in it)`.
    pub buckets: Vec<(u64, u64)>,
}

impl SparseHistogram {
    /// What came since an earlier reading; `None` if this isn't a later reading of the same server.
    pub fn since(&self, earlier: &SparseHistogram) -> Option<SparseHistogram> {
        let mut before = earlier.buckets.iter().peekable();
        let mut buckets = Vec::new();
        for &(highest, count) in &self.buckets {
            let known = before.next_if(|(other, _)| *other == highest).map_or(0, |(_, known)| *known);
            match count.checked_sub(known)? {
                0 => {}
                new => buckets.push((highest, new)),
            }
        }
        // A bucket that was there can't be gone.
        before.peek().is_none().then_some(())?;
        Some(SparseHistogram {
            count: self.count.checked_sub(earlier.count)?,
            // A server may round its sums.
            sum: self.sum.saturating_sub(earlier.sum),
            buckets,
        })
    }

    /// All of another's too. Merged, never averaged.
    pub fn merge(&mut self, other: &SparseHistogram) {
        self.count += other.count;
        self.sum += other.sum;
        for &(highest, count) in &other.buckets {
            match self.buckets.binary_search_by_key(&highest, |bucket| bucket.0) {
                Ok(place) => self.buckets[place].1 += count,
                Err(place) => self.buckets.insert(place, (highest, count)),
            }
        }
    }

    /// The highest value of the bucket in which this share of the values is reached; 0 when there are none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let total: u64 = self.buckets.iter().map(|bucket| bucket.1).sum();
        let wanted = ((quantile * total as f64).ceil() as u64).clamp(1, total.max(1));
        let mut seen = 0;
        for &(highest, count) in &self.buckets {
            seen += count;
            if seen >= wanted {
                return highest;
            }
        }
        0
    }

    /// The highest value of the last bucket; 0 when there are none.
    pub fn max(&self) -> u64 {
        self.buckets.last().map_or(0, |bucket| bucket.0)
    }

    /// The mean; 0 when there are none.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count.max(1) as f64
    }
}

/// One stage of a request's way through the server, in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// The stage's name.
    pub stage: String,
    /// How long requests spent in it.
    #[serde(flatten)]
    pub times: SparseHistogram,
}

/// One reading, or the difference of two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetrics {
    /// Since the server's start; in a difference, between the readings.
    pub uptime_ns: u64,
    /// Memory that the server's process holds at the moment of the (later) reading.
    pub resident_bytes: u64,
    /// The last durable record at the moment of the (later) reading.
    pub durable_record: u64,
    /// How the log is written.
    pub back_end: String,
    /// The stages in the order of the way.
    pub stages: Vec<StageTimes>,
    /// Groups of records in each block of the log: how many decisions one write makes durable.
    pub block_groups: SparseHistogram,
    /// Bytes of each block.
    pub block_bytes: SparseHistogram,
}

impl ServerMetrics {
    /// Reads a server's metrics.
    ///
    /// # Errors
    /// Nobody answers there, or with something else.
    pub fn fetch(address: SocketAddr) -> Result<ServerMetrics, MetricsError> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().into();
        let fetch = || -> Result<Vec<u8>, ureq::Error> {
            agent.get(format!("http://{address}{PATH}")).call()?.body_mut().read_to_vec()
        };
        let body = fetch().map_err(|source| MetricsError::Fetch { address, source: Box::new(source) })?;
        serde_json::from_slice(&body).map_err(|source| MetricsError::Parse { address, source })
    }

    /// What happened since an earlier reading; `None` if the server was started again in between.
    pub fn since(&self, earlier: &ServerMetrics) -> Option<ServerMetrics> {
        let stages = self.stages.iter().map(|stage| {
            let times = match earlier.stages.iter().find(|before| before.stage == stage.stage) {
                Some(before) => stage.times.since(&before.times)?,
                None => stage.times.clone(),
            };
            Some(StageTimes { stage: stage.stage.clone(), times })
        });
        Some(ServerMetrics {
            uptime_ns: self.uptime_ns.checked_sub(earlier.uptime_ns)?,
            resident_bytes: self.resident_bytes,
            durable_record: self.durable_record,
            back_end: self.back_end.clone(),
            stages: stages.collect::<Option<Vec<StageTimes>>>()?,
            block_groups: self.block_groups.since(&earlier.block_groups)?,
            block_bytes: self.block_bytes.since(&earlier.block_bytes)?,
        })
    }

    /// All of another difference too: a step that was repeated.
    pub fn merge(&mut self, other: &ServerMetrics) {
        self.uptime_ns += other.uptime_ns;
        self.resident_bytes = self.resident_bytes.max(other.resident_bytes);
        self.durable_record = self.durable_record.max(other.durable_record);
        for theirs in &other.stages {
            match self.stages.iter_mut().find(|mine| mine.stage == theirs.stage) {
                Some(mine) => mine.times.merge(&theirs.times),
                None => self.stages.push(theirs.clone()),
            }
        }
        self.block_groups.merge(&other.block_groups);
        self.block_bytes.merge(&other.block_bytes);
    }

    /// A stage's times.
    pub fn stage(&self, name: &str) -> Option<&SparseHistogram> {
        self.stages.iter().find(|stage| stage.stage == name).map(|stage| &stage.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(u64, u64)]) -> SparseHistogram {
        SparseHistogram {
            count: buckets.iter().map(|bucket| bucket.1).sum(),
            sum: buckets.iter().map(|bucket| bucket.0 * bucket.1).sum(),
            buckets: buckets.to_vec(),
        }
    }

    #[test]
    fn a_difference_is_what_came_in_between() {
        let before = histogram(&[(10, 1), (30, 5)]);
        let after = histogram(&[(10, 1), (20, 2), (30, 6), (90, 1)]);
        assert_eq!(after.since(&before), Some(histogram(&[(20, 2), (30, 1), (90, 1)])));
        assert_eq!(before.since(&after), None, "the earlier one has more");
        assert_eq!(histogram(&[(30, 50)]).since(&before), None, "a bucket is gone");
    }

    #[test]
    fn quantiles_are_the_buckets_they_fall_into() {
        let values = histogram(&[(10, 90), (20, 9), (500, 1)]);
        assert_eq!([0.0, 0.5, 0.9, 0.901, 0.99, 1.0].map(|q| values.quantile(q)), [10, 10, 10, 20, 20, 500]);
        assert_eq!((values.max(), SparseHistogram::default().quantile(0.5)), (500, 0));
    }

    #[test]
    fn merging_adds_bucket_by_bucket() {
        let mut merged = histogram(&[(10, 1), (30, 5)]);
        merged.merge(&histogram(&[(5, 1), (30, 1), (40, 2)]));
        assert_eq!(merged, histogram(&[(5, 1), (10, 1), (30, 6), (40, 2)]));
    }

    #[test]
    fn a_server_started_again_gives_no_difference() {
        let reading = |uptime_ns| ServerMetrics { uptime_ns, ..ServerMetrics::default() };
        assert_eq!(reading(5).since(&reading(9)), None);
        assert_eq!(reading(9).since(&reading(5)).map(|difference| difference.uptime_ns), Some(4));
    }
}
