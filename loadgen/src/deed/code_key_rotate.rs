//! A counter takes the next payment-code key into use, while phones show codes under the one before.

use protocol::answer::Answer;
use protocol::request::{CodeKeyRotate as Body, EarlierCodes, Request};

use super::{Begun, Deed, Entry, Errand, NOBODY, Place};
use crate::world::World;

#[derive(Clone, Copy, Debug)]
pub(crate) struct CodeKeyRotate {
    key_version: u32,
    entry: Entry,
}

impl Deed for CodeKeyRotate {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<CodeKeyRotate>> {
        let key_version = world.people.next_code_key()?;
        let entry = Entry::new(NOBODY, 0);
        let earlier_codes = EarlierCodes::RunOut;
        let request =
            Request::CodeKeyRotate(Body { key_version, earlier_codes, till_time_ns: place.unix_ns });
        Some(Begun { doing: CodeKeyRotate { key_version, entry }, request, entry: Some(entry) })
    }

    /// Phones that hear of it only by a heartbeat have two minutes for that.
    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.people.code_key_is(self.key_version);
        self.entry.is_said_by(answer)
    }
}
