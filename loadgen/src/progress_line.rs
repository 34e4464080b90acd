//! The live line on standard error, once a second.

use std::io::{IsTerminal, Write};

use crate::config::{ProgressLine, SECOND_NS};
use crate::progress::Progress;
use crate::second::SecondReport;

pub(crate) struct ProgressPrinter {
    shown: bool,
    /// A terminal's line is written over; a file gets a line each second.
    over: bool,
}

impl ProgressPrinter {
    pub(crate) fn new(line: ProgressLine) -> ProgressPrinter {
        let over = std::io::stderr().is_terminal();
        let shown = match line {
            ProgressLine::Auto => over,
            ProgressLine::Always => true,
            ProgressLine::Never => false,
        };
        ProgressPrinter { shown, over }
    }

    /// Shows the last interval: its rate and latencies, and the totals that matter.
    pub(crate) fn print(&self, progress: &Progress, second: &SecondReport) {
        if !self.shown {
            return;
        }
        let line = format!(
            "{:6.1} s of {:.0} | {:7.0} debits/s | p50 {:7.2} ms  p99 {:7.2} ms | hiccup {:6.2} ms | tills {} | in flight {} | \
             refused {} | retries {} | reversed {} | uploaded {} | dropped {}",
            progress.elapsed_ns as f64 / SECOND_NS as f64,
            progress.planned_ns as f64 / SECOND_NS as f64,
            second.debits_per_s(),
            second.p50_ns as f64 / 1e6,
            second.p99_ns as f64 / 1e6,
            second.hiccup_max_ns as f64 / 1e6,
            progress.tills_up,
            progress.in_flight,
            progress.refused,
            progress.retries,
            progress.reversed,
            progress.uploaded,
            progress.dropped,
        );
        let mut err = std::io::stderr().lock();
        // Progress is a courtesy: a closed standard error doesn't stop a run.
        let _shown = if self.over { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
    }

    /// Leaves the line standing.
    pub(crate) fn end(&self) {
        if self.shown && self.over {
            let _shown = writeln!(std::io::stderr());
        }
    }
}
