//! A canteen's rush hour: classes end, waves of people queue at the tills, each takes 3 to 5 seconds.
//!
//! Everything is laid out in *canteen time* and then compressed: ninety minutes into twenty seconds make a
//! person at the till take 11 to 18 milliseconds. The tills' own timers aren't compressed here; they are
//! set beside the profile.
//!
//! ```text
//! people
//!   |   ▂▅█▇▅▃▂▁   ▂▅█▇▅▃▂▁   ▂▅█▇▅▃▂▁        arrivals: one wave after each class end
//!   |  /          /          /                served:   one after another at each till, so a
//!   +--+----------+----------+-----------> t            full queue makes the till busy without a break
//!      class      class      class
//!      ends       ends       ends
//! ```
//!
//! A tap is due at `max(arrival, the tap before + its 3 to 5 s)`: the queue is part of the schedule, and the
//! server's slowness never moves it.

use serde::Serialize;

use super::{
    Intent, IntentAction, Patrons, PlanScope, Tender, TillPlan, draw_price, validate_duration,
    validate_exponent, validate_prices, validate_share,
};
use crate::config::SECOND_NS;
use crate::deed::{DeedKind, Errand};
use crate::error::LoadError;
use crate::random::Random;

/// Settings of the lunch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LunchConfig {
    /// How long the compressed lunch lasts: 20 s unless set.
    pub duration_ns: u64,
    /// How long the lunch lasts in canteen time: 90 min unless set.
    pub canteen_duration_ns: u64,
    /// Meals for each holder, on average: 1 unless set.
    pub meals_per_holder: f64,
    /// Class ends; each is followed by a wave. 3 unless set, evenly spaced.
    pub waves: u32,
    /// Shortest time of one person at the till, in canteen time: 3 s.
    pub service_min_ns: u64,
    /// Longest time of one person at the till, in canteen time: 5 s.
    pub service_max_ns: u64,
    /// Cheapest meal: ¥5.
    pub price_min_fen: i64,
    /// Dearest meal: ¥18.
    pub price_max_fen: i64,
    /// Share of the meals paid by code; people without a card always pay so. 0.3 unless set.
    pub code_share: f64,
    /// Share of the people who first ask for their balance. 0.03 unless set.
    pub query_share: f64,
    /// Share of the sales whose answer is lost once or twice, which makes the till retry. 0.001 unless set.
    pub answer_lost_share: f64,
    /// Share of the sales whose answers are all lost, which makes the till reverse. 0.0003 unless set.
    pub reversal_share: f64,
    /// Share of the tills that go offline once for a part of the lunch. 0.05 unless set.
    pub offline_share: f64,
    /// Skew of who comes. 0.3 unless set: people eat once or twice, not fifty times.
    pub zipf_exponent: f64,
}

impl Default for LunchConfig {
    fn default() -> LunchConfig {
        LunchConfig {
            duration_ns: 20 * SECOND_NS,
            canteen_duration_ns: 90 * 60 * SECOND_NS,
            meals_per_holder: 1.0,
            waves: 3,
            service_min_ns: 3 * SECOND_NS,
            service_max_ns: 5 * SECOND_NS,
            price_min_fen: 500,
            price_max_fen: 1_800,
            code_share: 0.3,
            query_share: 0.03,
            answer_lost_share: 0.001,
            reversal_share: 0.000_3,
            offline_share: 0.05,
            zipf_exponent: 0.3,
        }
    }
}

impl LunchConfig {
    pub(super) fn validate(&self) -> Result<(), LoadError> {
        validate_duration(self.duration_ns)?;
        validate_share("code-share", self.code_share)?;
        validate_share("query-share", self.query_share)?;
        validate_share("answer-lost-share", self.answer_lost_share)?;
        validate_share("reversal-share", self.reversal_share)?;
        validate_share("offline-share", self.offline_share)?;
        validate_prices(self.price_min_fen, self.price_max_fen)?;
        validate_exponent(self.zipf_exponent)?;
        if self.canteen_duration_ns < self.duration_ns {
            return Err(LoadError::setting("canteen-duration", "must be at least the duration"));
        }
        if !(1..=100).contains(&self.waves) {
            return Err(LoadError::setting("waves", "must be 1 to 100"));
        }
        if self.service_min_ns == 0 || self.service_max_ns < self.service_min_ns {
            return Err(LoadError::setting(
                "service",
                "must be positive, and the longest at least the shortest",
            ));
        }
        if !(0.0..=100.0).contains(&self.meals_per_holder) {
            return Err(LoadError::setting("meals", "must be 0 to 100 for each holder"));
        }
        Ok(())
    }

    fn compress(&self, canteen_ns: f64) -> u64 {
        (canteen_ns * (self.duration_ns as f64 / self.canteen_duration_ns as f64)) as u64
    }

    /// When people arrive, in canteen time: a wave rises fast after its class end and thins out.
    fn draw_arrival(&self, random: &mut Random) -> f64 {
        let wave_ns = self.canteen_duration_ns as f64 / f64::from(self.waves);
        let wave = random.below(u64::from(self.waves)) as f64;
        // The sum of two exponentials: nobody at once, most within a fifth of the wave, then a tail.
        let after_ns = random.exponential(wave_ns * 0.12) + random.exponential(wave_ns * 0.12);
        wave * wave_ns + after_ns
    }
}

