//! Decisions of killed calls that a later decision of the user has replaced: a restore must not repeat them.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::world::{Template, copy, copy_database, phone, see, serve};
use crate::base::id::RequestId;
use crate::base::version::Versions;
use crate::requests::{self, NewRequest, RequestPatch};
use crate::tests::{Folder, Stage, instant};

fn patch(day: &str) -> RequestPatch {
    serde_json::from_value(json!({ "to_date": day })).unwrap()
}

/// The same installation in a new process, whose archive is that of a backup.
async fn with_archive_of(backup: &Folder, stage: Stage) -> Stage {
    stage.close().await;
    let Stage { app, folder, tenant, actor, content_store: _ } = stage;
    copy_database("archive", backup, &folder);
    Stage::reopened(folder, tenant, actor, app.clock).await
}

/// Restores the archive from before a killed decision and a confirmed edit. Returns the end of the request then.
async fn restored(is_cancelled: bool) -> Option<DateTime<Utc>> {
    let (template, folder, backup) = (Template::new().await, Folder::new(), Folder::new());
    copy(&template.stage.folder, &folder);
    let Stage { tenant, actor, app, .. } = &template.stage;
    let stage = Stage::reopened(folder, tenant.clone(), actor.clone(), app.clock).await;
    let new = json!({ "phone_number": phone(0), "to_date": "2026-08-01", "targets": ["archive"] });
    let new: NewRequest = serde_json::from_value(new).unwrap();
    let id: RequestId = requests::create(&stage.app, actor, &new, None).await.unwrap().value.request.id;
    stage.close().await;
    copy_database("archive", &stage.folder, &backup);

    // A call that was killed before its commit leaves an object, and the archive as it was.
    let stage = with_archive_of(&backup, stage).await;
    if is_cancelled {
        requests::cancel(&stage.app, actor, id, &Versions::Any).await.unwrap();
    } else {
        requests::change(&stage.app, actor, id, &Versions::Any, &patch("2026-07-01")).await.unwrap();
    }
    let stage = with_archive_of(&backup, stage).await;
    requests::change(&stage.app, actor, id, &Versions::Any, &patch("2026-07-20")).await.unwrap();
    let stage = with_archive_of(&backup, stage).await;
    serve(&stage).await;
    see(&stage).await.requests.get(&id).map(|row| row.due_at)
}

#[tokio::test]
async fn a_confirmed_edit_wins_over_the_killed_decision_before_it() {
    let wanted = Some(instant("2026-07-20T22:00:00Z"));
    assert_eq!(restored(false).await, wanted, "an edit was killed");
    assert_eq!(restored(true).await, wanted, "a cancellation was killed");
}
