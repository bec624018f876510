# syntax=docker/dockerfile:1
# One image for web, worker and the commands of operators: docs/operators/deployment.md.
#
#   docker build -t waba24 .
#
# It runs as user 10001 and needs a writable DATA_DIR and /tmp, nothing else: docker run --read-only --tmpfs /tmp …

FROM python:3.13-slim-trixie AS build
COPY requirements/run.txt /tmp/run.txt
# Wheels with known hashes only: nothing is compiled, and no package's own code runs here.
RUN python -m venv /app/.venv \
    && /app/.venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /tmp/run.txt
COPY . /app
# The root file system is read-only when it runs, so what Python would keep there is made now.
RUN /app/.venv/bin/python -m compileall -q -j 0 /app \
    && /app/.venv/bin/python -m pip uninstall -q -y pip

FROM python:3.13-slim-trixie
RUN groupadd --gid 10001 waba24 \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin waba24 \
    && install --directory --owner waba24 --group waba24 --mode 700 /data
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    LOG_FORMAT=json
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the web. A worker has no port: its supervisor starts dead processes again, compose.yaml switches this off for it.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# Worker: python worker.py. Migrations: flask --app app db upgrade.
CMD ["gunicorn", "--config", "python:web.gunicorn_settings", "--bind", "0.0.0.0:8000"]
