//! What a run of `yika bench-limits` found: plain data, as JSON or as a table with the goals beside it.

use std::collections::BTreeMap;
use std::fmt;

use hdrhistogram::Histogram;
use loadgen::machine::Machine;
use serde::Serialize;

use super::memory::Resident;
use super::replay::ReplayFigures;
use super::spread::Spread;

/// Durable debits a second over echoes a second, at [`ECHO_GOAL_CONNECTIONS`] and more connections: at least this.
pub const ECHO_RATIO_GOAL: f64 = 0.5;
/// Connections from which [`ECHO_RATIO_GOAL`] holds: a till or two can't share a block.
pub const ECHO_GOAL_CONNECTIONS: u32 = 256;
/// The p99.9 of a debit at half load over (the echo's + 2 × the disk's): at most this.
pub const HALF_LOAD_RATIO_GOAL: f64 = 2.0;
/// Debits a second of the ledger alone over its loop's touches: at least this.
pub const LEDGER_RATIO_GOAL: f64 = 0.3;
/// Debits a second of the ledger alone over the fair loop's, in batches of 1 and of 64: at least this.
pub const LEDGER_FAIR_RATIO_GOAL: f64 = 0.6;
/// Records replayed a second at a start over a loop that reads the file and touches the accounts: at least this.
pub const REPLAY_RATIO_GOAL: f64 = 0.7;
/// Memory per account, all told, bytes: at most this.
pub const ACCOUNT_BYTES_GOAL: f64 = 300.0;

/// Everything that was measured. The first seven are what scripts read.
#[derive(Clone, Debug, Serialize)]
pub struct LimitsReport {
    /// Durable debits a second over echoes a second, by number of connections.
    pub echo_ratio: BTreeMap<u32, f64>,
    /// See [`HALF_LOAD_RATIO_GOAL`].
    pub half_load_p999_ratio: f64,
    /// See [`LEDGER_RATIO_GOAL`].
    pub ledger_ratio: f64,
    /// See [`LEDGER_FAIR_RATIO_GOAL`]; one debit at a time.
    pub ledger_fair_ratio_1: f64,
    /// See [`LEDGER_FAIR_RATIO_GOAL`]; in batches of 64.
    pub ledger_fair_ratio_64: f64,
    /// Records of the log replayed a second, at a start.
    pub replay_records_per_s: f64,
    /// See [`REPLAY_RATIO_GOAL`]; large blocks.
    pub replay_ratio: f64,
    /// Where.
    pub machine: Machine,
    /// How the log was written.
    pub durability: &'static str,
    /// Rounds of everything.
    pub rounds: u32,
    /// Seconds that each closed run was measured.
    pub seconds: f64,
    /// Accounts in the books.
    pub accounts: u32,
    /// Closed runs.
    pub throughput: Vec<Throughput>,
    /// The bare disk.
    pub disk: Latency,
    /// Open runs at half of what the closed runs reached.
    pub half_load: HalfLoad,
    /// The ledger alone.
    pub ledger: LedgerFigures,
    /// A start with these books.
    pub start_up: StartUp,
    /// Starts against the least that they take.
    pub replay: ReplaySection,
    /// What the server kept in memory.
    pub memory: Memory,
    /// The log was read and every balance recomputed after the runs.
    pub audit: AuditFigures,
    /// Why the figures are void; empty when they stand.
    pub void: Vec<String>,
}

/// Echoes and debits at one number of connections.
#[derive(Clone, Debug, Serialize)]
pub struct Throughput {
    /// Connections, one request in flight each.
    pub connections: u32,
    /// Echoes a second.
    pub echo_per_s: Spread,
    /// Approved durable debits a second.
    pub debits_per_s: Spread,
    /// Debits over echoes, taken in each round.
    pub ratio: Spread,
    /// Median latency of a debit, microseconds.
    pub debit_p50_us: Spread,
    /// 99th percentile of a debit, microseconds.
    pub debit_p99_us: Spread,
    /// 99th percentile of an echo, microseconds.
    pub echo_p99_us: Spread,
}

/// Percentiles over rounds, microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    /// Half are at or below.
    pub p50_us: Spread,
    /// 99 %.
    pub p99_us: Spread,
    /// 99.9 %.
    pub p999_us: Spread,
}

impl Latency {
    /// Of one histogram in nanoseconds for each round.
    pub fn of(rounds: &[Histogram<u64>]) -> Latency {
        let at = |quantile: f64| {
            Spread::of(rounds.iter().map(|round| round.value_at_quantile(quantile) as f64 / 1_000.0))
        };
        Latency { p50_us: at(0.5), p99_us: at(0.99), p999_us: at(0.999) }
    }
}

