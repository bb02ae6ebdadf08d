//! Removal of many objects from a folder.

use std::collections::BTreeSet;

use super::*;

impl House {
    /// Objects in the folder, without anything that names them.
    fn unnamed(&self, count: usize) -> Vec<ObjectId> {
        let ids: Vec<_> = (0..count).map(|_| ObjectId::new(ContentId::new())).collect();
        for id in &ids {
            let place = self.place(*id);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, b"sealed").unwrap();
        }
        ids
    }

    fn place(&self, id: ObjectId) -> PathBuf {
        self.folder.join("objects").join(crate::objects::name(self.tenant.id, id).as_ref())
    }
}

#[tokio::test]
async fn many_that_stay_in_a_row_keep_no_other_from_going() {
    let house = House::new().await;
    let ids = house.unnamed(100);
    let jammed: BTreeSet<_> = ids[20..60].iter().copied().collect();
    for id in &jammed {
        std::fs::remove_file(house.place(*id)).unwrap();
        std::fs::create_dir(house.place(*id)).unwrap();
    }
    let removed = remove_objects(&house.content_store, house.tenant.id, &ids).await;
    assert_eq!((&removed.left, removed.is_away), (&jammed, false));
    let gone: BTreeSet<_> = removed.gone.iter().copied().collect();
    assert_eq!((removed.gone.len(), gone.is_disjoint(&jammed)), (60, true));
    assert!(ids.iter().all(|id| house.place(*id).exists() == jammed.contains(id)));
    // An object that is already missing counts as deleted.
    let again = remove_objects(&house.content_store, house.tenant.id, &removed.gone).await;
    assert_eq!((again.gone.len(), again.left.len(), again.is_away), (60, 0, false));
}

#[tokio::test]
async fn a_folder_that_went_away_gives_up_nothing() {
    let house = House::new().await;
    let ids = house.unnamed(3);
    let folder = house.folder.join("objects");
    std::fs::rename(&folder, folder.with_extension("aside")).unwrap();
    let removed = remove_objects(&house.content_store, house.tenant.id, &ids).await;
    assert_eq!((removed.gone.len(), removed.left.len(), removed.is_away), (0, 3, true));
    // It may go while a turn is under way.
    let turn = house.content_store.objects.delete_some(house.tenant.id, ids).await;
    assert!(turn.len() == 3 && turn.iter().all(|(_, deleted)| matches!(deleted, Err(ObjectError::Kept(_)))));
}
