"""Files beside the models that start a server: list of models, batching, monitoring and resource limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from spinal_tf.errors import OutputError
from spinal_tf.files import output_files
from spinal_tf.locks import locked

MODELS_CONFIG, BATCHING_CONFIG, MONITORING_CONFIG, COMPOSE = (
    "models.config",
    "batching.config",
    "monitoring.config",
    "docker-compose.yml",
)

MODELS_START = """# What the server loads (--model_config_file); new models
# are added by `spinal-tf export`, your changes are kept.
# Without a model_version_policy a model's highest version answers. To go back to version 1 without a restart:
#   model_version_policy { specific { versions: 1 } }
# and send the server SIGHUP, or start it with --model_config_file_poll_wait_seconds=60.
model_config_list {
}
"""

MODEL = """  config {{
    name: "{name}"
    base_path: "/models/{name}"
    model_platform: "tensorflow"
  }}
"""

BATCHING = """# How requests to the signature `tiles` are joined (--enable_batching --batching_parameters_file).
# Only for a server that answers `tiles`: batching holds for every signature of a server, and a server that batches
# refuses whole volumes, since two cases must not be joined to one.
max_batch_size { value: 16 }          # tiles at once; more gain nothing on a CPU
batch_timeout_micros { value: 5000 }  # longest that a request waits for others
max_enqueued_batches { value: 64 }    # beyond that, requests are refused as UNAVAILABLE: try again later
num_batch_threads { value: 2 }        # batches computed at the same time; on a GPU, 1 or 2
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 16 }
"""

MONITORING = """# Figures for Prometheus, at http://HOST:8501/monitoring/prometheus/metrics (--monitoring_config_file).
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

DOCKER = """# Start in this folder with: docker compose up -d
# The server needs no network of its own: it reads this folder and answers on the two ports, on this machine alone.
services:
  volumes:                       # whole volumes: serving_default and every signature but tiles
    image: tensorflow/serving:2.19.0   # pin the version that was tried here; for a GPU the tag ends in -gpu
    command:
      - --model_config_file=/models/models.config
      - --model_config_file_poll_wait_seconds=60   # sees new versions' policies without a restart
      - --monitoring_config_file=/models/monitoring.config
      - --tensorflow_intra_op_parallelism=4        # threads of one operation: the cores given below
      - --tensorflow_inter_op_parallelism=1        # operations side by side: the networks have little to gain
      - --rest_api_num_threads=8
      - --rest_api_timeout_in_ms=300000            # a case of 60 slices takes minutes on a few cores
    environment:
      OMP_NUM_THREADS: "4"                         # threads of oneDNN, which does the convolutions
      TF_CPP_MIN_LOG_LEVEL: "1"
    volumes:
      - .:/models:ro                               # read only: the server changes nothing here
    ports:
      - "127.0.0.1:8500:8500"                      # gRPC
      - "127.0.0.1:8501:8501"                      # REST
    cpus: 4                                        # one request computes on all; others wait for it
    mem_limit: 8g                                  # up to 3 GB for a request's volume, 1 GB for models
    restart: unless-stopped
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]

  # Prepared inputs, joined across requests. Start it too with: docker compose --profile tiles up -d
  tiles:
    extends: {service: volumes}
    profiles: [tiles]
    command:
      - --model_config_file=/models/models.config
      - --enable_batching=true
      - --batching_parameters_file=/models/batching.config
      - --monitoring_config_file=/models/monitoring.config
      - --tensorflow_intra_op_parallelism=4
      - --tensorflow_inter_op_parallelism=2        # as many as num_batch_threads
    ports: !override
      - "127.0.0.1:8510:8500"
      - "127.0.0.1:8511:8501"
"""

WRITTEN_ONCE = {BATCHING_CONFIG: BATCHING, MONITORING_CONFIG: MONITORING, COMPOSE: DOCKER, MODELS_CONFIG: MODELS_START}


def write_server_files(models: Path, name: str) -> list[Path]:
    """Write missing files, and add a model to the server's list.

    Args:
        models: existing folder of all models.
        name: name of the model.

    Returns:
        Written or changed files.

    Raises:
        OutputError: a file cannot be read or written, or the list of models cannot be parsed.
    """
    config = models / MODELS_CONFIG
    with locked(config):
        missing = {models / file: text for file, text in WRITTEN_ONCE.items() if not (models / file).exists()}
        _write(missing, overwrite=False)
        listed = with_model(_read(config), name, source=str(config))
        changed = {} if listed is None else {config: listed}
        _write(changed, overwrite=True)
    return sorted(missing | changed)


def _read(config: Path) -> str:
    try:
        return config.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OutputError(f"{config}: cannot be read; remove it, and the next export writes a new one") from error


def with_model(config: str, name: str, *, source: str) -> str | None:
    """Return a list of models with one more and no other change; None if the model is already listed.

    Args:
        config: text of models.config.
        name: name of the model.
        source: source of the text, for messages.

    Raises:
        OutputError: the text does not end like a list of models.
    """
    if f'name: "{name}"' in config:
        return None
    text = config.rstrip()
    if not text.endswith("}") or "model_config_list" not in text:
        raise OutputError(f"{source}: is not a list of models; remove it, and the next export writes a new one")
    return text[:-1] + MODEL.format(name=name) + "}\n"


def _write(texts: Mapping[Path, str], *, overwrite: bool) -> None:
    with output_files(*texts, overwrite=overwrite) as temporaries:
        for temporary, text in zip(temporaries, texts.values(), strict=True):
            temporary.write_text(text, encoding="utf-8")
