//! Profiles: what each till intends to do, and when, decided from the seed alone.
//!
//! A profile is pure: seed in, schedule out. It never sees an answer, a clock or a socket, so the traffic of
//! two runs with one seed is the same whatever the server does; that is what makes the loop open.
//!
//! A card is in one place at a time, so every holder eats at one till only: holder `h` belongs to the till
//! with index `h % tills`, and each till draws its people, Zipf-distributed, from its own. Each counter and each gateway
//! has its people likewise, where a profile has something for them to do.

pub mod canteen_day;
pub mod constant;
pub mod lunch;
mod patrons;
pub mod poisson;
pub mod storm;
pub mod trace;

use serde::Serialize;

pub use canteen_day::CanteenDayConfig;
pub use constant::ConstantConfig;
pub use lunch::LunchConfig;
pub use poisson::PoissonConfig;
pub use storm::StormConfig;
pub use trace::TraceConfig;

use crate::deed::{DeedKind, Errand};
use crate::error::LoadError;
use crate::random::Random;

pub(crate) use patrons::Patrons;

/// Something that a till does at a moment fixed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// When, in nanoseconds since the start of the run. Never falls along one till's schedule.
    pub at_ns: u64,
    /// What.
    pub action: IntentAction,
}

/// What a till intends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntentAction {
    /// A sale. Paid by card, or by code where the holder has no card.
    Sale {
        /// Who pays.
        holder: u32,
        /// How much, in fen.
        amount_fen: i64,
        /// How.
        tender: Tender,
        /// How many answers to this sale the network swallows: 1 leads to a retry, 3 to a reversal.
        answers_lost: u8,
    },
    /// Whatever else somebody wants of the terminal.
    Deed(Errand),
    /// The till takes a sequence, is switched off before it sends anything under it, and goes on with the next.
    LoseSequence,
    /// A till without a network loses what it stores of the next sale by card, and the person buys the same once more. Nothing, while
    /// there is one.
    LoseSale,
    /// The network goes: the till stores its sales.
    GoOffline,
    /// The network is back: the till signs in, uploads, and sells on.
    GoOnline,
}

/// How a sale is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tender {
    /// By tapping the card.
    Card,
    /// By a payment code on the phone.
    Code,
}

/// A sale that a till made before the run began, while it had no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSale {
    /// Who paid.
    pub holder: u32,
    /// How much, in fen.
    pub amount_fen: i64,
    /// How long before the start of the run.
    pub age_ns: u64,
}

/// One till's part in a run.
pub struct TillPlan {
    /// Sales stored before the start, oldest first.
    pub stored: Vec<StoredSale>,
    /// What follows, in order of time.
    pub intents: Box<dyn Iterator<Item = Intent>>,
}

/// What a schedule depends on.
#[derive(Clone, Copy, Debug)]
pub struct PlanScope {
    /// The seed of the run.
    pub seed: u64,
    /// How many tills take part.
    pub tills: u32,
    /// How many holders the campus has.
    pub holders: u32,
}

/// How many terminals beside the tills take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Desks {
    /// Gateways of the phone app.
    pub gateways: u32,
    /// Service counters.
    pub counters: u32,
    /// Operators of the card centre.
    pub card_centre: u32,
    /// Operators of finance.
    pub finance: u32,
    /// Administrators.
    pub administrators: u32,
}

/// One of the profiles with its settings.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "profile", rename_all = "lowercase")]
pub enum ProfileConfig {
    /// A canteen's rush hour, compressed.
    Lunch(LunchConfig),
    /// A fixed rate, evenly spaced.
    Constant(ConstantConfig),
    /// A Poisson process.
    Poisson(PoissonConfig),
    /// Every till comes back at once and uploads, while all go on serving.
    Storm(StormConfig),
    /// Real traffic from a CSV file.
    Trace(TraceConfig),
    /// A day of a canteen, compressed, with its counters and the phone app.
    #[serde(rename = "canteen-day")]
    CanteenDay(Box<CanteenDayConfig>),
}

