//! The report as tables: Markdown, so that a terminal shows what the README quotes.

use std::fmt;

use engine::limits::report::{Grouped, rates};
use engine::limits::spread::Spread;
use loadgen::machine::Machine;

use crate::contenders::Part;
use crate::postgres::pgbouncer::SERVER_CONNECTIONS;
use crate::ratio::{Goal, Ratio};
use crate::report::{ClosedLine, OpenLine, PeersReport};

/// What a fair reader asks about, under the tables.
fn footnotes() -> String {
    format!(
        "Every system, for each debit: refuses a (till, sequence) that was there before, refuses more than the balance, \
         writes the new balance and one journal entry, and answers when that is on the disk (echo: nothing of it). Yika \
         also checks each request's MAC, signs its answer, and keeps limits, card counters and chains. Each run begins \
         with fresh books and ends with the count of exactly the acknowledged debits in the journal and of the money.\n\
         Client: one thread, one connection a till, one request in flight, TCP on the loopback, on the same cores as the \
         server; Yika and echo through loadgen, Redis and PostgreSQL through lean clients in the same loops.\n\
         Yika: `yika serve`, one worker, log written through. Echo: the same frames, sign-in and MACs, no work.\n\
         Redis: appendfsync always, no snapshots, no rewrite, one EVALSHA (GET, HSETNX, DECRBY) a debit.\n\
         PostgreSQL: synchronous_commit, fsync and full_page_writes on, open_datasync, 1 GB of shared buffers, no \
         checkpoint while measured, one prepared call of a PL/pgSQL function a debit; a server process a till, or \
         {SERVER_CONNECTIONS} behind PgBouncer in transaction mode.\n\
         Sync: a durable 4 KiB page through the same back end as the log."
    )
}

fn milliseconds(spread: Spread) -> String {
    format!("{:.2}", spread.median / 1e3)
}

fn milliseconds_spread(spread: Spread) -> String {
    format!("{:.2} ({:.2}–{:.2})", spread.median / 1e3, spread.lowest / 1e3, spread.highest / 1e3)
}

fn row(f: &mut fmt::Formatter<'_>, cells: &[&dyn fmt::Display]) -> fmt::Result {
    f.write_str("|")?;
    for cell in cells {
        write!(f, " {cell} |")?;
    }
    writeln!(f)
}

fn head(f: &mut fmt::Formatter<'_>, names: &[&str]) -> fmt::Result {
    writeln!(f, "| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()))
}

impl fmt::Display for PeersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cpus, kernel, file_system } = &self.machine;
        writeln!(
            f,
            "{cpu}, {cpus} cores, kernel {kernel}, {file_system}. {} rounds in turns of {} s closed, {} s open; medians \
             (lowest–highest); {} accounts.",
            self.rounds,
            self.closed_seconds,
            self.open_seconds,
            Grouped(self.accounts.into())
        )?;
        for line in &self.systems {
            match &line.part {
                Part::Measured if line.version.is_empty() => {}
                Part::Measured => writeln!(f, "{} {}.", line.system.name(), line.version)?,
                Part::Skipped(reason) => writeln!(f, "SKIPPED {}: {reason}", line.system.name())?,
                Part::Failed(reason) => writeln!(f, "FAILED {}: {reason}", line.system.name())?,
            }
        }
        if !self.ratios.is_empty() {
            writeln!(f)?;
            head(f, &["measure", "tills", "figure", "goal", "aim", "", "beside it"])?;
            self.ratios.iter().try_for_each(|ratio| ratio_row(f, ratio))?;
        }
        if !self.closed.is_empty() {
            writeln!(f)?;
            head(f, &["closed loop", "tills", "debits/s", "p50 ms", "p99 ms", "p99.9 ms", "CPU µs each"])?;
            self.closed.iter().try_for_each(|line| closed_row(f, line))?;
        }
        if !self.open.is_empty() {
            writeln!(f)?;
            head(
                f,
                &["open loop", "system", "tills", "offered/s", "p50 ms", "p99 ms", "p99.9 ms", "lag p99 ms"],
            )?;
            self.open.iter().try_for_each(|line| open_row(f, line))?;
        }
        if !self.disk.is_empty() {
            writeln!(f)?;
            head(f, &["sync, beside", "p50 ms", "p99 ms", "p99.9 ms"])?;
        }
        for line in &self.disk {
            let [p50, p99, p999] =
                [line.latency.p50_us, line.latency.p99_us, line.latency.p999_us].map(milliseconds_spread);
            row(f, &[&line.measure.name(), &p50, &p99, &p999])?;
        }
        self.check_lines(f)?;
        writeln!(f, "\n{}", footnotes())
    }
}

impl PeersReport {
    fn check_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed =
            self.closed.iter().map(|line| (line.acknowledged, line.journaled, line.refused, line.failed));
        let open =
            self.open.iter().map(|line| (line.acknowledged, line.journaled, line.refused, line.dropped));
        let (mut acknowledged, mut journaled, mut refused, mut failed) = (0, 0, 0, 0);
        for (run_acknowledged, run_journaled, run_refused, run_failed) in closed.chain(open) {
            if let Some(count) = run_journaled {
                acknowledged += run_acknowledged;
                journaled += count;
            }
            refused += run_refused;
            failed += run_failed;
        }
        writeln!(
            f,
            "\nCheck: {} debits acknowledged, {} in the journals afterwards; {refused} refused, {failed} failed or \
             dropped.",
            Grouped(acknowledged as f64),
            Grouped(journaled as f64)
        )?;
        self.void.iter().try_for_each(|reason| writeln!(f, "VOID {reason}"))
    }
}

fn ratio_row(f: &mut fmt::Formatter<'_>, ratio: &Ratio) -> fmt::Result {
    // Bytes are told whole, ratios with two digits.
    let bytes = ratio.aim >= 50.0;
    let digits = if bytes { 0 } else { 2 };
    let figure = ratio.figure.map_or_else(String::new, |Spread { median, lowest, highest }| {
        format!("{median:.digits$} ({lowest:.digits$}–{highest:.digits$})")
    });
    let goal = match ratio.goal {
        Goal::AtLeast(bound) => format!("≥ {bound}"),
        Goal::AtMost(bound) => format!("≤ {bound}"),
    };
    let met = match ratio.met {
        _ if ratio.void => "VOID",
        Some(true) => "met",
        _ => "**missed**",
    };
    row(f, &[&ratio.what, &Grouped(ratio.tills.into()), &figure, &goal, &ratio.aim, &met, &ratio.note])
}

fn closed_row(f: &mut fmt::Formatter<'_>, line: &ClosedLine) -> fmt::Result {
    let [p50, p99, p999] = [line.latency.p50_us, line.latency.p99_us, line.latency.p999_us].map(milliseconds);
    let processor = format!("{:.1}", line.processor_us.median);
    let tills = Grouped(line.tills.into());
    row(f, &[&line.system.name(), &tills, &rates(line.per_s), &p50, &p99, &p999, &processor])
}

fn open_row(f: &mut fmt::Formatter<'_>, line: &OpenLine) -> fmt::Result {
    let [p50, p99] = [line.latency.p50_us, line.latency.p99_us].map(milliseconds);
    let p999 = milliseconds_spread(line.latency.p999_us);
    let (tills, offered) = (Grouped(line.tills.into()), Grouped(line.offered_per_s));
    let lag = milliseconds(line.lag.p99_us);
    row(f, &[&line.measure.name(), &line.system.name(), &tills, &offered, &p50, &p99, &p999, &lag])
}
