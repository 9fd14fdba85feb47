# docker build -t speech-emotion .                                  CPU
# docker build -t speech-emotion --build-arg TORCH=cu130 .          NVIDIA GPU; run it with --gpus all
# docker run -p 127.0.0.1:7860:7860 -v speech-models:/data/models -v speech-outputs:/data/outputs speech-emotion
#
# The program listens on 0.0.0.0 inside the container, because nothing outside could reach it otherwise. Without keys or
# a login (docs/DEPLOY.md), publish the port on 127.0.0.1 as above: `-p 7860:7860` opens it to the whole network.
FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="speech-emotion-webui"
LABEL org.opencontainers.image.version=0.1.0

ARG TORCH=cpu
# A mirror near you: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL=https://pypi.org/simple
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY requirements.txt requirements.lock ./
# The same three steps as in run.sh: torch without its dependencies, the lock, then the CUDA libraries if the build of
# torch needs them.
# Bytecode is compiled here, since the program's user can't write to the folders of the packages: otherwise every start
# would compile them again.
RUN pip install "uv>=0.13,<0.14" \
    && torch=$(grep '^torch==' requirements.txt) \
    && add() { uv pip install --system --no-cache --compile-bytecode --default-index "${PIP_INDEX_URL}" "$@"; } \
    && add --torch-backend="${TORCH}" --no-deps "${torch}" \
    && add --no-deps --require-hashes -r requirements.lock --build-constraints requirements.lock \
    && add --torch-backend="${TORCH}" "${torch}"

COPY app.py LICENSE README.md README.en.md ./
COPY webui ./webui
COPY models ./models
COPY examples ./examples
COPY docs ./docs

RUN useradd --create-home --uid 1000 speech \
    && mkdir -p /data/models /data/outputs \
    && chown -R speech:speech /data
# A numeric user id, so that Kubernetes (runAsNonRoot) can verify that it is not root.
USER 1000

ENV SPEECH_EMOTION_HOST=0.0.0.0 SPEECH_EMOTION_PORT=7860
ENV SPEECH_EMOTION_MODELS_DIR=/data/models SPEECH_EMOTION_OUTPUTS_DIR=/data/outputs
VOLUME ["/data/models", "/data/outputs"]
EXPOSE 7860
# http.client, since urllib would use a proxy from the container's environment.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import http.client, os; link = http.client.HTTPConnection('127.0.0.1', int(os.environ['SPEECH_EMOTION_PORT']), timeout=4); link.request('GET', '/healthz'); raise SystemExit(link.getresponse().status != 200)"]
CMD ["python", "app.py"]
