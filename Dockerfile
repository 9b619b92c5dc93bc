FROM swift:6.3-bookworm AS build
# Debian keeps only the newest build of a version in its archive, so naming one would break the image at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libopenblas-pthread-dev libsqlite3-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# The dependencies change less often than the sources, so they get a layer of their own.
COPY Package.* ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
RUN swift build -c release --product lather --static-swift-stdlib -Xlinker --strip-debug \
 && install -D -t /installed "$(swift build -c release --show-bin-path)/lather"

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends libopenblas0-pthread libsqlite3-0 libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 lather \
 && useradd --system --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin lather \
 && install -d -o 10001 -g 10001 -m 0700 /data
COPY --from=build /installed/lather /usr/local/bin/lather
COPY Public /usr/local/share/lather/Public
COPY openapi.yaml /usr/local/share/lather/openapi.yaml

# No token is built in: the server starts with LATHER_TOKEN_FILE, or with LATHER_INSECURE=true where only trusted
# machines reach it. Everything it writes goes below /data; the rest of the root may be read-only.
ENV LATHER_HOST=0.0.0.0 \
    LATHER_PORT=8421 \
    LATHER_DATABASE=/data/lather.sqlite
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8421
STOPSIGNAL SIGTERM
# Not ready while it recovers, which may take minutes after a crash: hence the long start period.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10m --retries=3 \
  CMD ["bash", "-c", "exec 3<>\"/dev/tcp/127.0.0.1/$LATHER_PORT\" && printf 'GET /healthz/ready HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["lather"]
CMD ["serve"]
