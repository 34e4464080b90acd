//! The files that a run leaves in its output directory.

use std::io::Write;
use std::path::Path;

use hdrhistogram::Histogram;

use crate::check::Baseline;
use crate::error::LoadError;
use crate::outcome_log::OutcomeLog;
use crate::report::RunReport;

/// The report as JSON.
pub const REPORT_NAME: &str = "report.json";
/// The percentile distribution of the approved sales, in milliseconds.
pub const HGRM_NAME: &str = "latency.hgrm";
/// What the tills wrote down.
pub const OUTCOMES_NAME: &str = "outcomes.csv";

/// The campus as a run left it: with the cards that its people have now, and with the keys of now, where they were changed.
pub const CAMPUS_NAME: &str = "campus.json";

/// What the accounts held before the run.
pub const BASELINE_NAME: &str = "baseline.json";

/// Lines of the distribution for each halving of the distance to 100 %.
const HGRM_STEPS_PER_HALF: u32 = 5;

pub(crate) fn write(dir: &Path, report: &RunReport, log: &OutcomeLog) -> Result<(), LoadError> {
    write_report(dir, report)?;
    let path = dir.join(HGRM_NAME);
    let file = std::fs::File::create(&path).map_err(|source| LoadError::file(&path, source))?;
    write_hgrm(std::io::BufWriter::new(file), &report.approved_histogram)
        .map_err(|source| LoadError::file(&path, source))?;
    log.write(&dir.join(OUTCOMES_NAME))
}

/// Writes `report.json`; once more after a check has been added to the report.
///
/// # Errors
/// The file can't be written.
pub fn write_report(dir: &Path, report: &RunReport) -> Result<(), LoadError> {
    let path = dir.join(REPORT_NAME);
    let json = serde_json::to_vec_pretty(report).map_err(|error| LoadError::Report(error.to_string()))?;
    std::fs::write(&path, json).map_err(|source| LoadError::file(&path, source))
}

/// Writes `baseline.json`, so that a later check of the same outcomes starts from the same balances.
///
/// # Errors
/// The file can't be written.
pub fn write_baseline(dir: &Path, baseline: &Baseline) -> Result<(), LoadError> {
    let path = dir.join(BASELINE_NAME);
    let json = serde_json::to_vec(baseline).map_err(|error| LoadError::Report(error.to_string()))?;
    std::fs::write(&path, json).map_err(|source| LoadError::file(&path, source))
}

/// Reads `baseline.json` from a run's output directory. Without the file, all accounts began with zero.
///
/// # Errors
/// The file is there, and can't be read.
pub fn read_baseline_file(dir: &Path) -> Result<Baseline, LoadError> {
    let path = dir.join(BASELINE_NAME);
    match std::fs::read(&path) {
        Ok(json) => serde_json::from_slice(&json)
            .map_err(|error| LoadError::Report(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Baseline::new()),
        Err(source) => Err(LoadError::file(&path, source)),
    }
}

/// The percentile distribution in the text form that HDR plotters read, values in milliseconds.
///
/// # Errors
/// The writer's.
pub fn write_hgrm(mut out: impl Write, histogram: &Histogram<u64>) -> std::io::Result<()> {
    const MILLISECOND: f64 = 1_000_000.0;
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    for point in histogram.iter_quantiles(HGRM_STEPS_PER_HALF) {
        let quantile = point.quantile_iterated_to();
        write!(
            out,
            "{:>12.3} {:>14.12} {:>10}",
            point.value_iterated_to() as f64 / MILLISECOND,
            quantile,
            histogram.count_between(0, point.value_iterated_to())
        )?;
        if quantile < 1.0 {
            writeln!(out, " {:>14.2}", 1.0 / (1.0 - quantile))?;
        } else {
            writeln!(out)?;
        }
    }
    writeln!(
        out,
        "#[Mean    = {:>12.3}, StdDeviation   = {:>12.3}]",
        histogram.mean() / MILLISECOND,
        histogram.stdev() / MILLISECOND
    )?;
    writeln!(
        out,
        "#[Max     = {:>12.3}, Total count    = {:>12}]",
        histogram.max() as f64 / MILLISECOND,
        histogram.len()
    )?;
    writeln!(
        out,
        "#[Buckets = {:>12}, SubBuckets     = {:>12}]",
        histogram.buckets(),
        // Three digits take 2,048 of them.
        2_048
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurement::new_histogram;

    #[test]
    fn the_distribution_counts_up_to_all() {
        let mut histogram = new_histogram();
        for value_ns in 1..=1_000_u64 {
            histogram.saturating_record(value_ns * 1_000_000);
        }
        let mut text = Vec::new();
        write_hgrm(&mut text, &histogram).expect("writes into memory");
        let text = String::from_utf8(text).expect("is text");
        let last = text.lines().rfind(|line| !line.starts_with('#')).expect("has lines");
        let columns: Vec<&str> = last.split_whitespace().collect();
        assert_eq!(columns[1..], ["1.000000000000", "1000"], "{text}");
        assert!(text.contains("Total count    =         1000]"));
    }
}
