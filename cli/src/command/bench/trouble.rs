//! What ends a run before its time, and what to do about it.

use chatd::admin::{self, api::Refused};

use crate::failure::Failure;

/// Why a run cannot go on.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// A connection could not be made.
    Connect(String),
    /// The server did not make a WebSocket of it.
    Upgrade {
        /// The status of its answer.
        status: u16,
        /// The stable code in it, if there was one.
        code: String,
        /// What it said.
        detail: String,
    },
    /// The server refused something.
    Refused {
        /// What was asked.
        doing: &'static str,
        /// The stable code.
        code: String,
        /// What it said.
        detail: String,
    },
    /// The server closed a connection.
    Closed(String),
    /// The server said that a client has to reload.
    Reload,
    /// It does not speak as chatd does.
    Strange(String),
    /// There is no answer.
    Silent(&'static str),
    /// This machine does not do it.
    Here(String),
}

/// What to set on a server that limits how often something is done.
pub(super) const LIMITS: &str = "for a load test start the server with `--set limits.enabled=false`; or stay below \
                      its limits with more --accounts and a lower --rate (see [limits] in `chatd config show`)";

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let refused = |doing: &str, code: String, detail: String| {
            let limited = code == "rate_limited";
            let why = admin::Error::Refused(Refused {
                code,
                detail,
                field: None,
            });
            let hint = if limited {
                LIMITS
            } else {
                "the server's log says more; `chatd doctor` looks at the machine around it"
            };
            let why: Failure = why.into();
            Failure::While {
                doing: doing.to_owned(),
                hint: (why.exit(), hint.to_owned()),
                why: Box::new(why),
            }
        };
        let unreachable = |why: String| {
            let path = "its URL".to_owned();
            Failure::Admin(admin::Error::Unreachable { path, why })
        };
        match trouble {
            Trouble::Connect(why) => unreachable(why),
            Trouble::Silent(what) => unreachable(format!("no answer to {what} in time")),
            Trouble::Upgrade {
                status,
                code,
                detail,
            } => {
                let detail = format!("{status} {detail}");
                refused("open a WebSocket", code, detail.trim().to_owned())
            }
            Trouble::Refused {
                doing,
                code,
                detail,
            } => refused(doing, code, detail),
            Trouble::Closed(why) => Failure::Found {
                what: format!("the server closed a connection during the run: {why}"),
                hint: "after `slow_consumer` this machine or the network was too slow; the server's log says more",
            },
            Trouble::Reload => Failure::Found {
                what:
                    "a client that came back was told to reload: it missed more than a replay holds"
                        .into(),
                hint: "lower --missed or --rate, or raise ws.replay_entries and ws.replay_bytes on the server",
            },
            Trouble::Strange(what) => Failure::Found {
                what: format!("the server does not speak as chatd does: {what}"),
                hint: "look whether the URL leads to a chatd, and what stands between",
            },
            Trouble::Here(why) => anyhow::anyhow!(why).into(),
        }
    }
}

/// A failure of the machine that the load comes from.
pub(super) fn here(doing: &str, e: impl std::fmt::Display) -> Trouble {
    Trouble::Here(format!("cannot {doing}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn a_limit_says_what_to_set() {
        let failure = Failure::from(Trouble::Refused {
            doing: "send",
            code: "rate_limited".into(),
            detail: "too often".into(),
        });
        assert_eq!(failure.exit(), Exit::Unreachable);
        assert_eq!(failure.code(), "rate_limited");
        assert!(failure.hint().unwrap().contains("limits.enabled=false"));
        let forbidden = Failure::from(Trouble::Refused {
            doing: "subscribe",
            code: "forbidden".into(),
            detail: "no".into(),
        });
        assert_eq!(forbidden.exit(), Exit::Permission);
        assert!(!forbidden.hint().unwrap().contains("limits"));
    }

    #[test]
    fn a_connection_that_is_cut_is_a_finding() {
        let failure = Failure::from(Trouble::Closed("4008 slow_consumer".into()));
        assert_eq!(failure.exit(), Exit::Problems);
    }
}
