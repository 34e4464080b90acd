//! What the log of outcomes implies: how each sale must be answered, and what each account must hold. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use protocol::answer::{ACCOUNT_NONE, MoneyAnswer};
use protocol::result_code::ResultCode;

use super::{CheckReport, CheckScope};
use crate::deed::{DeedKind, Effect};
use crate::outcome_log::{OutcomeEntry, OutcomeKind, SaleState};

/// Balances of accounts before the log began, in fen; an account that isn't there began with zero.
pub type Baseline = BTreeMap<u32, i64>;

/// What the server must say about an entry when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// That it stands, with this amount, account and record.
    Stands,
    /// That it doesn't: reversed.
    Reversed,
    /// The refusal that was acknowledged.
    Refused(u16),
    /// Anything: the tills don't know. The answer decides whether it counts.
    Unknown,
}

/// What must be asked about an entry; `None` for entries that leave no trace at the server.
pub(super) fn demand(entry: &OutcomeEntry) -> Option<Demand> {
    let code = ResultCode::from_number(entry.code);
    match entry.state {
        SaleState::Approved | SaleState::Uploaded => Some(Demand::Stands),
        SaleState::Reversed => Some(Demand::Reversed),
        SaleState::Unknown => Some(Demand::Unknown),
        // What was refused without a trace, or because another body has the identity, can't be asked for.
        SaleState::Refused if !entry.answered => None,
        SaleState::Refused => match code {
            Some(code) if code.is_transient() || code == ResultCode::IdentityConflict => None,
            _ => Some(Demand::Refused(entry.code)),
        },
        SaleState::Stored | SaleState::Kept | SaleState::NotUsed => None,
    }
}

/// Judges the server's answer about an entry. True when the sale stands in the books.
pub(super) fn judge(
    entry: &OutcomeEntry,
    demand: Demand,
    answer: &MoneyAnswer,
    report: &mut CheckReport,
) -> bool {
    let stands = answer.code.is_approved();
    let describe = |what: &str| {
        format!(
            "{} {} of {} fen, account {}, record {}: {what}; the server says {} of {} fen, record {}",
            entry.kind.name(),
            entry.sale,
            entry.amount_fen,
            entry.account,
            entry.record,
            answer.code,
            answer.amount_fen,
            answer.record,
        )
    };
    match demand {
        Demand::Unknown => {
            report.unknown_asked += 1;
            if stands {
                report.unknown_done += 1;
            } else {
                report.unknown_not_done += 1;
            }
        }
        Demand::Stands => {
            report.acknowledged += 1;
            let same_account = answer.account.is_none_or(|account| account.0 == entry.account);
            if !stands {
                report.lost += 1;
                report.example(|| describe("acknowledged, and not there"));
            } else if answer.amount_fen != entry.amount_fen || !same_account {
                report.amounts_wrong += 1;
                report.example(|| describe("there, with another amount or account"));
            } else if answer.record.0 != entry.record {
                report.lost += 1;
                report.example(|| describe("acknowledged under another record"));
            }
        }
        Demand::Reversed => {
            report.acknowledged += 1;
            if answer.code != ResultCode::Reversed {
                report.lost += 1;
                report.example(|| describe("its acknowledged reversal is not there"));
            }
        }
        Demand::Refused(code) => {
            report.acknowledged += 1;
            if answer.code.number() != code {
                report.lost += 1;
                report.example(|| describe("its acknowledged refusal is not there"));
            }
        }
    }
    stands
}

/// Takes what the scope leaves out off the questions of the tills; gives how many. Outcomes that the tills don't know
/// stay.
pub(super) fn leave_out(
    questions: &mut HashMap<u32, Vec<usize>>,
    entries: &[OutcomeEntry],
    scope: CheckScope,
) -> u64 {
    let is_known = |index: usize| demand(&entries[index]) != Some(Demand::Unknown);
    let mut older = Vec::new();
    for indexes in questions.values() {
        let count = indexes.len().saturating_sub(scope.newest_per_till);
        older.extend(indexes[..count].iter().copied().filter(|&index| is_known(index)));
    }
    older.sort_unstable();
    let total = older.len();
    // Of `total` places, `scope.older` are kept, evenly spread.
    let kept = scope.older.min(total);
    let is_kept = |place: usize| (place + 1) * kept / total > place * kept / total;
    let mut is_left_out = vec![false; entries.len()];
    for (place, &index) in older.iter().enumerate() {
        is_left_out[index] = !is_kept(place);
    }
    for indexes in questions.values_mut() {
        indexes.retain(|&index| !is_left_out[index]);
    }
    (total - kept) as u64
}

