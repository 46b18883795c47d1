# The engine, its simulator and its commands in one image. Built in two stages: what installs is not what runs.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
# The hashed lock first: as long as it stays, this layer does.
COPY requirements.lock requirements-dev.lock /src/
RUN pip install --require-hashes --no-deps --only-binary :all: -r /src/requirements.lock
# What builds the package itself, also by its hash; it does not come into the final image.
RUN awk '/^setuptools==/, /[^\\]$/' /src/requirements-dev.lock > /src/build.lock \
    && python -m venv /build && /build/bin/pip install --require-hashes --no-deps -r /src/build.lock
COPY pyproject.toml README.md LICENSE /src/
COPY vortex /src/vortex
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels /src \
    && pip install --no-deps --no-index /wheels/*.whl \
    && pip check

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin vortex \
    && install -d -o vortex -g vortex /app/var
COPY --from=build /venv /venv
COPY config /app/config
COPY supabase /app/supabase
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER vortex
VOLUME /app/var
EXPOSE 8787 8788
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=12s --start-period=90s --retries=2 \
    CMD ["python", "-m", "vortex.app.health_probe", "/app/var"]
ENTRYPOINT ["vortex"]
CMD ["start"]
