//! A look at the journal: which objects do the databases not know, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::horizon::{self, Horizon, oldest_contents, too_old};
use crate::base::hex::hex;
use crate::base::id::{JournalId, PassId, TenantId};
use crate::journal::{self, JournalEntry, KnownObject, NEWEST, ObjectKind, Unreadable};
use crate::nightly::model::{PassError, PassResult, Step};
use crate::nightly::sql;
use crate::tenants::{self, Tenant};
use crate::vault::{self, AppContext};

/// The journal and the databases, compared.
#[derive(Debug, Default)]
pub struct Look {
    pub tenants: Vec<TenantLook>,
    /// The reason why the journal counts as damaged.
    pub damage: Option<String>,
    /// The newest object that tells which objects have expired.
    pub horizon: Option<Horizon>,
    /// The tenants of this installation that the journal names and the archive does not have: its backup is from before
    /// they were created.
    pub lost_tenants: BTreeSet<TenantId>,
}

/// A tenant against the journal.
#[derive(Debug)]
pub struct TenantLook {
    pub tenant: Tenant,
    /// The reason why a database counts as restored.
    pub behind: Option<String>,
    /// Whether objects that a replay would need have expired.
    pub is_too_old: bool,
    /// The number of the newest object that each database knows, or 0.
    pub heads: [i64; 2],
    /// The objects that the archive does not know, in their order.
    pub not_in_archive: Vec<KnownObject>,
    /// The objects of passes that the vault does not know.
    pub not_in_vault: Vec<KnownObject>,
    /// The erasures of unfinished passes that the archive knows.
    pub unfinished: Vec<KnownObject>,
    /// The objects that list content and that one of the databases does not know.
    pub contents: Vec<JournalId>,
    /// The unfinished passes.
    pub passes: HashMap<PassId, Step>,
}

/// The objects of a tenant that the databases know.
struct Known {
    tenant: Tenant,
    passes: HashMap<PassId, Step>,
    archive: BTreeMap<i64, JournalEntry>,
    vault: BTreeMap<i64, JournalEntry>,
    contents: HashSet<JournalId>,
}

/// Compares the journal with both databases, and records the conclusions. It changes nothing.
pub async fn look(app: &AppContext) -> PassResult<Look> {
    if app.journal.is_off() {
        return Ok(Look::default());
    }
    let mut looked = compare(app).await;
    // Another process may have deleted expired objects meanwhile. Then a second look sees what it has told before.
    if matches!(&looked, Ok(look) if look.damage.is_some()) {
        looked = compare(app).await;
    }
    let look = match looked {
        Ok(look) => look,
        Err(PassError::Journal(error)) if error.is_transient() => return Err(PassError::JournalAway(error)),
        // An object that cannot be read is damage, not an outage. The conclusions of an earlier look stay.
        Err(PassError::Journal(error)) => {
            let damage = error.to_string();
            app.journal.standing.record_damage(&damage);
            return Ok(Look { damage: Some(damage), ..Look::default() });
        }
        Err(error) => return Err(error),
    };
    let behind = look.tenants.iter().filter_map(|one| Some((one.tenant.id, one.behind.clone()?))).collect();
    app.journal.standing.record(look.tenants.len(), behind, look.damage.clone());
    Ok(look)
}