/// Debits and echoes at half load, from the intended start.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct HalfLoad {
    /// Connections.
    pub connections: u32,
    /// Intended requests a second, a Poisson process on each connection.
    pub rate_per_s: f64,
    /// Seconds of each run.
    pub seconds: f64,
    /// Durable debits.
    pub debit: Latency,
    /// Echoes at the same rate.
    pub echo: Latency,
    /// The load generator's own lag beside the debits, 99.9th percentile, microseconds.
    pub debit_lag_p999_us: Spread,
    /// The same beside the echoes.
    pub echo_lag_p999_us: Spread,
}

/// The ledger alone and its loop.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LedgerFigures {
    /// Decided, copied and applied a second, one thread.
    pub debits_per_s: Spread,
    /// Touched and copied a second, one thread.
    pub touches_per_s: Spread,
    /// One over the other, taken in each round.
    pub ratio: Spread,
    /// The fair loop's debits' worth of lines a second, in batches of 64.
    pub fair_per_s_64: Spread,
    /// `debits_per_s` over it.
    pub fair_ratio_64: Spread,
    /// Decided, copied and applied a second, each waiting for the one before.
    pub debits_per_s_1: Spread,
    /// The fair loop one at a time, each waiting for the one before.
    pub fair_per_s_1: Spread,
    /// One over the other.
    pub fair_ratio_1: Spread,
}

/// A start.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StartUp {
    /// From the process's start until it listened, milliseconds.
    pub ready_ms: f64,
    /// Records replayed after the snapshot.
    pub records: u64,
    /// Reading, checking and applying them, milliseconds.
    pub replay_ms: f64,
}

/// Starts from books with large blocks and with small ones.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ReplaySection {
    /// Blocks as a busy server writes them.
    pub large_blocks: ReplayFigures,
    /// A handful of records in each block's 4 KiB.
    pub small_blocks: ReplayFigures,
}

/// Memory of a server that has just started.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Memory {
    /// What each account adds to a server with the same tills, bytes.
    pub bytes_per_account: f64,
    /// The server with the accounts.
    pub with_accounts: Resident,
    /// The same with one account and the smallest tables.
    pub without_accounts: Resident,
}

/// What the audit read.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AuditFigures {
    /// Nothing violates anything, and every acknowledged debit is there.
    pub ok: bool,
    /// Records read.
    pub records: u64,
    /// Debits among them.
    pub debits: u64,
    /// Debits that the runs saw acknowledged while they measured, and those that were there before.
    pub acknowledged: u64,
}

/// A number without its fraction, with a comma at every third digit.
pub struct Grouped(pub f64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.0}", self.0);
        let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
        for (place, digit) in digits.char_indices() {
            if place > 0 && digit != '-' && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// How a figure stands to its goal.
fn goal(met: bool, goal: &str) -> String {
    format!("goal {goal}: {}", if met { "met" } else { "MISSED" })
}

/// A rate as the median with the lowest and the highest.
pub fn rates(spread: Spread) -> String {
    format!("{} ({}–{})", Grouped(spread.median), Grouped(spread.lowest), Grouped(spread.highest))
}

impl fmt::Display for LimitsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cpus, kernel, file_system } = &self.machine;
        writeln!(
            f,
            "machine    {cpu}, {cpus} cores, kernel {kernel}, {file_system}; log written {}",
            self.durability
        )?;
        writeln!(
            f,
            "run        {} rounds of {} s, echo and debits in turns; median (lowest–highest); {} accounts\n",
            self.rounds,
            self.seconds,
            Grouped(self.accounts.into())
        )?;
        writeln!(
            f,
            "{:>11} │ {:^28} │ {:^28} │ {:^18} │ p50 / p99 of a debit; p99 of an echo",
            "connections", "echoes/s", "durable debits/s", "ratio"
        )?;
        for line in &self.throughput {
            self.throughput_line(f, line)?;
        }
        writeln!(f)?;
        self.half_load_lines(f)?;
        let Latency { p50_us, p99_us, p999_us } = &self.disk;
        writeln!(
            f,
            "disk       4 KiB durable, one after another: p50 {:.0} µs, p99 {:.0}, p99.9 {:.0} ({:.0}–{:.0})",
            p50_us.median, p99_us.median, p999_us.median, p999_us.lowest, p999_us.highest
        )?;
        let LedgerFigures { debits_per_s, touches_per_s, ratio, .. } = &self.ledger;
        writeln!(
            f,
            "ledger     {} debits/s alone; {} touches/s; ratio {:.2} ({:.2}–{:.2})   {}",
            rates(*debits_per_s),
            rates(*touches_per_s),
            ratio.median,
            ratio.lowest,
            ratio.highest,
            goal(ratio.median >= LEDGER_RATIO_GOAL, "≥ 0.3")
        )?;
        let LedgerFigures {
            fair_per_s_64, fair_ratio_64, debits_per_s_1, fair_per_s_1, fair_ratio_1, ..
        } = &self.ledger;
        for (batch, debits, fair, ratio) in [
            (64, debits_per_s, fair_per_s_64, fair_ratio_64),
            (1, debits_per_s_1, fair_per_s_1, fair_ratio_1),
        ] {
            writeln!(
                f,
                "           in batches of {batch}: {} debits/s; {} of the same lines/s; ratio {:.2} ({:.2}–{:.2})   {}",
                rates(*debits),
                rates(*fair),
                ratio.median,
                ratio.lowest,
                ratio.highest,
                goal(ratio.median >= LEDGER_FAIR_RATIO_GOAL, "≥ 0.6")
            )?;
        }
        writeln!(
            f,
            "start-up   {:.0} ms until it listened; {} records replayed in {:.0} ms, {}/s",
            self.start_up.ready_ms,
            Grouped(self.start_up.records as f64),
            self.start_up.replay_ms,
            Grouped(self.replay_records_per_s)
        )?;
        self.replay_lines(f)?;
        self.memory_line(f)?;
        writeln!(
            f,
            "audit      {}: {} records, {} debits, {} of them acknowledged in the runs or before",
            if self.audit.ok { "OK" } else { "NOT OK" },
            Grouped(self.audit.records as f64),
            Grouped(self.audit.debits as f64),
            Grouped(self.audit.acknowledged as f64)
        )?;
        for reason in &self.void {
            writeln!(f, "VOID       {reason}")?;
        }
        Ok(())
    }
}

