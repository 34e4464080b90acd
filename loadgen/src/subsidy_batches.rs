//! The subsidy batches that finance plans in a run, from there until they were paid, taken back or rejected, as it was told.
//!
//! Of three one stays, one is withdrawn after it was paid, and one is rejected by the second person. All of them name the same people,
//! so that they come beside one another. Those don't leave the college: what goes back to the school when an account is closed
//! only the server knows.

use protocol::answer::{SubsidyAnswer, SubsidyPreviewLine, SubsidyState};
use protocol::ids::TerminalId;
use protocol::request::{SUBSIDY_PAGE_LINES_MAX, SubsidyAction, SubsidyLine};

use crate::people::People;

/// Lines of a batch, where there are as many people.
const LINES: usize = 60;
/// Pages that they are sent in.
pub(crate) const PAGES: usize = LINES.div_ceil(SUBSIDY_PAGE_LINES_MAX);

/// Whether a holder is one of those who may be given subsidies: every seventh.
pub(crate) const fn may_get_subsidies(holder: u32) -> bool {
    holder % 7 == 6
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedBatch {
    pub(crate) number: u32,
    pub(crate) lines: Vec<SubsidyLine>,
    opener: TerminalId,
    sent: usize,
    state: SubsidyState,
    /// What finance does about it once it is previewed, and once it was paid.
    is_rejected: bool,
    is_withdrawn: bool,
}

impl PlannedBatch {
    /// What all of its lines add up to.
    pub(crate) fn total_fen(&self) -> i64 {
        fen_of(&self.lines)
    }

    /// Whether this is the operator's next step with it.
    fn awaits(&self, action: SubsidyAction, operator: TerminalId) -> bool {
        match action {
            SubsidyAction::Approve | SubsidyAction::Reject => {
                let is_rejected = action == SubsidyAction::Reject;
                let by_another = self.opener != operator;
                by_another && self.state == SubsidyState::Previewed && self.is_rejected == is_rejected
            }
            SubsidyAction::Issue => self.state == SubsidyState::Approved,
            SubsidyAction::Withdraw => self.state == SubsidyState::Issued && self.is_withdrawn,
        }
    }
}

/// What lines add up to.
pub(crate) fn fen_of(lines: &[SubsidyLine]) -> i64 {
    lines.iter().map(|line| i64::from(line.amount_fen.get())).sum()
}

/// All batches of a run, in the order they were planned.
#[derive(Clone, Debug, Default)]
pub struct SubsidyBatches {
    batches: Vec<PlannedBatch>,
    /// How many were planned, those that were refused among them.
    planned: u32,
}

impl SubsidyBatches {
    /// An operator plans the next batch; the first of the run gets this number. `None` where nobody gets subsidies.
    pub(crate) fn plan(
        &mut self,
        opener: TerminalId,
        first_number: u32,
        people: &People,
    ) -> Option<&PlannedBatch> {
        let place = self.planned;
        let lines = lines_of(people);
        if lines.is_empty() {
            return None;
        }
        self.planned += 1;
        self.batches.push(PlannedBatch {
            number: first_number + place,
            lines,
            opener,
            sent: 0,
            state: SubsidyState::None,
            is_rejected: place % 3 == 2,
            is_withdrawn: place % 3 == 1,
        });
        self.batches.last()
    }

    /// The batch that an operator has opened and sends lines of, and where the next page begins and ends.
    pub(crate) fn next_page(&self, operator: TerminalId) -> Option<(&PlannedBatch, usize, usize)> {
        let of_operator =
            |batch: &&PlannedBatch| batch.opener == operator && batch.state == SubsidyState::Open;
        let batch = self.batches.iter().find(of_operator)?;
        Some((batch, batch.sent, batch.lines.len().min(batch.sent + SUBSIDY_PAGE_LINES_MAX)))
    }

    /// The batch that this is an operator's next step with.
    pub(crate) fn next_for(&self, action: SubsidyAction, operator: TerminalId) -> Option<u32> {
        self.batches.iter().find(|batch| batch.awaits(action, operator)).map(|batch| batch.number)
    }

    /// A batch that is being paid or taken back, as far as anybody was told.
    pub(crate) fn running(&self) -> Option<u32> {
        let runs =
            |batch: &&PlannedBatch| matches!(batch.state, SubsidyState::Issuing | SubsidyState::Withdrawing);
        self.batches.iter().find(runs).map(|batch| batch.number)
    }

    /// A batch to be looked at, all of whose lines have come: one that waits for a second person, or else the newest.
    pub(crate) fn to_look_at(&self) -> Option<&PlannedBatch> {
        let mut complete = self.batches.iter().filter(|batch| batch.sent == batch.lines.len());
        let waits = complete.clone().find(|batch| batch.state == SubsidyState::Previewed);
        waits.or_else(|| complete.next_back())
    }

    /// Whether these are the first lines of a batch, as they were planned. Once it is rejected, or what is left of a line was taken back,
    /// the server forgets lines.
    pub(crate) fn has_lines(&self, number: u32, told: &[SubsidyPreviewLine], lines_max: u16) -> bool {
        let Some(batch) = self.batches.iter().find(|batch| batch.number == number) else { return false };
        let is_planned = |told: &SubsidyPreviewLine| {
            let mut planned = batch.lines.iter();
            planned.any(|line| (line.account, line.amount_fen) == (told.account, told.amount_fen))
        };
        let forgets = matches!(
            batch.state,
            SubsidyState::Rejected | SubsidyState::Withdrawing | SubsidyState::Withdrawn
        );
        let all = batch.lines.len().min(lines_max.into());
        told.iter().all(is_planned) && (forgets || told.len() == all)
    }

    /// A batch was opened.
    pub(crate) fn opened(&mut self, number: u32) {
        self.set(number, SubsidyState::Open);
    }

    /// The lines of a batch up to this one have come.
    pub(crate) fn sent(&mut self, number: u32, sent: usize) {
        if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
            batch.sent = sent;
            if sent == batch.lines.len() {
                batch.state = SubsidyState::Previewed;
            }
        }
    }

    /// A step of a batch was approved.
    pub(crate) fn stepped(&mut self, number: u32, action: SubsidyAction) {
        self.set(
            number,
            match action {
                SubsidyAction::Approve => SubsidyState::Approved,
                SubsidyAction::Reject => SubsidyState::Rejected,
                SubsidyAction::Issue => SubsidyState::Issuing,
                SubsidyAction::Withdraw => SubsidyState::Withdrawing,
            },
        );
    }

    /// The server told how far a batch has come that was running.
    pub(crate) fn told(&mut self, answer: &SubsidyAnswer) {
        if self.running() == Some(answer.batch) {
            self.set(answer.batch, answer.state);
        }
    }

    /// A batch was refused: nothing more is done about it.
    pub(crate) fn refused(&mut self, number: u32) {
        self.batches.retain(|batch| batch.number != number);
    }

    fn set(&mut self, number: u32, state: SubsidyState) {
        if let Some(batch) = self.batches.iter_mut().find(|batch| batch.number == number) {
            batch.state = state;
        }
    }
}

