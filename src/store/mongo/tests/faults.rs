//! Faults between us and the database: whatever is lost on the way, an entry is in once or not at all, and
//! nobody is told something else.

use futures_util::FutureExt;
use mongodb::bson::doc;

use super::{
    database::Database,
    proxy::{Asked, Fault, Line, Proxy},
    *,
};
use crate::store::contract::{Writer, entries, message};

/// How often an answer has to be lost before the driver tells us.
const DRIVER: usize = 2;
/// The same for a commit, which we ask for again.
const COMMIT: usize = 3 * DRIVER;

/// A store that reaches its database over a wire with faults.
struct Wired {
    store: Arc<Mongo>,
    proxy: Proxy,
    /// Goes last.
    base: Base,
}

async fn wired() -> Option<Wired> {
    let base = Base::new()?;
    let proxy = Proxy::to(base.port()?).await;
    let store = through(&proxy, &base.name).await;
    Some(Wired { store, proxy, base })
}

async fn through(proxy: &Proxy, database: &str) -> Arc<Mongo> {
    let url = proxy.url_of(database);
    Arc::new(Mongo::open(&url, WAIT, &Clock::fixed(NOW)).await.unwrap())
}

/// A fault that strikes so many times.
fn times(proxy: &Proxy, count: usize, request: &str, fault: &Fault) -> Vec<Asked> {
    let again = |_| proxy.next(request, fault.clone());
    (0..count).map(again).collect()
}

#[track_caller]
fn all_struck(asked: &[Asked]) {
    let struck = asked.iter().filter(|asked| asked.has_struck()).count();
    assert_eq!(struck, asked.len(), "not every fault struck");
}

fn rooms(count: usize) -> Vec<RoomId> {
    (0..count).map(|_| RoomId::new(NOW)).collect()
}

/// What each room says as its entry number `seq`, a change for each.
fn say(rooms: &[RoomId], seq: u64) -> Vec<Change> {
    let said = |room: &RoomId| entries([message(*room, seq, "hello")]);
    rooms.iter().map(said).collect()
}

/// Every room has these entries, as they were handed in.
async fn assert_holds(store: &Mongo, rooms: &[RoomId], batches: &[&[Change]]) {
    for (i, room) in rooms.iter().enumerate() {
        let log = LogId::Room(*room);
        let found = store.entries(log, 0, u64::MAX, 100, usize::MAX).await;
        let said = batches.iter().map(|batch| batch[i].entries[0].clone());
        assert_eq!(found.unwrap(), said.collect::<Vec<_>>(), "room {i}");
    }
}

/// Everything goes in, and the rooms go on from there.
async fn commits_all(wired: &Wired, count: usize) {
    commits_in(wired, &rooms(count)).await;
}

/// The same, into these rooms, in which nothing was said before.
async fn commits_in(wired: &Wired, rooms: &[RoomId]) {
    let count = rooms.len();
    let first = say(rooms, 1);
    let outcomes = wired.store.commit(first.clone().into()).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Committed; count]);
    let second = say(rooms, 2);
    let outcomes = wired.store.commit(second.clone().into()).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Committed; count]);
    assert_holds(&wired.base.mongo().await, rooms, &[&first, &second]).await;
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_found() {
    let Some(wired) = wired().await else { return };
    for lost in [1, DRIVER, 2 * DRIVER] {
        let asked = times(&wired.proxy, lost, "insert entries", &Fault::LoseAnswer);
        commits_all(&wired, 8).await;
        all_struck(&asked);
    }
}

#[tokio::test]
async fn an_insert_that_does_not_arrive_is_made_again() {
    let Some(wired) = wired().await else { return };
    for fault in [Fault::Cut, Fault::Reset] {
        let asked = times(&wired.proxy, DRIVER, "insert entries", &fault);
        commits_all(&wired, 8).await;
        all_struck(&asked);
    }
}

#[tokio::test]
async fn of_an_insert_that_arrived_in_part_the_rest_is_made_again() {
    let Some(wired) = wired().await else { return };
    wired.proxy.batches_of(3);
    // So that it asks anew how much a message may take.
    let store = through(&wired.proxy, &wired.base.name).await;
    let wired = Wired { store, ..wired };
    // Of the messages with 3, 3 and 2 entries the second does not arrive, or its answer does not.
    for fault in [Fault::Cut, Fault::LoseAnswer] {
        let first = wired.proxy.after(1, "insert entries", fault.clone());
        let again = wired.proxy.next("insert entries", fault);
        commits_all(&wired, 8).await;
        all_struck(&[first, again]);
    }
}

