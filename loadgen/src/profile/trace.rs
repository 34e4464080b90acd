//! Real traffic replayed: who paid how much at which till and when, as a CSV file has it.
//!
//! The file's cards and terminals are mapped to the campus's: a card number that is a holder's student number
//! or card number is that holder, every other takes the next holder nobody has taken yet (and starts over when
//! all are taken); terminals are mapped likewise. The first event is due at the start; `speed` compresses the rest.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::{Intent, IntentAction, PlanScope, Tender, TillPlan};
use crate::campus::Campus;
use crate::config::SECOND_NS;
use crate::error::LoadError;
use crate::trace_csv::{Trace, TraceLine};

/// A trace ready to be replayed.
#[derive(Clone, Debug, Serialize)]
pub struct TraceConfig {
    /// How many times faster than it happened.
    pub speed: f64,
    /// Lines that will be replayed.
    pub lines: u64,
    /// Lines left out because their amount was zero.
    pub lines_zero: u64,
    duration_ns: u64,
    #[serde(skip)]
    events: Arc<Vec<TraceEvent>>,
}

#[derive(Clone, Copy, Debug)]
struct TraceEvent {
    at_ns: u64,
    /// In order of first appearance; a till's index is this modulo the tills that take part.
    terminal: u32,
    holder: u32,
    amount_fen: i64,
}

impl TraceConfig {
    /// Reads a trace file and maps it onto the campus.
    ///
    /// # Errors
    /// The file can't be read, a column is missing, or a line is bad: path, line, column and value are named.
    pub fn read(path: &Path, campus: &Campus, speed: f64) -> Result<TraceConfig, LoadError> {
        Ok(TraceConfig::new(&Trace::read(path)?, campus, speed))
    }

    /// Maps a parsed trace onto the campus.
    pub fn new(trace: &Trace, campus: &Campus, speed: f64) -> TraceConfig {
        let mut known: HashMap<String, u32> = HashMap::new();
        for (index, holder) in (0_u32..).zip(&campus.holders) {
            known.insert(holder.student_no.clone(), index);
            if let Some(uid) = holder.card_uid {
                known.insert(uid.to_string(), index);
            }
        }
        let holders = campus.holders.len() as u32;
        let mut next_holder = 0;
        let mut terminals: HashMap<&str, u32> = HashMap::new();
        let mut lines: Vec<&TraceLine> = trace.lines.iter().collect();
        lines.sort_by_key(|line| line.local_ns);
        let first_ns = lines.first().map_or(0, |line| line.local_ns);
        let mut events = Vec::with_capacity(lines.len());
        for line in lines {
            let next_terminal = terminals.len() as u32;
            let terminal = *terminals.entry(&line.terminal).or_insert(next_terminal);
            let holder = *known.entry(line.card.clone()).or_insert_with(|| {
                next_holder += 1;
                (next_holder - 1) % holders.max(1)
            });
            let at_ns = ((line.local_ns - first_ns) as f64 / speed) as u64;
            events.push(TraceEvent { at_ns, terminal, holder, amount_fen: line.amount_fen });
        }
        TraceConfig {
            speed,
            lines: events.len() as u64,
            lines_zero: trace.lines_zero,
            duration_ns: events.last().map_or(0, |event| event.at_ns),
            events: Arc::new(events),
        }
    }

    pub(super) fn validate(&self) -> Result<(), LoadError> {
        if !(self.speed > 0.0 && self.speed <= 1e9) {
            return Err(LoadError::setting("speed", "must be above 0 and at most 1,000,000,000"));
        }
        if self.events.is_empty() {
            return Err(LoadError::setting("trace", "has no line with an amount above zero"));
        }
        if self.duration_ns > 7 * 86_400 * SECOND_NS {
            return Err(LoadError::setting(
                "speed",
                "the replay would last longer than a week; raise the speed",
            ));
        }
        Ok(())
    }

    /// When the last line is due.
    pub(super) fn duration_ns(&self) -> u64 {
        self.duration_ns
    }

    pub(super) fn plan(&self, scope: PlanScope) -> Vec<TillPlan> {
        let mut of_till: Vec<Vec<u32>> = vec![Vec::new(); scope.tills as usize];
        for (index, event) in (0_u32..).zip(self.events.iter()) {
            of_till[(event.terminal % scope.tills) as usize].push(index);
        }
        of_till
            .into_iter()
            .map(|indexes| {
                let events = Arc::clone(&self.events);
                let intents = indexes.into_iter().map(move |index| {
                    let event = events[index as usize];
                    Intent {
                        at_ns: event.at_ns,
                        action: IntentAction::Sale {
                            holder: event.holder,
                            amount_fen: event.amount_fen,
                            tender: Tender::Card,
                            answers_lost: 0,
                        },
                    }
                });
                TillPlan { stored: Vec::new(), intents: Box::new(intents) }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campus::{CampusHolder, CampusTill, HexKey};

    fn campus() -> Campus {
        let holder = |account, student_no: &str, card_uid| CampusHolder {
            account,
            student_no: student_no.to_owned(),
            card_uid: Some(card_uid),
        };
        Campus {
            address: "127.0.0.1:1".parse().expect("an address"),
            tills: vec![CampusTill {
                terminal: 1,
                key: HexKey([1; 16]),
                earlier_key: None,
                epoch: 1,
                merchant: 1,
            }],
            gateways: Vec::new(),
            counters: Vec::new(),
            card_centre: Vec::new(),
            finance: Vec::new(),
            administrators: Vec::new(),
            holders: vec![holder(0, "2023001", 500), holder(1, "2023002", 501), holder(2, "2023003", 502)],
            card_master_key: HexKey([2; 16]),
            code_keys: Vec::new(),
        }
    }

    #[test]
    fn a_trace_is_sorted_sped_up_and_mapped() {
        let csv = "CardNo,Date,Money,TermNo\n\
                   502,2019/4/1 12:00:20,3.5,9\n\
                   2023002,2019/4/1 12:00:00,4,8\n\
                   stranger,2019/4/1 12:00:10,5,9\n\
                   stranger,2019/4/1 12:00:30,6,7\n";
        let trace = Trace::parse(Path::new("t.csv"), csv.as_bytes()).expect("parses");
        let config = TraceConfig::new(&trace, &campus(), 10.0);
        assert_eq!((config.lines, config.duration_ns()), (4, 3 * SECOND_NS));
        let plans = config.plan(PlanScope { seed: 1, tills: 2, holders: 3 });
        let sales: Vec<Vec<(u64, u32, i64)>> = plans
            .into_iter()
            .map(|plan| {
                plan.intents
                    .map(|intent| match intent.action {
                        IntentAction::Sale { holder, amount_fen, .. } => {
                            (intent.at_ns / SECOND_NS, holder, amount_fen)
                        }
                        other => panic!("{other:?}"),
                    })
                    .collect()
            })
            .collect();
        // Terminals 8, 9, 7 appear in this order of time: 8 and 7 are the first till, 9 is the second.
        assert_eq!(sales, [vec![(0, 1, 400), (3, 0, 600)], vec![(1, 0, 500), (2, 2, 350)]]);
    }

    #[test]
    fn an_empty_trace_and_a_speed_of_zero_are_refused() {
        let trace = Trace::parse(Path::new("t.csv"), b"CardNo,Date,Money,TermNo\n").expect("parses");
        assert!(TraceConfig::new(&trace, &campus(), 1.0).validate().is_err());
        assert!(TraceConfig::new(&trace, &campus(), 0.0).validate().is_err());
    }
}
