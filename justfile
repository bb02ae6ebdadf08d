# Short names for what is done often; scripts/test says what each step is.

# Formatting, lints and the tests on SQLite: the inner loop.
check:
    scripts/test quick

# The tests on both databases.
pg:
    scripts/test tests

# Writes openapi/lethe.json anew from the code.
openapi:
    UPDATE_OPENAPI=1 cargo test --test it openapi
    scripts/test openapi

# What CI runs.
ci:
    .ci/run
