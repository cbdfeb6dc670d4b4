//! The contract's tests: what every backend must do, said once.
//!
//! A backend says where its stores are ([`Place`]) and calls [`suite!`], which makes a test of each of
//! these functions. One that is missing in the list there is dead code, and a warning.

pub(in crate::store) mod archive;
pub(in crate::store) mod deletions;
pub(in crate::store) mod edits;
pub(in crate::store) mod files;
pub(in crate::store) mod logs;
pub(in crate::store) mod mentions;
pub(in crate::store) mod model;
pub(in crate::store) mod moderation;
pub(in crate::store) mod people;
pub(in crate::store) mod pins;
pub(in crate::store) mod plain;
pub(in crate::store) mod raw;
pub(in crate::store) mod reactions;
pub(in crate::store) mod replies;
pub(in crate::store) mod rooms;

use async_trait::async_trait;

use super::{Change, Error, Outcome, Page, Store, Write, raw::Load};
use crate::{
    clock::Millis,
    id::{EntryId, LogId, RoomId, UserId},
    model::{
        Builtin, Entry, History, Marker, Member, Payload, Room, RoomKind, RoomRole, RoomRules,
        Status, Txn, User,
    },
};

/// Where a store is; gone with everything in it when dropped.
#[async_trait]
pub(in crate::store) trait Place: Sync {
    /// Opens the store that is there, or makes it.
    async fn open(&self) -> Box<dyn Store>;
    /// The same, to be loaded.
    async fn open_to_fill(&self) -> Box<dyn Fill>;
}

/// A store that can be loaded, and closed then.
#[async_trait]
pub(in crate::store) trait Fill: Load {
    async fn close_filled(self: Box<Self>);
}

#[async_trait]
impl<T: Load + Store> Fill for T {
    async fn close_filled(self: Box<Self>) {
        self.close().await;
    }
}

/// Makes the tests of a backend, given an expression that makes a new [`Place`], or none where the backend
/// cannot be tested.
macro_rules! suite {
    ($place:expr) => {
        $crate::store::contract::suite! { $place;
            logs::appends_in_order,
            logs::takes_several_logs_in_one_batch,
            logs::answers_a_repeated_txn_with_the_original,
            logs::finds_a_txn_repeated_within_a_batch,
            logs::stops_only_the_logs_of_a_failed_change,
            logs::refuses_a_wrong_seq,
            logs::undoes_all_of_a_failed_change,
            logs::pages_messages_between_other_entries,
            logs::reads_entries_up_to_a_limit,
            plain::reads_rows_from_either_end,
            plain::shows_rows_that_do_not_read,
            plain::finds_records_in_one_go,
            plain::makes_many_users_in_one_change,
            logs::keeps_every_kind_and_passes_over_unknown_ones,
            logs::tells_the_hash_of_the_last_act,
            logs::keeps_everything_when_reopened,
            logs::answers_nothing_once_closed,
            deletions::shows_a_deleted_message_to_nobody,
            deletions::deletes_a_message_once,
            deletions::restores_what_was_deleted_together,
            deletions::erases_the_text_for_good,
            deletions::lists_redactions_and_what_they_deleted,
            edits::shows_a_message_as_it_is_now,
            edits::edits_nothing_that_is_deleted_or_too_often_edited,
            edits::hides_the_edits_of_a_deleted_message,
            edits::erases_what_a_message_was_edited_to,
            edits::lays_edits_over_archived_messages,
            edits::erases_archived_edits,
            files::attaches_a_file_once,
            files::drops_files_with_their_messages,
            files::lists_files_by_what_they_are,
            mentions::lists_where_somebody_was_mentioned,
            mentions::finds_mentions_that_are_unread,
            mentions::keeps_whom_a_message_mentions,
            replies::counts_and_pages_what_answers_a_message,
            replies::keeps_threads_of_deleted_messages_and_forgets_those_of_purged_ones,
            pins::pins_so_many_messages_and_no_more,
            pins::takes_down_what_is_deleted_or_purged,
            pins::reads_messages_by_number_wherever_they_lie,
            pins::opens_each_segment_once,
            reactions::sums_what_people_react_with,
            reactions::takes_no_more_reactions_than_there_may_be,
            reactions::pages_those_who_react,
            reactions::keeps_them_while_a_message_is_deleted,
            reactions::erases_what_somebody_reacted_with,
            reactions::purges_them_with_their_messages,
            archive::reads_across_live_and_archived,
            archive::refuses_what_would_lose_entries,
            archive::hides_and_erases_what_is_archived,
            archive::names_what_cannot_be_read,
            archive::makes_entries_live_again,
            archive::keeps_runs_and_holds,
            people::keeps_names_and_login_emails_unique,
            people::finds_users,
            people::notices_stale_sessions,
            people::ends_sessions,
            people::uses_a_code_once,
            people::keeps_keys_and_settings,
            moderation::uses_a_code_as_often_as_it_is_good_for,
            moderation::keeps_rules_bots_and_scopes,
            moderation::keeps_roles_and_banned_addresses,
            moderation::keeps_one_sanction_of_a_kind_for_each_place,
            moderation::pages_sanctions,
            moderation::takes_a_report_once,
            moderation::lists_reports_by_state_and_room,
            raw::becomes_the_store_it_is_told_to_be,
            raw::keeps_what_it_does_not_understand,
            raw::loads_what_another_store_had,
            raw::backs_up_all_of_one_moment,
            raw::scans_every_table_in_the_order_of_its_key,
            rooms::keeps_public_names_unique,
            rooms::loads_a_room_whole,
            rooms::loads_a_room_as_it_was_at_one_moment,
            rooms::lists_rooms_in_every_scope,
            rooms::lists_members_by_name,
            rooms::keeps_how_far_members_have_read,
        }

        #[test]
        fn equals_the_model() {
            $crate::store::contract::model::equals_the_model(|| $place);
        }
    };
    ($place:expr; $($module:ident :: $test:ident,)+) => {
        $(#[tokio::test]
        async fn $test() {
            let Some(place) = $place else { return };
            $crate::store::contract::$module::$test(&place).await;
        })+
    };
}
pub(in crate::store) use suite;

