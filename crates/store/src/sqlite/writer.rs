//! The one writer: a thread that groups waiting batches into one SQLite transaction.

use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::commit::{HEAD_AFTER, State};
use super::{Shared, storage};
use crate::StoreError;

/// Batches that share one sync at most: bounds how long the first waits for the last.
const GROUP: usize = 256;
/// How often an idle writer looks whether another process has written, so that what it wrote is not hidden by what is kept
/// in memory for longer than this. A busy one looks at each group.
const LOOK_FOR_OTHERS: std::time::Duration = std::time::Duration::from_millis(100);
/// Batches that may wait before senders do: bounds memory.
const QUEUE: usize = 1024;

type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// Called with the connection inside a transaction, or without one when none could be begun.
type Command = Box<dyn FnOnce(&mut State, Option<&Connection>) -> Finish + Send>;

pub(crate) struct Writer {
    queue: Mutex<Option<mpsc::SyncSender<Command>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub fn start(connection: Connection, shared: Arc<Shared>) -> Result<Self, StoreError> {
        let mut state = State::load(&connection, shared)?;
        let (queue, commands) = mpsc::sync_channel::<Command>(QUEUE);
        let thread = std::thread::Builder::new()
            .name("kith-writer".into())
            .spawn(move || write_loop(&connection, &mut state, &commands))
            .map_err(|e| StoreError::Io(e.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a savepoint of its own on the writer's connection; answers after the group's commit.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut State, &Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel::<Result<T, StoreError>>();
        let command: Command = Box::new(move |state, connection| {
            let outcome = connection.map(|connection| in_savepoint(state, connection, work));
            Box::new(move |committed| {
                let _ = answer.send(match (outcome, committed) {
                    (Some(Ok(value)), Ok(())) => Ok(value),
                    (Some(Err(refused)), _) => Err(refused),
                    (_, Err(failed)) => Err(failed),
                    (None, Ok(())) => Err(StoreError::Closed),
                });
            })
        });
        let queue =
            self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        match queue.try_send(command) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed),
            Err(mpsc::TrySendError::Full(command)) => {
                tokio::task::spawn_blocking(move || queue.send(command))
                    .await
                    .map_err(|e| StoreError::Io(e.to_string()))?
                    .map_err(|_| StoreError::Closed)?;
            }
        }
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub async fn close(&self) -> Result<(), StoreError> {
        drop(self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            tokio::task::spawn_blocking(move || thread.join())
                .await
                .map_err(|e| StoreError::Io(e.to_string()))?
                .map_err(|_| StoreError::Io("the writer stopped".into()))?;
        }
        Ok(())
    }
}

fn in_savepoint<T>(
    state: &mut State,
    connection: &Connection,
    work: impl FnOnce(&mut State, &Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    execute(connection, "SAVEPOINT batch")?;
    state.begin_batch();
    match work(state, connection) {
        Ok(value) => {
            execute(connection, "RELEASE batch")?;
            state.keep_batch();
            Ok(value)
        }
        Err(error) => {
            // A full disk may already have rolled the whole transaction back: then these fail, and the commit will too.
            let _ = execute(connection, "ROLLBACK TO batch");
            let _ = execute(connection, "RELEASE batch");
            state.undo_batch();
            Err(error)
        }
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(storage)
}

fn write_loop(connection: &Connection, state: &mut State, commands: &mpsc::Receiver<Command>) {
    let mut finishers: Vec<Finish> = Vec::with_capacity(GROUP);
    let mut idle = std::time::Duration::ZERO;
    loop {
        let first = match commands.recv_timeout(LOOK_FOR_OTHERS) {
            Ok(first) => first,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                if let Err(error) = state.look_for_others(connection) {
                    tracing::warn!(%error, "cannot see whether another process has written");
                }
                idle += LOOK_FOR_OTHERS;
                if idle >= HEAD_AFTER {
                    idle = std::time::Duration::ZERO;
                    state.sign_head(connection);
                }
                continue;
            }
        };
        idle = std::time::Duration::ZERO;
        let mut begun = execute(connection, "BEGIN IMMEDIATE").and_then(|()| state.begin_group(connection));
        let mut next = Some(first);
        while let Some(command) = next.take() {
            finishers.push(command(state, begun.is_ok().then_some(connection)));
            if begun.is_ok() && connection.is_autocommit() {
                // SQLite rolled the whole transaction back itself: a full disk or an I/O error.
                begun = Err(StoreError::Full);
            }
            if finishers.len() < GROUP && state.group_bytes() < 64 << 20 {
                next = commands.try_recv().ok();
            }
        }
        let outcome = begun.and_then(|()| execute(connection, "COMMIT"));
        if outcome.is_err() && !connection.is_autocommit() {
            let _ = execute(connection, "ROLLBACK");
        }
        match &outcome {
            Ok(()) => state.keep_group(connection),
            Err(_) => {
                if let Err(error) = state.undo_group(connection) {
                    tracing::error!(%error, "the writer could not go back to the last commit");
                }
            }
        }
        for finish in finishers.drain(..) {
            finish(match &outcome {
                Ok(()) => Ok(()),
                Err(StoreError::Full) => Err(StoreError::Full),
                Err(other) => Err(StoreError::Io(other.to_string())),
            });
        }
    }
    state.sign_head(connection);
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "no checkpoint at closing; the log is replayed at the next start");
    }
}
