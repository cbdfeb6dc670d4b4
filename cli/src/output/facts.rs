//! Details of one thing: a line for each, labels to the left.

use std::fmt::Write as _;

use super::bold;

/// Labels and values, in blocks.
#[derive(Default)]
pub(crate) struct Facts {
    /// None is the empty line between two blocks.
    lines: Vec<Option<(&'static str, String)>>,
}

impl Facts {
    /// A line. The value was escaped.
    #[must_use]
    pub(crate) fn with(mut self, label: &'static str, value: impl Into<String>) -> Self {
        self.lines.push(Some((label, value.into())));
        self
    }

    /// A line, where there is a value.
    #[must_use]
    pub(crate) fn maybe(self, label: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(label, value),
            None => self,
        }
    }

    /// An empty line.
    #[must_use]
    pub(crate) fn gap(mut self) -> Self {
        self.lines.push(None);
        self
    }

    /// The lines below `title`.
    pub(crate) fn under(self, title: &str) -> String {
        let labels = self.lines.iter().flatten().map(|(label, _)| label.len());
        let width = labels.max().unwrap_or(0);
        let mut text = bold(title);
        text.push('\n');
        for line in &self.lines {
            match line {
                Some((label, value)) => writeln!(text, "  {label:<width$}   {value}"),
                None => writeln!(text),
            }
            .expect("a String takes all that is written to it");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_each_other() {
        let facts = Facts::default()
            .with("id", "1")
            .maybe("title", None::<String>)
            .gap();
        let text = facts.with("created", "now").under("ana");
        let title = bold("ana");
        assert_eq!(text, format!("{title}\n  id        1\n\n  created   now\n"));
    }
}