/// When everything in these tests happens.
const NOW: Millis = Millis(1_800_000_000_000);

fn user(name: &str) -> User {
    User {
        id: UserId::new(NOW),
        name: name.parse().unwrap(),
        display_name: None,
        email: None,
        email_login: false,
        role: Builtin::Member.into(),
        status: Status::Active,
        bot: false,
        presence: true,
        password: None,
        created_at: NOW,
    }
}

/// A room that nobody is in.
pub(in crate::store) fn a_room(name: &str) -> Room {
    room(name, RoomKind::Private)
}

fn room(name: &str, kind: RoomKind) -> Room {
    Room {
        id: RoomId::new(NOW),
        name: name.parse().unwrap(),
        kind,
        title: None,
        topic: None,
        history: History::All,
        rules: RoomRules::default(),
        owner: UserId::new(NOW),
        people: Vec::new(),
        created_at: NOW,
        deleted_at: None,
    }
}

fn member(room: RoomId, user: UserId) -> Member {
    Member {
        room,
        user,
        role: RoomRole::Member,
        since: 1,
        at: NOW,
        read: Marker::default(),
    }
}

fn txn(text: &str) -> Txn {
    text.parse().unwrap()
}

/// Entry number `seq` of a log in which all are messages.
pub(in crate::store) fn message(log: impl Into<LogId>, seq: u64, body: &str) -> Entry {
    Entry {
        log: log.into(),
        seq,
        n: seq,
        at: NOW,
        id: EntryId::new(NOW),
        from: None,
        txn: None,
        digest: None,
        payload: Payload::Message {
            body: body.to_owned(),
            reply_to: None,
            mentions: None,
            files: Vec::new(),
        },
        over: None,
    }
}

/// The same, said by somebody under a txn.
fn said(log: impl Into<LogId>, seq: u64, from: UserId, name: &str) -> Entry {
    let (txn, digest) = (Some(txn(name)), Some([7; 16]));
    Entry {
        from: Some(from),
        txn,
        digest,
        ..message(log, seq, name)
    }
}

/// Somebody whose messages have a txn.
pub(in crate::store) struct Writer(UserId);

impl Writer {
    pub(in crate::store) fn new() -> Self {
        Self(UserId::new(NOW))
    }

    /// Entry number `seq` of a log, under a txn.
    pub(in crate::store) fn said(&self, log: impl Into<LogId>, seq: u64, txn: &str) -> Entry {
        said(log, seq, self.0, txn)
    }
}

pub(in crate::store) fn entries(entries: impl Into<Vec<Entry>>) -> Change {
    Change {
        entries: entries.into(),
        writes: Vec::new(),
    }
}

fn writes(writes: impl Into<Vec<Write>>) -> Change {
    Change {
        entries: Vec::new(),
        writes: writes.into(),
    }
}

/// Commits one change alone.
async fn commit(store: &dyn Store, change: Change) -> Outcome {
    let mut outcomes = store.commit(vec![change].into()).await.unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Commits writes that must succeed.
async fn put(store: &dyn Store, list: impl Into<Vec<Write>>) {
    assert_eq!(commit(store, writes(list)).await, Outcome::Committed);
}

/// Appends entries that must succeed, in one change.
async fn append(store: &dyn Store, list: impl Into<Vec<Entry>>) {
    assert_eq!(commit(store, entries(list)).await, Outcome::Committed);
}

/// A page of messages, among which none is missing.
async fn messages(
    store: &dyn Store,
    room: RoomId,
    page: Page,
    floor: u64,
    limit: usize,
) -> Vec<Entry> {
    let found = store.messages(room, page, floor, limit).await.unwrap();
    assert_eq!(found.gaps, []);
    found.entries
}

/// All of a log.
async fn read(store: &dyn Store, log: impl Into<LogId>) -> Result<Vec<Entry>, Error> {
    store
        .entries(log.into(), 0, u64::MAX, 1_000, usize::MAX)
        .await
}