pub(super) fn plan(config: &LunchConfig, scope: PlanScope, till: u32, patrons: Patrons) -> TillPlan {
    let config = config.clone();
    let mut random = Random::new(scope.seed, u64::from(till));
    let people = (patrons.count() as f64 * config.meals_per_holder).round() as usize;
    let mut arrivals_ns: Vec<f64> = (0..people).map(|_| config.draw_arrival(&mut random)).collect();
    arrivals_ns.sort_unstable_by(f64::total_cmp);

    let offline = random.chance(config.offline_share).then(|| {
        let from = 0.15 + 0.4 * random.unit();
        let until = from + 0.1 + 0.2 * random.unit();
        [from, until].map(|share| (share * config.duration_ns as f64) as u64)
    });
    let mut switches = offline
        .into_iter()
        .flatten()
        .zip([IntentAction::GoOffline, IntentAction::GoOnline])
        .map(|(at_ns, action)| Intent { at_ns, action })
        .peekable();

    let mut free_ns = 0.0_f64;
    let mut arrivals = arrivals_ns.into_iter();
    let mut asked: Option<Intent> = None;
    let mut sales = std::iter::from_fn(move || {
        if let Some(sale) = asked.take() {
            return Some(sale);
        }
        let due_ns = arrivals.next()?.max(free_ns);
        let service_ns = random.between(config.service_min_ns, config.service_max_ns) as f64;
        free_ns = due_ns + service_ns;
        let at_ns = config.compress(due_ns);
        // Whoever the queue can't serve before closing time goes without; the lunch has an end.
        if at_ns >= config.duration_ns {
            return None;
        }
        let holder = patrons.draw(&mut random);
        let fault = random.unit();
        let answers_lost = if fault < config.reversal_share {
            3
        } else if fault < config.reversal_share + config.answer_lost_share {
            random.between(1, 2) as u8
        } else {
            0
        };
        let sale = IntentAction::Sale {
            holder,
            amount_fen: draw_price(&mut random, config.price_min_fen, config.price_max_fen, 50),
            tender: if random.chance(config.code_share) { Tender::Code } else { Tender::Card },
            answers_lost,
        };
        if random.chance(config.query_share) {
            asked = Some(Intent { at_ns: config.compress(due_ns + service_ns / 2.0), action: sale });
            return Some(Intent {
                at_ns,
                action: IntentAction::Deed(Errand::new(DeedKind::Balance, holder)),
            });
        }
        Some(Intent { at_ns, action: sale })
    })
    .peekable();

    let intents = std::iter::from_fn(move || match (switches.peek(), sales.peek()) {
        (Some(switch), Some(sale)) if switch.at_ns <= sale.at_ns => switches.next(),
        (Some(_), None) => switches.next(),
        _ => sales.next(),
    });
    TillPlan { stored: Vec::new(), intents: Box::new(intents) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ProfileConfig;

    fn lunch(seed: u64, config: LunchConfig) -> Vec<Vec<Intent>> {
        let scope = PlanScope { seed, tills: 50, holders: 7_500 };
        let plans = ProfileConfig::Lunch(config).plan(scope);
        plans.into_iter().map(|plan| plan.intents.collect()).collect()
    }

    #[test]
    fn a_seed_is_a_schedule() {
        let config = LunchConfig::default;
        assert_eq!(lunch(5, config()), lunch(5, config()));
        assert_ne!(lunch(5, config()), lunch(6, config()));
    }

    #[test]
    fn the_rush_has_waves_prices_and_faults() {
        let all = lunch(11, LunchConfig { offline_share: 0.5, ..LunchConfig::default() });
        let (mut sales, mut codes, mut queries, mut lost, mut offline) = (0, 0, 0, 0, 0);
        let mut in_wave = [0_u32; 3];
        for till in &all {
            assert!(till.is_sorted_by_key(|intent| intent.at_ns));
            for intent in till {
                match intent.action {
                    IntentAction::Sale { amount_fen, tender, answers_lost, .. } => {
                        assert!((500..=1_800).contains(&amount_fen) && amount_fen % 50 == 0);
                        sales += 1;
                        codes += u32::from(tender == Tender::Code);
                        lost += u32::from(answers_lost > 0);
                        let wave_ns = 20 * SECOND_NS / 3;
                        // The first 40 % of each wave holds most of its people.
                        if intent.at_ns % wave_ns < wave_ns * 2 / 5 {
                            in_wave[(intent.at_ns / wave_ns) as usize] += 1;
                        }
                    }
                    IntentAction::Deed(_) => queries += 1,
                    IntentAction::GoOffline => offline += 1,
                    IntentAction::GoOnline => offline -= 1,
                    IntentAction::LoseSequence | IntentAction::LoseSale => {
                        panic!("nobody loses one at a lunch")
                    }
                }
            }
        }
        assert!((6_800..=7_500).contains(&sales), "{sales}");
        assert!((0.27..0.33).contains(&(f64::from(codes) / f64::from(sales))));
        assert!((130..330).contains(&queries), "{queries}");
        assert!((2..30).contains(&lost), "{lost}");
        assert_eq!(offline, 0);
        assert!(in_wave.iter().sum::<u32>() > sales * 6 / 10, "{in_wave:?} of {sales}");
    }

    #[test]
    fn one_person_at_a_time() {
        let config = LunchConfig {
            query_share: 0.0,
            offline_share: 0.0,
            meals_per_holder: 5.0,
            ..LunchConfig::default()
        };
        let shortest_ns = config.compress(config.service_min_ns as f64) - 1;
        for till in lunch(1, config) {
            assert!(till.windows(2).all(|pair| pair[1].at_ns - pair[0].at_ns >= shortest_ns));
        }
    }
}
