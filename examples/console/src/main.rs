//! Starts the service, and stops it when it is asked to, after the requests in flight.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_console::{Configuration, Opened, Service, follow, router, wall_clock};
use tokio::net::TcpListener;
use tokio::signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bailiwick-console: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let configuration = Configuration::from_environment()?;
    tracing_subscriber::fmt().with_max_level(configuration.log).with_writer(std::io::stderr).with_ansi(false).init();

    let Opened { repository, feed } = configuration.store.open().await?;
    let service = Arc::new(Service::new(repository, configuration.operator, wall_clock())?);
    feed.map(|feed| tokio::spawn(follow(feed, service.clone())));
    let listener = TcpListener::bind(configuration.listen).await?;
    tracing::info!(address = %listener.local_addr()?, store = %configuration.store, "listening");
    // Both are asked for before the first request, so that no signal is missed.
    let (stop, terminate) = (signal::ctrl_c(), signal(SignalKind::terminate())?);
    let (stopping, told) = oneshot::channel();
    let patience = configuration.limits.time;
    let serve = axum::serve(listener, router(service, configuration.limits))
        .with_graceful_shutdown(asked(stop, terminate, stopping))
        .into_future();
    // A request has so much time; a connection that never came to be one is left then.
    tokio::select! {
        served = serve => served?,
        () = later(told, patience) => tracing::warn!("left connections that had no request yet"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// Returns when the process is asked to stop, and tells it.
async fn asked(
    stop: impl Future<Output = std::io::Result<()>>,
    mut terminate: signal::unix::Signal,
    stopping: oneshot::Sender<()>,
) {
    tokio::select! {
        _ = stop => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: no new requests, those in flight are finished");
    // Nobody is there to be told once everything is served.
    let _ = stopping.send(());
}

/// Returns a while after the process was asked to stop, and never before.
async fn later(told: oneshot::Receiver<()>, patience: Duration) {
    match told.await {
        Ok(()) => tokio::time::sleep(patience).await,
        Err(_) => std::future::pending().await,
    }
}