impl LimitsReport {
    fn throughput_line(&self, f: &mut fmt::Formatter<'_>, line: &Throughput) -> fmt::Result {
        let ratio = format!("{:.2} ({:.2}–{:.2})", line.ratio.median, line.ratio.lowest, line.ratio.highest);
        let goal = if line.connections >= ECHO_GOAL_CONNECTIONS {
            goal(line.ratio.median >= ECHO_RATIO_GOAL, "≥ 0.5")
        } else {
            String::new()
        };
        writeln!(
            f,
            "{:>11} │ {:>28} │ {:>28} │ {ratio:>18} │ {:.2} / {:.2} ms; {:.2} ms   {goal}",
            Grouped(line.connections.into()),
            rates(line.echo_per_s),
            rates(line.debits_per_s),
            line.debit_p50_us.median / 1_000.0,
            line.debit_p99_us.median / 1_000.0,
            line.echo_p99_us.median / 1_000.0,
        )
    }

    fn half_load_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HalfLoad { connections, rate_per_s, seconds, debit, echo, .. } = &self.half_load;
        let ms = |spread: Spread| spread.median / 1_000.0;
        writeln!(
            f,
            "half load  {connections} connections, {} intended/s, {seconds} s each, from the intended start",
            Grouped(*rate_per_s)
        )?;
        for (name, latency) in [("debit", debit), ("echo", echo)] {
            writeln!(
                f,
                "           {name:<5} p50 {:.2} ms, p99 {:.2}, p99.9 {:.2} ({:.2}–{:.2})",
                ms(latency.p50_us),
                ms(latency.p99_us),
                ms(latency.p999_us),
                latency.p999_us.lowest / 1_000.0,
                latency.p999_us.highest / 1_000.0
            )?;
        }
        writeln!(
            f,
            "           p99.9 of a debit / (echo + 2 × disk) = {:.2}   {}",
            self.half_load_p999_ratio,
            goal(self.half_load_p999_ratio <= HALF_LOAD_RATIO_GOAL, "≤ 2")
        )
    }

    fn replay_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReplaySection { large_blocks, small_blocks } = &self.replay;
        for (name, figures) in [("large", large_blocks), ("small", small_blocks)] {
            let ReplayFigures { records, blocks, replayed_per_s, touched_per_s, verified_per_s, .. } =
                figures;
            writeln!(
                f,
                "replay     {} records in {} {name} blocks: {}/s; file read and accounts touched {}/s, with checks {}/s",
                Grouped(*records as f64),
                Grouped(*blocks as f64),
                rates(*replayed_per_s),
                rates(*touched_per_s),
                rates(*verified_per_s),
            )?;
            writeln!(
                f,
                "           ratio {:.2} ({:.2}–{:.2})   {}; with checks {:.2}",
                figures.ratio.median,
                figures.ratio.lowest,
                figures.ratio.highest,
                goal(figures.ratio.median >= REPLAY_RATIO_GOAL, "≥ 0.7"),
                figures.verified_ratio.median
            )?;
        }
        Ok(())
    }

    fn memory_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let Memory { bytes_per_account, with_accounts, without_accounts } = &self.memory;
        writeln!(
            f,
            "memory     {bytes_per_account:.0} bytes an account: {:.0} MiB with, {:.0} MiB without them \
             (besides {:.0} MiB of the log, mapped)   {}",
            mib(with_accounts.own_bytes),
            mib(without_accounts.own_bytes),
            mib(with_accounts.mapped_bytes),
            goal(*bytes_per_account <= ACCOUNT_BYTES_GOAL, "≤ 300")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let text = |number| Grouped(number).to_string();
        assert_eq!([0.0, 999.0, 1_000.4, 1_234_567.0].map(text), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(text(-123_456.0), "-123,456");
    }
}
