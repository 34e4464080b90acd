//! The gateway to payment platforms: a terminal of kind phone-gateway with an ear for the platform and one for the app.
//!
//! ```text
//! the app's backend ──HTTP──▶ routes::app ────────────┐            ┌──HTTPS, signed──▶ platform
//!                                                     ▼            │
//! platform ──HTTP, signed──▶ routes::notifications ─▶ desk ─▶ PaymentChannel (wechat_pay)
//!                                                     │ ▲
//!                             watch: what was paid? ──┼─┘
//!                                                     ▼
//!                                                    till: TopUp, one at a time ──TCP──▶ server
//! ```
//!
//! It isn't the server, and shares nothing with it but the protocol. **Invariants**: nothing is credited that the platform
//! didn't sign a moment ago, for a merchant, app, order and amount that are ours; the platform is told of success only after the
//! server's answer, which is durable; that a payment counts once is the ledger's, by the platform's own order number. A restart
//! loses nothing: whose an order is travels with it ([`ticket`]).

pub mod config;
mod desk;
mod http;
mod payment_channel;
mod routes;
mod ticket;
mod till;
mod watch;
mod wechat_pay;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::watch as tell;
use wal::{Clock, SystemClock};

pub use self::desk::Figures;
pub use self::till::SignInFailure;

use self::config::GatewayConfig;
use self::desk::Desk;
use self::ticket::TicketKeys;
use self::till::{Session, Till};
use self::watch::Watch;
use crate::data_dir::DataDirError;

/// Why the gateway can't begin.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// An address can't be listened on.
    #[error("{field} is {address}, which can't be listened on: {source}")]
    Listen {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no thread or runtime.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The file of unpaid orders can't be read or written.
    #[error("unpaid_orders_file: {0}")]
    UnpaidOrders(#[from] DataDirError),
    /// The server won't have it.
    #[error(transparent)]
    SignIn(#[from] SignInFailure),
}

/// A running gateway.
pub struct Gateway {
    notifications: SocketAddr,
    app: SocketAddr,
    desk: Arc<Desk>,
    stop: tell::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Gateway {
    /// Listens, signs in and serves on a thread of its own until [`Gateway::stop`]. A server that isn't there yet is waited for.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub fn start(config: GatewayConfig) -> Result<Gateway, GatewayError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let GatewayConfig { server, identity, earlier_keys, wechat_pay, app_token, .. } = config;
        let tickets = TicketKeys::new(&identity.key, &earlier_keys);
        let watch = Watch::open(config.unpaid_orders.as_deref(), config.query_after_s, unix_now_s())?;
        let (till, mut session) = Session::new(server, identity);
        let (notifications, app) = runtime.block_on(async {
            let notifications = listen("notifications.listen", config.notifications).await?;
            let app = listen("app.listen", config.app).await?;
            session.begin().await?;
            Ok::<_, GatewayError>((notifications, app))
        })?;
        let addresses = (notifications.local_addr()?, app.local_addr()?);
        let desk = Desk::new(Arc::new(wechat_pay), Till::clone(&till), tickets, watch, config.amount_fen_max);
        let desk = Arc::new(desk);
        let (stop, stopping) = tell::channel(false);
        let routes = (routes::notifications(Arc::clone(&desk)), routes::app(Arc::clone(&desk), &app_token));
        let watching = Arc::clone(&desk);
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(session.run());
                tokio::spawn(async move { watching.keep_watch().await });
                let notifications = http::serve(notifications, routes.0, stopping.clone());
                tokio::join!(notifications, http::serve(app, routes.1, stopping));
            });
            // Calls to the platform have bounds of their own, and nothing waits for them any more.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("gateway".to_owned()).spawn(serve)?;
        Ok(Gateway { notifications: addresses.0, app: addresses.1, desk, stop, thread })
    }

    /// Where notifications come in.
    pub fn notifications(&self) -> SocketAddr {
        self.notifications
    }

    /// Where the app's backend asks.
    pub fn app(&self) -> SocketAddr {
        self.app
    }

    /// What happened so far.
    pub fn figures(&self) -> Figures {
        self.desk.figures()
    }

    /// Takes no more connections, answers those that are open, and stops; gives what happened in all.
    pub fn stop(self) -> Figures {
        // It fails only when the thread is gone.
        let _ = self.stop.send(true);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
        self.desk.figures()
    }
}

async fn listen(field: &'static str, address: SocketAddr) -> Result<TcpListener, GatewayError> {
    TcpListener::bind(address).await.map_err(|source| GatewayError::Listen { field, address, source })
}

/// The wall clock: seconds since 1970 UTC.
fn unix_now_s() -> u64 {
    SystemClock.wall_ns() / 1_000_000_000
}
