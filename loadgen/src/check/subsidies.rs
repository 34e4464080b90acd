//! What subsidy batches brought into accounts, as their lines tell after the run.
//!
//! A batch is paid, and withdrawn, by the server itself, line by line, and how much is left to be taken back only it knows. So a batch and
//! its lines are asked for: they must add up to what was acknowledged and to each other, and what the lines say was paid and taken back
//! goes into what each account must hold. A line that was paid twice, or not at all, shows there. Lines of which all was taken back,
//! and those of a batch that never was paid, may be forgotten: nothing of them is there.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::answer::{Answer, SubsidyAnswer, SubsidyLineState, SubsidyPreviewLine, SubsidyState};
use protocol::ids::{Sequence, TerminalId};
use protocol::request::{Request, SubsidyPreview, SubsidyQuery};

use super::CheckReport;
use crate::deed::DeedKind;
use crate::desk::Desk;
use crate::error::LoadError;
use crate::outcome_log::{OutcomeEntry, OutcomeKind, SaleState};

/// Lines of a page.
const LINES_MAX: u16 = 100;
/// How often a batch is asked after that is still being paid or taken back, and how long between.
const QUESTIONS_MAX: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// A batch as its log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    /// Who opened it.
    opener: TerminalId,
    /// What its acknowledged lines add up to.
    lines_fen: i64,
    /// Whether it was acknowledged that it is issued.
    is_issued: bool,
    /// Whether something about it was never answered.
    is_unsure: bool,
}

/// The batches of a log.
fn batches_of(entries: &[OutcomeEntry]) -> BTreeMap<u32, Told> {
    let mut batches = BTreeMap::new();
    for entry in entries {
        let OutcomeKind::Deed(deed) = entry.kind else { continue };
        let is_done = entry.state == SaleState::Approved;
        match deed {
            DeedKind::SubsidyOpen if is_done || entry.state == SaleState::Unknown => {
                let opener = entry.sale.terminal;
                let told = Told { opener, lines_fen: 0, is_issued: false, is_unsure: !is_done };
                batches.insert(entry.reference, told);
            }
            DeedKind::SubsidyLines | DeedKind::SubsidyIssue => {
                let Some(told) = batches.get_mut(&entry.reference) else { continue };
                told.is_unsure |= entry.state == SaleState::Unknown;
                if is_done && deed == DeedKind::SubsidyLines {
                    told.lines_fen += entry.amount_fen;
                }
                told.is_issued |= is_done && deed == DeedKind::SubsidyIssue;
            }
            _ => {}
        }
    }
    batches
}

/// What all batches of a log brought into each account, less what was taken back.
pub(super) async fn brought(
    desks: &mut [Desk],
    entries: &[OutcomeEntry],
    report: &mut CheckReport,
) -> Result<BTreeMap<u32, i64>, LoadError> {
    let mut brought = BTreeMap::new();
    for (batch, told) in batches_of(entries) {
        let Some(desk) = desks.iter_mut().find(|desk| desk.terminal() == told.opener) else { continue };
        let Some(answer) = at_rest(desk, batch).await? else {
            report.unanswered += 1;
            report.example(|| format!("subsidy batch {batch}: it doesn't come to rest"));
            continue;
        };
        let lines = lines_of(desk, batch).await?;
        judge(told, &answer, &lines, report);
        for line in lines {
            *brought.entry(line.account.get()).or_default() += paid_fen(&line);
        }
    }
    Ok(brought)
}

/// What is left of a line that was paid.
fn paid_fen(line: &SubsidyPreviewLine) -> i64 {
    match SubsidyLineState::from_number(line.state) {
        Some(SubsidyLineState::Claimed | SubsidyLineState::Withdrawn) => {
            i64::from(line.amount_fen.get()) - i64::from(line.withdrawn_fen.get())
        }
        _ => 0,
    }
}

fn judge(told: Told, answer: &SubsidyAnswer, lines: &[SubsidyPreviewLine], report: &mut CheckReport) {
    if told.is_unsure {
        return;
    }
    let &SubsidyAnswer { batch, total_fen, claimed_fen, skipped_fen, withdrawn_fen, .. } = answer;
    let is_complete = !matches!(answer.state, SubsidyState::None | SubsidyState::Open);
    if is_complete && total_fen != told.lines_fen {
        report.amounts_wrong += 1;
        let lines_fen = told.lines_fen;
        report
            .example(|| format!("subsidy batch {batch}: of {total_fen} fen, acknowledged were {lines_fen}"));
    }
    if told.is_issued && claimed_fen + skipped_fen != total_fen {
        report.lost += 1;
        report.example(|| {
            format!("subsidy batch {batch}: issued, and only {claimed_fen} of {total_fen} fen paid")
        });
    }
    let left_fen: i64 = lines.iter().map(paid_fen).sum();
    if left_fen != claimed_fen - withdrawn_fen {
        report.amounts_wrong += 1;
        report.example(|| {
            let by_batch_fen = claimed_fen - withdrawn_fen;
            format!("subsidy batch {batch}: {by_batch_fen} fen were paid and not taken back, by its lines {left_fen}")
        });
    }
}

