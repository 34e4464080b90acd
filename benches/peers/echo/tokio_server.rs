//! Echo servers on tokio: a task for each connection, on the runtime that the kind names.

use std::io;
use std::net;
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task;

use super::session::EchoSession;

/// The multi-thread scheduler, a worker for each core. Returns only on a failure.
///
/// # Errors
/// The runtime can't be made, or accepting fails.
pub fn multi_thread(listener: net::TcpListener) -> io::Result<()> {
    let runtime = Builder::new_multi_thread().enable_io().build()?;
    runtime.block_on(accept(listener, |stream| drop(task::spawn(echo(stream)))))
}

/// So many `current_thread` runtimes, each on a thread of its own, that share the connections evenly. Returns only on a
/// failure.
///
/// # Errors
/// A runtime can't be made, or accepting fails.
pub fn current_thread(listener: net::TcpListener, threads: usize) -> io::Result<()> {
    let mut others = Vec::new();
    for _ in 1..threads {
        let (sender, receiver) = mpsc::unbounded_channel();
        thread::spawn(move || serve_handed_over(receiver));
        others.push(sender);
    }
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut accepted = 0;
    task::LocalSet::new().block_on(
        &runtime,
        accept(listener, |stream| {
            let place = accepted % threads;
            accepted += 1;
            match place.checked_sub(1) {
                None => drop(task::spawn_local(echo(stream))),
                // The other runtime must register the socket with its own reactor. If it is gone, so is the till.
                Some(other) => drop(stream.into_std().map(|stream| others[other].send(stream))),
            }
        }),
    )
}

fn serve_handed_over(mut receiver: mpsc::UnboundedReceiver<net::TcpStream>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    task::LocalSet::new().block_on(&runtime, async {
        while let Some(stream) = receiver.recv().await {
            task::spawn_local(echo(TcpStream::from_std(stream)?));
        }
        Ok(())
    })
}

async fn accept(listener: net::TcpListener, mut serve: impl FnMut(TcpStream)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        serve(stream);
    }
}

/// Ends with its connection, and takes nothing else with it.
async fn echo(mut stream: TcpStream) {
    let mut session = EchoSession::default();
    loop {
        let Ok(count @ 1..) = stream.read(session.room()).await else { return };
        if session.take(count).is_err() {
            return;
        }
        let output = session.output();
        if !output.is_empty() && stream.write_all(output).await.is_err() {
            return;
        }
        output.clear();
    }
}
