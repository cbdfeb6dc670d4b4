use serde_json::{Value, json};

use super::*;

const NOW: Millis = Millis(1_763_818_320_000);

fn a_run(with: &Value) -> Run {
    let room = json!({
        "id": "1", "name": "gen\u{1b}eral", "first": 1, "last": 12_000, "segments": 12,
        "entries": 12_000, "messages": 11_990, "bytes": 2_202_009, "size": 300_000, "error": null,
    });
    let mut run = json!({
        "id": "0197", "kind": "archive", "state": "done", "at": NOW.0 - 60_000,
        "finished_at": NOW.0 - 56_000, "scheduled": false, "before": NOW.0 - 86_400_000,
        "rate": 5000, "of": null, "purge_at": null, "by": "uid 0", "planned": 12_000,
        "segments": 12, "entries": 12_000, "messages": 11_990, "bytes": 2_202_009,
        "size": 300_000, "rooms": [room], "error": null, "dry_run": false,
    });
    for (name, value) in with.as_object().expect("an object") {
        run[name] = value.clone();
    }
    serde_json::from_value(run).expect("a run")
}

#[test]
fn a_run_tells_what_it_did_and_what_it_saved() {
    let page = run(&a_run(&json!({})), None, NOW);
    let page = crate::output::plain(&page);
    for part in [
        "Archived 12,000 entries in 1 room.",
        "4.0 s, 3,000 entries a second",
        "2025-11-21T13:32:00Z (1 d ago)",
        "at most 5,000 entries a second",
        "11,990 of 12,000 entries",
        "2.1 MiB → 293.0 KiB (7.3×)",
        "gen\\u{1b}eral",
        "1–12,000",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("TROUBLE") && !page.contains('\u{1b}'),
        "{page}"
    );
}

#[test]
fn the_title_tells_how_it_ended() {
    for (with, text) in [
        (
            json!({"state": "stopped"}),
            "Stopped after 12,000 entries; run the same",
        ),
        (
            json!({"state": "failed"}),
            "Failed in part: 12,000 entries were done.",
        ),
        (
            json!({"state": "interrupted"}),
            "Broken off after 12,000 entries;",
        ),
        (
            json!({"state": "running", "planned": 0}),
            "Under way: looking",
        ),
        (
            json!({"state": "running"}),
            "Under way: 12,000 entries of 12,000 so far.",
        ),
        (json!({"entries": 0, "rooms": []}), "Nothing was archived"),
        (json!({"kind": "prune"}), "Pruned 12,000 entries in 1 room"),
        (
            json!({"kind": "purge"}),
            "Purged 12,000 entries in 1 room, for good.",
        ),
        (
            json!({"kind": "erase"}),
            "Erased texts of deleted messages from 12 segments.",
        ),
        (json!({"kind": "restore"}), "Restored 12,000 entries"),
    ] {
        let page = run(&a_run(&with), None, NOW);
        assert!(page.contains(text), "{with}: {page}");
    }
    let taken_back = run(
        &a_run(&json!({"kind": "restore"})),
        Some(RunKind::Prune),
        NOW,
    );
    assert!(taken_back.contains("Took it back"), "{taken_back}");
}

#[test]
fn a_dry_run_says_what_would_be_and_that_nothing_was() {
    let room = json!({
        "id": "1", "name": "general", "first": 1, "last": 12_345, "segments": 0, "error": null,
        "entries": 12_345, "messages": 12_000, "bytes": 0, "size": 0,
    });
    let with = json!({
        "entries": 12_345, "planned": 12_345, "messages": 12_000, "rooms": [room], "id": null,
        "state": null,
    });
    let page = plan(&a_run(&with), NOW);
    let title = "Dry run: 12,345 entries (12,000 messages) in 1 room would be archived.";
    assert!(page.contains(title), "{page}");
    assert!(page.contains("so 2.4 s or more"), "{page}");
    assert!(page.ends_with("Nothing was changed."), "{page}");
    assert!(!page.contains("RATIO"), "{page}");
    let nothing = plan(&a_run(&json!({"entries": 0, "rooms": []})), NOW);
    assert!(nothing.starts_with("Dry run: nothing is live"), "{nothing}");
}

#[test]
fn a_list_tells_who_and_how_much() {
    let runs = [
        a_run(&json!({})),
        a_run(&json!({"scheduled": true, "by": null})),
    ];
    let text = list(&runs, NOW).words();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[1].starts_with("0197"), "{text}");
    assert!(
        lines[1].ends_with("uid 0") && lines[2].ends_with("schedule"),
        "{text}"
    );
    assert!(lines[1].contains("12,000   293.0 KiB"), "{text}");
}

#[test]
fn many_rooms_are_cut() {
    let mut many = a_run(&json!({}));
    many.rooms = vec![many.rooms[0].clone(); 53];
    let page = run(&many, None, NOW);
    assert!(page.ends_with("… and 3 more; --json tells all"), "{page}");
}
