//! The hard hour: every till comes back at once with stored sales and uploads them, while all go on serving.

use serde::Serialize;

use super::{
    Intent, Patrons, PlanScope, PoissonConfig, SalesMix, StoredSale, TillPlan, draw_price, poisson,
    validate_duration, validate_rate,
};
use crate::config::SECOND_NS;
use crate::error::LoadError;
use crate::random::Random;

/// Settings of the storm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StormConfig {
    /// Live requests a second, all tills together, from the first moment on.
    pub rate_per_s: f64,
    /// How long live requests go on.
    pub duration_ns: u64,
    /// Fewest records stored at a till. 500 unless set.
    pub stored_min: u32,
    /// Most records stored at a till. 2,000 unless set.
    pub stored_max: u32,
    /// What the people do.
    pub sales: SalesMix,
}

impl StormConfig {
    /// 500 to 2,000 stored records at each till beside the given live rate.
    pub fn new(rate_per_s: f64, duration_ns: u64) -> StormConfig {
        StormConfig {
            rate_per_s,
            duration_ns,
            stored_min: 500,
            stored_max: 2_000,
            sales: SalesMix::default(),
        }
    }

    pub(super) fn validate(&self) -> Result<(), LoadError> {
        validate_rate(self.rate_per_s)?;
        validate_duration(self.duration_ns)?;
        if self.stored_min > self.stored_max || self.stored_max > 100_000 {
            return Err(LoadError::setting(
                "stored",
                "the most must be at least the fewest, and at most 100,000",
            ));
        }
        self.sales.validate()
    }
}

const STREAM_STORED: u64 = 2 << 40;

pub(super) fn plan(config: &StormConfig, scope: PlanScope, till: u32, patrons: Patrons) -> TillPlan {
    let mut random = Random::new(scope.seed, STREAM_STORED + u64::from(till));
    let count = random.between(u64::from(config.stored_min), u64::from(config.stored_max));
    // One sale every four seconds before the start: the queue of a till that had no network.
    let stored = (0..count)
        .map(|k| StoredSale {
            holder: patrons.draw(&mut random),
            amount_fen: draw_price(&mut random, config.sales.price_min_fen, config.sales.price_max_fen, 1),
            age_ns: (count - k) * 4 * SECOND_NS,
        })
        .collect();
    let live = PoissonConfig {
        rate_per_s: config.rate_per_s,
        duration_ns: config.duration_ns,
        sales: config.sales.clone(),
    };
    let intents: Box<dyn Iterator<Item = Intent>> = poisson::plan(&live, scope, till, patrons).intents;
    TillPlan { stored, intents }
}
