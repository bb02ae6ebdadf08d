//! The leases and passes of the nightly job, in the archive itself.

use super::stage::TestLethe;

impl TestLethe {
    /// Ends all leases. The lease of a killed job lasts for some seconds, and a story does not wait for its end, only for
    /// that of the last statement, which a PostgreSQL server carries out also without its client.
    pub async fn end_leases(&self) {
        let archive = self.archive().await;
        while self.database().is_some() {
            let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND state <> 'idle' AND pid <> pg_backend_pid()";
            let busy: i64 = archive.read().await.unwrap().query(busy).scalar().await.unwrap();
            if busy == 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
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