async fn compare(app: &AppContext) -> PassResult<Look> {
    // The order matters. A pass that the journal names was begun before its object was created, and the rows of its
    // objects were written before it ended.
    let mut numbers = app.journal.numbers(0).await?;
    let tenants = tenants::list(&mut app.archive.read().await?).await?;
    let mut content_objects = HashMap::new();
    for tenant in &tenants {
        content_objects.insert(tenant.id, app.journal.content_objects(tenant.id).await?);
    }
    let mut known = Vec::new();
    for tenant in tenants {
        known.push(read(app, tenant).await?);
    }
    let (mut objects, mut unreadable) = app.journal.headers(&wanted(&numbers, &known)).await?;
    let (horizon, unknown_horizon) = horizon::find(app, &objects).await?;
    let lowest = match (&horizon, &unknown_horizon) {
        (Some(horizon), _) => horizon.lowest,
        (None, Some(_)) => numbers.first().copied().unwrap_or(1),
        (None, None) => 1,
    };
    let mut damage = unknown_horizon.or_else(|| gap(&numbers, lowest));
    numbers.retain(|seq| *seq >= lowest);
    // An object that has expired may be gone since the list was read. Only those above the border must be readable.
    if unreadable.as_ref().is_some_and(|(seq, _)| *seq < lowest) {
        (objects, unreadable) = app.journal.headers(&wanted(&numbers, &known)).await?;
    }
    objects.retain(|one| one.entry.seq >= lowest);
    let known_numbers: HashSet<i64> =
        known.iter().flat_map(|one| one.archive.keys().chain(one.vault.keys())).copied().collect();
    let heads: Vec<_> = known.iter_mut().map(|one| one.forget_below(lowest)).collect();
    if damage.is_none() {
        damage = without_object(app, &numbers, &known).await?.or_else(|| altered(&objects, &known));
    }
    let mut look = Look { damage, horizon, ..Look::default() };
    for (one, heads) in known.into_iter().zip(heads) {
        let ids = content_objects.remove(&one.tenant.id).unwrap_or_default();
        if look.damage.is_none() {
            look.damage = without_contents(app, &one, &ids, lowest).await?;
        }
        let mut judged = judge(app, one, ids, &objects, heads).await?;
        if let Some(head) = too_old(app, judged.tenant.id, heads, lowest).await? {
            judged.is_too_old = true;
            judged.behind = Some(format!(
                "a database knows the journal up to the object {head}, and the objects before {lowest} have expired"
            ));
        }
        look.tenants.push(judged);
    }
    if let Some(unreadable) = unreadable {
        note_unreadable(&mut look, &unreadable, &known_numbers);
    }
    note_strangers(app, &mut look, &objects).await?;
    Ok(look)
}

/// An object that no database knows and nobody can read may tell of a restore of any tenant.
fn note_unreadable(look: &mut Look, (seq, error): &Unreadable, known: &HashSet<i64>) {
    look.damage.get_or_insert_with(|| error.to_string());
    if !known.contains(seq) {
        for one in &mut look.tenants {
            one.behind.get_or_insert_with(|| format!("no database knows the object {seq}, which cannot be read"));
        }
    }
}

/// Objects of tenants that the archive does not have: of this installation, or of another one.
async fn note_strangers(app: &AppContext, look: &mut Look, objects: &[KnownObject]) -> PassResult<()> {
    for object in objects {
        let (seq, tenant) = (object.entry.seq, object.header.tenant);
        if look.tenants.iter().any(|one| one.tenant.id == tenant) || look.lost_tenants.contains(&tenant) {
            continue;
        }
        if is_ours(app, tenant).await? {
            look.lost_tenants.insert(tenant);
        } else {
            let foreign = || format!("the object {seq} belongs to another installation: check journal.place");
            look.damage.get_or_insert_with(foreign);
        }
    }
    Ok(())
}

async fn read(app: &AppContext, tenant: Tenant) -> PassResult<Known> {
    let mut tx = app.archive.read().await?;
    let passes = sql::steps(&mut tx, tenant.id).await?;
    let archive = by_number(journal::entries(&mut tx, tenant.id).await?);
    let mut contents = journal::contents(&mut tx, tenant.id).await?;
    drop(tx);
    let mut tx = app.vault.read().await?;
    let vault = by_number(journal::entries(&mut tx, tenant.id).await?);
    let in_vault = journal::contents(&mut tx, tenant.id).await?;
    contents.retain(|id| in_vault.contains(id));
    Ok(Known { tenant, passes, archive, vault, contents })
}

fn by_number(entries: Vec<JournalEntry>) -> BTreeMap<i64, JournalEntry> {
    entries.into_iter().map(|entry| (entry.seq, entry)).collect()
}

impl Known {
    /// Leaves out the rows of objects that have expired. Returns the newest object that each database knows.
    fn forget_below(&mut self, lowest: i64) -> [i64; 2] {
        [&mut self.archive, &mut self.vault].map(|rows| {
            let newest = rows.last_key_value().map_or(0, |(seq, _)| *seq);
            *rows = rows.split_off(&lowest);
            newest
        })
    }

    /// The newest object that the archive knows and that tells what has expired. It must be read again.
    fn horizon(&self) -> Option<i64> {
        self.archive.values().rfind(|row| row.kind == ObjectKind::Horizon).map(|row| row.seq)
    }