/// Sales that the acknowledgements alone show to be there twice, or two of them to be one record.
pub(super) fn find_doubles_in_log(entries: &[OutcomeEntry], report: &mut CheckReport) {
    let mut sale_of_record: HashMap<u64, usize> = HashMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let stands = matches!(entry.state, SaleState::Approved | SaleState::Uploaded);
        if !stands || entry.record == 0 {
            continue;
        }
        if entry.record_other != 0 {
            report.doubled += 1;
            report.example(|| {
                format!(
                    "sale {}: acknowledged as record {} and {}",
                    entry.sale, entry.record, entry.record_other
                )
            });
        }
        // A top-up whose order came before is answered with the earlier record.
        if entry.kind != OutcomeKind::Deed(DeedKind::TopUp)
            && let Some(other) = sale_of_record.insert(entry.record, index)
        {
            report.lost += 1;
            report.example(|| {
                format!("sales {} and {} share record {}", entries[other].sale, entry.sale, entry.record)
            });
        }
    }
}

/// What each touched account must hold: what it began with, and what the log adds and takes.
///
/// `done` says for each entry whether it stands in the books where the tills don't know.
pub(super) fn expected_balances(
    entries: &[OutcomeEntry],
    unknown_done: &HashSet<usize>,
    baseline: &Baseline,
) -> BTreeMap<u32, i64> {
    let mut balances: BTreeMap<u32, i64> = BTreeMap::new();
    let mut top_up_records: HashSet<u64> = HashSet::new();
    for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.account != ACCOUNT_NONE) {
        let balance = balances
            .entry(entry.account)
            .or_insert_with(|| baseline.get(&entry.account).copied().unwrap_or(0));
        let stands = match entry.state {
            SaleState::Approved | SaleState::Uploaded => true,
            SaleState::Unknown => unknown_done.contains(&index),
            _ => false,
        };
        match entry.kind.effect() {
            // An order that was paid in once counts once, however often it was acknowledged.
            Effect::Brings if stands && (entry.record == 0 || top_up_records.insert(entry.record)) => {
                *balance += entry.amount_fen;
            }
            Effect::Takes if stands => *balance -= entry.amount_fen,
            Effect::Brings | Effect::Takes | Effect::Nothing => {}
        }
    }
    balances
}

#[cfg(test)]
mod tests {
    use protocol::ids::{AccountId, Epoch, RecordNumber, SaleId, Sequence, TerminalId};

    use super::*;

    fn entry(
        sequence: u32,
        kind: OutcomeKind,
        state: SaleState,
        account: u32,
        amount_fen: i64,
    ) -> OutcomeEntry {
        OutcomeEntry {
            sale: SaleId { terminal: TerminalId(1), epoch: Epoch(1), sequence: Sequence(sequence) },
            kind,
            state,
            code: 0,
            answered: true,
            account,
            amount_fen,
            record: u64::from(sequence) * 10,
            record_other: 0,
            reference: 0,
        }
    }

    #[test]
    fn balances_are_summed_from_what_stands() {
        use DeedKind::{CardReplace, CardReturn, CashTopUp, Refund, Tender, TopUpAgain, TopUpUndo};
        use OutcomeKind::{CardDebit, CodeDebit, Deed, OfflineDebit, Reversal};
        let top_up = Deed(DeedKind::TopUp);
        let repeated_order = OutcomeEntry { record: 10, ..entry(9, top_up, SaleState::Approved, 5, 2_000) };
        let entries = [
            entry(1, top_up, SaleState::Approved, 5, 2_000),
            entry(2, CardDebit, SaleState::Approved, 5, 300),
            entry(3, CodeDebit, SaleState::Refused, 5, 400),
            entry(4, CardDebit, SaleState::Reversed, 5, 500),
            entry(5, Reversal, SaleState::Approved, 5, 500),
            entry(6, OfflineDebit, SaleState::Uploaded, 5, 600),
            entry(7, CardDebit, SaleState::Unknown, 5, 70),
            entry(8, CardDebit, SaleState::Unknown, 6, 80),
            repeated_order,
            entry(10, Deed(TopUpAgain), SaleState::Approved, 5, 2_000),
            entry(11, Deed(CashTopUp), SaleState::Reversed, 5, 4_000),
            entry(12, Deed(TopUpUndo), SaleState::Approved, 5, 4_000),
            entry(13, Deed(CardReplace), SaleState::Approved, 5, 20),
            entry(14, Deed(CardReplace), SaleState::Refused, 5, 20),
            entry(15, Deed(CardReturn), SaleState::Approved, 5, 0),
            entry(16, Deed(Refund), SaleState::Approved, 5, 150),
            entry(17, Deed(Tender), SaleState::Approved, ACCOUNT_NONE, 900),
        ];
        let done = HashSet::from([6]);
        let baseline = Baseline::from([(5, 1_000)]);
        let balances = expected_balances(&entries, &done, &baseline);
        assert_eq!(balances, BTreeMap::from([(5, 1_000 + 2_000 - 300 - 600 - 70 - 20 + 150), (6, 0)]));
    }

