//! Figures of a running server over HTTP, for capacity runs and for monitoring: `yika serve --metrics ADDRESS`.
//!
//! | path | what |
//! |---|---|
//! | `/metrics.json` | every histogram as sparse buckets `[highest value, count]`, ascending |
//! | `/metrics` | the same in Prometheus' text format, with a few fixed bounds |
//!
//! All counts are since the start and only grow: the difference of two looks is what happened between them. Figures
//! hold no account, card or till. Times are nanoseconds in JSON and seconds in the text format.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use crossbeam::channel::Sender;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::ServerError;
use super::block_clocks::BlockClocks;
use super::pump::Wake;
use super::stages::StageClocks;
use crate::runtime::engine::Engine;
use crate::runtime::order_index::OrderIndexFigures;

/// How long a worker may take to hand its figures over.
const WORKER_MAX: Duration = Duration::from_secs(2);
/// Bounds of the text format's buckets, seconds.
const BOUNDS_S: [f64; 12] =
    [25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 100e-3, 1.0];

/// How a worker is asked for its clocks: its queue of questions, and what wakes it.
#[derive(Clone)]
pub(super) struct WorkerFigures {
    pub(super) questions: Sender<oneshot::Sender<StageClocks>>,
    pub(super) wake: Arc<Wake>,
}

/// The right to ask a server for its figures.
#[derive(Clone)]
pub struct Metrics {
    pub(super) engine: Arc<Engine>,
    pub(super) blocks: Arc<BlockClocks>,
    pub(super) workers: Vec<WorkerFigures>,
    pub(super) begun: Instant,
}

/// One histogram, as it is handed out.
#[derive(Debug, Serialize)]
pub struct Buckets {
    /// Values counted.
    count: u64,
    /// Their sum, from the buckets' middles.
    sum: u64,
    /// Highest value of a bucket, and how many are in it.
    buckets: Vec<(u64, u64)>,
}

#[derive(Serialize)]
struct StageBuckets {
    stage: &'static str,
    count: u64,
    sum_ns: u64,
    buckets: Vec<(u64, u64)>,
}

/// Everything that `/metrics.json` tells.
#[derive(Serialize)]
pub struct MetricsReport {
    uptime_ns: u64,
    resident_bytes: u64,
    durable_record: u64,
    back_end: &'static str,
    stages: Vec<StageBuckets>,
    block_groups: Buckets,
    block_bytes: Buckets,
    order_index: OrderIndexReport,
}

/// The index of orders, which keeps an order from counting twice.
#[derive(Clone, Copy, Debug, Serialize)]
struct OrderIndexReport {
    orders: u64,
    runs: usize,
    memory_bytes: u64,
    up_to_record: u64,
    ruled_out: u64,
    found: u64,
    not_found: u64,
}

impl From<OrderIndexFigures> for OrderIndexReport {
    fn from(figures: OrderIndexFigures) -> OrderIndexReport {
        let OrderIndexFigures { runs, orders, memory_bytes, up_to, ruled_out, found, not_found } = figures;
        OrderIndexReport { orders, runs, memory_bytes, up_to_record: up_to.0, ruled_out, found, not_found }
    }
}

/// A worker didn't answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("worker {0} doesn't answer")]
pub struct WorkerSilent(usize);

impl Buckets {
    fn of(histogram: &Histogram<u64>) -> Buckets {
        let buckets =
            histogram.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect();
        let sum = (histogram.mean() * histogram.len() as f64) as u64;
        Buckets { count: histogram.len(), sum, buckets }
    }
}

impl Metrics {
    /// Gathers the figures of every worker and of the log.
    ///
    /// # Errors
    /// A worker doesn't answer: it is stopping, or kept busy for seconds.
    pub async fn report(&self) -> Result<MetricsReport, WorkerSilent> {
        let blocks = self.blocks.figures();
        let mut clocks = blocks.stages;
        for (index, worker) in self.workers.iter().enumerate() {
            let (answer, answered) = oneshot::channel();
            worker.questions.try_send(answer).map_err(|_| WorkerSilent(index))?;
            worker.wake.notify();
            match tokio::time::timeout(WORKER_MAX, answered).await {
                Ok(Ok(theirs)) => clocks.merge(&theirs),
                Ok(Err(_)) | Err(_) => return Err(WorkerSilent(index)),
            }
        }
        let stages = clocks.stages().map(|(stage, histogram)| {
            let Buckets { count, sum, buckets } = Buckets::of(histogram);
            StageBuckets { stage: stage.name(), count, sum_ns: sum, buckets }
        });
        Ok(MetricsReport {
            uptime_ns: self.begun.elapsed().as_nanos() as u64,
            resident_bytes: resident_bytes(),
            durable_record: self.engine.log().durable(),
            back_end: self.engine.log().back_end(),
            stages: stages.collect(),
            block_groups: Buckets::of(&blocks.groups),
            block_bytes: Buckets::of(&blocks.bytes),
            order_index: self.engine.orders().figures().into(),
        })
    }
}

