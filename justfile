# Short names for frequent commands. scripts/test describes each step.

# Formatting, lints, and the tests on SQLite: the inner loop.
check:
    scripts/test quick

# The tests on both databases.
pg:
    scripts/test tests

# Writes openapi/lethe.json anew from the code.
openapi:
    UPDATE_OPENAPI=1 cargo test --test it openapi
    scripts/test openapi

# The checks that take longer than CI has time for.
long:
    scripts/test --long

# The checks of CI.
ci:
    .ci/run
