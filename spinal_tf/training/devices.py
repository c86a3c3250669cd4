"""Choice of the devices and machines that share a training."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import tensorflow as tf

from spinal_tf.engine import tensorflow_device
from spinal_tf.errors import DeviceError

AUTO = "auto"
"""The first GPU, or the CPU if there is no GPU."""

ALL_GPUS = "gpu:all"

CLUSTER = "TF_CONFIG"
"""TensorFlow's environment variable that lists the machines of a training and says which one this is."""

FIRST_PORT, PORTS = 12_000, 10_000
"""Port range of Slurm tasks. The job number selects the port, so that two jobs on one machine do not collide."""


def open_strategy(device: str = AUTO, *, slurm: bool = False) -> tf.distribute.Strategy:
    """Choose the devices of this process, and wait for the other machines, if any.

    Call it before TensorFlow runs anything, so that no memory is reserved on other GPUs.

    Args:
        device: `AUTO`, ``cpu``, ``gpu`` (the first one), ``gpu:N`` or `ALL_GPUS`.
        slurm: share the training with the other tasks of this Slurm step; otherwise with the machines listed in
            `CLUSTER`, if any.

    Returns:
        The strategy; TensorFlow's default one for a single device.

    Raises:
        DeviceError: this machine has no such device, or the description of the other machines is invalid.
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
    """Return the GPUs that stay visible to TensorFlow."""
    if device == AUTO:
        return list(gpus[:1])
    if device == ALL_GPUS and gpus:
        return list(gpus)
    if device == ALL_GPUS:
        raise DeviceError(f"device {ALL_GPUS} is not there; TensorFlow sees no GPU on this machine")
    kind, number = tensorflow_device(device).strip("/").split(":")
    return [gpus[int(number)]] if kind == "GPU" else []


def _names_machines(config: str | None) -> bool:
    """Return whether a value of `CLUSTER` lists several processes; Kubeflow sets it even for a single one.

    Raises:
        DeviceError: the value is not in TensorFlow's format.
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
    """Resolve the tasks of this Slurm step with TensorFlow's resolver, each with the GPUs that Slurm gave it.

    The resolver's own GPU assignment is off: it fails without GPUs, or if each task sees only its own GPUs.
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
