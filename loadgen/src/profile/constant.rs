//! A fixed rate, evenly spaced over all tills.

use serde::Serialize;

use super::{Intent, Patrons, PlanScope, SalesMix, TillPlan, validate_duration, validate_rate};
use crate::config::SECOND_NS;
use crate::error::LoadError;
use crate::random::Random;

/// Settings of the constant profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConstantConfig {
    /// Requests a second, all tills together.
    pub rate_per_s: f64,
    /// How long.
    pub duration_ns: u64,
    /// What the people do.
    pub sales: SalesMix,
}

impl ConstantConfig {
    pub(super) fn validate(&self) -> Result<(), LoadError> {
        validate_rate(self.rate_per_s)?;
        validate_duration(self.duration_ns)?;
        self.sales.validate()
    }
}

/// Request `k` of till `t` is due at `(k * tills + t) / rate`: the tills take turns.
pub(super) fn plan(config: &ConstantConfig, scope: PlanScope, till: u32, patrons: Patrons) -> TillPlan {
    let config = config.clone();
    let mut random = Random::new(scope.seed, u64::from(till));
    let gap_ns = SECOND_NS as f64 / config.rate_per_s;
    let intents = (0_u64..)
        .map(move |k| ((k * u64::from(scope.tills) + u64::from(till)) as f64 * gap_ns) as u64)
        .take_while(move |&at_ns| at_ns < config.duration_ns)
        .map(move |at_ns| Intent { at_ns, action: config.sales.draw(&patrons, &mut random) });
    TillPlan { stored: Vec::new(), intents: Box::new(intents) }
}
