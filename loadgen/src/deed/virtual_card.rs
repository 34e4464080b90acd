//! The virtual card: bound to a phone, told of another number, unbound.

use protocol::answer::Answer;
use protocol::ids::{PhoneDigest, VirtualId};
use protocol::request::{
    PhoneChange as ChangeBody, Request, VirtualBind as BindBody, VirtualUnbind as UnbindBody,
};
use protocol::text::StudentNumber;

use super::{Begun, Deed, Entry, Errand, Place};
use crate::passwords::unsealed;
use crate::world::World;

/// A person binds a phone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualBind {
    holder: u32,
    virtual_id: VirtualId,
    entry: Entry,
}

impl Deed for VirtualBind {
    /// Somebody who knows the password and has bound none.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<VirtualBind>> {
        let holder = world.phone_users.takes_phone()?;
        let entry = Entry::new(world.people.account(holder), 0);
        let virtual_id = VirtualId(world.people.blank_card().0);
        // What was shown before is void once it is bound.
        world.people.forget_codes(holder, place.unix_ns);
        let request = Request::VirtualBind(BindBody {
            student: StudentNumber::new(world.people.student_no(holder)).ok()?,
            virtual_id,
            password: unsealed(entry.account),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: VirtualBind { holder, virtual_id, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.phone_users.phone_is_bound(self.holder, self.virtual_id.0);
        self.entry.is_said_by(answer)
    }
}

/// A person has another phone number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhoneChange {
    entry: Entry,
}

impl Deed for PhoneChange {
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<PhoneChange>> {
        let (holder, virtual_id) = world.phone_users.bound_phone()?;
        let entry = Entry::new(world.people.account(holder), 0);
        let request = Request::PhoneChange(ChangeBody {
            virtual_id: VirtualId(virtual_id),
            phone: PhoneDigest(world.people.blank_card().0),
            till_time_ns: place.unix_ns,
        });
        Some(Begun { doing: PhoneChange { entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        self.entry.is_said_by(answer)
    }
}

/// A person unbinds the phone, and pays by card from then on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VirtualUnbind {
    holder: u32,
    entry: Entry,
}

impl Deed for VirtualUnbind {
    /// No code is shown any more from here on.
    fn begin(_: &Errand, place: &mut Place<'_>, world: &mut World) -> Option<Begun<VirtualUnbind>> {
        let (holder, virtual_id) = world.phone_users.gives_phone_up()?;
        world.people.puts_phone_away(holder);
        let entry = Entry::new(world.people.account(holder), 0);
        let body = UnbindBody { virtual_id: VirtualId(virtual_id), till_time_ns: place.unix_ns };
        let request = Request::VirtualUnbind(body);
        Some(Begun { doing: VirtualUnbind { holder, entry }, request, entry: Some(entry) })
    }

    fn approved(&self, answer: &Answer<'_>, world: &mut World) -> bool {
        world.phone_users.phone_is_unbound(self.holder);
        self.entry.is_said_by(answer)
    }
}