#[tokio::test]
async fn what_another_wrote_before_the_rest_is_made_again_is_noticed() {
    let Some(wired) = wired().await else { return };
    let other = wired.base.mongo().await;
    wired.proxy.batches_of(2);
    let store = through(&wired.proxy, &wired.base.name).await;
    let writer = Writer::new();
    let rooms = rooms(5);
    // Both rooms' heads are known, so that nothing is looked up first.
    let before = say(&rooms, 1);
    store.commit(before.clone().into()).await.unwrap();
    let mut batch = say(&rooms, 2);
    batch[3] = entries([writer.said(rooms[3], 2, "t")]);
    batch.extend([
        entries([message(rooms[2], 3, "follows a conflict")]),
        entries([message(rooms[3], 3, "follows a repeat")]),
        entries([message(rooms[4], 3, "follows nothing bad")]),
    ]);
    let cut = wired.proxy.after(1, "insert entries", Fault::Cut);
    let again = wired.proxy.next("insert entries", Fault::Cut);
    let settling = wired.proxy.next("update meta", Fault::Delay);
    let committing = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch.clone());
        async move { store.commit(batch.into()).await }
    });
    settling.struck().await;
    let theirs = vec![
        entries([message(rooms[2], 2, "another's")]),
        entries([writer.said(rooms[3], 2, "t")]),
    ];
    let outcomes = other.commit(theirs.clone().into()).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Committed; 2]);
    settling.let_go();

    let repeat = Outcome::Duplicate(Box::new(theirs[1].entries[0].clone()));
    assert_eq!(
        committing.await.unwrap().unwrap(),
        [
            Outcome::Committed,
            Outcome::Committed,
            Outcome::Conflict,
            repeat,
            Outcome::Committed,
            Outcome::Conflict,
            Outcome::Conflict,
            Outcome::Committed,
        ]
    );
    all_struck(&[cut, again]);
    let said = [&batch[0], &batch[1], &theirs[0], &theirs[1], &batch[4]];
    let second: Vec<_> = said.into_iter().cloned().collect();
    let of_four = |i: usize| [&before[i..=i], &second[i..=i]];
    for i in 0..4 {
        assert_holds(&other, &rooms[i..=i], &of_four(i)).await;
    }
    let last = [&before[4..], &second[4..], &batch[7..]];
    assert_holds(&other, &rooms[4..], &last).await;
}

#[tokio::test]
async fn an_insert_that_arrives_after_it_was_given_up_does_no_harm() {
    let Some(wired) = wired().await else { return };
    let direct = wired.base.mongo().await;
    let rooms = rooms(4);
    let first = say(&rooms, 1);
    let late = wired.proxy.next("insert entries", Fault::Delay);
    let again = wired.proxy.next("insert entries", Fault::Delay);
    let committing = tokio::spawn({
        let (store, batch) = (Arc::clone(&wired.store), first.clone());
        async move { store.commit(batch.into()).await }
    });
    // It was looked for, and not found, and is about to be made again.
    again.struck().await;
    late.let_go();
    while direct.head(rooms[3].into()).await.unwrap().seq == 0 {}
    again.let_go();
    let outcomes = committing.await.unwrap().unwrap();
    assert_eq!(outcomes, vec![Outcome::Committed; 4]);
    let second = say(&rooms, 2);
    wired.store.commit(second.clone().into()).await.unwrap();
    assert_holds(&direct, &rooms, &[&first, &second]).await;
}

