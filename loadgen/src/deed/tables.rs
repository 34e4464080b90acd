//! A till downloads the tables that it sells by.

use protocol::answer::Answer;
use protocol::request::Request;

use super::{Begun, Deed, Errand, Place};
use crate::world::World;

/// The rules of account classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClassRules;

impl Deed for ClassRules {
    fn begin(_: &Errand, _: &mut Place<'_>, _: &mut World) -> Option<Begun<ClassRules>> {
        Some(Begun { doing: ClassRules, request: Request::ClassRules, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::ClassRules(_))
    }
}

/// What is paid beside prices.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriceTable;

impl Deed for PriceTable {
    fn begin(_: &Errand, _: &mut Place<'_>, _: &mut World) -> Option<Begun<PriceTable>> {
        Some(Begun { doing: PriceTable, request: Request::PriceTable, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::PriceTable(_))
    }
}

/// The meal periods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MealPeriods;

impl Deed for MealPeriods {
    fn begin(_: &Errand, _: &mut Place<'_>, _: &mut World) -> Option<Begun<MealPeriods>> {
        Some(Begun { doing: MealPeriods, request: Request::MealPeriods, entry: None })
    }

    fn approved(&self, answer: &Answer<'_>, _: &mut World) -> bool {
        matches!(answer, Answer::MealPeriods(_))
    }
}
