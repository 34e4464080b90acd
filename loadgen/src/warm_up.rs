//! Before a run: every holder gets money, and the tills are seen to sign in.
//!
//! Top-ups go through the campus's gateways, one in flight each. Order numbers are `prefix-account`, so a warm-up
//! that is repeated with the same prefix tops nobody up twice.

use std::cell::RefCell;
use std::rc::Rc;

use protocol::answer::{Answer, MoneyAnswer};
use protocol::channel::Channel;
use protocol::ids::{AccountId, SaleId, Sequence};
use protocol::request::{AccountSelector, Request, TopUp};
use protocol::text::OrderNumber;

use crate::campus::Campus;
use crate::config::{SECOND_NS, WarmUpConfig};
use crate::deed::DeedKind;
use crate::desk::Desk;
use crate::error::LoadError;
use crate::outcome_log::{OutcomeKind, OutcomeLog, SaleState};
use crate::pacer::RunClock;
use crate::random::Random;
use crate::report::WarmUpReport;
use crate::runtime::{run_here, unix_now_ns};

/// Longest prefix: with a dash and ten digits it fits an order number.
const ORDER_PREFIX_BYTES_MAX: usize = 16;
/// Tills that sign in at the same time.
const SIGN_INS_AT_ONCE: usize = 64;

/// Tops every holder up and signs tills in and out. The outcomes are appended to `log`.
///
/// # Errors
/// The campus has no gateway, a setting is out of range, or a terminal gets no final answer. A refused top-up is
/// no error: it is counted.
pub fn warm_up(
    campus: &Campus,
    config: &WarmUpConfig,
    log: &mut OutcomeLog,
) -> Result<WarmUpReport, LoadError> {
    campus.validate()?;
    if config.order_prefix.is_empty() || config.order_prefix.len() > ORDER_PREFIX_BYTES_MAX {
        return Err(LoadError::setting("order-prefix", "must be 1 to 16 characters"));
    }
    if config.amount_fen < 1 {
        return Err(LoadError::setting("amount", "must be at least 1 fen"));
    }
    if campus.gateways.is_empty() {
        return Err(LoadError::Campus("no gateways; topping up needs at least one".to_owned()));
    }
    run_here(warm_up_async(campus, config, log))
}

async fn warm_up_async(
    campus: &Campus,
    config: &WarmUpConfig,
    log: &mut OutcomeLog,
) -> Result<WarmUpReport, LoadError> {
    let clock = RunClock::start();
    let unix_ns = unix_now_ns();
    let shared = Rc::new(RefCell::new((std::mem::take(log), WarmUpReport::default())));
    let mut tasks = Vec::with_capacity(campus.gateways.len());
    for (index, gateway) in (0_u64..).zip(&campus.gateways) {
        let nonces = Random::new(unix_ns, index);
        let mut desk = Desk::open(campus.address, gateway, nonces, config.answer_timeout_ns).await?;
        let accounts: Vec<u32> = campus
            .holders
            .iter()
            .skip(index as usize)
            .step_by(campus.gateways.len())
            .map(|holder| holder.account)
            .collect();
        let (shared, config) = (Rc::clone(&shared), config.clone());
        tasks.push(tokio::task::spawn_local(async move {
            for account in accounts {
                top_up(&mut desk, account, &config, &shared).await?;
            }
            Ok::<(), LoadError>(())
        }));
    }
    let mut result = Ok(());
    for task in tasks {
        match task.await {
            Ok(ended) => result = result.and(ended),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    let top_up_ns = clock.now_ns();
    let (taken, mut report) = std::mem::take(&mut *shared.borrow_mut());
    *log = taken;
    result?;
    report.top_ups_per_s = report.topped_up as f64 * SECOND_NS as f64 / top_up_ns.max(1) as f64;
    report.tills_signed_in = sign_tills_in(campus, config, unix_ns).await?;
    report.elapsed_ns = clock.now_ns();
    Ok(report)
}

async fn top_up(
    desk: &mut Desk,
    account: u32,
    config: &WarmUpConfig,
    shared: &RefCell<(OutcomeLog, WarmUpReport)>,
) -> Result<(), LoadError> {
    let order = format!("{}-{account}", config.order_prefix);
    let order = OrderNumber::new(&order)
        .map_err(|error| LoadError::setting("order-prefix", format!("{order:?}: {error}")))?;
    let request = Request::TopUp(TopUp {
        account: AccountSelector::Account(AccountId(account)),
        amount_fen: config.amount_fen,
        channel: Channel::WeChatPay,
        order,
    });
    let sequence = desk.take_sequence();
    let sale = SaleId { terminal: desk.terminal(), epoch: desk.identity().epoch, sequence };
    let entry = shared.borrow_mut().0.open(
        sale,
        OutcomeKind::Deed(DeedKind::TopUp),
        SaleState::Unknown,
        account,
        config.amount_fen,
        0,
    );
    let answer: Option<MoneyAnswer> = desk
        .ask(sequence, &request, |_, answer| match answer {
            Answer::Money(money) => Some(*money),
            _ => None,
        })
        .await?;
    let (log, report) = &mut *shared.borrow_mut();
    match answer {
        Some(answer) if answer.code.is_approved() => {
            report.topped_up += 1;
            report.topped_up_fen += config.amount_fen;
            log.close(entry, SaleState::Approved, answer.code.number(), answer.record.0);
        }
        Some(answer) => {
            report.refused += 1;
            log.close(entry, SaleState::Refused, answer.code.number(), answer.record.0);
        }
        None => report.refused += 1,
    }
    Ok(())
}

async fn sign_tills_in(campus: &Campus, config: &WarmUpConfig, unix_ns: u64) -> Result<u32, LoadError> {
    let wanted = (config.tills_signed_in as usize).min(campus.tills.len());
    let mut signed_in = 0;
    for (group, tills) in (1_u64..).zip(campus.tills[..wanted].chunks(SIGN_INS_AT_ONCE)) {
        let mut tasks = Vec::with_capacity(tills.len());
        for (index, till) in (0_u64..).zip(tills) {
            let nonces = Random::new(unix_ns, group << 32 | index);
            let (address, till, timeout_ns) = (campus.address, till.clone(), config.answer_timeout_ns);
            tasks.push(tokio::task::spawn_local(async move {
                let mut desk = Desk::open(address, &till, nonces, timeout_ns).await?;
                desk.ask(Sequence(0), &Request::SignOut, |_, answer| matches!(answer, Answer::SignedOut))
                    .await
            }));
        }
        for task in tasks {
            match task.await {
                Ok(signed_out) => signed_in += u32::from(signed_out?),
                Err(error) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }
    Ok(signed_in)
}
