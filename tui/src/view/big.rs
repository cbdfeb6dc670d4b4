//! Large digits, for figures to be read across a room.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

/// How many lines a digit takes.
pub(super) const HEIGHT: u16 = 3;

/// Each sign as five lines of dots, `#` for one.
const SIGNS: [(char, [&str; 5]); 12] = [
    ('0', ["###", "# #", "# #", "# #", "###"]),
    ('1', [" # ", "## ", " # ", " # ", "###"]),
    ('2', ["###", "  #", "###", "#  ", "###"]),
    ('3', ["###", "  #", "###", "  #", "###"]),
    ('4', ["# #", "# #", "###", "  #", "  #"]),
    ('5', ["###", "#  ", "###", "  #", "###"]),
    ('6', ["###", "#  ", "###", "# #", "###"]),
    ('7', ["###", "  #", "  #", "  #", "  #"]),
    ('8', ["###", "# #", "###", "# #", "###"]),
    ('9', ["###", "# #", "###", "  #", "###"]),
    (',', [" ", " ", " ", " ", "#"]),
    ('.', [" ", " ", " ", " ", "#"]),
];

/// How many columns a figure takes.
pub(super) fn width(figure: &str) -> usize {
    let wide = |c: char| dots(c).map_or(1, |dots| dots[0].len());
    figure.chars().map(|c| wide(c) + 1).sum()
}

fn dots(sign: char) -> Option<[&'static str; 5]> {
    let found = SIGNS.iter().find(|(known, _)| *known == sign);
    found.map(|(_, dots)| *dots)
}

/// Draws a figure; what there is no large sign for stays empty.
pub(super) fn render(figure: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    let mut x = area.x;
    for sign in figure.chars() {
        let dots = dots(sign).unwrap_or([" "; 5]);
        let wide = u16::try_from(dots[0].len()).unwrap_or(1);
        if x + wide > area.right() {
            return;
        }
        for (line, y) in (area.y..area.bottom()).take(HEIGHT.into()).enumerate() {
            for (column, cell) in (x..x + wide).enumerate() {
                let dot =
                    |line: usize| dots.get(line).is_some_and(|l| l.as_bytes()[column] == b'#');
                let sign = match (dot(line * 2), dot(line * 2 + 1)) {
                    (true, true) => "█",
                    (true, false) => "▀",
                    (false, true) => "▄",
                    (false, false) => " ",
                };
                buffer.set_string(cell, y, sign, style);
            }
        }
        x += wide + 1;
    }
}
