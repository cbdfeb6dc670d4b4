//! Where the settings say that the bytes of files lie.

use std::time::Duration;

use crate::{
    config::Config,
    objects::{Bucket, Place as Objects, Reach},
    shelf::Place,
};

/// How long one request to an object store may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long whoever looks from outside waits.
const SHORT: Duration = Duration::from_secs(10);

/// Where the bytes of files are to lie; an error says which setting is wrong, and how.
pub fn place(config: &Config) -> Result<Place, String> {
    let files = &config.files;
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    if files.url.is_empty() {
        let unused = [
            (!files.endpoint.is_empty(), "endpoint"),
            (!files.region.is_empty(), "region"),
            (!files.credentials.as_os_str().is_empty(), "credentials"),
        ];
        if let Some((_, name)) = unused.iter().find(|(said, _)| *said) {
            return Err(format!(
                "files.{name} is about an object store, and files.url names none"
            ));
        }
        let dir = match &files.dir {
            dir if dir.as_os_str().is_empty() => config.server.data_dir.join("files"),
            dir => dir.clone(),
        };
        return Ok(Place::Directory(dir));
    }
    if !files.dir.as_os_str().is_empty() {
        return Err("files.dir and files.url name two places for the same; leave one out".into());
    }
    let place = Objects::parse(&files.url).map_err(|why| format!("files.url: {why}"))?;
    let endpoint = said(&files.endpoint).map(|text| Reach::parse_endpoint(&text));
    let endpoint = endpoint.transpose();
    let region = said(&files.region).map(|text| Reach::parse_region(&text));
    let region = region.transpose();
    let reach = Reach {
        endpoint: endpoint.map_err(|why| format!("files.endpoint: {why}"))?,
        region: region.map_err(|why| format!("files.region: {why}"))?,
        credentials: Some((files.credentials.clone(), files.profile.clone()))
            .filter(|(file, _)| !file.as_os_str().is_empty()),
        allow_http: files.allow_http,
        timeout: PATIENCE,
    };
    Ok(Place::Bucket(place, reach))
}

/// Refuses settings with which no file could be kept. Nothing is asked of an object store.
pub fn check_settings(config: &Config) -> Result<(), String> {
    match place(config)? {
        Place::Directory(_) => Ok(()),
        Place::Bucket(place, reach) => match Bucket::open(&place, &reach) {
            Ok(_) => Ok(()),
            Err(e @ crate::objects::Unfit::Open(_)) => {
                Err(format!("files.url: {e}, or set files.allow_http"))
            }
            Err(e) => Err(format!("files.url: {e}")),
        },
    }
}

/// Asks an object store whether it answers, for whoever looks from outside; none where files lie in a directory.
pub async fn look(config: &Config) -> Option<Result<String, String>> {
    let Ok(Place::Bucket(place, reach)) = place(config) else {
        return None;
    };
    let bucket = match Bucket::open(&place, &reach) {
        Ok(bucket) => bucket,
        Err(e) => return Some(Err(e.to_string())),
    };
    let asked = tokio::time::timeout(SHORT, bucket.get("store")).await;
    let at = bucket.at();
    Some(match asked {
        Ok(Ok(_)) => Ok(format!("{place} at {at} answers")),
        Ok(Err(fault)) => Err(format!("cannot look into {place} at {at}: {fault}")),
        Err(_) => Err(format!("{place} at {at} does not answer")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(change: impl FnOnce(&mut crate::config::Files)) -> Config {
        let mut config = Config::default();
        change(&mut config.files);
        config
    }

    #[test]
    fn a_place_is_a_directory_or_a_bucket() {
        let usual = place(&Config::default()).expect("a place");
        assert!(matches!(usual, Place::Directory(dir) if dir.ends_with("files")));
        let bucket = set(|f| f.url = "s3://uploads/a".into());
        let Place::Bucket(place, reach) = place(&bucket).expect("a place") else {
            panic!("a directory");
        };
        assert_eq!(place.to_string(), "s3://uploads/a");
        assert_eq!((reach.endpoint, reach.credentials), (None, None));
    }

    #[test]
    fn what_cannot_be_names_the_setting() {
        for (config, why) in [
            (
                set(|f| f.url = "https://x/y".into()),
                "files.url: write it as",
            ),
            (
                set(|f| f.url = "s3://key:secret@uploads".into()),
                "files.url: cred",
            ),
            (
                set(|f| f.endpoint = "https://x".into()),
                "files.endpoint is about",
            ),
            (
                set(|f| {
                    f.url = "s3://uploads".into();
                    f.dir = "/srv".into();
                }),
                "files.dir and files.url",
            ),
            (
                set(|f| {
                    f.url = "s3://uploads".into();
                    f.endpoint = "http://store.example.org".into();
                }),
                "files.allow_http",
            ),
            (
                set(|f| {
                    f.url = "s3://uploads".into();
                    f.credentials = "/nowhere".into();
                }),
                "credentials in /nowhere",
            ),
        ] {
            let wrong = check_settings(&config).expect_err(why);
            assert!(wrong.contains(why) && !wrong.contains("secret"), "{wrong}");
        }
    }
}
