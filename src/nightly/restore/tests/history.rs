//! The life of one contact centre: operations that a seed draws, each of which may be killed, backups, and restores.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::json;

use super::Told;
use super::oracle::{After, Model, Record, Request};
use super::world::{Dice, NAMES, Template, copy, copy_database, email, ingest, phone, see, serve, within, writes_end};
use crate::base::day::{cutoff, local_day};
use crate::base::id::RequestId;
use crate::base::version::Versions;
use crate::content::{self, ContentError, ContentKind, MediaType, NewContent, Sensitivity};
use crate::nightly::restore::{self, ReplayOptions};
use crate::nightly::{self, Ending, Options, Progress, Stop};
use crate::requests::holds::{self, NewHold};
use crate::requests::{self, NewRequest, RequestError, RequestPatch};
use crate::tests::{Folder, Stage};

/// How often a history lets a replay be killed.
const KILLED_REPLAYS: u32 = 3;

/// The databases that an operator restores. With both, the objects are restored too.
const RESTORES: [&[&str]; 3] = [&["archive"], &["vault"], &["archive", "vault"]];

/// The files of a backup, and the records that were in it.
struct Backup {
    folder: Folder,
    records: BTreeMap<String, Record>,
}

pub struct History {
    /// It is none while the databases are closed.
    stage: Option<Stage>,
    dice: Dice,
    model: Model,
    backup: Option<Backup>,
    told: Told,
    sent: u32,
}

impl History {
    pub async fn begin(template: &Template, seed: u64, told: Told) -> Self {
        let (from, folder) = (&template.stage, Folder::new());
        copy(&from.folder, &folder);
        let stage = Stage::reopened(folder, from.tenant.clone(), from.actor.clone(), from.app.clock).await;
        Self { stage: Some(stage), dice: Dice(seed), model: Model::default(), backup: None, told, sent: 0 }
    }

    fn stage(&self) -> &Stage {
        self.stage.as_ref().unwrap()
    }

    fn now(&self) -> DateTime<Utc> {
        self.stage().app.clock.now()
    }

    fn tell(&self, text: String) {
        self.told.lock().unwrap().push(text);
    }

    /// All operations, and a last night after all cut-offs.
    pub async fn live(&mut self) {
        self.model.seen = see(self.stage()).await;
        for _ in 0..8 + self.dice.below(18) {
            let minutes = 60 + i64::try_from(self.dice.below(1_800)).unwrap();
            self.wait(TimeDelta::minutes(minutes));
            self.step().await;
        }
        self.wait(TimeDelta::days(3));
        for id in self.model.seen.holds.keys() {
            let stage = self.stage();
            holds::release(&stage.app, &stage.actor, *id, &Versions::Absent).await.unwrap();
        }
        self.tell("a last job after all cut-offs".to_owned());
        self.night(None).await;
        self.check(After::Night).await;
        self.model.check_end();
        serve(self.stage()).await;
    }