impl ProfileConfig {
    /// The profile's name as on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            ProfileConfig::Lunch(_) => "lunch",
            ProfileConfig::Constant(_) => "constant",
            ProfileConfig::Poisson(_) => "poisson",
            ProfileConfig::Storm(_) => "storm",
            ProfileConfig::Trace(_) => "trace",
            ProfileConfig::CanteenDay(_) => "canteen-day",
        }
    }

    /// When the last intended request is due, in nanoseconds since the start of the run.
    pub fn duration_ns(&self) -> u64 {
        match self {
            ProfileConfig::Lunch(config) => config.duration_ns,
            ProfileConfig::Constant(config) => config.duration_ns,
            ProfileConfig::Poisson(config) => config.duration_ns,
            ProfileConfig::Storm(config) => config.duration_ns,
            ProfileConfig::Trace(config) => config.duration_ns(),
            ProfileConfig::CanteenDay(config) => config.duration_ns,
        }
    }

    /// Checks the settings' ranges.
    ///
    /// # Errors
    /// Names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        match self {
            ProfileConfig::Lunch(config) => config.validate(),
            ProfileConfig::Constant(config) => config.validate(),
            ProfileConfig::Poisson(config) => config.validate(),
            ProfileConfig::Storm(config) => config.validate(),
            ProfileConfig::Trace(config) => config.validate(),
            ProfileConfig::CanteenDay(config) => config.validate(),
        }
    }

    /// True when gateways, counters and operators take part.
    pub fn has_desks(&self) -> bool {
        matches!(self, ProfileConfig::CanteenDay(_))
    }

    /// Makes the schedules of gateways, then of counters, then of operators; none where [`ProfileConfig::has_desks`] is false.
    pub fn plan_desks(&self, scope: PlanScope, desks: Desks) -> Vec<TillPlan> {
        match self {
            ProfileConfig::CanteenDay(config) => canteen_day::plan_desks(config, scope, desks),
            _ => Vec::new(),
        }
    }

    /// Makes the tills' schedules.
    pub fn plan(&self, scope: PlanScope) -> Vec<TillPlan> {
        let exponent = match self {
            ProfileConfig::Lunch(config) => config.zipf_exponent,
            ProfileConfig::Constant(config) => config.sales.zipf_exponent,
            ProfileConfig::Poisson(config) => config.sales.zipf_exponent,
            ProfileConfig::Storm(config) => config.sales.zipf_exponent,
            ProfileConfig::CanteenDay(config) => config.zipf_exponent,
            ProfileConfig::Trace(config) => return config.plan(scope),
        };
        let tables = Patrons::tables(scope, exponent);
        (0..scope.tills)
            .map(|till| {
                let patrons = Patrons::of_till(scope, till, &tables);
                match self {
                    ProfileConfig::Lunch(config) => lunch::plan(config, scope, till, patrons),
                    ProfileConfig::Constant(config) => constant::plan(config, scope, till, patrons),
                    ProfileConfig::Poisson(config) => poisson::plan(config, scope, till, patrons),
                    ProfileConfig::Storm(config) => storm::plan(config, scope, till, patrons),
                    ProfileConfig::CanteenDay(config) => canteen_day::plan(config, scope, till, &patrons),
                    ProfileConfig::Trace(_) => unreachable!("traces are planned above"),
                }
            })
            .collect()
    }
}

/// What the people of the steady profiles do at the till.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SalesMix {
    /// Skew of who comes: 0 is everybody alike, 1 is the classic Zipf law. 0.8 unless set.
    pub zipf_exponent: f64,
    /// Share of the sales paid by code. 0.2 unless set.
    pub code_share: f64,
    /// Share of the requests that only ask for a balance. 0.02 unless set.
    pub query_share: f64,
    /// Cheapest sale, in fen. 1 unless set: day limits of a real campus would otherwise refuse most of a
    /// long run at a high rate.
    pub price_min_fen: i64,
    /// Dearest sale, in fen. 3 unless set.
    pub price_max_fen: i64,
}

impl Default for SalesMix {
    fn default() -> SalesMix {
        SalesMix {
            zipf_exponent: 0.8,
            code_share: 0.2,
            query_share: 0.02,
            price_min_fen: 1,
            price_max_fen: 3,
        }
    }
}

