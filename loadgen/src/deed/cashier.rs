//! A cashier comes to a till, and goes.

use protocol::answer::Answer;
use protocol::request::{CashierSign, Request};

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

/// Cashiers are numbered from here: the till's own comes each time.
const CASHIERS_FROM: u32 = 3_001;

fn sign(errand: &Errand, place: &Place<'_>) -> CashierSign {
    CashierSign {
        cashier: CASHIERS_FROM + errand.holder,
        unsent_records: place.unsent_records,
        till_time_ns: place.unix_ns,
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CashierOn;

impl Deed for CashierOn {
    fn begin(errand: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<CashierOn>> {
        let request = Request::CashierOn(sign(errand, place));
        Some(Begun { doing: CashierOn, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::Money(_))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CashierOff;

impl Deed for CashierOff {
    /// Not while stored sales wait: they are uploaded first.
    fn begin(errand: &Errand, place: &mut Place<'_>, _: &mut World) -> Option<Begun<CashierOff>> {
        if place.unsent_records > 0 {
            return None;
        }
        let request = Request::CashierOff(sign(errand, place));
        Some(Begun { doing: CashierOff, request, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::Money(_))
    }
}
