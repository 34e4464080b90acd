//! The client: every till sends its next batch when the answer to the last has come. One thread.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use protocol::answer::Answer;
use protocol::frame::LENGTH_PREFIX_BYTES;
use protocol::result_code::ResultCode;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::Failure;
use crate::signed_frames::ReadyTill;

/// Shows how far an upload has come, and ends it early.
#[derive(Clone, Default)]
pub struct Stop {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Stop {
    /// No till sends another batch; what is in flight is awaited.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }
}

/// What an upload came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Uploaded {
    /// Records whose sale was approved, durable by then.
    pub approved: u64,
    /// The others, by result code.
    pub others: BTreeMap<u16, u64>,
    /// Batches.
    pub batches: u64,
    /// From the first batch's sending to the last answer.
    pub seconds: f64,
    /// Made ready and not sent, because the upload was stopped.
    pub unsent_batches: u64,
}

impl Uploaded {
    /// Approved records a second.
    pub fn records_per_s(&self) -> f64 {
        self.approved as f64 / self.seconds.max(1e-9)
    }
}

/// Sends everything that is ready. `patience` is how long one till may wait for one answer.
pub fn upload(tills: Vec<ReadyTill>, stop: &Stop, patience: Duration) -> Result<Uploaded, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let begun = Instant::now();
        let tasks: Vec<_> = tills
            .into_iter()
            .map(|till| {
                let stop = stop.clone();
                let silent = format!("a till got no answer within {} s", patience.as_secs());
                tokio::task::spawn_local(async move {
                    play(till, &stop, patience)
                        .await
                        .map_err(|error| format!("{error}"))
                        .and_then(|done| done.ok_or(silent))
                })
            })
            .collect();
        let mut all = Uploaded::default();
        // The frames' memory is given back only when all is over: that takes time too.
        let mut frames = Vec::new();
        for task in tasks {
            let (part, sent) = task.await??;
            frames.push(sent);
            all.approved += part.approved;
            all.batches += part.batches;
            all.unsent_batches += part.unsent_batches;
            for (code, count) in part.others {
                *all.others.entry(code).or_default() += count;
            }
        }
        all.seconds = begun.elapsed().as_secs_f64();
        drop(frames);
        Ok(all)
    })
}

/// One till: its results and the frames it sent; `None` when an answer didn't come in time.
async fn play(
    till: ReadyTill,
    stop: &Stop,
    patience: Duration,
) -> Result<Option<(Uploaded, Vec<u8>)>, Failure> {
    let ReadyTill { stream, mut opener, frames, ranges } = till;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream)?;
    let mut uploaded = Uploaded::default();
    let mut answer = Vec::new();
    for range in &ranges {
        if stop.is_stopped() {
            break;
        }
        let exchange = async {
            stream.write_all(&frames[range.clone()]).await?;
            answer.resize(LENGTH_PREFIX_BYTES, 0);
            stream.read_exact(&mut answer).await?;
            let length = protocol::frame::length(&answer)?.ok_or("an answer without a length")?;
            answer.resize(length, 0);
            stream.read_exact(&mut answer[LENGTH_PREFIX_BYTES..]).await?;
            Ok::<(), Failure>(())
        };
        match tokio::time::timeout(patience, exchange).await {
            Ok(exchanged) => exchanged?,
            Err(_) => return Ok(None),
        }
        opener.open(&answer)?;
        let (_, Answer::Batch(batch)) = Answer::decode(&answer)? else {
            return Err("an upload was answered with something else than a batch".into());
        };
        uploaded.batches += 1;
        let mut approved = 0;
        for line in batch.lines {
            if line.code.get() == ResultCode::Approved.number() {
                approved += 1;
            } else {
                *uploaded.others.entry(line.code.get()).or_default() += 1;
            }
        }
        uploaded.approved += approved;
        stop.acknowledged.fetch_add(approved, Ordering::AcqRel);
    }
    uploaded.unsent_batches = ranges.len() as u64 - uploaded.batches;
    Ok(Some((uploaded, frames)))
}
