//! Who knows a query password by now, and what came of it: phones bound, cards reported lost.

use crate::people::People;

/// The holders that a counter gave a query password, by what they may do next.
#[derive(Clone, Debug, Default)]
pub struct PhoneUsers {
    /// Those without a phone bound.
    without_phone: Vec<u32>,
    /// Those with one, and the virtual card that is bound.
    bound: Vec<(u32, u64)>,
    /// Those whose card isn't reported lost.
    may_lose: Vec<u32>,
    /// Those whose card is.
    lost: Vec<u32>,
}

impl PhoneUsers {
    /// The holder knows the query password from now on.
    pub fn knows_password(&mut self, holder: u32) {
        let is_bound = self.bound.iter().any(|(bound, _)| *bound == holder);
        if !is_bound && !self.without_phone.contains(&holder) {
            self.without_phone.push(holder);
        }
        if !self.may_lose.contains(&holder) && !self.lost.contains(&holder) {
            self.may_lose.push(holder);
        }
    }

    /// Somebody binds a phone.
    pub fn takes_phone(&mut self) -> Option<u32> {
        self.without_phone.pop()
    }

    /// The holder has bound a virtual card.
    pub fn phone_is_bound(&mut self, holder: u32, virtual_id: u64) {
        self.bound.push((holder, virtual_id));
    }

    /// Whoever has bound a phone last, and the virtual card.
    pub fn bound_phone(&self) -> Option<(u32, u64)> {
        self.bound.last().copied()
    }

    /// Whoever has bound a phone first gives it up.
    pub fn gives_phone_up(&mut self) -> Option<(u32, u64)> {
        if self.bound.is_empty() { None } else { Some(self.bound.remove(0)) }
    }

    /// The holder has no phone bound any more, and may bind another.
    pub fn phone_is_unbound(&mut self, holder: u32) {
        self.without_phone.push(holder);
    }

    /// Somebody who knows the password and has a card invites others; each the next time is another.
    pub fn invites(&mut self, people: &People) -> Option<u32> {
        let place = self.may_lose.iter().position(|&holder| people.has_card(holder))?;
        let holder = self.may_lose.remove(place);
        self.may_lose.push(holder);
        Some(holder)
    }

    /// Somebody who has a card loses it.
    pub fn loses_card(&mut self, people: &mut People) -> Option<u32> {
        let place = self.may_lose.iter().position(|&holder| people.has_card(holder))?;
        let holder = self.may_lose.swap_remove(place);
        people.lay_card_down(holder);
        Some(holder)
    }

    /// The holder's card is reported lost.
    pub fn card_is_reported(&mut self, holder: u32) {
        self.lost.push(holder);
    }

    /// Somebody finds the card that was reported lost.
    pub fn finds_card(&mut self) -> Option<u32> {
        self.lost.pop()
    }
}
