//! `intervals.hlog`: one histogram a second in the V2 interval-log format that HDR tools plot.
//!
//! Each line is written and flushed when its second is over, so a run that is cut short leaves a readable file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;

use crate::error::LoadError;

/// The file's name in the output directory.
pub(crate) const INTERVAL_LOG_NAME: &str = "intervals.hlog";
/// Divides the maximum of an interval for display: nanoseconds to milliseconds.
const MAX_VALUE_DIVISOR: f64 = 1_000_000.0;

pub(crate) struct IntervalLog {
    path: PathBuf,
    file: File,
    serializer: V2Serializer,
}

impl IntervalLog {
    /// Creates the file and writes its header.
    pub(crate) fn create(dir: &Path, started_unix_ns: u64) -> Result<IntervalLog, LoadError> {
        let path = dir.join(INTERVAL_LOG_NAME);
        let file = File::create(&path).map_err(|source| LoadError::file(&path, source))?;
        let mut log = IntervalLog { path, file, serializer: V2Serializer::new() };
        let started = UNIX_EPOCH + Duration::from_nanos(started_unix_ns);
        let mut header = Vec::new();
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("approved sales, nanoseconds from the intended start")
            .with_start_time(started)
            .with_base_time(started)
            .with_max_value_divisor(MAX_VALUE_DIVISOR)
            .begin_log_with(&mut header, &mut log.serializer)
            .map_err(|error| LoadError::Report(error.to_string()))?;
        log.put(&header)?;
        Ok(log)
    }

    /// Writes the histogram of one interval. Times in nanoseconds since the run's start.
    pub(crate) fn write(
        &mut self,
        from_ns: u64,
        duration_ns: u64,
        histogram: &Histogram<u64>,
    ) -> Result<(), LoadError> {
        // The writer borrows both its ends for as long as it lives, so each line gets a writer of its own, and the
        // comments that such a writer opens with are left out.
        let mut bytes = Vec::new();
        IntervalLogWriterBuilder::new()
            .with_max_value_divisor(MAX_VALUE_DIVISOR)
            .begin_log_with(&mut bytes, &mut self.serializer)
            .map_err(|error| LoadError::Report(error.to_string()))?
            .write_histogram(
                histogram,
                Duration::from_nanos(from_ns),
                Duration::from_nanos(duration_ns),
                None,
            )
            .map_err(|error| LoadError::Report(error.to_string()))?;
        let line = bytes.split_inclusive(|&byte| byte == b'\n').find(|line| !line.starts_with(b"#"));
        self.put(line.unwrap_or_default())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), LoadError> {
        let path = &self.path;
        self.file.write_all(bytes).map_err(|source| LoadError::file(path, source))
    }
}
