# The operator's image: one static program on distroless. `docker build -t registry.example.com/tenantry .`, then push it and name it in the chart's
# values. Both images are named by version; who wants to be sure of every byte adds `@sha256:…` to each, and `image.digest` in the values.

# On Alpine the program is linked against musl, with nothing left to be found at run time.
FROM docker.io/library/rust:1.95-alpine AS build
# SQLite and ring are C in part.
RUN apk add --no-cache gcc musl-dev
WORKDIR /tenantry-source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/tenantry-source/target \
    cargo build --release --locked --bin tenantry && \
    cp target/release/tenantry /tenantry

# Certificates of authorities, and a user that is not root; no shell and no package manager.
FROM gcr.io/distroless/static-debian12:nonroot
LABEL org.opencontainers.image.title="tenantry" \
      org.opencontainers.image.description="Tenants as code for managed service providers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /tenantry /usr/local/bin/tenantry
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/tenantry"]
CMD ["operator"]
