# The operator's image: one static program, and nothing else that runs. `docker build -t registry.example.com/tenantry .`, then push it and name it in the
# chart's values. It takes one foreign image, to build in: who has a mirror, or wants to be sure of every byte, names it with
# `--build-arg RUST_IMAGE=…@sha256:…`, and the result by `image.digest` in the values.
ARG RUST_IMAGE=docker.io/library/rust:1.95-alpine

# Whatever has Rust, a C compiler for musl (SQLite and ring are C in part) and the certificates of authorities: Alpine's image of Rust does.
FROM ${RUST_IMAGE} AS build
WORKDIR /tenantry-source
COPY . .
# Linked against musl there is nothing left to be found at run time.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/tenantry-source/target \
    target="$(uname -m)-unknown-linux-musl" && \
    cargo build --release --locked --bin tenantry --target "$target" && \
    install -D -m 0755 "target/$target/release/tenantry" /image/usr/local/bin/tenantry
# All that the program finds beside itself: whom TLS believes, and who user 65532 is.
RUN install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt && \
    printf 'tenantry:x:65532:65532:tenantry:/var/lib/tenantry:/sbin/nologin\n' >/image/etc/passwd && \
    printf 'tenantry:x:65532:\n' >/image/etc/group && \
    mkdir -p /image/var/lib /state

# On no other image: no shell, no package manager, nothing to keep up to date but this.
FROM scratch
LABEL org.opencontainers.image.title="tenantry" \
      org.opencontainers.image.description="Tenants as code for managed service providers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
# Where it may write, beside what is mounted there.
COPY --from=build --chown=65532:65532 /state/ /var/lib/tenantry/
WORKDIR /var/lib/tenantry
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/tenantry"]
CMD ["operator"]
