//! Limits of the number of calls.

use serde_json::json;

use crate::harness::each_store;

each_store!(a_caller_has_as_many_calls_as_the_settings_allow, |mut lethe: TestLethe| async move {
    let unlimited = lethe.caller("dpo").get("/me").await.expect(200);
    assert_eq!((unlimited.header("ratelimit"), unlimited.header("ratelimit-policy")), (None, None));
    lethe.stop().await;
    lethe.set("HTTP__CALLS_PER_SUBJECT", "2");
    lethe.set("HTTP__CALLS_PER_TENANT", "3");
    lethe.set("HTTP__CALLS_WINDOW", "3600");
    lethe.serve().await;

    let kari = lethe.caller_of("demo", "dpo", "kari");
    let first = kari.get("/me").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), Some("\"subject\";q=2;w=3600, \"tenant\";q=3;w=3600"));
    let rest = first.header("ratelimit").unwrap();
    assert!(rest.starts_with("\"subject\";r=1;t=3") && rest.contains(", \"tenant\";r=2;t=3"), "{rest}");
    // A call that fails counts as well.
    assert_eq!(kari.get("/anonymize-requests/no-uuid").await.problem(404), "not_found");
    for _ in 0..3 {
        let refused = kari.post("/archive/search", &json!({})).await;
        assert_eq!(refused.problem(429), "too_many_requests");
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((3_000..=3_600).contains(&wait), "{wait}");
        assert!(refused.header("ratelimit").unwrap().starts_with("\"subject\";r=0;t="));
    }
    let ola = lethe.caller_of("demo", "dpo", "ola");
    ola.get("/me").await.expect(200);
    assert_eq!(ola.get("/me").await.problem(429), "too_many_requests", "the tenant's third call was the last one");
    // Calls without a token have no limit, and none of their own.
    lethe.caller_with(None).get("//healthz").await.expect(200);
    assert_eq!(lethe.caller_with(None).get("/me").await.problem(401), "unauthorized");
    // Another tenant has its own calls.
    lethe.run(&["tenant", "create", "other"]).await.well();
    lethe.caller_of("other", "dpo", "kari").get("/me").await.expect(200);
});
