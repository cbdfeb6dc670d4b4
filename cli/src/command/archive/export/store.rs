//! Where an export goes: a directory, or a bucket of an object store.

mod dest;
mod directory;
mod s3;
mod there;

use bytes::Bytes;
use chatd::objects::Upload;

pub(super) use self::{dest::Dest, s3::Reach, there::There};
use self::{directory::Directory, s3::S3};
use super::manifest::Part;
use crate::failure::Failure;

/// Where an export goes. All that differs between one kind and another stands behind its functions.
pub(super) struct Store(Kind);

enum Kind {
    Directory(Directory),
    S3(Box<S3>),
}

impl Store {
    /// The one that was named. Nothing is asked or made yet.
    pub(super) fn open(dest: &Dest, reach: &Reach) -> Result<Self, Failure> {
        match dest {
            Dest::Directory(path) => {
                reach.is_unused()?;
                Ok(Self(Kind::Directory(Directory(path.clone()))))
            }
            Dest::Bucket(place) => {
                let s3 = S3::open(place, reach)?;
                Ok(Self(Kind::S3(Box::new(s3))))
            }
        }
    }

    /// What is there. Changes nothing.
    pub(super) async fn look(&self) -> Result<There, Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.look(),
            Kind::S3(s3) => s3.look().await,
        }
    }

    /// Makes it, where that is to be done.
    pub(super) fn begin(&self) -> Result<(), Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.begin(),
            Kind::S3(_) => Ok(()),
        }
    }

    /// Puts something there under a name of up to three parts, and waits until it is kept. What has that name
    /// gives way only where that is meant; a bucket was looked at before, and keeps whoever comes last.
    pub(super) async fn put(&self, name: &str, bytes: Bytes, replace: bool) -> Result<(), Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.put(name, &bytes, replace),
            Kind::S3(s3) => s3.put(name, bytes).await,
        }
    }

    /// Begins something that comes piece by piece, as [`Store::put`] puts what is whole.
    pub(super) fn take<'a>(&'a self, name: &str, replace: bool) -> Result<Incoming<'a>, Failure> {
        Ok(Incoming(match &self.0 {
            Kind::Directory(directory) => Begun::File(directory.take(name, replace)?),
            Kind::S3(s3) => Begun::Object(s3, Box::new(s3.take(name))),
        }))
    }

    /// Waits until all of it is kept.
    pub(super) fn end(&self) -> Result<(), Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.end(),
            Kind::S3(_) => Ok(()),
        }
    }

    /// Nothing more comes. Waits until what did not come to its end is taken back.
    pub(super) async fn leave(&self) {
        if let Kind::S3(s3) = &self.0 {
            s3.leave().await;
        }
    }

    /// Reads what was put there.
    pub(super) async fn get(&self, name: &str) -> Result<Bytes, Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.get(name).map(Bytes::from),
            Kind::S3(s3) => s3.get(name).await,
        }
    }

    /// Reads what was put there, and tells whether it is as it was written.
    pub(super) async fn is_as_written(&self, part: &Part) -> Result<bool, Failure> {
        match &self.0 {
            Kind::Directory(directory) => directory.is_as_written(part),
            Kind::S3(s3) => s3.is_as_written(part).await,
        }
    }
}

/// Something that comes piece by piece. Dropped before it is finished, it leaves nothing under its name.
pub(super) struct Incoming<'a>(Begun<'a>);

enum Begun<'a> {
    File(directory::Incoming),
    Object(&'a S3, Box<Upload>),
}

impl Incoming<'_> {
    /// Takes the next piece.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.0 {
            Begun::File(file) => file.write(bytes),
            Begun::Object(s3, upload) => s3.written(upload.write(bytes).await),
        }
    }

    /// All has come. Waits until it is kept.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        match self.0 {
            Begun::File(file) => file.finish(),
            Begun::Object(s3, upload) => s3.written(upload.finish().await),
        }
    }
}
