//! Failpoints: named places at which a development build kills itself, so that tests show what a crash leaves behind.

/// Ends the process at once, as SIGKILL does, if `LETHE_FAILPOINT` is `name`, or at the third call if it is `name:3`.
#[cfg(debug_assertions)]
pub fn reach(name: &str) {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex};

    #[expect(clippy::disallowed_methods, reason = "a failpoint is not a setting: it exists only in development builds")]
    static ARMED: LazyLock<Option<(String, u32)>> = LazyLock::new(|| {
        let armed = std::env::var("LETHE_FAILPOINT").ok()?;
        Some(match armed.split_once(':') {
            Some((name, times)) => (name.to_owned(), times.parse().unwrap_or(1)),
            None => (armed, 1),
        })
    });
    static REACHED: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

    let Some((armed, times)) = ARMED.as_ref() else { return };
    if let Ok(mut reached) = REACHED.lock() {
        let count = reached.entry(name.to_owned()).or_default();
        *count += 1;
        if armed == name && count == times {
            std::process::abort();
        }
    }
}

/// Builds for production have no failpoints.
#[cfg(not(debug_assertions))]
pub const fn reach(_name: &str) {}