    /// Whether nothing is left to do about an object that the archive knows. Only the objects of passes have a row in the
    /// vault.
    fn is_in_step(&self, row: &JournalEntry) -> bool {
        let is_unfinished = row.pass.is_some_and(|pass| self.passes.contains_key(&pass));
        !is_unfinished && (!row.kind.is_of_pass() || self.vault.contains_key(&row.seq))
    }
}

/// The objects whose headers are read: the newest ones, and those that a database does not know or has not finished.
fn wanted(numbers: &[i64], known: &[Known]) -> Vec<i64> {
    let newest = numbers.last().copied().unwrap_or_default() - NEWEST;
    let in_step: HashSet<i64> = known
        .iter()
        .flat_map(|one| one.archive.values().filter(|row| one.is_in_step(row)))
        .map(|row| row.seq)
        .collect();
    let horizon = known.iter().filter_map(Known::horizon).max();
    numbers.iter().copied().filter(|seq| *seq > newest || horizon == Some(*seq) || !in_step.contains(seq)).collect()
}

/// The damage of a number that is missing in the chain. Expired objects may be gone from the beginning of the chain.
fn gap(numbers: &[i64], lowest: i64) -> Option<String> {
    let first = numbers.first().filter(|first| **first > lowest).map(|_| lowest);
    let next = || numbers.windows(2).find(|pair| pair[1] != pair[0] + 1).map(|pair| pair[0] + 1);
    first.or_else(next).map(|seq| format!("the object {seq} is missing"))
}

/// The damage of a row without its object. An object that a call has created since the list was read is no damage.
async fn without_object(app: &AppContext, numbers: &[i64], known: &[Known]) -> PassResult<Option<String>> {
    let numbers: BTreeSet<i64> = numbers.iter().copied().collect();
    let rows = known.iter().flat_map(|one| one.archive.keys().chain(one.vault.keys()));
    let unlisted: BTreeSet<i64> = rows.copied().filter(|seq| !numbers.contains(seq)).collect();
    let Some(first) = unlisted.first() else { return Ok(None) };
    let numbers: HashSet<i64> = app.journal.numbers(first - 1).await?.into_iter().collect();
    let lost = unlisted.into_iter().find(|seq| !numbers.contains(seq));
    Ok(lost.map(|seq| format!("a database knows the object {seq}, which is missing: check journal.place")))
}

/// The damage of a row without its object that lists content.
async fn without_contents(
    app: &AppContext,
    known: &Known,
    listed: &[JournalId],
    lowest: i64,
) -> PassResult<Option<String>> {
    let listed: HashSet<JournalId> = listed.iter().copied().collect();
    if known.contents.iter().all(|id| listed.contains(id)) {
        return Ok(None);
    }
    let again: HashSet<JournalId> = app.journal.content_objects(known.tenant.id).await?.into_iter().collect();
    let oldest = if lowest > 1 { Some(oldest_contents(app, lowest).await?) } else { None };
    let is_kept = |id: &&JournalId| oldest.is_none_or(|oldest| **id >= oldest);
    let lost = known.contents.iter().filter(is_kept).find(|id| !again.contains(id));
    Ok(lost.map(|id| format!("a database knows the object {id}, which is missing: check journal.place")))
}

/// The damage of an object with another hash than its row, or with another predecessor than the chain.
fn altered(objects: &[KnownObject], known: &[Known]) -> Option<String> {
    let hashes: HashMap<i64, [u8; 32]> = objects.iter().map(|one| (one.entry.seq, one.entry.hash)).collect();
    for one in known {
        for row in one.archive.values().chain(one.vault.values()) {
            if hashes.get(&row.seq).is_some_and(|hash| *hash != row.hash) {
                return Some(format!("the object {} is another one than a database knows", row.seq));
            }
        }
    }
    let is_broken = |pair: &&[KnownObject]| {
        let [one, next] = pair else { return false };
        next.entry.seq == one.entry.seq + 1 && next.header.prev.as_deref() != Some(hex(&one.entry.hash).as_str())
    };
    let broken = objects.windows(2).find(is_broken);
    broken.map(|pair| format!("the object {} does not follow the one before", pair[1].entry.seq))
}

/// Whether a tenant that the archive does not have belongs to this installation: its keys were wrapped by a master key of
/// it.
async fn is_ours(app: &AppContext, tenant: TenantId) -> PassResult<bool> {
    let keys = app.journal.wrapped_keys(tenant).await?;
    Ok(keys.iter().any(|key| app.keysets.has_master(&key.master)))
}

