# The image of Lethe: one binary on a base without a shell, as uid 65532.
#
#   docker build -t lethe .
#   docker build -t lethe --build-arg BUILD_IMAGE=registry.example/rust:1.95-bookworm \
#                         --build-arg FINAL_IMAGE=registry.example/distroless/cc-debian12:nonroot .
#
# Other base images must agree in their C library: the final one needs a glibc at least as new as the one of the
# build, libgcc, and the CA certificates, because token keys (JWKS) are fetched over https.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG FINAL_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# Cargo features beyond the default ones, comma separated.
ARG FEATURES=""

# The dependencies have a layer of their own. It is compiled with empty sources, and again only when a manifest changes.
COPY Cargo.toml Cargo.lock ./
COPY crates/pii/Cargo.toml crates/pii/
COPY crates/sample/Cargo.toml crates/sample/
RUN mkdir -p src crates/pii/src crates/sample/src /image/bin /image/data /image/etc/lethe \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs crates/pii/src/lib.rs crates/sample/src/lib.rs \
    && cargo build --profile dist --locked --features "${FEATURES}" --bin lethe

COPY . .
# Cargo compares modification times, and the real sources can be older than the empty ones.
RUN touch src/main.rs src/lib.rs crates/pii/src/lib.rs crates/sample/src/lib.rs \
    && cargo build --profile dist --locked --features "${FEATURES}" --bin lethe \
    && cp target/dist/lethe /image/bin/lethe

FROM ${FINAL_IMAGE}
ARG VERSION=dev
LABEL org.opencontainers.image.title="lethe" \
      org.opencontainers.image.description="Makes a contact centre able to forget a person" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /image/bin/lethe /usr/local/bin/lethe
# `lethe.toml` is read from here, if it exists.
COPY --from=build /image/etc /etc
# The service's user owns the folder, so that a new volume mounted here is writable.
COPY --from=build --chown=65532:65532 /image/data /data
# Fewer arenas of the C library: what its threads keep for later stays below the memory limit.
ENV PATH=/usr/local/bin:/usr/bin:/bin \
    MALLOC_ARENA_MAX=4 \
    LETHE_DATA_DIR=/data \
    LETHE_HTTP__LISTEN=0.0.0.0:8080 \
    LETHE_HTTP__INTERNAL_LISTEN=0.0.0.0:9090
WORKDIR /etc/lethe
USER 65532:65532
EXPOSE 8080 9090
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s --retries=3 CMD ["/usr/local/bin/lethe", "healthcheck"]
ENTRYPOINT ["lethe"]
CMD ["serve"]
