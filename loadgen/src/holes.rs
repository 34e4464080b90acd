//! Sequences that tills took and never sent anything under, from there until a counter has closed them.
//!
//! A till that is switched off in the middle loses one. A counter that looks for holes finds it once something came under a later
//! sequence, and closes that one alone: what else is missing may be stored at a till still.

use std::collections::{HashMap, VecDeque};

use protocol::answer::{GapKind, GapLine};
use protocol::ids::{SaleId, TerminalId};

/// All of them that weren't closed yet.
#[derive(Clone, Debug, Default)]
pub struct Holes {
    /// Oldest first; nobody looks after these.
    left: VecDeque<SaleId>,
    /// The one that each counter looks after, and whether the server has told of it.
    looked_after: HashMap<TerminalId, (SaleId, bool)>,
}

impl Holes {
    /// A till has lost this sequence.
    pub fn leave(&mut self, sale: SaleId) {
        self.left.push_back(sale);
    }

    /// A counter looks after the oldest that nobody looks after, unless it has one already.
    pub fn look_after(&mut self, counter: TerminalId) -> Option<SaleId> {
        if !self.looked_after.contains_key(&counter) {
            self.looked_after.insert(counter, (self.left.pop_front()?, false));
        }
        self.looked_after.get(&counter).map(|(hole, _)| *hole)
    }

    /// What the server told a counter.
    pub fn told(&mut self, counter: TerminalId, lines: &[GapLine]) {
        if let Some((hole, is_told)) = self.looked_after.get_mut(&counter) {
            *is_told = lines.iter().any(|line| is_within(hole, line));
        }
    }

    /// Takes the one that a counter looks after, if the server has told of it: it is closed.
    pub fn close(&mut self, counter: TerminalId) -> Option<SaleId> {
        let is_told = self.looked_after.get(&counter).is_some_and(|(_, is_told)| *is_told);
        if !is_told {
            return None;
        }
        self.looked_after.remove(&counter).map(|(hole, _)| hole)
    }
}

fn is_within(hole: &SaleId, line: &GapLine) -> bool {
    line.kind == GapKind::Missing.number()
        && (line.terminal.get(), line.epoch.get()) == (hole.terminal.0, hole.epoch.0)
        && (line.first.get()..=line.last.get()).contains(&hole.sequence.0)
}

#[cfg(test)]
mod tests {
    use protocol::ids::{Epoch, Sequence};

    use super::*;

    const COUNTERS: [TerminalId; 2] = [TerminalId(90), TerminalId(91)];

    fn hole(terminal: u32, sequence: u32) -> SaleId {
        SaleId { terminal: TerminalId(terminal), epoch: Epoch(1), sequence: Sequence(sequence) }
    }

    fn line(terminal: u32, first: u32, last: u32, kind: GapKind) -> GapLine {
        GapLine {
            terminal: terminal.into(),
            first: first.into(),
            last: last.into(),
            epoch: 1.into(),
            kind: kind.number(),
            ..GapLine::default()
        }
    }

    #[test]
    fn a_hole_is_closed_once_and_only_when_it_was_told_of() {
        let mut holes = Holes::default();
        holes.leave(hole(5, 40));
        holes.leave(hole(6, 70));
        assert_eq!(holes.look_after(COUNTERS[0]), Some(hole(5, 40)));
        assert_eq!(holes.look_after(COUNTERS[0]), Some(hole(5, 40)));
        assert_eq!(holes.look_after(COUNTERS[1]), Some(hole(6, 70)));
        assert_eq!(holes.close(COUNTERS[0]), None);
        holes.told(COUNTERS[0], &[line(5, 41, 50, GapKind::Missing), line(6, 30, 50, GapKind::Missing)]);
        assert_eq!(holes.close(COUNTERS[0]), None, "it isn't among what is missing yet");
        holes.told(COUNTERS[0], &[line(5, 38, 42, GapKind::Unpaid)]);
        assert_eq!(holes.close(COUNTERS[0]), None, "a sale that nobody has paid");
        holes.told(COUNTERS[0], &[line(5, 38, 42, GapKind::Missing)]);
        assert_eq!(holes.close(COUNTERS[0]), Some(hole(5, 40)));
        assert_eq!(holes.close(COUNTERS[0]), None);
        assert_eq!(holes.look_after(COUNTERS[0]), None, "the other is looked after");
    }
}
