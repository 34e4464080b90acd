//! A look at a week's statement.

use protocol::answer::Answer;
use protocol::bill::BillLineKinds;
use protocol::ids::{AccountId, RecordNumber};
use protocol::request::{AccountSelector, Request, StatementDay, StatementQuery};

use super::{Begun, Deed, Errand, Place};
use crate::config::SECOND_NS;
use crate::world::World;

/// Lines that a phone shows at first.
const LINES: u16 = 20;
/// Days before today that are asked for.
const DAYS_BACK: u16 = 6;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement {
    account: AccountId,
}

impl Deed for Statement {
    fn begin(errand: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<Statement>> {
        let account = world.people.account(errand.holder);
        let today = day_of(place.unix_ns);
        let request = Request::Statement(StatementQuery {
            account: AccountSelector::Account(account),
            before: RecordNumber(0),
            from_day: today.saturating_sub(DAYS_BACK),
            to_day: today,
            kinds: BillLineKinds::ALL,
            by: StatementDay::Calendar,
            lines_max: LINES,
        });
        Some(Begun { doing: Statement { account }, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let Answer::Statement(statement) = answer else { return false };
        statement.account == Some(self.account)
            && statement.opening_fen + statement.in_fen + statement.out_fen == statement.closing_fen
    }
}

/// Days since 2000-01-01 at +08:00.
fn day_of(unix_ns: u64) -> u16 {
    const START_S: u64 = 946_684_800;
    const ZONE_S: u64 = 8 * 3_600;
    let days = (unix_ns / SECOND_NS + ZONE_S).saturating_sub(START_S) / 86_400;
    u16::try_from(days).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_sixteen_hours_utc() {
        // 2026-09-01 at +08:00 is day 9,740.
        let midnight_s = 1_788_192_000;
        assert_eq!(day_of(midnight_s * SECOND_NS), 9_740);
        assert_eq!(day_of(midnight_s * SECOND_NS - 1), 9_739);
        assert_eq!(day_of(0), 0);
    }
}
