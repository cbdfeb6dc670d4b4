//! From what is said to where it goes.

use std::{
    io::{self, Write as _},
    sync::Arc,
};

use tracing::{
    Event, Subscriber,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

use super::{
    journal::{Journal, Sent},
    line::{Fields, Line},
    look::{Json, Look},
};
use crate::{
    clock::Clock,
    feed::{Feed, LogLine},
};

/// Where lines go.
pub(super) enum Output {
    /// To standard error, in some look.
    Stderr(Box<dyn Look>),
    /// To the journal of systemd.
    Journal(Journal),
}

/// Makes each line once and hands it to all who want it.
pub(super) struct Lines {
    clock: Clock,
    output: Output,
    feed: Arc<Feed<LogLine>>,
}

impl Lines {
    pub(super) fn new(clock: Clock, output: Output, feed: Arc<Feed<LogLine>>) -> Self {
        Self {
            clock,
            output,
            feed,
        }
    }

    fn say(&self, line: &Line) {
        match &self.output {
            Output::Stderr(look) => to_stderr(look.as_ref(), line),
            Output::Journal(journal) => {
                if let Sent::Gone = journal.send(line) {
                    to_stderr(&Json, line);
                }
            }
        }
    }
}

fn to_stderr(look: &dyn Look, line: &Line) {
    let mut text = String::with_capacity(256);
    look.write(line, &mut text);
    // In one piece, so that lines of threads do not mix. With stderr gone there is nobody left to tell.
    let _nobody_reads = io::stderr().lock().write_all(text.as_bytes());
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            add(&mut fields, &span);
        }
        let line = Line {
            at: self.clock.now(),
            level: *event.metadata().level(),
            target: event.metadata().target(),
            message: std::mem::take(&mut fields.message),
            fields,
        };
        self.say(&line);
        self.feed.push(line.to_feed());
    }
}

/// What a span knows, behind what the event itself says.
fn add<'a, S: LookupSpan<'a>>(fields: &mut Fields, span: &SpanRef<'a, S>) {
    let extensions = span.extensions();
    let Some(known) = extensions.get::<Fields>() else {
        return;
    };
    for (name, value) in &known.list {
        if !fields.list.iter().any(|(it, _)| it == name) {
            fields.list.push((name, value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Keeps what would be written.
    struct Kept(Box<dyn Look>, Arc<Mutex<String>>);

    impl Look for Kept {
        fn write(&self, line: &Line, _: &mut String) {
            self.0.write(line, &mut self.1.lock());
        }
    }

    fn said(look: impl Look + 'static, say: impl FnOnce()) -> (String, Arc<Feed<LogLine>>) {
        let (kept, feed) = (Arc::default(), Arc::new(Feed::new(9)));
        let output = Output::Stderr(Box::new(Kept(Box::new(look), Arc::clone(&kept))));
        let lines = Lines::new(Clock::system(), output, Arc::clone(&feed));
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, say);
        let text = kept.lock().clone();
        (text, feed)
    }

    fn hostile() {
        let span = tracing::info_span!("request", request_id = "r1", name = "outer");
        let _in_it = span.enter();
        tracing::warn!(
            name = "a\u{1b}[2J\nERROR forged\u{202e}",
            count = 3_u64,
            ok = true,
            "hi \u{9b}31m"
        );
    }

    #[test]
    fn a_line_stays_one_line_in_every_look() {
        use crate::{logging::look::Pretty, model::text::is_unsafe};
        let (pretty, feed) = said(Pretty::new(false), hostile);
        assert_eq!(pretty.matches('\n').count(), 1, "{pretty}");
        assert!(!pretty.trim_end().contains(is_unsafe), "{pretty:?}");
        let shown = "WARN hi \\u{9b}31m name=\"a\\u{1b}[2J\\u{a}ERROR forged\\u{202e}\" count=3 ok=true \
                     request_id=r1\n";
        assert!(pretty.ends_with(shown), "{pretty}");
        let (json, _) = said(Json, hostile);
        let line: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "hi \\u{9b}31m");
        assert_eq!(line["fields"]["count"], 3);
        assert_eq!(line["fields"]["ok"], true);
        assert_eq!(line["fields"]["request_id"], "r1");
        let kept = feed.after(0, 9).items.remove(0).item;
        assert_eq!(
            (kept.level.as_str(), kept.message.as_str()),
            ("WARN", "hi \\u{9b}31m")
        );
        assert_eq!(kept.fields.len(), 4);
        assert!(!kept.fields.concat().contains(is_unsafe), "{kept:?}");
    }
}
