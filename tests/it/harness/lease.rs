//! The leases and passes of the nightly job, in the archive itself.

use super::stage::TestLethe;

impl TestLethe {
    /// Ends all leases. The lease of a killed job lasts for some seconds, and a story does not wait for its end.
    pub async fn end_leases(&self) {
        let archive = self.archive().await;
        let mut tx = archive.write().await.unwrap();
        tx.query("UPDATE leases SET until_ms = 0").execute().await.unwrap();
        tx.commit().await.unwrap();
        archive.close().await;
    }

    /// Waits until a job that runs has claimed the due requests.
    pub async fn until_claimed(&self) {
        let archive = self.archive().await;
        loop {
            let passes: i64 =
                archive.read().await.unwrap().query("SELECT count(*) FROM passes").scalar().await.unwrap();
            if passes > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
        archive.close().await;
    }
}
