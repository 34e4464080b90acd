//! A Poisson process: each till gets its own, and together they add up to the rate.

use serde::Serialize;

use super::{Intent, Patrons, PlanScope, SalesMix, TillPlan, validate_duration, validate_rate};
use crate::config::SECOND_NS;
use crate::error::LoadError;
use crate::random::Random;

/// Settings of the Poisson profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PoissonConfig {
    /// Mean requests a second, all tills together.
    pub rate_per_s: f64,
    /// How long.
    pub duration_ns: u64,
    /// What the people do.
    pub sales: SalesMix,
}

impl PoissonConfig {
    pub(super) fn validate(&self) -> Result<(), LoadError> {
        validate_rate(self.rate_per_s)?;
        validate_duration(self.duration_ns)?;
        self.sales.validate()
    }
}

pub(super) fn plan(config: &PoissonConfig, scope: PlanScope, till: u32, patrons: Patrons) -> TillPlan {
    let config = config.clone();
    let mut random = Random::new(scope.seed, u64::from(till));
    let gap_mean_ns = SECOND_NS as f64 * f64::from(scope.tills) / config.rate_per_s;
    let mut at_ns = 0.0_f64;
    let intents = std::iter::from_fn(move || {
        at_ns += random.exponential(gap_mean_ns);
        let due_ns = at_ns as u64;
        (due_ns < config.duration_ns)
            .then(|| Intent { at_ns: due_ns, action: config.sales.draw(&patrons, &mut random) })
    });
    TillPlan { stored: Vec::new(), intents: Box::new(intents) }
}
