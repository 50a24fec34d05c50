//! Asking at a rate, and what the times come to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::browser::Browser;

/// Times of many requests.
#[derive(Default)]
pub struct Times {
    sorted: Vec<Duration>,
    pub failed: usize,
}

impl Times {
    pub fn new(mut times: Vec<Duration>, failed: usize) -> Self {
        times.sort_unstable();
        Self { sorted: times, failed }
    }

    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time that this share of the requests kept to, in milliseconds: every time is kept, none is put in a bucket.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        let at = ((self.sorted.len() as f64 * share).ceil() as usize).saturating_sub(1).min(last);
        self.sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }
}

/// Asks for pages at a fixed rate, whether or not earlier ones have come: a request that has to wait for a slow server is
/// timed from when it should have been sent, so a server that stops for a second shows a hundred slow pages, not one.
pub async fn open_loop(from: &Browser, paths: Arc<Vec<String>>, rate: u32, during: Duration) -> Times {
    /// More than enough for 100 pages a second that take less than half a second each.
    const CONNECTIONS: usize = 64;
    let (give, mut idle) = mpsc::channel::<Browser>(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        let mut browser = from.twin();
        // Connected before the clock starts.
        let _ = browser.get("/healthz").await;
        let _ = give.send(browser).await;
    }
    let total = (f64::from(rate) * during.as_secs_f64()) as u32;
    let (done, mut results) = mpsc::unbounded_channel::<(Duration, bool)>();
    let began = Instant::now();
    for number in 0..total {
        let due = began + Duration::from_secs(1) * number / rate;
        tokio::time::sleep_until(due.into()).await;
        let Some(mut browser) = idle.recv().await else { break };
        let (paths, give, done) = (Arc::clone(&paths), give.clone(), done.clone());
        tokio::spawn(async move {
            let page = browser.get(&paths[number as usize % paths.len()]).await;
            let _ = done.send((due.elapsed(), page.is_ok_and(|page| page.status == 200)));
            let _ = give.send(browser).await;
        });
    }
    drop(done);
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some((time, fine)) = results.recv().await {
        times.push(time);
        failed += usize::from(!fine);
    }
    Times::new(times, failed)
}

/// Asks for one page from `people` browsers at once, each as soon as it has the last; gives the times, and pages a second.
pub async fn closed_loop(from: &Browser, path: &str, people: usize, during: Duration) -> (Times, f64) {
    let began = Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..people {
        let (mut browser, path) = (from.twin(), path.to_owned());
        work.spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0);
            while began.elapsed() < during {
                let sent = Instant::now();
                let page = browser.get(&path).await;
                times.push(sent.elapsed());
                failed += usize::from(!page.is_ok_and(|page| page.status == 200));
            }
            (times, failed)
        });
    }
    let (mut all, mut failed) = (Vec::new(), 0);
    while let Some(done) = work.join_next().await {
        if let Ok((times, wrong)) = done {
            all.extend(times);
            failed += wrong;
        }
    }
    let rate = all.len() as f64 / began.elapsed().as_secs_f64();
    (Times::new(all, failed), rate)
}
