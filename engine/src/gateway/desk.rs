//! Where everything comes together: orders are made for accounts, payments become top-ups, the platform is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use protocol::answer::{AccountStatus, MoneyAnswer};
use protocol::request::{AccountSelector, BalanceQuery, TopUp};
use protocol::result_code::ResultCode;
use protocol::text::StudentNumber;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::payment_channel::{NewOrder, OrderState, Payment, PaymentChannel, PlatformError};
use super::ticket::{self, Ticket, TicketError, TicketKeys};
use super::till::{Till, TillError};
use super::unix_now_s;
use super::watch::{GIVEN_UP_AFTER_S, Watch, WatchFull};

/// Calls to the platform at a time; more are turned away.
const CALLS_MAX: usize = 16;
/// How long an order may be paid, seconds.
const ORDER_EXPIRES_S: u64 = 1_800;
/// How often the watched orders are looked through.
const ROUND: Duration = Duration::from_secs(1);

/// What happened since the gateway's start.
#[derive(Debug, Default)]
pub struct Counts {
    ordered: AtomicU64,
    credited: AtomicU64,
    repeated: AtomicU64,
    not_credited: AtomicU64,
    not_authentic: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Orders made at the platform.
    pub ordered: u64,
    /// Payments credited.
    pub credited: u64,
    /// Payments that had been credited before.
    pub repeated: u64,
    /// Payments that weren't credited, and what wasn't a payment of ours: somebody must look at the trace.
    pub not_credited: u64,
    /// Notifications that weren't the platform's.
    pub not_authentic: u64,
    /// Orders that the platform is asked for.
    pub watched: usize,
}

/// Why a payment isn't credited.
#[derive(Debug, thiserror::Error)]
pub enum CreditError {
    /// It belongs to no order of this gateway.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// Another amount was paid than ordered.
    #[error("amount.total is {paid_fen}, not the {ordered_fen} that order {number} is for")]
    Amount {
        /// The order.
        number: String,
        /// What was paid, in fen.
        paid_fen: i64,
        /// What was ordered, in fen.
        ordered_fen: i64,
    },
    /// The ledger refused it.
    #[error("order {number} of account {account} isn't credited: {code}")]
    Refused {
        /// The order.
        number: String,
        /// The account.
        account: u32,
        /// The ledger's reason.
        code: ResultCode,
    },
    /// The server didn't answer: it is known later.
    #[error(transparent)]
    Till(#[from] TillError),
}

/// Why an order isn't made or asked for.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A field of the request.
    #[error("{field} is {value}, not {expected}")]
    Field {
        /// Which.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        expected: String,
    },
    /// The account can't be topped up.
    #[error("student_no is {student_no:?}: {reason}")]
    Account {
        /// Whose.
        student_no: String,
        /// Why.
        reason: &'static str,
    },
    /// Too much is asked of the platform at once.
    #[error("too many requests wait for the platform")]
    Busy,
    /// Too many orders are unpaid.
    #[error(transparent)]
    Full(#[from] WatchFull),
    /// The server didn't answer.
    #[error(transparent)]
    Till(#[from] TillError),
    /// The platform didn't answer, or refused.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The platform has no such order.
    #[error("order is {0:?}, which the platform doesn't know")]
    Unknown(String),
    /// It is paid, and not credited.
    #[error(transparent)]
    Credit(#[from] CreditError),
}

/// An order that was made.
#[derive(Debug, Serialize)]
pub struct Ordered {
    /// Its number.
    pub order: String,
    /// The account that it will be credited to.
    pub account: u32,
    /// The amount, in fen.
    pub amount_fen: i64,
    /// What the phone's app hands to the platform's, so that the payer is asked.
    pub pay: Value,
}

/// What became of an order.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Found {
    /// It is paid, and the account has the money.
    Credited {
        /// The account.
        account: u32,
        /// The amount, in fen.
        amount_fen: i64,
        /// The account's balance, in fen.
        balance_fen: i64,
        /// The ledger's record.
        record: u64,
    },
    /// It isn't paid.
    Unpaid {
        /// The platform's word for it.
        trade_state: String,
    },
}

/// What an app asks for.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    student_no: String,
    amount_fen: i64,
    payer: String,
}

/// The gateway's state: none that a restart would miss.
pub struct Desk {
    channel: Arc<dyn PaymentChannel>,
    till: Till,
    tickets: TicketKeys,
    watch: Watch,
    amount_fen_max: i64,
    calls: Semaphore,
    counts: Counts,
}

impl Desk {
    /// Puts it together.
    pub fn new(
        channel: Arc<dyn PaymentChannel>,
        till: Till,
        tickets: TicketKeys,
        watch: Watch,
        amount_fen_max: i64,
    ) -> Desk {
        let calls = Semaphore::new(CALLS_MAX);
        Desk { channel, till, tickets, watch, amount_fen_max, calls, counts: Counts::default() }
    }