/// The lines of a batch: people spread over all of those who may get subsidies, in order of account.
fn lines_of(people: &People) -> Vec<SubsidyLine> {
    let mut accounts: Vec<u32> = (0..people.count())
        .filter(|&holder| may_get_subsidies(holder))
        .map(|holder| people.account(holder).0)
        .collect();
    accounts.sort_unstable();
    let step = (accounts.len() / LINES).max(1);
    let chosen = accounts.into_iter().step_by(step).take(LINES);
    // From ¥30 to ¥70, by tens.
    let amounts_fen = (3_000..=7_000_u32).step_by(1_000).cycle();
    chosen
        .zip(amounts_fen)
        .map(|(account, amount_fen)| SubsidyLine { account: account.into(), amount_fen: amount_fen.into() })
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use protocol::answer::SubsidyTitle;
    use protocol::result_code::ResultCode;

    use super::*;
    use crate::campus::{Campus, CampusHolder, HexKey};

    const OPENER: TerminalId = TerminalId(9_003);
    const SECOND: TerminalId = TerminalId(9_004);

    fn people(holders: u32) -> People {
        let campus = Campus {
            address: "127.0.0.1:1".parse().expect("an address"),
            tills: Vec::new(),
            gateways: Vec::new(),
            counters: Vec::new(),
            card_centre: Vec::new(),
            administrators: Vec::new(),
            finance: Vec::new(),
            // Account numbers fall.
            holders: (0..holders)
                .map(|holder| CampusHolder {
                    account: 10_000 - holder,
                    student_no: holder.to_string(),
                    card_uid: None,
                })
                .collect(),
            card_master_key: HexKey([2; 16]),
            code_keys: Vec::new(),
        };
        People::new(&campus, 1, 0, 1)
    }

    /// A batch of which nothing is told but its state.
    pub(crate) fn told(batch: u32, state: SubsidyState) -> SubsidyAnswer {
        SubsidyAnswer {
            code: ResultCode::Approved,
            state,
            batch,
            total_fen: 0,
            claimed_fen: 0,
            skipped_fen: 0,
            cleared_fen: 0,
            withdrawn_fen: 0,
            lines: 0,
            uploaded: 0,
            claimed: 0,
            skipped: 0,
            withdrawn: 0,
            opener: 0,
            approver: 0,
            deadline_day: 0,
            mode: 1,
            server_time_ns: 0,
            title: SubsidyTitle::EMPTY,
        }
    }

    #[test]
    fn lines_rise_and_name_people_who_stay() {
        let lines = lines_of(&people(3_000));
        assert_eq!(lines.len(), LINES);
        assert!(lines.is_sorted_by(|a, b| a.account.get() < b.account.get()));
        assert!(lines.iter().all(|line| may_get_subsidies(10_000 - line.account.get())));
        assert_eq!(lines_of(&people(20)).len(), 2);
        assert!(lines_of(&people(6)).is_empty());
    }

    #[test]
    fn a_batch_is_planned_by_one_approved_by_another_paid_and_taken_back() {
        use SubsidyAction::{Approve, Issue, Reject, Withdraw};
        let (mut batches, people) = (SubsidyBatches::default(), people(3_000));
        assert_eq!(batches.plan(OPENER, 700, &people).map(|batch| batch.number), Some(700));
        assert!(batches.next_page(OPENER).is_none() && batches.to_look_at().is_none());
        batches.opened(700);
        batches.refused(700);
        for number in [701, 702, 703] {
            assert_eq!(batches.plan(OPENER, 700, &people).map(|batch| batch.number), Some(number));
            batches.opened(number);
            for (first, last) in [(0, 24), (24, 48), (48, 60)] {
                let page = batches.next_page(OPENER).map(|(batch, first, last)| (batch.number, first, last));
                assert_eq!((page, batches.next_page(SECOND)), (Some((number, first, last)), None));
                assert_eq!(batches.next_for(Approve, SECOND), None);
                batches.sent(number, last);
            }
            assert_eq!(batches.to_look_at().map(|batch| batch.number), Some(number));
            assert_eq!(batches.next_for(Approve, OPENER), None);
            let told_line = |line: &SubsidyLine| SubsidyPreviewLine {
                account: line.account,
                amount_fen: line.amount_fen,
                ..SubsidyPreviewLine::default()
            };
            let told_lines: Vec<SubsidyPreviewLine> = lines_of(&people).iter().map(told_line).collect();
            assert!(
                batches.has_lines(number, &told_lines, 100) && batches.has_lines(number, &told_lines[..9], 9)
            );
            assert!(
                !batches.has_lines(number, &told_lines[..9], 100) && !batches.has_lines(number, &[], 100)
            );
            let decision = if number == 702 { Reject } else { Approve };
            assert_eq!(batches.next_for(decision, SECOND), Some(number));
            batches.stepped(number, decision);
            if number == 702 {
                assert_eq!(batches.next_for(Issue, OPENER), None);
                assert!(batches.has_lines(number, &[], 100), "they are forgotten");
                let changed = SubsidyPreviewLine { amount_fen: 1.into(), ..told_lines[0] };
                assert!(!batches.has_lines(number, &[changed], 100));
                continue;
            }
            assert_eq!((batches.next_for(Issue, OPENER), batches.running()), (Some(number), None));
            batches.stepped(number, Issue);
            // The last one comes while the first waits to be withdrawn.
            let waiting = (number == 703).then_some(701);
            assert_eq!((batches.running(), batches.next_for(Withdraw, OPENER)), (Some(number), waiting));
            batches.told(&told(number, SubsidyState::Issued));
            assert_eq!((batches.running(), batches.next_for(Withdraw, OPENER)), (None, Some(701)));
        }
        batches.stepped(701, Withdraw);
        assert_eq!(batches.running(), Some(701));
        batches.told(&told(701, SubsidyState::Withdrawn));
        assert_eq!((batches.running(), batches.next_for(Withdraw, OPENER)), (None, None));
    }
}
