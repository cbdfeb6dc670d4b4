//! That every query has an index, as the server itself explains.

use mongodb::{
    bson::{Bson, Document},
    event::{EventHandler, command::CommandEvent},
    options::ClientOptions,
};

use super::*;

/// What the driver was seen to send: each command that reads, with its database.
#[derive(Clone, Default)]
struct Seen(Arc<parking_lot::Mutex<Vec<Document>>>);

impl Seen {
    fn handler(&self) -> EventHandler<CommandEvent> {
        let seen = self.clone();
        EventHandler::callback(move |event| {
            if let CommandEvent::Started(event) = event {
                seen.0.lock().push(event.command);
            }
        })
    }
}

/// What finds documents in a command: itself when it reads, each of its filters as a find when it writes.
fn finds(command: &Document) -> Vec<Document> {
    let name = command.keys().next().unwrap().as_str();
    let collection = command.get(name).unwrap().as_str().unwrap_or_default();
    let find = |filter: &Bson, hint: Option<&Bson>| {
        let mut find = doc! { "find": collection, "filter": filter };
        find.extend(hint.map(|hint| ("hint".to_owned(), hint.clone())));
        find
    };
    let list = match name {
        "find" | "aggregate" => {
            let ours = |key: &str| !key.starts_with(['$', 'l']) && !NOT_EXPLAINED.contains(&key);
            let kept = command.iter().filter(|(key, _)| ours(key));
            return vec![
                kept.map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            ];
        }
        // All of a collection is taken out when a copy begins anew.
        "delete" if takes_all(command) => return Vec::new(),
        "findAndModify" => return vec![find(&command["query"], None)],
        "update" => "updates",
        "delete" => "deletes",
        _ => return Vec::new(),
    };
    let each = command.get_array(list).unwrap().iter();
    let each = each.map(|one| one.as_document().unwrap());
    each.map(|one| find(&one["q"], one.get("hint"))).collect()
}

fn takes_all(command: &Document) -> bool {
    let deletes = command.get_array("deletes").unwrap();
    deletes
        .iter()
        .all(|one| one.as_document().unwrap()["q"] == Bson::from(doc! {}))
}

/// What is said about a command beside what it asks.
const NOT_EXPLAINED: [&str; 5] = [
    "txnNumber",
    "startTransaction",
    "autocommit",
    "readConcern",
    "writeConcern",
];

macro_rules! watch {
    ($seen:expr; $($module:ident :: $test:ident,)+) => {
        $(if let Some(base) = Base::new() {
            contract::$module::$test(&Watched(base, $seen.clone())).await;
        })+
    };
}

/// Runs whole tests of the contract, and has the server explain all that they made us send.
#[tokio::test]
async fn no_query_scans_a_collection() {
    let Some(base) = Base::new() else { return };
    let seen = Seen::default();
    watch!(seen;
        logs::answers_a_repeated_txn_with_the_original,
        logs::pages_messages_between_other_entries,
        logs::tells_the_hash_of_the_last_act,
        deletions::shows_a_deleted_message_to_nobody,
        deletions::restores_what_was_deleted_together,
        deletions::erases_the_text_for_good,
        deletions::lists_redactions_and_what_they_deleted,
        edits::shows_a_message_as_it_is_now,
        edits::hides_the_edits_of_a_deleted_message,
        edits::erases_what_a_message_was_edited_to,
        edits::erases_archived_edits,
        files::attaches_a_file_once,
        files::drops_files_with_their_messages,
        files::lists_files_by_what_they_are,
        mentions::lists_where_somebody_was_mentioned,
        mentions::finds_mentions_that_are_unread,
        replies::counts_and_pages_what_answers_a_message,
        replies::keeps_threads_of_deleted_messages_and_forgets_those_of_purged_ones,
        pins::takes_down_what_is_deleted_or_purged,
        pins::reads_messages_by_number_wherever_they_lie,
        reactions::sums_what_people_react_with,
        reactions::pages_those_who_react,
        reactions::erases_what_somebody_reacted_with,
        reactions::purges_them_with_their_messages,
        archive::refuses_what_would_lose_entries,
        archive::hides_and_erases_what_is_archived,
        archive::keeps_runs_and_holds,
        plain::reads_rows_from_either_end,
        plain::finds_records_in_one_go,
        people::finds_users,
        people::ends_sessions,
        people::notices_stale_sessions,
        people::uses_a_code_once,
        people::keeps_keys_and_settings,
        moderation::uses_a_code_as_often_as_it_is_good_for,
        moderation::keeps_rules_bots_and_scopes,
        moderation::keeps_roles_and_banned_addresses,
        moderation::keeps_one_sanction_of_a_kind_for_each_place,
        moderation::pages_sanctions,
        moderation::takes_a_report_once,
        moderation::lists_reports_by_state_and_room,
        raw::keeps_what_it_does_not_understand,
        raw::loads_what_another_store_had,
        rooms::keeps_public_names_unique,
        rooms::lists_members_by_name,
        rooms::keeps_how_far_members_have_read,
    );
    let place = Watched(base, seen.clone());
    let mongo = place.0.mongo().await;
    let watched = place.open().await;
    let room = RoomId::new(NOW);
    let user = UserId::new(NOW);
    for scope in [Scope::Of(user), Scope::Public(user), Scope::All] {
        watched.list_rooms(scope, None, 10).await.unwrap();
        let after = "general".parse().unwrap();
        watched
            .list_rooms(scope, Some((&after, room)), 10)
            .await
            .unwrap();
    }
    watched
        .rooms_named(user, &"general".parse().unwrap())
        .await
        .unwrap();
    watched.room_ids_of(user).await.unwrap();
    watched.histories_of(user).await.unwrap();
    watched.load_room(room).await.unwrap();
    watched.load_user(user).await.unwrap();
    watched.info().await.unwrap();
    archive::seals_and_restores(&*watched).await;

    let sent = std::mem::take(&mut *seen.0.lock());
    let mut asked = 0;
    for find in sent.iter().flat_map(finds) {
        let explain = doc! { "explain": &find, "verbosity": "queryPlanner" };
        let plan = mongo.db.database.run_command(explain).await.unwrap();
        let plan = plan.to_string();
        assert!(
            plan.contains("IXSCAN") || plan.contains("IDHACK") || plan.contains("EXPRESS"),
            "{find}: {plan}"
        );
        assert!(!plan.contains("COLLSCAN"), "{find}: {plan}");
        asked += 1;
    }
    assert!(
        asked > 100,
        "this test no longer sees what is sent: {asked}"
    );
}

/// A place whose stores tell what they send.
struct Watched(Base, Seen);

#[async_trait]
impl Place for Watched {
    async fn open(&self) -> Box<dyn Store> {
        Box::new(self.watched().await)
    }

    async fn open_to_fill(&self) -> Box<dyn contract::Fill> {
        Box::new(self.watched().await)
    }
}

impl Watched {
    async fn watched(&self) -> Mongo {
        let mut mongo = self.0.mongo().await;
        let mut options = ClientOptions::parse(self.0.url()).await.unwrap();
        options.command_event_handler = Some(self.1.handler());
        let client = mongodb::Client::with_options(options).unwrap();
        let database = client.database(&self.0.name);
        mongo.db = Collections::new(client, database, presence::Presence::default());
        mongo
    }
}
