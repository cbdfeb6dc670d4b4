//! What is asked before something is done: a reason, for how long, whether one is sure; and the answer.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    act::{Act, Field, Request, Said},
    input::Input,
};

/// Where a dialog stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Something is typed. With what was wrong with it, if something was.
    Typing(Option<String>),
    /// The server was asked.
    Asked,
    /// It was only tried, and this is what would happen.
    Tried(String),
    /// It was done, or refused.
    Over(Result<String, String>),
}

/// What a key made of a dialog.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It goes on.
    Open,
    /// It is to be closed.
    Closed,
    /// The server is to be asked.
    Ask(Request),
}

/// A dialog before something is done.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// What is to be done.
    pub(crate) act: Act,
    /// What is typed for it.
    pub(crate) fields: Vec<(Field, Input)>,
    /// The field that is typed into.
    pub(crate) at: usize,
    /// Where it stands.
    pub(crate) stage: Stage,
    /// Whether the server is only asked what would happen.
    trying: bool,
}

impl Dialog {
    /// With its fields as they are at first.
    pub(crate) fn new(act: Act) -> Self {
        let fields = act.fields().into_iter();
        Self {
            fields: fields
                .map(|(field, text)| (field, Input::new(text)))
                .collect(),
            act,
            at: 0,
            stage: Stage::Typing(None),
            trying: false,
        }
    }

    /// The command that does the same.
    pub(crate) fn command(&self) -> String {
        self.act.command(&self.said(), false)
    }

    /// Takes a key.
    pub(crate) fn press(&mut self, key: KeyEvent) -> Outcome {
        match self.stage {
            Stage::Asked if key.code == KeyCode::Esc => return Outcome::Closed,
            Stage::Asked => return Outcome::Open,
            Stage::Over(_) => return Outcome::Closed,
            Stage::Typing(_) | Stage::Tried(_) => {}
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let last = self.fields.len().saturating_sub(1);
        match key.code {
            KeyCode::Esc => return Outcome::Closed,
            KeyCode::Char('t') if control => return self.ask(true),
            KeyCode::Enter if self.at == last => return self.ask(false),
            KeyCode::Enter | KeyCode::Tab | KeyCode::Down => {
                self.at = if self.at == last { 0 } else { self.at + 1 };
            }
            KeyCode::BackTab | KeyCode::Up => {
                self.at = self.at.checked_sub(1).unwrap_or(last);
            }
            _ => {
                if let Some((_, input)) = self.fields.get_mut(self.at)
                    && input.press(key)
                {
                    self.stage = Stage::Typing(None);
                }
            }
        }
        Outcome::Open
    }

    fn ask(&mut self, dry_run: bool) -> Outcome {
        let unsure = self.act.confirm().filter(|wanted| {
            let typed = self
                .fields
                .iter()
                .find(|(field, _)| *field == Field::Confirm);
            !dry_run && typed.is_none_or(|(_, input)| input.text().trim() != *wanted)
        });
        if let Some(wanted) = unsure {
            let why = format!("To do it, type the name: {wanted}");
            self.stage = Stage::Typing(Some(why));
            return Outcome::Open;
        }
        match self.act.request(&self.said(), dry_run) {
            Ok(request) => {
                self.stage = Stage::Asked;
                self.trying = dry_run;
                Outcome::Ask(request)
            }
            Err(why) => {
                self.stage = Stage::Typing(Some(why));
                Outcome::Open
            }
        }
    }

    /// Takes the answer.
    pub(crate) fn answer(&mut self, answer: Result<serde_json::Value, String>) {
        if self.stage != Stage::Asked {
            return;
        }
        self.stage = match answer {
            Ok(answer) if self.trying => Stage::Tried(self.act.done(&answer, true)),
            Ok(answer) => Stage::Over(Ok(self.act.done(&answer, false))),
            Err(why) if self.trying => Stage::Typing(Some(why)),
            Err(why) => Stage::Over(Err(why)),
        };
    }

    fn said(&self) -> Said {
        let mut said = Said::default();
        for (field, input) in &self.fields {
            let text = (!input.is_empty()).then(|| input.text().trim().to_owned());
            match field {
                Field::Reason => said.reason = text,
                Field::Period => said.period = text,
                Field::Age => said.age = text,
                Field::Text => said.text = text,
                Field::Confirm => {}
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn press(dialog: &mut Dialog, code: KeyCode) -> Outcome {
        dialog.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn type_in(dialog: &mut Dialog, text: &str) {
        for c in text.chars() {
            press(dialog, KeyCode::Char(c));
        }
    }

    fn ban() -> Dialog {
        Dialog::new(Act::Sanction {
            word: "ban",
            user: "eve".into(),
            room: None,
        })
    }

    #[test]
    fn a_ban_needs_the_name() {
        let mut dialog = ban();
        press(&mut dialog, KeyCode::Tab);
        type_in(&mut dialog, "spam");
        press(&mut dialog, KeyCode::Enter);
        type_in(&mut dialog, "ev");
        assert!(matches!(press(&mut dialog, KeyCode::Enter), Outcome::Open));
        assert!(matches!(&dialog.stage, Stage::Typing(Some(why)) if why.contains("eve")));
        type_in(&mut dialog, "e");
        assert_eq!(
            dialog.command(),
            "chatd user ban eve --for 7d --reason spam"
        );
        let Outcome::Ask(request) = press(&mut dialog, KeyCode::Enter) else {
            panic!("it is not asked");
        };
        assert_eq!(request.path, "/v1/users/eve/ban");
        assert_eq!(request.body["reason"], "spam");
        dialog.answer(Err("not allowed".into()));
        assert_eq!(dialog.stage, Stage::Over(Err("not allowed".into())));
        assert!(matches!(
            press(&mut dialog, KeyCode::Enter),
            Outcome::Closed
        ));
    }

    #[test]
    fn trying_changes_nothing_and_needs_no_name() {
        let mut dialog = ban();
        let tried = dialog.press(KeyEvent::new(KeyCode::Char('t'), KeyModifiers::CONTROL));
        let Outcome::Ask(request) = tried else {
            panic!("it is not asked");
        };
        assert_eq!(request.body["dry_run"], true);
        dialog.answer(Ok(json!({})));
        assert!(matches!(&dialog.stage, Stage::Tried(said) if said.starts_with("Dry run")));
        assert!(matches!(press(&mut dialog, KeyCode::Enter), Outcome::Open));
        assert!(matches!(press(&mut dialog, KeyCode::Esc), Outcome::Closed));
    }
}
