//! The findings for people: a line each, and below it what mends it.

use std::fmt::Write as _;

use super::{
    Report,
    finding::{Finding, Verdict},
};
use crate::output::{count, escape};

/// How wide a line is at most; longer ones go on below, where the words begin.
const WIDTH: usize = 100;

pub(super) fn page(report: &Report, style: bool) -> String {
    let width = report.checks.iter().map(|it| it.check.len()).max();
    let mut text = String::new();
    for finding in &report.checks {
        line(&mut text, finding, width.unwrap_or(0), style);
    }
    let all = count(report.checks.len() as u64, "check");
    let end = match (report.problems, report.warnings) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => count(warnings, "warning"),
        (problems, 0) => count(problems, "problem"),
        (problems, warnings) => format!(
            "{}, {}",
            count(problems, "problem"),
            count(warnings, "warning")
        ),
    };
    let _infallible = writeln!(text, "\n{all}: {end}.");
    text
}

fn line(text: &mut String, finding: &Finding, width: usize, style: bool) {
    let (word, colour) = match finding.verdict {
        Verdict::Ok => ("ok", "\x1b[32m"),
        Verdict::Warning => ("warning", "\x1b[1;33m"),
        Verdict::Problem => ("problem", "\x1b[1;31m"),
    };
    let (colour, dim, off) = if style {
        (colour, "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let check = finding.check;
    let gap = 7 + 2 + width + 2;
    let what = wrapped(&escape(&finding.what), gap);
    let _infallible = writeln!(text, "{colour}{word:<7}{off}  {check:<width$}  {what}");
    if let Some(mend) = &finding.mend {
        // Not wrapped: it is to be pasted.
        let mend = escape(mend);
        let _infallible = writeln!(text, "{:gap$}{dim}→{off} {mend}", "");
    }
}

/// Words in lines, each but the first behind a gap.
fn wrapped(what: &str, gap: usize) -> String {
    let room = WIDTH - gap;
    let (mut out, mut used) = (String::new(), 0);
    for word in what.split(' ') {
        let long = word.chars().count();
        if used > 0 && used + 1 + long > room {
            let _infallible = write!(out, "\n{:gap$}", "");
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += long;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_goes_on_below_its_beginning() {
        let what = "word ".repeat(30);
        let text = wrapped(what.trim(), 20);
        for (i, line) in text.lines().enumerate() {
            assert!(
                line.chars().count() <= if i == 0 { WIDTH - 20 } else { WIDTH },
                "{line:?}"
            );
            assert!(i == 0 || line.starts_with(&" ".repeat(20)), "{line:?}");
        }
        assert_eq!(text.split_whitespace().count(), 30);
    }

    #[test]
    fn a_name_cannot_act_on_the_terminal() {
        let report = Report {
            ok: false,
            problems: 1,
            warnings: 0,
            checks: vec![Finding::problem(
                "data",
                "\u{1b}[2J is there",
                "rm '\u{202e}'",
            )],
        };
        let text = page(&report, false);
        assert!(
            !text.contains(['\u{202e}', '\u{7}']) && !text.contains("\u{1b}[2J"),
            "{text:?}"
        );
        assert!(text.ends_with("1 check: 1 problem.\n"), "{text}");
    }
}