impl MetricsReport {
    fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("a string takes everything");
            text.push('\n');
        };
        line(format_args!("# TYPE yika_uptime_seconds gauge"));
        line(format_args!("yika_uptime_seconds {}", self.uptime_ns as f64 / 1e9));
        line(format_args!("# TYPE yika_resident_bytes gauge"));
        line(format_args!("yika_resident_bytes {}", self.resident_bytes));
        line(format_args!("# TYPE yika_durable_records_total counter"));
        line(format_args!("yika_durable_records_total {}", self.durable_record));
        line(format_args!("# TYPE yika_blocks_total counter"));
        line(format_args!("yika_blocks_total {}", self.block_groups.count));
        line(format_args!("# TYPE yika_block_groups_total counter"));
        line(format_args!("yika_block_groups_total {}", self.block_groups.sum));
        line(format_args!("# TYPE yika_block_bytes_total counter"));
        line(format_args!("yika_block_bytes_total {}", self.block_bytes.sum));
        let orders = &self.order_index;
        line(format_args!("# TYPE yika_order_index_orders gauge"));
        line(format_args!("yika_order_index_orders {}", orders.orders));
        line(format_args!("# TYPE yika_order_index_runs gauge"));
        line(format_args!("yika_order_index_runs {}", orders.runs));
        line(format_args!("# TYPE yika_order_index_bytes gauge"));
        line(format_args!("yika_order_index_bytes {}", orders.memory_bytes));
        line(format_args!("# TYPE yika_order_index_up_to_record gauge"));
        line(format_args!("yika_order_index_up_to_record {}", orders.up_to_record));
        line(format_args!("# TYPE yika_order_look_ups_total counter"));
        let answers =
            [("ruled_out", orders.ruled_out), ("found", orders.found), ("not_found", orders.not_found)];
        for (answer, count) in answers {
            line(format_args!("yika_order_look_ups_total{{answer=\"{answer}\"}} {count}"));
        }
        line(format_args!("# TYPE yika_stage_seconds histogram"));
        for StageBuckets { stage, count, sum_ns, buckets } in &self.stages {
            for bound_s in BOUNDS_S {
                let below = buckets.iter().take_while(|&&(highest, _)| highest as f64 <= bound_s * 1e9);
                let below: u64 = below.map(|&(_, count)| count).sum();
                line(format_args!("yika_stage_seconds_bucket{{stage=\"{stage}\",le=\"{bound_s}\"}} {below}"));
            }
            line(format_args!("yika_stage_seconds_bucket{{stage=\"{stage}\",le=\"+Inf\"}} {count}"));
            line(format_args!("yika_stage_seconds_sum{{stage=\"{stage}\"}} {}", *sum_ns as f64 / 1e9));
            line(format_args!("yika_stage_seconds_count{{stage=\"{stage}\"}} {count}"));
        }
        text
    }
}

/// Listens for questions.
///
/// # Errors
/// The address can't be listened on.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen {
        address,
        option: "--metrics",
        source,
    })
}

/// Answers questions until the listener fails, which it does only when the process is out of descriptors.
pub async fn serve(listener: TcpListener, metrics: Metrics) {
    let router = Router::new().route("/metrics.json", get(json)).route("/metrics", get(prometheus));
    if let Err(error) = axum::serve(listener, router.with_state(metrics)).await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn json(State(metrics): State<Metrics>) -> Response {
    match metrics.report().await {
        Ok(report) => {
            let text = serde_json::to_string(&report).expect("numbers and names can be written");
            ([(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(silent) => unavailable(silent),
    }
}

async fn prometheus(State(metrics): State<Metrics>) -> Response {
    match metrics.report().await {
        Ok(report) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], report.prometheus()).into_response()
        }
        Err(silent) => unavailable(silent),
    }
}

fn unavailable(silent: WorkerSilent) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{silent}\n")).into_response()
}

/// This process's own resident memory, bytes: without the log's mapped pages, which the kernel takes back when it
/// needs them. 0 where the system doesn't say.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let mut pages = statm.split(' ').skip(1).map_while(|pages| pages.parse::<u64>().ok());
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    resident.saturating_sub(shared) * rustix::param::page_size() as u64
}