#[tokio::test]
async fn a_write_that_the_majority_has_late_is_unavailable_and_found_by_its_txn() {
    let Some(wired) = wired().await else { return };
    let writer = Writer::new();
    let late = doc! { "code": 64, "codeName": "WriteConcernTimeout", "errmsg": "timed out" };
    let late = Fault::AnswerAfter(doc! { "n": 1, "ok": 1.0, "writeConcernError": late });
    // Nobody asks the majority once more.
    let settling = wired.proxy.next("update meta", Fault::Cut);
    for request in ["insert entries", "commitTransaction"] {
        let rooms = rooms(2);
        let change = || {
            let mut all = vec![writer.said(rooms[0], 1, "t")];
            if request == "commitTransaction" {
                all.push(message(rooms[1], 1, "b"));
            }
            entries(all)
        };
        let first = change();
        let asked = wired.proxy.next(request, late.clone());
        let told = wired.store.commit(vec![first.clone()].into()).await;
        assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
        assert!(asked.has_struck());
        assert!(!settling.has_struck(), "it asked the majority once more");
        if request == "insert entries" {
            let outcomes = wired.store.commit(vec![change()].into()).await.unwrap();
            let original = first.entries[0].clone();
            assert_eq!(outcomes, [Outcome::Duplicate(Box::new(original))]);
        } else {
            let found = wired.store.entry(rooms[0].into(), 1).await.unwrap();
            assert_eq!(found.as_ref(), first.entries.first());
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_not_called_full_when_a_part_is_in() {
    let Some(wired) = wired().await else { return };
    wired.proxy.batches_of(2);
    let store = through(&wired.proxy, &wired.base.name).await;
    let full = doc! { "index": 0, "code": 14_031, "errmsg": "no space left on device" };
    let full = Fault::Answer(doc! { "n": 0, "ok": 1.0, "writeErrors": [full] });
    let asked = times(&wired.proxy, 3, "insert entries", &full);
    let told = store.commit(say(&rooms(2), 1).into()).await;
    assert!(matches!(told, Err(Error::Full)), "{told:?}");
    all_struck(&asked);

    let mut asked = vec![wired.proxy.after(1, "insert entries", full.clone())];
    asked.extend(times(&wired.proxy, 2, "insert entries", &full));
    let told = store.commit(say(&rooms(4), 1).into()).await;
    assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    all_struck(&asked);
}

/// What a primary says that has stepped down.
fn stepped_down(label: &str) -> Fault {
    Fault::Answer(doc! {
        "ok": 0.0, "code": 10_107, "codeName": "NotWritablePrimary", "errmsg": "not primary",
        "errorLabels": [label],
    })
}

/// Once the fault has struck, tells the driver that there is a primary again, as a server does at once.
async fn elect(proxy: &Proxy, asked: &Asked) {
    asked.struck().await;
    proxy.cut_all();
}

#[tokio::test]
async fn a_primary_that_steps_down_in_the_middle_is_asked_again() {
    let Some(wired) = wired().await else { return };
    let asked = wired
        .proxy
        .next("insert entries", stepped_down("RetryableWriteError"));
    tokio::join!(commits_all(&wired, 4), elect(&wired.proxy, &asked));
    for request in ["insert entries", "commitTransaction"] {
        let fault = stepped_down("TransientTransactionError");
        let asked = [wired.proxy.next(request, fault)];
        tokio::join!(both(&wired, &asked), elect(&wired.proxy, &asked[0]));
    }
}

/// A change of two rooms, which takes a transaction, is in once; the faults struck.
async fn both(wired: &Wired, asked: &[Asked]) {
    let rooms = rooms(2);
    let change = entries([message(rooms[0], 1, "a"), message(rooms[1], 1, "b")]);
    let parts: Vec<_> = change
        .entries
        .iter()
        .map(|e| entries([e.clone()]))
        .collect();
    let outcomes = wired.store.commit(vec![change].into()).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
    all_struck(asked);
    assert_holds(&wired.base.mongo().await, &rooms, &[&parts]).await;
}

#[tokio::test]
async fn a_transaction_whose_commit_is_not_answered_is_done_once() {
    let Some(wired) = wired().await else { return };
    for lost in [1, DRIVER, COMMIT] {
        let asked = times(&wired.proxy, lost, "commitTransaction", &Fault::LoseAnswer);
        both(&wired, &asked).await;
    }
    let asked = times(&wired.proxy, DRIVER, "commitTransaction", &Fault::Cut);
    both(&wired, &asked).await;
    let asked = times(&wired.proxy, 1, "insert entries", &Fault::Cut);
    both(&wired, &asked).await;
}

#[tokio::test]
async fn a_transaction_that_was_undone_is_made_again() {
    let Some(wired) = wired().await else { return };
    for (request, code, name) in [
        ("insert entries", 112, "WriteConflict"),
        ("commitTransaction", 251, "NoSuchTransaction"),
        ("commitTransaction", 112, "WriteConflict"),
    ] {
        let undone = Fault::Answer(doc! {
            "ok": 0.0, "code": code, "codeName": name, "errmsg": "undone",
            "errorLabels": ["TransientTransactionError"],
        });
        let asked = times(&wired.proxy, 2, request, &undone);
        both(&wired, &asked).await;
    }
}

#[tokio::test]
async fn a_commit_of_which_nothing_is_known_is_unavailable_and_found_by_its_txn() {
    let Some(wired) = wired().await else { return };
    let writer = Writer::new();
    let rooms = rooms(2);
    let change = || entries([writer.said(rooms[0], 1, "t"), message(rooms[1], 1, "b")]);
    let mut asked = times(
        &wired.proxy,
        COMMIT,
        "commitTransaction",
        &Fault::LoseAnswer,
    );
    asked.extend(times(&wired.proxy, DRIVER, "update meta", &Fault::Cut));
    let first = change();
    let told = wired.store.commit(vec![first.clone()].into()).await;
    assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    all_struck(&asked);
    let outcomes = wired.store.commit(vec![change()].into()).await.unwrap();
    let original = first.entries[0].clone();
    assert_eq!(outcomes, [Outcome::Duplicate(Box::new(original))]);
}

#[tokio::test]
async fn a_transaction_that_hangs_is_ended_before_the_next_write() {
    let Some(wired) = wired().await else { return };
    let rooms = rooms(2);
    let never = entries([message(rooms[0], 1, "a"), message(rooms[1], 1, "b")]);
    // It does not arrive until the end of the test.
    let hangs = wired.proxy.next("commitTransaction", Fault::Delay);
    let told = wired.store.commit(vec![never].into()).await;
    assert!(matches!(told, Err(Error::Unavailable(_))), "{told:?}");
    assert!(hangs.has_struck());
    // That the answer is lost is no reason to take it for done.
    let ended = times(&wired.proxy, 2, "killSessions", &Fault::LoseAnswer);
    commits_in(&wired, &rooms).await;
    all_struck(&ended);
}

#[tokio::test]
async fn reads_of_one_moment_are_what_the_majority_has() {
    let Some(wired) = wired().await else { return };
    let unknown = Fault::Answer(doc! {
        "ok": 0.0, "code": 50, "codeName": "MaxTimeMSExpired", "errmsg": "took too long",
        "errorLabels": ["UnknownTransactionCommitResult"],
    });
    let asked = times(&wired.proxy, 2, "commitTransaction", &unknown);
    assert_eq!(wired.store.load_control().await.unwrap().head.seq, 0);
    all_struck(&asked);
}

#[tokio::test]
async fn a_database_that_was_started_anew_before_the_second_try_has_it_once() {
    let Some(mut database) = Database::start() else {
        return;
    };
    let proxy = Proxy::to(database.port()).await;
    let store = through(&proxy, "chatd").await;
    let writer = Writer::new();
    for (seq, request) in [(1, "insert entries"), (2, "commitTransaction")] {
        let room = RoomId::new(NOW);
        let transaction = request == "commitTransaction";
        let lost = if transaction { COMMIT } else { DRIVER };
        let change = |txn: &str| {
            let mut all = vec![writer.said(room, 1, txn)];
            if transaction {
                all.push(message(RoomId::new(NOW), 1, "b"));
            }
            entries(all)
        };
        let txn = format!("t{seq}");
        let asked = times(&proxy, lost, request, &Fault::LoseAnswer);
        let settling = proxy.next("update meta", Fault::Delay);
        let first = change(&txn);
        let committing = tokio::spawn({
            let (store, change) = (Arc::clone(&store), first.clone());
            async move { store.commit(vec![change].into()).await }
        });
        settling.struck().await;
        all_struck(&asked);
        database.kill9();
        database.boot();
        settling.let_go();
        // As soon as it is up, it is found out; if that takes too long, it is not known.
        match committing.await.unwrap() {
            Ok(outcomes) => assert_eq!(outcomes, [Outcome::Committed]),
            Err(told) => assert!(matches!(told, Error::Unavailable(_)), "{told:?}"),
        }
        let repeat = loop {
            match store.commit(vec![change(&txn)].into()).await {
                Ok(mut outcomes) => break outcomes.remove(0),
                Err(told) => assert!(matches!(told, Error::Unavailable(_) | Error::Away(_))),
            }
            store.db.presence.until(false).await;
        };
        let original = first.entries[0].clone();
        assert_eq!(repeat, Outcome::Duplicate(Box::new(original)));
    }
}

#[tokio::test]
async fn a_database_that_is_away_refuses_at_once_and_is_asked_for() {
    let Some(wired) = wired().await else { return };
    let (store, proxy) = (&wired.store, &wired.proxy);
    let rooms = rooms(1);
    let first = say(&rooms, 1);
    store.commit(first.clone().into()).await.unwrap();
    for line in [Line::Down, Line::Silent] {
        proxy.line(line);
        store.db.presence.until(true).await;
        // Without waiting for anything at all.
        let late = store.commit(say(&rooms, 2).into()).now_or_never();
        assert!(matches!(late, Some(Err(Error::Away(_)))), "{late:?}");
        let read = store.load_room(rooms[0]).now_or_never();
        assert!(matches!(read, Some(Err(Error::Away(_)))), "{read:?}");
        let read = store.head(rooms[0].into()).now_or_never();
        assert!(matches!(read, Some(Err(Error::Away(_)))), "{read:?}");
        let ping = store.ping().now_or_never();
        assert!(matches!(ping, Some(Err(Error::Away(_)))), "{ping:?}");
        assert_eq!(store.about().backend, "mongodb");
        proxy.line(Line::Open);
        // Nobody but the store itself asks.
        store.db.presence.until(false).await;
    }
    let second = say(&rooms, 2);
    let outcomes = store.commit(second.clone().into()).await.unwrap();
    assert_eq!(outcomes, [Outcome::Committed]);
    assert_holds(store, &rooms, &[&first, &second]).await;
}