async fn judge(
    app: &AppContext,
    known: Known,
    mut contents: Vec<JournalId>,
    objects: &[KnownObject],
    heads: [i64; 2],
) -> PassResult<TenantLook> {
    let Known { tenant, passes, archive, vault, contents: known_contents } = known;
    let own: Vec<&KnownObject> = objects.iter().filter(|one| one.header.tenant == tenant.id).collect();
    let is_of_pass = |one: &&&KnownObject| one.entry.kind.is_of_pass();
    let not_in_archive: Vec<_> =
        own.iter().filter(|one| !archive.contains_key(&one.entry.seq)).copied().cloned().collect();
    let not_in_vault: Vec<_> =
        own.iter().filter(is_of_pass).filter(|one| !vault.contains_key(&one.entry.seq)).copied().cloned().collect();
    let is_unfinished = |one: &&&KnownObject| {
        let is_of_one = one.header.pass.is_some_and(|pass| passes.contains_key(&pass));
        is_of_one && one.entry.kind == ObjectKind::Erasures && archive.contains_key(&one.entry.seq)
    };
    let unfinished: Vec<_> = own.iter().filter(is_unfinished).copied().cloned().collect();
    let finishing: HashSet<PassId> =
        own.iter().filter(|one| one.entry.kind == ObjectKind::Finishing).filter_map(|one| one.header.pass).collect();
    let step = |one: &KnownObject| passes.get(&one.header.pass?).copied();
    let is_in_vault = |one: &KnownObject| vault.contains_key(&one.entry.seq);
    let of_archive = not_in_archive.iter().find(|one| is_lost_by_archive(one, step(one), is_in_vault(one), &finishing));
    let of_vault = not_in_vault.iter().find(|one| is_lost_by_vault(one, step(one)));
    let mut behind = match (of_archive, of_vault) {
        (Some(one), _) => Some(format!("the archive does not know the object {} of the journal", one.entry.seq)),
        (None, Some(one)) => Some(format!("the vault does not know the object {} of the journal", one.entry.seq)),
        (None, None) => None,
    };
    if behind.is_none() && !app.journal.standing.note(tenant.id, heads) && knows_less(app, tenant.id).await? {
        behind = Some("a database knows less of the journal than before".to_owned());
    }
    if !own.is_empty() && !vault::has_keys(&mut app.vault.read().await?, tenant.id).await? {
        behind = Some("the vault has no keys of the tenant".to_owned());
    }
    contents.retain(|id| !known_contents.contains(id));
    Ok(TenantLook {
        tenant,
        behind,
        is_too_old: false,
        heads,
        not_in_archive,
        not_in_vault,
        unfinished,
        contents,
        passes,
    })
}

/// Whether a database knows less than this process has seen it know. A call may have seen newer rows than the look has
/// read, so they are read again.
pub async fn knows_less(app: &AppContext, tenant: TenantId) -> PassResult<bool> {
    let archive = journal::newest(&mut app.archive.read().await?, tenant).await?;
    let vault = journal::newest(&mut app.vault.read().await?, tenant).await?;
    Ok(!app.journal.standing.note(tenant, [archive, vault]))
}

/// Whether an object that the archive does not know tells of a restore of it. A killed pass is still in the archive, and
/// the objects of its last step have no rows yet. Decisions of calls are settled and tell of nothing.
///
/// The vault gets the rows of finishing objects at the end of a pass, when the archive has them.
fn is_lost_by_archive(one: &KnownObject, step: Option<Step>, is_in_vault: bool, finishing: &HashSet<PassId>) -> bool {
    match (one.entry.kind, step) {
        (ObjectKind::Replay, _) => true,
        (kind, None) => kind.is_of_pass(),
        (ObjectKind::Finishing, Some(step)) => is_in_vault || step < Step::Unlinked,
        (ObjectKind::Erasures | ObjectKind::Heartbeat, Some(_)) => {
            one.header.pass.is_some_and(|pass| finishing.contains(&pass))
        }
        _ => false,
    }
}

/// The same for the vault, which gets the rows of erasures before the fence.
fn is_lost_by_vault(one: &KnownObject, step: Option<Step>) -> bool {
    match (one.entry.kind, step) {
        (ObjectKind::Replay, _) | (_, None) => true,
        (ObjectKind::Erasures | ObjectKind::Heartbeat, Some(step)) => step >= Step::Fenced,
        _ => false,
    }
}
