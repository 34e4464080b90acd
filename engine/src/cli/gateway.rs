//! `yika gateway`.

use std::process::ExitCode;

use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{CliResult, GatewayArgs};
use crate::gateway::Gateway;
use crate::gateway::config::GatewayConfig;

pub(super) fn gateway(args: &GatewayArgs) -> CliResult {
    let config = GatewayConfig::read(&args.config)?;
    let server = config.server;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let gateway = Gateway::start(config)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        // Only now: who reads that it listens may tell it to stop at once.
        if args.json {
            println!(
                "{}",
                json!({
                    "notifications": gateway.notifications().to_string(),
                    "app": gateway.app().to_string(),
                    "server": server.to_string(),
                })
            );
        } else {
            println!(
                "notifications on {}, the app's requests on {}, server {server}",
                gateway.notifications(),
                gateway.app()
            );
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok::<_, std::io::Error>(())
    })?;
    let figures = gateway.stop();
    if args.json {
        println!("{}", json!({ "stopped": true, "figures": figures }));
    } else {
        println!(
            "stopped: {} orders made, {} payments credited, {} told again, {} not credited, {} notifications not authentic",
            figures.ordered, figures.credited, figures.repeated, figures.not_credited, figures.not_authentic
        );
    }
    Ok(ExitCode::SUCCESS)
}
