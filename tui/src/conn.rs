//! Watches the server, and asks it what is to be asked. The only module that does I/O with the server; `run` polls it
//! beside the screen, so it ends with the screen and is nobody's orphan.

use std::time::Duration;

use chatd::{
    admin::{
        self, Client, Lines,
        api::{Frame, Watch},
    },
    clock::Clock,
};
use serde_json::Value;
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::state::{Ask, Event, Method, Order, Request};

/// How long to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long reaching the server may take, and how much later than due a frame may come. The client itself waits
    /// half a minute, which is right for work; a server that cannot say how it is within this time is away.
    pub(crate) patience: Duration,
    /// How long until it is tried again: after the first failure, the second and so on; the last for all that follow.
    pub(crate) again: &'static [Duration],
    /// From one tick of the countdown to the next.
    pub(crate) tick: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        const AGAIN: &[Duration] = &[
            Duration::from_secs(1),
            Duration::from_secs(2),
            Duration::from_secs(3),
            Duration::from_secs(5),
        ];
        Self {
            patience: Duration::from_secs(3),
            again: AGAIN,
            tick: Duration::from_secs(1),
        }
    }
}

/// A server that is watched, and the way back to it.
pub(crate) struct Conn<'a, C> {
    connect: &'a C,
    clock: Clock,
    pace: Pace,
    /// None after a failure, or when something else is to be watched for.
    frames: Option<Lines<Frame>>,
    /// How often in a row it was not reached.
    failures: usize,
}

impl<'a, C> Conn<'a, C>
where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    /// Connects and waits for the first frame, with the client's own patience: here is nothing yet to be shown
    /// meanwhile.
    pub(crate) async fn open(
        connect: &'a C,
        clock: Clock,
        pace: Pace,
        watch: &Watch,
    ) -> Result<(Self, Frame), admin::Error> {
        let (frames, frame) = begin(connect, watch).await?;
        let conn = Self {
            connect,
            clock,
            pace,
            frames: Some(frames),
            failures: 0,
        };
        Ok((conn, frame))
    }

    /// Watches for what is ordered until nobody listens any more.
    pub(crate) async fn watch(
        mut self,
        told: mpsc::Sender<Event>,
        mut orders: watch::Receiver<Order>,
        retry: &Notify,
    ) {
        // Not yet taken as seen: one that came meanwhile is another question than the one that is being answered.
        let mut order = orders.borrow().clone();
        loop {
            let event = tokio::select! {
                biased;
                changed = orders.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    order = orders.borrow_and_update().clone();
                    // Dropped, the old question ends with its connection.
                    self.frames = None;
                    continue;
                }
                event = self.next(&order) => event,
            };
            match event {
                Ok(frame) => {
                    self.failures = 0;
                    let event = Event::Frame {
                        order: order.number,
                        frame: Box::new(frame),
                    };
                    if told.send(event).await.is_err() {
                        return;
                    }
                }
                // Something that was typed; the next order mends it.
                Err(admin::Error::Refused(refused)) if refused.field.is_some() => {
                    let event = Event::Refused {
                        order: order.number,
                        why: refused.detail,
                    };
                    if told.send(event).await.is_err() || orders.changed().await.is_err() {
                        return;
                    }
                    order = orders.borrow_and_update().clone();
                }
                Err(error) => {
                    self.frames = None;
                    if self.rest(&told, retry, error.to_string()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// The next frame.
    async fn next(&mut self, order: &Order) -> Result<Frame, admin::Error> {
        let every = Duration::from_millis(order.watch.every_ms.unwrap_or(1000));
        if let Some(frames) = &mut self.frames {
            let frame = frames.next(Some(every + self.pace.patience)).await?;
            return frame.ok_or_else(|| away("it has stopped".into()));
        }
        let begun = timeout(self.pace.patience, begin(self.connect, &order.watch)).await;
        let late = |_| away(format!("it did not answer within {:?}", self.pace.patience));
        let (frames, frame) = begun.map_err(late)??;
        self.frames = Some(frames);
        Ok(frame)
    }

    /// Says that it is away, and waits until it is to be tried again, counting down.
    async fn rest(
        &mut self,
        told: &mpsc::Sender<Event>,
        retry: &Notify,
        why: String,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let again = self.pace.again;
        let length = again[self.failures.min(again.len() - 1)];
        self.failures += 1;
        let (begun, at) = (Instant::now(), self.clock.now());
        let next = at.plus(length);
        told.send(Event::Lost { at, why, next }).await?;
        let mut due = begun;
        while due < begun + length {
            due = (due + self.pace.tick).min(begun + length);
            tokio::select! {
                biased;
                () = retry.notified() => return Ok(()),
                () = sleep_until(due) => {}
            }
            told.send(Event::Tick(self.clock.now())).await?;
        }
        Ok(())
    }
}

fn away(why: String) -> admin::Error {
    admin::Error::Unreachable {
        path: "its admin socket".into(),
        why,
    }
}

async fn begin<C>(connect: &C, watch: &Watch) -> Result<(Lines<Frame>, Frame), admin::Error>
where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    /// The client's own patience.
    const FIRST: Duration = Duration::from_secs(30);
    let client = connect().await?;
    let mut frames = client.watch(watch).await?;
    let first = frames.next(Some(FIRST)).await?;
    let first = first.ok_or_else(|| away("it has stopped".into()))?;
    Ok((frames, first))
}

/// Puts one question after another to the server, over a connection of its own: the other one is taken by watching.
pub(crate) async fn answer<C>(
    connect: &C,
    mut asks: mpsc::Receiver<Ask>,
    told: mpsc::Sender<Event>,
    patience: Duration,
) where
    C: AsyncFn() -> Result<Client, admin::Error>,
{
    let mut client: Option<Client> = None;
    while let Some(Ask { number, request }) = asks.recv().await {
        let asked = async {
            let reached = match client.take() {
                Some(client) => client,
                None => connect().await?,
            };
            let answer = put(&reached, &request).await;
            if matches!(answer, Ok(_) | Err(admin::Error::Refused(_))) {
                client = Some(reached);
            }
            answer
        };
        let answer = match timeout(patience, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(said(&error)),
            Err(_) => Err(format!(
                "The server did not answer within {patience:?}. Whether it is done is not known."
            )),
        };
        if told.send(Event::Answer { number, answer }).await.is_err() {
            return;
        }
    }
}

async fn put(client: &Client, request: &Request) -> Result<Value, admin::Error> {
    let Request { method, path, body } = request;
    match method {
        Method::Get => client.get(path).await,
        Method::Post => client.post(path, body).await,
        Method::Put => client.put(path, body).await,
        Method::Patch => client.patch(path, body).await,
    }
}

/// Why something was not done, and who may do it.
fn said(error: &admin::Error) -> String {
    match error {
        admin::Error::Refused(refused) if refused.code == "forbidden" => {
            let why = &refused.detail;
            if why.contains("admin.") {
                return why.clone();
            }
            format!("{why}. You may look, but not do this: run it as root, or as the server's user")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
