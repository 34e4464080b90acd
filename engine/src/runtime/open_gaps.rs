//! What tills still owe: holes in their sequences, and self-scans that they told of and nobody has paid. One till after
//! another, each looked at under its shard's lock alone, its whole ring included: a microsecond for every fifty outcomes or so.
//! What has left the ring unpaid isn't listed any more.

use protocol::answer::{GapKind, GapLine};
use protocol::ids::{Epoch, RecordNumber, Sequence, TerminalId};
use protocol::request::OpenGapsQuery;

use super::engine::Engine;
use crate::ledger::record::RecordKind;
use crate::ledger::terminal_entry::TerminalEntry;

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapPage {
    /// In order of till, epoch and sequence.
    pub lines: Vec<GapLine>,
    /// Whether there are more behind the last.
    pub more: bool,
    /// The newest record that this may have seen.
    pub observed: RecordNumber,
}

/// The page that is asked for.
pub fn page(engine: &Engine, query: &OpenGapsQuery) -> GapPage {
    let lines_max = usize::from(query.lines_max);
    let behind = (query.after_terminal, query.after_epoch, query.after_first);
    let mut lines = Vec::new();
    // The line's own till may have more behind it.
    let mut after = query.after_terminal.0.checked_sub(1).map(TerminalId);
    if query.terminal != TerminalId(0) {
        after = after.max(query.terminal.0.checked_sub(1).map(TerminalId));
    }
    while lines.len() <= lines_max {
        let routes = engine.routes();
        let registry = &routes.configuration().registry;
        let only = |till: TerminalId| query.terminal == TerminalId(0) || query.terminal == till;
        let Some(terminal) = registry.next_terminal(after).filter(|terminal| only(terminal.terminal)) else {
            break;
        };
        let (till, slot) = (terminal.terminal, terminal.slot);
        let owed = routes.with_terminal(slot, owed_by).unwrap_or_default();
        lines.extend(owed.into_iter().filter(|line| place_of(line) > behind));
        after = Some(till);
    }
    let more = lines.len() > lines_max;
    lines.truncate(lines_max);
    GapPage { lines, more, observed: RecordNumber(engine.log().staged()) }
}

fn place_of(line: &GapLine) -> (TerminalId, Epoch, Sequence) {
    (TerminalId(line.terminal.get()), Epoch(line.epoch.get()), Sequence(line.first.get()))
}

/// Everything that one till owes, in order.
fn owed_by(entry: &TerminalEntry) -> Vec<GapLine> {
    let line = |epoch: Epoch, first: u32, last: u32, kind: GapKind, since_ns: u64| GapLine {
        terminal: entry.terminal().0.into(),
        first: first.into(),
        last: last.into(),
        epoch: epoch.0.into(),
        kind: kind.number(),
        since_ns: since_ns.into(),
        ..GapLine::default()
    };
    let missing = entry.gaps().open().map(|gap| {
        let since_ns = u64::from(gap.since_s) * 1_000_000_000;
        line(entry.epoch(), gap.first, gap.last, GapKind::Missing, since_ns)
    });
    let told = entry.ring().remembered().filter(|outcome| outcome.kind == Some(RecordKind::ScanPending));
    let unpaid = told.filter(|outcome| !outcome.is_gone()).map(|outcome| GapLine {
        amount_fen: outcome.amount_fen().into(),
        ..line(Epoch(outcome.epoch), outcome.sequence, outcome.sequence, GapKind::Unpaid, outcome.time_ns)
    });
    let mut owed: Vec<_> = missing.chain(unpaid).collect();
    owed.sort_unstable_by_key(place_of);
    owed
}