/// A batch of which nothing more becomes by itself; `None` when it doesn't come to that.
async fn at_rest(desk: &mut Desk, batch: u32) -> Result<Option<SubsidyAnswer>, LoadError> {
    let question = Request::SubsidyQuery(SubsidyQuery { batch });
    for _ in 0..QUESTIONS_MAX {
        let told = desk
            .ask(Sequence(0), &question, |_, answer| match answer {
                Answer::Subsidy(told) => Some(*told),
                _ => None,
            })
            .await?;
        let runs =
            |told: &SubsidyAnswer| matches!(told.state, SubsidyState::Issuing | SubsidyState::Withdrawing);
        if !told.as_ref().is_some_and(runs) {
            return Ok(told);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(None)
}

async fn lines_of(desk: &mut Desk, batch: u32) -> Result<Vec<SubsidyPreviewLine>, LoadError> {
    let (mut lines, mut from_account) = (Vec::new(), 0);
    loop {
        let query = SubsidyPreview { batch, from_account, lines_max: LINES_MAX };
        from_account = desk
            .ask(Sequence(0), &Request::SubsidyPreview(query), |_, answer| match answer {
                Answer::SubsidyPreview(page) => {
                    lines.extend_from_slice(page.lines);
                    page.next_account
                }
                _ => 0,
            })
            .await?;
        if from_account == 0 {
            return Ok(lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::answer::ACCOUNT_NONE;
    use protocol::ids::{Epoch, SaleId};

    use super::*;
    use crate::subsidy_batches::tests::told;

    fn entry(deed: DeedKind, state: SaleState, batch: u32, amount_fen: i64) -> OutcomeEntry {
        OutcomeEntry {
            sale: SaleId { terminal: TerminalId(9_003), epoch: Epoch(1), sequence: Sequence(1) },
            kind: OutcomeKind::Deed(deed),
            state,
            code: 0,
            answered: true,
            account: ACCOUNT_NONE,
            amount_fen,
            record: 10,
            record_other: 0,
            reference: batch,
        }
    }

    fn answer(total_fen: i64, claimed_fen: i64, withdrawn_fen: i64) -> SubsidyAnswer {
        SubsidyAnswer { total_fen, claimed_fen, withdrawn_fen, ..told(4, SubsidyState::Issued) }
    }

    fn line(amount_fen: u32, withdrawn_fen: u32, state: SubsidyLineState) -> SubsidyPreviewLine {
        SubsidyPreviewLine {
            account: 7.into(),
            amount_fen: amount_fen.into(),
            withdrawn_fen: withdrawn_fen.into(),
            state: state.number(),
            reserved: [0; 3],
        }
    }

    #[test]
    fn lines_are_held_to_what_was_acknowledged() {
        use SaleState::{Approved, Refused, Unknown};
        let batches = batches_of(&[
            entry(DeedKind::SubsidyOpen, Approved, 4, 900),
            entry(DeedKind::SubsidyLines, Approved, 4, 500),
            entry(DeedKind::SubsidyLines, Approved, 4, 400),
            entry(DeedKind::SubsidyApprove, Approved, 4, 0),
            entry(DeedKind::SubsidyIssue, Approved, 4, 0),
            entry(DeedKind::SubsidyOpen, Refused, 5, 900),
            entry(DeedKind::SubsidyLines, Refused, 5, 900),
            entry(DeedKind::SubsidyOpen, Approved, 6, 900),
            entry(DeedKind::SubsidyLines, Unknown, 6, 900),
        ]);
        assert_eq!(batches.keys().copied().collect::<Vec<u32>>(), [4, 6]);
        let found = |batch: u32, answer: SubsidyAnswer, lines: &[SubsidyPreviewLine]| {
            let mut report = CheckReport::default();
            judge(batches[&batch], &answer, lines, &mut report);
            (report.amounts_wrong, report.lost)
        };
        let paid = [line(500, 0, SubsidyLineState::Claimed), line(400, 150, SubsidyLineState::Withdrawn)];
        assert_eq!(found(4, answer(900, 900, 150), &paid), (0, 0));
        assert_eq!(found(4, answer(900, 900, 150), &paid[..1]), (1, 0), "a line is gone");
        assert_eq!(found(4, answer(900, 900, 900), &[]), (0, 0), "all was taken back");
        assert_eq!(found(4, answer(800, 800, 0), &[line(800, 0, SubsidyLineState::Claimed)]), (1, 0));
        assert_eq!(found(4, answer(900, 500, 0), &paid[..1]), (0, 1), "not all is paid");
        assert_eq!(found(6, answer(0, 0, 0), &[]), (0, 0), "nobody knows what came of its lines");
        assert_eq!(paid.each_ref().map(paid_fen), [500, 250]);
        assert_eq!(paid_fen(&line(900, 0, SubsidyLineState::Waiting)), 0);
    }
}