    /// The payment channel.
    pub fn channel(&self) -> &dyn PaymentChannel {
        &*self.channel
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            ordered: read(&self.counts.ordered),
            credited: read(&self.counts.credited),
            repeated: read(&self.counts.repeated),
            not_credited: read(&self.counts.not_credited),
            not_authentic: read(&self.counts.not_authentic),
            watched: self.watch.count(),
        }
    }

    /// Counts a notification that wasn't the platform's.
    pub fn count_not_authentic(&self) {
        count(&self.counts.not_authentic);
    }

    /// Counts what is the platform's and no payment that can be credited.
    pub fn count_not_credited(&self) {
        count(&self.counts.not_credited);
    }

    /// Calls the platform on a thread that may wait.
    async fn ask_platform<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&dyn PaymentChannel) -> Result<T, PlatformError> + Send + 'static,
    ) -> Result<T, OrderError> {
        let _permit = self.calls.try_acquire().map_err(|_| OrderError::Busy)?;
        let channel = Arc::clone(&self.channel);
        let answer = tokio::task::spawn_blocking(move || ask(&*channel)).await;
        answer
            .unwrap_or_else(|_| Err(PlatformError::NoAnswer("the call was given up".to_owned())))
            .map_err(Into::into)
    }

    /// Makes an order for an account that can be topped up.
    ///
    /// # Errors
    /// [`OrderError`]. Whatever it is, money that is paid for the order nevertheless is credited.
    pub async fn order(&self, wanted: Wanted) -> Result<Ordered, OrderError> {
        let Wanted { student_no, amount_fen, payer } = wanted;
        let field = |field, value: String, expected: String| OrderError::Field { field, value, expected };
        if !(1..=self.amount_fen_max).contains(&amount_fen) {
            let expected = format!("1 to {}", self.amount_fen_max);
            return Err(field("amount_fen", amount_fen.to_string(), expected));
        }
        let shown = |text: &str| format!("{:?}", text.chars().take(64).collect::<String>());
        if !(1..=128).contains(&payer.len()) || !payer.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(field("payer", shown(&payer), "1 to 128 printable ASCII characters".to_owned()));
        }
        let student = StudentNumber::new(&student_no)
            .ok()
            .filter(|_| !student_no.is_empty())
            .ok_or_else(|| field("student_no", shown(&student_no), "1 to 16 bytes of text".to_owned()))?;
        let balance = self.till.balance(BalanceQuery { account: AccountSelector::Student(student) }).await?;
        let account = match (balance.status, balance.account) {
            (AccountStatus::Active, Some(account)) => account,
            (status, _) => {
                let reason = match status {
                    AccountStatus::Frozen => "the account is frozen",
                    AccountStatus::Closed => "the account is closed",
                    AccountStatus::Active | AccountStatus::None => "no such account",
                };
                return Err(OrderError::Account { student_no, reason });
            }
        };
        let now_s = unix_now_s();
        let number = ticket::new_number(now_s);
        let attach = self.tickets.attach(&number, Ticket { account, amount_fen });
        self.watch.begin(&number, now_s)?;
        let expires_s = now_s + ORDER_EXPIRES_S;
        let order = NewOrder { number: number.clone(), attach, amount_fen, payer, expires_s };
        let pay = self.ask_platform(move |channel| channel.create(&order)).await.inspect_err(|error| {
            if matches!(error, OrderError::Busy) {
                // The platform never heard of it.
                self.watch.end(&number);
            }
        })?;
        count(&self.counts.ordered);
        Ok(Ordered { order: number, account: account.0, amount_fen, pay })
    }

    /// Credits a payment that the platform told of, once: when this is answered, it is durable.
    ///
    /// # Errors
    /// [`CreditError`]; the same payment may be brought again at any time.
    pub async fn credit(&self, payment: &Payment) -> Result<MoneyAnswer, CreditError> {
        let result = self.top_up(payment).await;
        match &result {
            Ok(answer) => {
                count(if answer.repeat { &self.counts.repeated } else { &self.counts.credited });
                self.watch.end(&payment.number);
            }
            Err(CreditError::Till(TillError::Busy | TillError::NoAnswer)) => {}
            Err(error) => {
                count(&self.counts.not_credited);
                let (paid, amount_fen) = (payment.platform_number, payment.amount_fen);
                tracing::error!(%error, %paid, amount_fen, "money was paid that no account is credited for");
            }
        }
        result
    }

    async fn top_up(&self, payment: &Payment) -> Result<MoneyAnswer, CreditError> {
        let Payment { number, attach, amount_fen, platform_number } = payment;
        let ticket = self.tickets.open(number, attach)?;
        if ticket.amount_fen != *amount_fen {
            let (paid_fen, ordered_fen) = (*amount_fen, ticket.amount_fen);
            return Err(CreditError::Amount { number: number.clone(), paid_fen, ordered_fen });
        }
        let top_up = TopUp {
            account: AccountSelector::Account(ticket.account),
            amount_fen: *amount_fen,
            channel: self.channel.channel(),
            order: *platform_number,
        };
        let answer = self.till.top_up(top_up).await?;
        if answer.code.is_approved() {
            Ok(answer)
        } else {
            let account = ticket.account.0;
            Err(CreditError::Refused { number: number.clone(), account, code: answer.code })
        }
    }

    /// Asks the platform what became of an order, and credits it if it is paid.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn look(&self, number: &str) -> Result<Found, OrderError> {
        if ticket::made_at_s(number).is_none() {
            let value = format!("{:?}", number.chars().take(64).collect::<String>());
            return Err(OrderError::Field {
                field: "order",
                value,
                expected: "the number of an order".to_owned(),
            });
        }
        let asked = number.to_owned();
        match self.ask_platform(move |channel| channel.query(&asked)).await? {
            OrderState::Paid(payment) => {
                let answer = self.credit(&payment).await?;
                Ok(Found::Credited {
                    account: answer.account.map_or(0, |account| account.0),
                    amount_fen: answer.amount_fen,
                    balance_fen: answer.balance_after_fen,
                    record: answer.record.0,
                })
            }
            OrderState::Unpaid(trade_state) => Ok(Found::Unpaid { trade_state }),
            OrderState::Unknown => Err(OrderError::Unknown(number.to_owned())),
        }
    }

    /// Asks for the orders that nothing was heard of, for ever.
    pub async fn keep_watch(&self) {
        loop {
            tokio::time::sleep(ROUND).await;
            for number in self.watch.due(unix_now_s()) {
                self.look_again(&number).await;
            }
        }
    }

    async fn look_again(&self, number: &str) {
        let found = self.look(number).await;
        let age_s = unix_now_s().saturating_sub(ticket::made_at_s(number).unwrap_or(0));
        let over = match found {
            Ok(Found::Credited { .. }) => true,
            Ok(Found::Unpaid { .. }) | Err(OrderError::Unknown(_)) => age_s > ORDER_EXPIRES_S,
            Err(error) => {
                tracing::warn!(order = number, %error, "an order couldn't be asked for");
                if age_s > GIVEN_UP_AFTER_S {
                    tracing::error!(
                        order = number,
                        "whether an order is paid isn't known; look at the platform's bill"
                    );
                }
                age_s > GIVEN_UP_AFTER_S
            }
        };
        if over {
            self.watch.end(number);
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
