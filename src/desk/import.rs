//! Importing accounts. Only for operators.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{
    By, Desk,
    api::{
        self,
        import::{Account, Batch, Imported, MOST, NewRun, Outcome, Run},
    },
};
use crate::{
    auth::password::ImportedHash,
    door::{JsonBody, Problem},
    model::{DisplayName, Email, Invalid, Refusal, RoleName, Status, Username},
    ops::{ImportMode, ImportOutcome, ImportRun, ImportedAccount},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Begins an import, which is an act of its own.
#[utoipa::path(
    post, path = "/v1/imports", request_body = NewRun, responses((status = 200, body = Run))
)]
pub(super) async fn begin(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(new): JsonBody<NewRun>,
) -> Answer<Run> {
    let file = new.file.as_ref();
    if file.is_some_and(|f| f.len() != 64 || !f.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Refusal::field("file", "the file's SHA-256 in hexadecimal").into());
    }
    if new.loses_admin.len() > MOST {
        return Err(Refusal::field("loses_admin", format!("at most {MOST} at once")).into());
    }
    let names = new.loses_admin.iter().map(|name| Username::parse(name));
    let run = ImportRun {
        accounts: new.accounts,
        create: new.create,
        update: new.update,
        loses_admin: names
            .collect::<Result<_, _>>()
            .map_err(|why| Refusal::field("loses_admin", why))?,
        file: new.file,
    };
    let run = desk.ops.begin_import(&by, run, new.dry_run).await?;
    Ok(Json(Run { run }))
}

/// Makes accounts, or tells what would become of each.
#[utoipa::path(
    post, path = "/v1/users/import", request_body = Batch,
    responses((status = 200, body = api::List<Imported>))
)]
pub(super) async fn accounts(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(batch): JsonBody<Batch>,
) -> Answer<api::List<Imported>> {
    if batch.accounts.len() > MOST {
        return Err(Refusal::field("accounts", format!("at most {MOST} at once")).into());
    }
    if batch.run.is_none() && !batch.dry_run {
        return Err(Refusal::field("run", "begin one with POST /v1/imports").into());
    }
    let mode = ImportMode {
        run: batch.run.filter(|_| !batch.dry_run),
        update: batch.update,
    };
    let each = batch.accounts.iter().enumerate();
    let accounts: Vec<_> = each.map(|(i, a)| account(i, a)).collect::<Result<_, _>>()?;
    let outcomes = desk.ops.import(&by, &accounts, mode).await?;
    let items = accounts.into_iter().zip(outcomes);
    let body = |(account, outcome): (ImportedAccount, _)| {
        imported(account.name.into(), outcome, batch.dry_run)
    };
    Ok(Json(api::List {
        items: items.map(body).collect(),
        next: None,
    }))
}

fn account(i: usize, account: &Account) -> Result<ImportedAccount, Refusal> {
    fn field<T>(
        i: usize,
        field: &str,
        text: Option<&String>,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Refusal> {
        let parsed = text.map(|text| parse(text)).transpose();
        parsed.map_err(|why| Refusal::field(format!("accounts[{i}].{field}"), why))
    }
    let name = Username::parse(&account.name);
    let status = field(i, "status", account.status.as_ref(), str::parse::<Status>)?;
    let hash = account.password_hash.as_ref();
    if status == Some(Status::Erased) {
        let why = "one of: active, invited, disabled";
        return Err(Refusal::field(format!("accounts[{i}].status"), why));
    }
    Ok(ImportedAccount {
        name: name.map_err(|why| Refusal::field(format!("accounts[{i}].name"), why))?,
        display_name: field(
            i,
            "display_name",
            account.display_name.as_ref(),
            DisplayName::parse,
        )?,
        email: field(i, "email", account.email.as_ref(), Email::parse)?,
        role: field(i, "role", account.role.as_ref(), RoleName::parse)?,
        password: field(i, "password_hash", hash, ImportedHash::parse)?,
        enabled: status.map(|status| status != Status::Disabled),
    })
}

fn imported(name: String, outcome: ImportOutcome, dry_run: bool) -> Imported {
    let mut told = Imported {
        name,
        outcome: Outcome::Unchanged,
        columns: Vec::new(),
        loses_admin: false,
        why: None,
        code: None,
        code_expires_at: None,
    };
    let words = |columns: Vec<&str>| columns.into_iter().map(ToOwned::to_owned).collect();
    match outcome {
        ImportOutcome::Created(code) => {
            told.outcome = Outcome::Created;
            told.code_expires_at = code.as_ref().map(|c| c.code.expires_at);
            told.code = code.filter(|_| !dry_run).map(|c| c.secret.to_string());
        }
        ImportOutcome::Unchanged => {}
        ImportOutcome::Updated {
            columns,
            loses_admin,
        } => {
            told.outcome = Outcome::Updated;
            told.loses_admin = loses_admin;
            told.columns = words(columns);
        }
        ImportOutcome::Conflict(columns, why) => {
            told.outcome = Outcome::Conflict;
            told.columns = words(columns);
            told.why = Some(why);
        }
    }
    told
}
