# docker build -t speech-emotion .                                  CPU
# docker build -t speech-emotion --build-arg TORCH=cu128 .          NVIDIA GPU; run it with --gpus all
# docker run -p 127.0.0.1:7860:7860 -v speech-models:/data/models -v speech-outputs:/data/outputs speech-emotion
#
# The program listens on 0.0.0.0 inside the container, because nothing outside would reach it otherwise. There is no
# login: publish the port on 127.0.0.1 as above; `-p 7860:7860` opens it to everybody on the network.
FROM python:3.11-slim-bookworm

ARG TORCH=cpu
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /app
COPY requirements.txt ./
RUN pip install "uv>=0.13,<0.14" && uv pip install --system --no-cache --torch-backend="${TORCH}" -r requirements.txt

COPY app.py LICENSE README.md README.en.md ./
COPY webui ./webui
COPY models ./models
COPY examples ./examples

RUN useradd --create-home --uid 1000 speech \
    && mkdir -p /data/models /data/outputs \
    && chown -R speech:speech /data
USER speech

ENV SPEECH_EMOTION_HOST=0.0.0.0 SPEECH_EMOTION_PORT=7860
ENV SPEECH_EMOTION_MODELS_DIR=/data/models SPEECH_EMOTION_OUTPUTS_DIR=/data/outputs
VOLUME ["/data/models", "/data/outputs"]
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
