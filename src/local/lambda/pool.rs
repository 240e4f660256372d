//! All execution environments: warm ones wait here for the next event, and the limits of running ones are kept here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::environment::Environment;
use super::process;
use super::settings::ACCOUNT_CONCURRENCY;
use super::store::Version;

/// A laptop runs no thousand processes: beyond these, an invocation waits for a free environment, where AWS would start another.
const MOST_PROCESSES: usize = 10;

/// Function processes: no part of the account's state.
#[derive(Debug)]
pub(crate) struct Environments {
    pools: Mutex<HashMap<String, Pool>>,
    pub(super) stopped: CancellationToken,
    /// Closed once every environment is gone and no new one can be.
    alive: Mutex<Option<mpsc::Sender<()>>>,
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

#[derive(Debug)]
struct Pool {
    idle: Vec<Environment>,
    running: Arc<AtomicU32>,
    processes: Arc<Semaphore>,
    /// Unpacked packages by the code's SHA-256.
    task_roots: HashMap<String, Arc<OnceCell<Arc<TempDir>>>>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            idle: Vec::new(),
            running: Arc::default(),
            processes: Arc::new(Semaphore::new(MOST_PROCESSES)),
            task_roots: HashMap::new(),
        }
    }
}

impl Default for Environments {
    fn default() -> Self {
        let (alive, ended) = mpsc::channel(1);
        Self {
            pools: Mutex::default(),
            stopped: CancellationToken::new(),
            alive: Mutex::new(Some(alive)),
            ended: tokio::sync::Mutex::new(ended),
        }
    }
}

/// One running invocation, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Running(Arc<AtomicU32>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Environments {
    fn pools(&self) -> MutexGuard<'_, HashMap<String, Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an invocation in, unless the function's concurrency is used up: the reserved one, else the account's.
    pub(super) fn admit(&self, function: &str, reserved: Option<u32>) -> Option<Running> {
        let mut pools = self.pools();
        let running = &pools.entry(function.to_owned()).or_default().running;
        // Counted under the pools' lock, so that two invocations cannot both take the last place.
        if running.load(Ordering::Acquire) >= reserved.unwrap_or(ACCOUNT_CONCURRENCY) {
            return None;
        }
        running.fetch_add(1, Ordering::AcqRel);
        Some(Running(Arc::clone(running)))
    }

    /// Waits for the right to use one process of the function.
    pub(super) async fn process(&self, function: &str) -> Option<OwnedSemaphorePermit> {
        let processes = Arc::clone(&self.pools().entry(function.to_owned()).or_default().processes);
        processes.acquire_owned().await.ok()
    }

    /// A warm environment of this generation. Others of the function are of no more use: they end here.
    pub(super) fn take(&self, function: &str, generation: &str) -> Option<Environment> {
        let mut pools = self.pools();
        let pool = pools.get_mut(function)?;
        pool.idle.retain_mut(|environment| environment.generation == generation && environment.is_running());
        pool.idle.pop()
    }

    /// Keeps an environment warm.
    pub(super) fn put(&self, function: &str, environment: Environment) {
        let mut pools = self.pools();
        if self.stopped.is_cancelled() {
            return;
        }
        if let Some(pool) = pools.get_mut(function) {
            pool.idle.push(environment);
        }
    }

    /// The unpacked package of a version; other code's is dropped from here, and gone when its last environment is.
    pub(super) async fn task_root(&self, function: &str, version: &Version) -> std::io::Result<Arc<TempDir>> {
        let cell = {
            let mut pools = self.pools();
            let roots = &mut pools.entry(function.to_owned()).or_default().task_roots;
            roots.retain(|sha256, _| *sha256 == version.code.sha256);
            Arc::clone(roots.entry(version.code.sha256.clone()).or_default())
        };
        let code = Arc::clone(&version.code);
        cell.get_or_try_init(|| async { process::unpack(code).await.map(Arc::new) }).await.cloned()
    }

    /// What an environment holds while it lives; none once stopped.
    pub(super) fn alive(&self) -> Option<mpsc::Sender<()>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the warm environments of a function that is deleted. Running ones finish.
    pub(super) fn forget(&self, function: &str) {
        self.pools().remove(function);
    }

    /// Ends every function process, without waiting for it.
    pub(crate) fn end(&self) {
        self.stopped.cancel();
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.pools().clear();
    }

    /// Ends every function process. The server calls it when it stops.
    pub(crate) async fn stop(&self) {
        self.end();
        // Nobody sends: this returns when the last environment has let go of its sender.
        self.ended.lock().await.recv().await;
    }
}