    fn wait(&mut self, by: TimeDelta) {
        self.stage = self.stage.take().map(|stage| stage.later(by));
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..28 => self.send(false).await,
            28..34 => self.send(true).await,
            34..50 => self.enter().await,
            50..55 => self.edit().await,
            55..59 => self.cancel().await,
            59..66 => self.upload().await,
            66..69 => self.delete_content().await,
            69..72 => self.hold().await,
            72..74 => self.release().await,
            74..88 => {
                let polls = self.dice.polls(45, 10);
                self.tell(format!("a night, killed after {polls:?}"));
                self.night(polls).await;
                self.check(After::Night).await;
            }
            88..94 => self.back_up().await,
            _ => self.restore().await,
        }
    }

    async fn check(&mut self, after: After) {
        let seen = see(self.stage()).await;
        self.model.check(seen, after);
    }

    /// Ends a call. If it was killed, another process follows.
    async fn end_call(&mut self, was_killed: bool) {
        if was_killed {
            self.revive().await;
            serve(self.stage()).await;
        }
        self.check(After::Call).await;
    }

    /// Starts the process that follows a killed one. The leases of the killed one end at once.
    async fn revive(&mut self) {
        writes_end(&self.stage().folder.join("journal")).await;
        let stage = self.stage.take().unwrap();
        let mut tx = stage.app.archive.write().await.unwrap();
        tx.query("UPDATE leases SET until_ms = 0").execute().await.unwrap();
        tx.commit().await.unwrap();
        drop(stage.app.vault.write().await.unwrap());
        self.stage = Some(stage.restarted());
    }

    /// Runs the nightly job, which may be killed.
    async fn night(&mut self, polls: Option<u64>) {
        let stage = self.stage();
        let (as_of, journal_days, audit_days) = (self.now(), 400, None);
        let options = Options { as_of, tenant: None, retry_texts: false, scan: false, journal_days, audit_days };
        let (progress, stop) = (Progress::lines(), Stop::default());
        let ran = within(polls, nightly::run(&stage.app, &stage.content_store, &options, &progress, &stop)).await;
        let Some(ran) = ran else {
            self.revive().await;
            serve(self.stage()).await;
            return;
        };
        let (ending, reports) = ran.unwrap_or_else(|error| panic!("STUCK: the job failed: {error}"));
        let most = if self.model.was_restored { Ending::Incomplete } else { Ending::Done };
        assert!(ending <= most, "STUCK: the job ended as {ending:?}: {reports:?}");
    }

    /// Sends a new record, or one again with another customer.
    async fn send(&mut self, is_moved: bool) {
        let customer = self.dice.customer();
        let known = self.dice.pick(self.model.seen.records.iter().map(|(name, row)| (name.clone(), row.at)));
        let (name, at) = known.filter(|_| is_moved).unwrap_or_else(|| {
            self.sent += 1;
            let days = TimeDelta::hours(i64::try_from(self.dice.below(20 * 24)).unwrap());
            (format!("rec-{}", self.sent), self.now() - days)
        });
        let polls = self.dice.polls(15, 6);
        self.tell(format!("{name} of {at} has the customer {customer}, killed after {polls:?}"));
        let body = json!({ "external_id": name, "channel": "call", "started_at": at, "customer": {
            "phone_number": phone(customer), "email": email(customer), "name": NAMES[customer] } });
        let stored = within(polls, ingest(self.stage(), &body)).await;
        let record = Record { owners: Vec::new(), may_lack: stored.is_none() };
        let record = self.model.records.entry(name).or_insert(record);
        if let Some(stored) = &stored {
            stored.as_ref().unwrap();
            record.owners.clear();
        }
        record.owners.push(customer);
        self.end_call(stored.is_none()).await;
    }

    /// A day before another one, and its cut-off.
    fn day(&mut self, last: NaiveDate) -> (NaiveDate, DateTime<Utc>) {
        let day = last - Days::new(self.dice.below(12));
        (day, cutoff(day, self.stage().tenant.zone).unwrap())
    }

    async fn enter(&mut self) {
        let today = local_day(self.now(), self.stage().tenant.zone);
        let (customer, deletes, (day, cutoff)) = (self.dice.customer(), self.dice.below(2) == 0, self.day(today));
        let by = [[true, false], [false, true], [true, true]][self.dice.index(3)];
        let polls = self.dice.polls(20, 6);
        self.tell(format!("a request for {customer} by {by:?} to {day}, {deletes}, killed after {polls:?}"));
        let new: NewRequest = serde_json::from_value(json!({
            "phone_number": by[0].then(|| phone(customer)), "email": by[1].then(|| email(customer)),
            "to_date": day, "targets": ["archive"], "delete_content": deletes,
        }))
        .unwrap();
        let stage = self.stage();
        let entered = within(polls, requests::create(&stage.app, &stage.actor, &new, None)).await;
        let request = Request::new(customer, by, cutoff, deletes);
        let was_killed = entered.is_none();
        match entered {
            Some(Ok(entered)) => drop(self.model.requests.insert(entered.value.request.id, request)),
            Some(Err(error)) => panic!("the request was refused: {error}"),
            None => self.model.entering = Some(request),
        }
        self.end_call(was_killed).await;
    }

    fn waiting(&mut self) -> Option<RequestId> {
        let waiting = self.model.seen.requests.iter().filter(|(_, row)| !row.is_done);
        self.dice.pick(waiting.map(|(id, _)| *id))
    }

    async fn edit(&mut self) {
        let Some(id) = self.waiting() else { return };
        // The day of entry is the last one that is allowed, and it is the cut-off of most requests.
        let last = local_day(self.model.requests[&id].cutoff - TimeDelta::hours(12), self.stage().tenant.zone);
        let (day, cutoff) = self.day(last);
        let polls = self.dice.polls(30, 6);
        self.tell(format!("the request {id} is edited to {day}, killed after {polls:?}"));
        let patch: RequestPatch = serde_json::from_value(json!({ "to_date": day })).unwrap();
        let stage = self.stage();
        let edited = within(polls, requests::change(&stage.app, &stage.actor, id, &Versions::Any, &patch)).await;
        let was_killed = edited.is_none();
        let request = self.model.requests.get_mut(&id).unwrap();
        match edited {
            Some(Ok(_)) => request.cutoff = cutoff,
            Some(Err(RequestError::PassStarted)) => {}
            Some(Err(error)) => panic!("the edit was refused: {error}"),
            None => request.maybe_cutoff = Some(cutoff),
        }
        self.end_call(was_killed).await;
    }

    async fn cancel(&mut self) {
        let Some(id) = self.waiting() else { return };
        let polls = self.dice.polls(30, 6);
        self.tell(format!("the request {id} is cancelled, killed after {polls:?}"));
        let stage = self.stage();
        let cancelled = within(polls, requests::cancel(&stage.app, &stage.actor, id, &Versions::Any)).await;
        let was_killed = cancelled.is_none();
        let request = self.model.requests.get_mut(&id).unwrap();
        match cancelled {
            Some(Ok(())) => request.is_cancelled = true,
            Some(Err(RequestError::PassStarted)) => {}
            Some(Err(error)) => panic!("the cancellation was refused: {error}"),
            None => request.maybe_cancelled = true,
        }
        self.end_call(was_killed).await;
    }

    async fn upload(&mut self) {
        let known = self.model.seen.records.iter().map(|(name, row)| (name.clone(), row.id));
        let Some((name, interaction)) = self.dice.pick(known) else { return };
        self.tell(format!("{name} gets content"));
        let (kind, media_type) = (ContentKind::Recording, MediaType::parse("audio/wav").unwrap());
        let new = NewContent { interaction, kind, media_type, sensitivity: Sensitivity::Normal };
        let Stage { app, content_store, tenant, .. } = self.stage();
        let begun = content::begin_upload(app, content_store, tenant.id, new, None).await;
        match begun {
            Ok(mut upload) => {
                upload.push(b"hello").await.unwrap();
                upload.finish(None).await.unwrap();
            }
            Err(ContentError::Forgotten) => {}
            Err(error) => panic!("the upload was refused: {error}"),
        }
        self.check(After::Call).await;
    }

    async fn delete_content(&mut self) {
        let Some(id) = self.dice.pick(self.model.seen.contents.keys().copied()) else { return };
        self.tell(format!("the content {id} is deleted"));
        let Stage { app, content_store, actor, .. } = self.stage();
        let deleted = content::delete(app, content_store, actor, id).await;
        match deleted {
            Ok(()) => {
                self.model.deleted.insert(id);
            }
            Err(ContentError::Held) => {}
            Err(error) => panic!("the deletion was refused: {error}"),
        }
        self.check(After::Call).await;
    }

    async fn hold(&mut self) {
        let (customer, polls) = (self.dice.customer(), self.dice.polls(20, 6));
        self.tell(format!("a hold of {customer}, killed after {polls:?}"));
        let new: NewHold = serde_json::from_value(json!({
            "phone_number": phone(customer), "email": email(customer), "ground": "17(3)(e)", "reference": "case 1",
            "review_on": "2027-08-03",
        }))
        .unwrap();
        let stage = self.stage();
        let placed = within(polls, holds::place(&stage.app, &stage.actor, &new, None)).await;
        let was_killed = placed.is_none();
        match placed {
            None | Some(Ok(_) | Err(RequestError::HoldTooLate)) => {}
            Some(Err(error)) => panic!("the hold was refused: {error}"),
        }
        self.end_call(was_killed).await;
    }

    async fn release(&mut self) {
        let Some(id) = self.dice.pick(self.model.seen.holds.keys().copied()) else { return };
        let polls = self.dice.polls(20, 6);
        self.tell(format!("the hold {id} is released, killed after {polls:?}"));
        let stage = self.stage();
        let released = within(polls, holds::release(&stage.app, &stage.actor, id, &Versions::Absent)).await;
        let was_killed = released.is_none();
        if let Some(Err(error)) = released {
            panic!("the release was refused: {error}");
        }
        self.end_call(was_killed).await;
    }

    /// Ends the process, works on its files, and starts another one.
    async fn between_processes(&mut self, work: impl FnOnce(&Folder)) {
        let Stage { app, folder, tenant, actor, content_store: _ } = self.stage.take().unwrap();
        app.archive.close().await;
        app.vault.close().await;
        work(&folder);
        self.stage = Some(Stage::reopened(folder, tenant, actor, app.clock).await);
    }

    async fn back_up(&mut self) {
        self.tell("a backup".to_owned());
        let backup = Folder::new();
        self.between_processes(|folder| {
            copy_database("archive", folder, &backup);
            copy_database("vault", folder, &backup);
            copy(&folder.join("objects"), &backup.join("objects"));
        })
        .await;
        self.backup = Some(Backup { folder: backup, records: self.model.records.clone() });
        self.check(After::Call).await;
    }

    /// Restores the archive, the vault, or all. The journal stays as it is.
    async fn restore(&mut self) {
        let Some(Backup { folder: backup, records }) = self.backup.take() else {
            self.back_up().await;
            return;
        };
        let parts = RESTORES[self.dice.index(RESTORES.len())];
        self.tell(format!("a restore of {parts:?}"));
        let before: BTreeSet<RequestId> = self.model.seen.requests.keys().copied().collect();
        self.between_processes(|folder| {
            for part in parts {
                copy_database(part, &backup, folder);
            }
            if parts.len() > 1 {
                let _ = std::fs::remove_dir_all(folder.join("objects"));
                copy(&backup.join("objects"), &folder.join("objects"));
            }
        })
        .await;
        let of_backup = Some(records.clone()).filter(|_| parts.contains(&"archive"));
        self.backup = Some(Backup { folder: backup, records });
        let seen = see(self.stage()).await;
        self.model.restored(of_backup, seen);
        self.replay(&before).await;
        serve(self.stage()).await;
        self.night(None).await;
        self.check(After::Recovery).await;
    }

    /// Replays the journal as long as a database is behind. Some attempts may be killed, and no other one may fail.
    async fn replay(&mut self, before: &BTreeSet<RequestId>) {
        for attempt in 0.. {
            let polls = self.dice.polls(60, 10).filter(|_| attempt < KILLED_REPLAYS);
            let Stage { app, content_store, .. } = self.stage();
            let look = restore::look(app).await.unwrap();
            assert_eq!(look.damage, None, "STUCK: the journal is damaged");
            if look.tenants.iter().all(|one| one.behind.is_none()) {
                return;
            }
            self.tell(format!("a replay, killed after {polls:?}"));
            let options = ReplayOptions { tenant: None, dry_run: false };
            let (progress, stop) = (Progress::lines(), Stop::default());
            let replayed = within(polls, restore::replay(app, content_store, options, &progress, &stop)).await;
            let Some(replayed) = replayed else {
                self.revive().await;
                continue;
            };
            let (ending, reports) = replayed.unwrap_or_else(|error| panic!("STUCK: the replay failed: {error}"));
            assert!(ending <= Ending::Incomplete, "STUCK: the replay ended as {ending:?}: {reports:?}");
            let seen = see(self.stage()).await;
            for (_, report) in &reports {
                self.model.check_replay(before, &seen, report);
            }
            return;
        }
    }
}
