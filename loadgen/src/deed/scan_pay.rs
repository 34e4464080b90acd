//! A phone pays what a till without a network shows (扫一扫).

use protocol::answer::Answer;
use protocol::request::{AccountSelector, Request, ScanPay as Body};

use super::{Begun, Deed, Entry, Errand, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanPay {
    entry: Entry,
}

impl Deed for ScanPay {
    /// Whoever has stood before a till for the longest, whatever the errand says.
    fn begin(_: &Errand, _: &mut Place<'_>, world: &mut World) -> Option<Begun<ScanPay>> {
        let shown = world.self_scans.scan()?;
        let entry = Entry::new(world.people.account(shown.holder), shown.code.amount_fen);
        let account = AccountSelector::Account(entry.account);
        let request = Request::ScanPay(Body { account, code: shown.code });
        Some(Begun { doing: ScanPay { entry }, request, entry: Some(entry) })
    }

    /// Without digits to show, the holder would not get the meal.
    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        let has_digits = matches!(answer, Answer::ScanPay(paid) if paid.confirmation.is_some());
        has_digits && self.entry.is_said_by(answer)
    }
}
