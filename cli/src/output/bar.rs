//! A bar on stderr, where somebody sees one. It leaves nothing behind.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::Console;

/// A bar of this look; drawn nowhere but on a terminal. How long it gets is known later.
pub(crate) fn bar(console: &Console, template: &str) -> ProgressBar {
    let target = if !console.is_words() || console.is_quiet() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr_with_hz(8)
    };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