    #[test]
    fn answers_are_held_to_what_was_acknowledged() {
        let good = MoneyAnswer {
            code: ResultCode::Approved,
            repeat: true,
            account: Some(AccountId(5)),
            amount_fen: 300,
            balance_after_fen: 0,
            record: RecordNumber(20),
            server_time_ns: 0,
        };
        let sale = entry(2, OutcomeKind::CardDebit, SaleState::Approved, 5, 300);
        let found = |demand, answer: MoneyAnswer| {
            let mut report = CheckReport::default();
            judge(&sale, demand, &answer, &mut report);
            (report.lost, report.amounts_wrong, report.unknown_done)
        };
        assert_eq!(found(Demand::Stands, good), (0, 0, 0));
        assert_eq!(found(Demand::Stands, MoneyAnswer { code: ResultCode::Reversed, ..good }), (1, 0, 0));
        assert_eq!(found(Demand::Stands, MoneyAnswer { amount_fen: 301, ..good }), (0, 1, 0));
        assert_eq!(found(Demand::Stands, MoneyAnswer { account: Some(AccountId(6)), ..good }), (0, 1, 0));
        assert_eq!(found(Demand::Stands, MoneyAnswer { record: RecordNumber(21), ..good }), (1, 0, 0));
        assert_eq!(found(Demand::Reversed, good), (1, 0, 0));
        assert_eq!(found(Demand::Reversed, MoneyAnswer { code: ResultCode::Reversed, ..good }), (0, 0, 0));
        assert_eq!(found(Demand::Refused(620), good), (1, 0, 0));
        assert_eq!(found(Demand::Unknown, good), (0, 0, 1));
    }

    #[test]
    fn doubles_show_in_the_acknowledgements() {
        let mut entries = [
            entry(1, OutcomeKind::CardDebit, SaleState::Approved, 5, 300),
            entry(2, OutcomeKind::CardDebit, SaleState::Approved, 5, 300),
            entry(3, OutcomeKind::CardDebit, SaleState::Approved, 5, 300),
        ];
        entries[0].record_other = 99;
        entries[2].record = entries[1].record;
        let mut report = CheckReport::default();
        find_doubles_in_log(&entries, &mut report);
        assert_eq!((report.doubled, report.lost), (1, 1));
    }

    #[test]
    fn what_leaves_no_trace_is_not_asked_for() {
        let refused = |code: ResultCode| OutcomeEntry {
            code: code.number(),
            ..entry(1, OutcomeKind::CardDebit, SaleState::Refused, 5, 300)
        };
        assert_eq!(demand(&refused(ResultCode::InsufficientFunds)), Some(Demand::Refused(620)));
        assert_eq!(demand(&refused(ResultCode::AmountTooLarge)), None);
        assert_eq!(demand(&refused(ResultCode::IdentityConflict)), None);
        assert_eq!(demand(&entry(1, OutcomeKind::OfflineDebit, SaleState::Stored, 5, 1)), None);
        assert_eq!(
            demand(&entry(1, OutcomeKind::CardDebit, SaleState::Unknown, 5, 1)),
            Some(Demand::Unknown)
        );
    }

    #[test]
    fn the_newest_of_each_till_are_asked_for_and_the_others_sampled() {
        let entries: Vec<OutcomeEntry> = (0..100)
            .map(|index| {
                let state = if index == 3 { SaleState::Unknown } else { SaleState::Approved };
                entry(index + 1, OutcomeKind::CardDebit, state, 5, 300)
            })
            .collect();
        let all = || HashMap::from([(1, (0..100).step_by(2).collect()), (2, (1..100).step_by(2).collect())]);
        let mut questions: HashMap<u32, Vec<usize>> = all();
        assert_eq!(leave_out(&mut questions, &entries, CheckScope::ALL), 0);
        assert_eq!(questions, all());
        let scope = CheckScope { newest_per_till: 10, older: 8 };
        assert_eq!(leave_out(&mut questions, &entries, scope), 100 - 20 - 8 - 1);
        let mut asked: Vec<usize> = questions.values().flatten().copied().collect();
        asked.sort_unstable();
        assert_eq!(asked[asked.len() - 20..], (80..100).collect::<Vec<usize>>());
        // 3 is unknown and always asked for.
        assert_eq!(asked[..asked.len() - 20], [3, 10, 20, 30, 40, 50, 60, 70, 79]);
    }
}
