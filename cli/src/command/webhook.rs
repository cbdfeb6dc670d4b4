//! `chatd webhook`: the one place on the web that is told what happens.

use chatd::{
    admin::api::{Webhook as Shown, WebhookAct, WebhookTest},
    clock::Millis,
};
use clap::{Args, Subcommand};

use crate::{
    args::{Noted, Sure},
    asking::Asking,
    failure::Failure,
    output::{Facts, ago, count, count_entries, escape, moment, number},
};

/// Show, try and hold the outgoing webhook
///
/// Where it leads, what is sent and how it is signed is for `[webhook]` in the settings to say.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd webhook show
  chatd webhook test
  chatd webhook pause --reason 'the receiver is being moved'
  chatd webhook resume")]
pub(crate) enum Webhook {
    /// Show how it stands: what waits, and why
    #[command(after_help = "\
Examples:
  chatd webhook show
  chatd webhook show --json | jq -r .state")]
    Show,

    /// Send a `ping` there, now, and tell what came back
    ///
    /// Signed like everything else, and beside what waits. Ends with 10 when it is not taken.
    #[command(after_help = "\
Examples:
  chatd webhook test
  chatd webhook test --json | jq .status")]
    Test(Noted),

    /// Send nothing until it is resumed
    ///
    /// Nothing is lost meanwhile, unless it gets older than `webhook.give_up`.
    #[command(after_help = "\
Examples:
  chatd webhook pause --reason 'the receiver is being moved'
  chatd webhook pause --dry-run")]
    Pause(Noted),

    /// Go on, and try at once what was refused
    #[command(after_help = "\
Examples:
  chatd webhook resume
  chatd webhook resume --dry-run")]
    Resume(Noted),

    /// Pass over everything that waits
    ///
    /// It is never sent then. It is confirmed first; where nobody can be asked it takes --yes.
    #[command(after_help = "\
Examples:
  chatd webhook skip --dry-run
  chatd webhook skip --yes --reason 'the receiver has it from elsewhere'")]
    Skip(Skip),
}

/// What is passed over, and why.
#[derive(Debug, Args)]
pub(crate) struct Skip {
    #[command(flatten)]
    sure: Sure,

    #[command(flatten)]
    noted: Noted,
}

impl Skip {
    fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.noted.dry.dry_run;
        self.sure.begin(dry_run)?;
        let text = "What waits for the webhook is never sent then.";
        self.sure.confirm(dry_run, "skip", text)?;
        let done = "past everything that happened until now";
        decide(asking, "skip", &self.noted, done)
    }
}

impl Webhook {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let shown: Shown =
                    asking.look(async |client| Ok(client.get("/v1/webhook").await?))?;
                asking.console.answer(&shown, |now| page(&shown, now))
            }
            Self::Test(noted) => test(asking, noted),
            Self::Pause(noted) => decide(asking, "pause", noted, "held: nothing is sent"),
            Self::Resume(noted) => decide(asking, "resume", noted, "going on"),
            Self::Skip(skip) => skip.run(asking),
        }
    }
}

fn decide(
    asking: &Asking<'_>,
    what: &str,
    noted: &Noted,
    done: &'static str,
) -> Result<(), Failure> {
    let dry_run = noted.dry.dry_run;
    let act = act(noted);
    let path = format!("/v1/webhook/{what}");
    let shown: Shown = asking.act(dry_run, async |client| Ok(client.post(&path, &act).await?))?;
    if shown.place.is_none() {
        asking
            .console
            .note("webhook.url is not set: this is for when it is.");
    }
    asking.console.answer(&shown, |_| {
        if dry_run {
            format!("Dry run: the webhook would be {done}. Nothing was changed.")
        } else {
            format!("The webhook is {done}.")
        }
    })
}

fn test(asking: &Asking<'_>, noted: &Noted) -> Result<(), Failure> {
    let act = act(noted);
    let tried: WebhookTest = asking.act(noted.dry.dry_run, async |client| {
        Ok(client.post("/v1/webhook/test", &act).await?)
    })?;
    asking.console.answer(&tried, |_| words(&tried))?;
    if tried.ok {
        return Ok(());
    }
    Err(Failure::Found {
        what: "the webhook was not taken".into(),
        hint: "`chatd config show` has where it leads, under [webhook]",
    })
}

fn act(noted: &Noted) -> WebhookAct {
    WebhookAct {
        reason: noted.reason(),
        dry_run: noted.dry.dry_run,
    }
}

fn words(tried: &WebhookTest) -> String {
    let place = escape(&tried.place);
    if tried.dry_run {
        return format!("Dry run: a ping can be sent to {place}. Nothing was sent.");
    }
    let title = match &tried.error {
        None => format!("{place} took it."),
        Some(why) => format!("{place} did not take it: {}.", escape(why)),
    };
    let body = tried.body.trim();
    Facts::default()
        .with("webhook-id", escape(&tried.id))
        .maybe("status", tried.status.map(|it| it.to_string()))
        .maybe("took", tried.took_ms.map(|ms| format!("{ms} ms")))
        .maybe("answer", (!body.is_empty()).then(|| escape(body)))
        .under(&title)
}

fn page(shown: &Shown, now: Millis) -> String {
    let Some(place) = &shown.place else {
        let paused = if shown.state == "paused" {
            ", and held"
        } else {
            ""
        };
        return format!(
            "There is no webhook{paused}: `[webhook]` in the settings says where one leads."
        );
    };
    facts(Facts::default(), shown, now).under(&format!("The webhook to {}", escape(place)))
}

/// What there is to tell of it.
pub(super) fn facts(facts: Facts, shown: &Shown, now: Millis) -> Facts {
    let state = match shown.state.as_str() {
        "paused" => "held, by `chatd webhook pause`".to_owned(),
        "trouble" => format!(
            "TROUBLE, {} waiting to be tried again",
            count(shown.rooms_held, "room")
        ),
        other => escape(other).into_owned(),
    };
    let behind = (shown.rooms_behind > 0).then(|| count(shown.rooms_behind, "room"));
    facts
        .with("state", state)
        .maybe("why", shown.error.as_deref().map(escape))
        .maybe("oldest", shown.held_since.map(|at| ago(at, now)))
        .maybe("next try", shown.next_try.map(|at| moment(at, now)))
        .maybe("behind", behind)
        .with(
            "delivered",
            format!(
                "{}, {} tries refused",
                number(shown.delivered),
                number(shown.failed)
            ),
        )
        .maybe(
            "passed over",
            (shown.skipped > 0).then(|| count_entries(shown.skipped)),
        )
        .maybe("last taken", shown.last_ok.map(|at| moment(at, now)))
        .maybe("last refused", shown.failed_at.map(|at| moment(at, now)))
}
