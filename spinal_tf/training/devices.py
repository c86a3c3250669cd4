"""Which devices, and which machines, share a training."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import tensorflow as tf

from spinal_tf.engine import tensorflow_device
from spinal_tf.errors import DeviceError

AUTO = "auto"
"""The first GPU, or the CPU where there is none."""

ALL_GPUS = "gpu:all"

CLUSTER = "TF_CONFIG"
"""Environment variable of TensorFlow that names the machines of a training, and which of them this one is."""

FIRST_PORT, PORTS = 12_000, 10_000
"""Of Slurm's tasks; the job's number chooses among them, so that two jobs on one machine do not meet."""


def open_strategy(device: str = AUTO, *, slurm: bool = False) -> tf.distribute.Strategy:
    """Choose the devices of this process, and wait for the other machines where there are some.

    To be called before TensorFlow does anything else; it takes memory of no other GPU then.

    Args:
        device: `AUTO`, ``cpu``, ``gpu`` (the first one), ``gpu:N`` or `ALL_GPUS`.
        slurm: share the training with the other tasks of this Slurm step; otherwise with the machines that `CLUSTER`
            names, if it names any.

    Returns:
        TensorFlow's default strategy for one device.

    Raises:
        DeviceError: this machine has no such device, or the other machines are not told as they should be.
    """
    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices(_chosen(device, gpus), "GPU")
    if slurm:
        return tf.distribute.MultiWorkerMirroredStrategy(_slurm_resolver())
    if _names_machines(os.environ.get(CLUSTER)):
        return tf.distribute.MultiWorkerMirroredStrategy()
    several = len(tf.config.get_visible_devices("GPU")) > 1
    return tf.distribute.MirroredStrategy() if several else tf.distribute.get_strategy()


def _chosen(device: str, gpus: Sequence[tf.config.PhysicalDevice]) -> list[tf.config.PhysicalDevice]:
    """The GPUs that are not hidden."""
    if device == AUTO:
        return list(gpus[:1])
    if device == ALL_GPUS and gpus:
        return list(gpus)
    if device == ALL_GPUS:
        raise DeviceError(f"device {ALL_GPUS} is not there; TensorFlow sees no GPU on this machine")
    kind, number = tensorflow_device(device).strip("/").split(":")
    return [gpus[int(number)]] if kind == "GPU" else []


def _names_machines(config: str | None) -> bool:
    """Whether a value of `CLUSTER` names more than this process; Kubeflow sets it for a single one, too.

    Raises:
        DeviceError: it is not what TensorFlow expects.
    """
    if not config:
        return False
    try:
        record = json.loads(config)
        machines = record.get("cluster", {})
        several = sum(len(addresses) for addresses in machines.values()) > 1
        known = not several or int(record["task"]["index"]) < len(machines[record["task"]["type"]])
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise DeviceError(f"{CLUSTER} is not JSON with a cluster and one of its tasks; correct or unset it") from error
    if not known:
        raise DeviceError(f"{CLUSTER} names a task that its cluster does not have; correct or unset it")
    return several


def _slurm_resolver() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The tasks of this Slurm step as TensorFlow's resolver finds them, each with the GPUs that Slurm gave it.

    That resolver would share out GPUs by itself, which fails where there are none, or where tasks see their own only.
    """
    try:
        port = FIRST_PORT + int(os.environ["SLURM_JOB_ID"]) % PORTS
        tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
        found = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
        )
        machines = found.cluster_spec()
    except (KeyError, ValueError, RuntimeError) as error:
        raise DeviceError("--slurm is for tasks that srun started; start the command with srun") from error
    kind, number = found.get_task_info()
    gpus = len(tf.config.get_visible_devices("GPU"))
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        machines, task_type=kind, task_id=number, num_accelerators={"GPU": gpus}, rpc_layer="grpc"
    )
