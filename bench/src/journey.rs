//! A person's way from "what is wrong?" to "you are booked", through the pages a browser would show.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::browser::{Browser, Page, attribute, attributes};
use crate::load::Times;

/// The pathway walked: the shortest that ends in a booking somebody may make weeks ahead, so that times do not run out.
const PATHWAY: &str = "toothache";
/// Answers that are not "none of these" or "no".
const ANSWERS: [(&str, &str); 2] = [("problem", "loose"), ("how_bad", "no_pain")];
/// Pages of one journey at most: more is going round in circles.
const MOST: usize = 60;
/// Other times tried when somebody else was quicker.
const TRIES: usize = 20;

/// A booking as its person saw it confirmed.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Booked {
    pub appointment: String,
    pub slot: String,
}

/// What many journeys came to.
#[derive(Default)]
pub struct Journeys {
    pub booked: Vec<Booked>,
    /// Ended without a booking, with why; the same reason counted once.
    pub lost: HashMap<String, usize>,
    pub pages: Times,
    /// By kind of page: its times.
    pub by_page: Vec<(String, Times)>,
    pub took: Duration,
    /// A time was taken while its person looked at it, and they chose another.
    pub beaten: usize,
}

/// One person on the way.
struct Walk<'a> {
    browser: &'a mut Browser,
    times: Vec<(&'static str, Duration)>,
    beaten: usize,
    /// Makes people choose different times.
    choice: usize,
}

impl Walk<'_> {
    fn took(&mut self, name: &'static str, sent: Instant, page: &Page, wanted: u16) -> anyhow::Result<()> {
        self.times.push((name, sent.elapsed()));
        if self.times.len() > MOST {
            bail!("no end after {MOST} pages");
        }
        if page.status != wanted {
            bail!("{name} answered {}", page.status);
        }
        Ok(())
    }

    async fn page(&mut self, name: &'static str, path: &str) -> anyhow::Result<String> {
        let sent = Instant::now();
        let page = self.browser.get(path).await?;
        self.took(name, sent, &page, 200)?;
        page.text()
    }

    /// Sends a form and gives where it leads.
    async fn form(
        &mut self,
        name: &'static str,
        path: &str,
        shown: &str,
        fields: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let sent = Instant::now();
        let page = self.browser.post(path, shown, fields).await?;
        self.took(name, sent, &page, 303)?;
        page.location.context("a redirect without an address")
    }

    async fn whole(&mut self) -> anyhow::Result<Booked> {
        let start = format!("/help/{PATHWAY}");
        self.page("choose a problem", "/help").await?;
        let shown = self.page("start", &start).await?;
        let mut to = self.form("start: send", &start, &shown, &[("go", "new")]).await?;
        while to.contains("/question/") {
            let shown = self.page("question", &to).await?;
            let id = to.rsplit('/').next().unwrap_or_default().to_owned();
            let answer = ANSWERS.iter().find(|(question, _)| *question == id).map(|(_, answer)| *answer);
            let offered = |value: &str| shown.contains(&format!("value=\"{value}\""));
            let answer = answer.or(["none", "no"].into_iter().find(|value| offered(value))).unwrap_or("1");
            to = self.form("question: send", &to, &shown, &[("answer", answer)]).await?;
        }
        let check = format!("{start}/check");
        if to != check {
            bail!("the questions led to {to}");
        }
        let shown = self.page("check your answers", &check).await?;
        let result = self.form("check: send", &check, &shown, &[]).await?;
        let shown = self.page("who can help", &result).await?;
        let offers: Vec<String> =
            attributes(&shown, &format!("href=\"{start}/times/")).map(|id| format!("{start}/times/{id}")).collect();
        if offers.is_empty() {
            bail!("no free time was offered");
        }
        for again in 0..TRIES {
            let times = &offers[(self.choice + again) % offers.len()];
            let sent = Instant::now();
            let page = self.browser.get(times).await?;
            self.times.push(("choose a time", sent.elapsed()));
            if page.status == 303 {
                // As above.
                self.beaten += 1;
                continue;
            }
            let shown = page.text()?;
            let slots: Vec<&str> = attributes(&shown, "name=\"slot\" value=\"").collect();
            if slots.is_empty() {
                continue;
            }
            let slot = slots[(self.choice / offers.len() + again * 7) % slots.len()];
            let sent = Instant::now();
            let page = self.browser.post(times, &shown, &[("slot", slot)]).await?;
            self.times.push(("choose a time: send", sent.elapsed()));
            if page.status != 303 {
                self.beaten += 1;
                continue;
            }
            let confirm = page.location.context("a redirect without an address")?;
            if !confirm.ends_with("/confirm") {
                // The service has no free time any more.
                self.beaten += 1;
                continue;
            }
            let shown = self.page("confirm", &confirm).await?;
            let done = self.form("confirm: send", &confirm, &shown, &[]).await?;
            if !done.ends_with("/done") {
                self.beaten += 1;
                continue;
            }
            let shown = self.page("you are booked", &done).await?;
            let appointment = attribute(&shown, "href=\"/care/appointments/").context("no booking is shown")?;
            return Ok(Booked { appointment: appointment.to_owned(), slot: slot.to_owned() });
        }
        bail!("every time chosen was taken")
    }
}

/// Lets `people`, each once, go through the journey, `at_once` of them at a time, until all have or the time is over.
pub async fn all(people: Vec<Browser>, at_once: usize, during: Duration) -> anyhow::Result<Journeys> {
    let people = Arc::new(tokio::sync::Mutex::new(people.into_iter().enumerate()));
    let under_way = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (people, under_way) = (Arc::clone(&people), Arc::clone(&under_way));
        work.spawn(async move {
            let mut done = Vec::new();
            while began.elapsed() < during {
                let Some((number, mut browser)) = people.lock().await.next() else { break };
                under_way.fetch_add(1, Ordering::Relaxed);
                // Spread over the choices, the same in every run.
                let choice = number.wrapping_mul(7919);
                let mut walk = Walk { browser: &mut browser, times: Vec::new(), beaten: 0, choice };
                let outcome = walk.whole().await;
                done.push((outcome, walk.times, walk.beaten));
            }
            done
        });
    }
    let mut journeys = Journeys::default();
    let (mut times, mut by_page): (Vec<Duration>, HashMap<&str, Vec<Duration>>) = Default::default();
    while let Some(done) = work.join_next().await {
        for (outcome, each, beaten) in done? {
            for (name, time) in each {
                times.push(time);
                by_page.entry(name).or_default().push(time);
            }
            journeys.beaten += beaten;
            match outcome {
                Ok(booked) => journeys.booked.push(booked),
                Err(error) => *journeys.lost.entry(error.to_string()).or_default() += 1,
            }
        }
    }
    journeys.took = began.elapsed();
    journeys.pages = Times::new(times, 0);
    journeys.by_page = by_page.into_iter().map(|(name, times)| (name.to_owned(), Times::new(times, 0))).collect();
    journeys.by_page.sort_by(|a, b| b.1.at(0.99).total_cmp(&a.1.at(0.99)));
    Ok(journeys)
}
