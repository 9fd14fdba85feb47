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
COPY requirements.txt ./
# Compiled here: the program's user can't write beside the packages, so every start would compile them anew.
RUN pip install "uv>=0.13,<0.14" \
    && uv pip install --system --no-cache --compile-bytecode --default-index "${PIP_INDEX_URL}" \
        --torch-backend="${TORCH}" -r requirements.txt

COPY app.py LICENSE README.md README.en.md ./
COPY webui ./webui
COPY models ./models
COPY examples ./examples

RUN useradd --create-home --uid 1000 speech \
    && mkdir -p /data/models /data/outputs \
    && chown -R speech:speech /data
# A number, so that a cluster can see that it is not root.
USER 1000

ENV SPEECH_EMOTION_HOST=0.0.0.0 SPEECH_EMOTION_PORT=7860
ENV SPEECH_EMOTION_MODELS_DIR=/data/models SPEECH_EMOTION_OUTPUTS_DIR=/data/outputs
VOLUME ["/data/models", "/data/outputs"]
EXPOSE 7860
# http.client, since urllib would ask a proxy that the container is given.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import http.client, os; link = http.client.HTTPConnection('127.0.0.1', int(os.environ['SPEECH_EMOTION_PORT']), timeout=4); link.request('GET', '/healthz'); raise SystemExit(link.getresponse().status != 200)"]
CMD ["python", "app.py"]