impl SalesMix {
    /// Nothing but sales of one fen by card, everybody alike: for comparing servers, not for playing a canteen.
    pub fn one_fen_by_card() -> SalesMix {
        SalesMix { zipf_exponent: 0.0, code_share: 0.0, query_share: 0.0, price_min_fen: 1, price_max_fen: 1 }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the setting that is out of its range.
    pub fn validate(&self) -> Result<(), LoadError> {
        validate_share("code-share", self.code_share)?;
        validate_share("query-share", self.query_share)?;
        validate_prices(self.price_min_fen, self.price_max_fen)?;
        validate_exponent(self.zipf_exponent)
    }

    fn draw(&self, patrons: &Patrons, random: &mut Random) -> IntentAction {
        let holder = patrons.draw(random);
        if random.chance(self.query_share) {
            return IntentAction::Deed(Errand::new(DeedKind::Balance, holder));
        }
        let tender = if random.chance(self.code_share) { Tender::Code } else { Tender::Card };
        let amount_fen = draw_price(random, self.price_min_fen, self.price_max_fen, 1);
        IntentAction::Sale { holder, amount_fen, tender, answers_lost: 0 }
    }
}

fn draw_price(random: &mut Random, low_fen: i64, high_fen: i64, step_fen: i64) -> i64 {
    let steps = ((high_fen - low_fen) / step_fen).max(0) as u64;
    low_fen + random.between(0, steps) as i64 * step_fen
}

fn validate_share(name: &'static str, share: f64) -> Result<(), LoadError> {
    if (0.0..=1.0).contains(&share) { Ok(()) } else { Err(LoadError::setting(name, "must be 0 to 1")) }
}

fn validate_prices(low_fen: i64, high_fen: i64) -> Result<(), LoadError> {
    if low_fen >= 1 && low_fen <= high_fen && high_fen <= 1_000_000_000 {
        Ok(())
    } else {
        Err(LoadError::setting("price", "must be at least 1 fen, and the highest at least the lowest"))
    }
}

fn validate_exponent(exponent: f64) -> Result<(), LoadError> {
    if (0.0..=4.0).contains(&exponent) {
        Ok(())
    } else {
        Err(LoadError::setting("zipf", "the exponent must be 0 to 4"))
    }
}

fn validate_rate(rate_per_s: f64) -> Result<(), LoadError> {
    if rate_per_s > 0.0 && rate_per_s <= 10_000_000.0 {
        Ok(())
    } else {
        Err(LoadError::setting("rate", "must be above 0 and at most 10,000,000 a second"))
    }
}

fn validate_duration(duration_ns: u64) -> Result<(), LoadError> {
    if duration_ns > 0 { Ok(()) } else { Err(LoadError::setting("duration", "must be above 0")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SECOND_NS;

    const SCOPE: PlanScope = PlanScope { seed: 9, tills: 10, holders: 1_000 };

    fn play(profile: &ProfileConfig, seed: u64) -> Vec<(Vec<StoredSale>, Vec<Intent>)> {
        let plans = profile.plan(PlanScope { seed, ..SCOPE });
        plans.into_iter().map(|plan| (plan.stored, plan.intents.collect())).collect()
    }

    fn profiles() -> [ProfileConfig; 3] {
        let (rate_per_s, duration_ns, sales) = (1_000.0, 10 * SECOND_NS, SalesMix::default());
        [
            ProfileConfig::Constant(ConstantConfig { rate_per_s, duration_ns, sales: sales.clone() }),
            ProfileConfig::Poisson(PoissonConfig { rate_per_s, duration_ns, sales }),
            ProfileConfig::Storm(StormConfig::new(rate_per_s, duration_ns)),
        ]
    }

    #[test]
    fn a_seed_is_a_schedule() {
        for profile in profiles() {
            assert_eq!(play(&profile, 1), play(&profile, 1), "{}", profile.name());
            assert_ne!(play(&profile, 1), play(&profile, 2), "{}", profile.name());
        }
    }

    #[test]
    fn the_rate_is_met_and_every_holder_stays_at_one_till() {
        for profile in profiles() {
            let tills = play(&profile, 3);
            let count: usize = tills.iter().map(|(_, intents)| intents.len()).sum();
            // A Poisson count of 10,000 strays by 100 in two thirds of all cases.
            assert!((9_500..10_500).contains(&count), "{}: {count}", profile.name());
            for (till, (_, intents)) in (0_u32..).zip(&tills) {
                assert!(intents.is_sorted_by_key(|intent| intent.at_ns));
                assert!(intents.iter().all(|intent| intent.at_ns < profile.duration_ns()));
                for intent in intents {
                    let (IntentAction::Sale { holder, .. } | IntentAction::Deed(Errand { holder, .. })) =
                        intent.action
                    else {
                        panic!("{}: {intent:?}", profile.name());
                    };
                    assert_eq!(holder % 10, till);
                }
            }
        }
    }

    #[test]
    fn a_poisson_gap_is_exponential_and_a_constant_one_is_even() {
        let [constant, poisson, _] = profiles();
        let all = |profile: &ProfileConfig| {
            let mut at_ns: Vec<u64> = play(profile, 5)
                .iter()
                .flat_map(|(_, intents)| intents.iter().map(|intent| intent.at_ns))
                .collect();
            at_ns.sort_unstable();
            at_ns.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<u64>>()
        };
        assert!(all(&constant).iter().all(|gap_ns| (999_999..=1_000_001).contains(gap_ns)));
        let gaps_ns = all(&poisson);
        let long = gaps_ns.iter().filter(|&&gap_ns| gap_ns > 1_000_000).count() as f64 / gaps_ns.len() as f64;
        // 1/e of the gaps are longer than the mean.
        assert!((0.34..0.40).contains(&long), "{long}");
    }

    #[test]
    fn a_storm_begins_with_stored_sales() {
        let [_, _, storm] = profiles();
        for (stored, _) in play(&storm, 4) {
            assert!((500..=2_000).contains(&stored.len()));
            assert!(stored.is_sorted_by_key(|sale| std::cmp::Reverse(sale.age_ns)));
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let [mut constant, ..] = profiles();
        if let ProfileConfig::Constant(config) = &mut constant {
            config.rate_per_s = 0.0;
        }
        let error = constant.validate().expect_err("no rate").to_string();
        assert_eq!(error, "setting rate: must be above 0 and at most 10,000,000 a second");
    }
}
