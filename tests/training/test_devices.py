"""Several devices, and several processes, do the steps of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf

from spinal_tf.errors import DeviceError
from spinal_tf.training import devices
from spinal_tf.training.batches import refuse_uneven
from spinal_tf.training.devices import FIRST_PORT, PORTS, open_strategy

STEPS = Path(__file__).with_name("shared_steps.py")


@pytest.fixture(scope="module")
def found(processes):
    """Losses of two devices, and of one, by training."""
    [printed] = processes.finish(processes.start(STEPS, "devices"))
    return json.loads(printed.splitlines()[-1])


@pytest.mark.parametrize("name", ["dice_bce", "dice_topk", "classifier", "clipped", "half precision"])
def test_two_devices_do_the_steps_of_one(found, name):
    two, one = (losses[name] for losses in found)
    assert len(one) == 5
    assert one[3] < one[0]
    assert two == pytest.approx(one, rel=1e-3 if name == "half precision" else 1e-5)


def test_clipping_counts_in_that(found):
    _, one = found
    assert one["clipped"] != pytest.approx(one["classifier"], rel=1e-5)


@pytest.mark.slow
def test_two_processes_of_slurm_do_the_steps_of_one(found, processes):
    tasks = processes.two_slurm_tasks(FIRST_PORT, PORTS)
    printed = processes.finish(*(processes.start(STEPS, "slurm", "dice_bce", "classifier", **task) for task in tasks))
    for lines in printed:
        [losses] = json.loads(lines.splitlines()[-1])
        for name, shared in losses.items():
            assert shared == pytest.approx(found[1][name], rel=1e-5)


def test_without_gpu_there_is_one_device():
    assert open_strategy("cpu").num_replicas_in_sync == 1
    assert open_strategy("auto").num_replicas_in_sync == 1


@pytest.mark.parametrize(
    ("device", "chosen"),
    [("auto", [0]), ("gpu", [0]), ("gpu:1", [1]), ("gpu:all", [0, 1]), ("cpu", [])],
)
def test_gpus_that_were_not_chosen_are_hidden(monkeypatch, device, chosen):
    gpus = [tf.config.PhysicalDevice(f"/physical_device:GPU:{index}", "GPU") for index in range(2)]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: gpus)
    assert devices._chosen(device, gpus) == [gpus[index] for index in chosen]


@pytest.mark.parametrize("device", ["gpu:all", "gpu:3", "tpu"])
def test_a_device_that_is_not_there_is_refused(device, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    with pytest.raises(DeviceError, match=f"device {device} is not"):
        open_strategy(device)


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    class Three:
        num_replicas_in_sync = 3

    refuse_uneven(Three(), 9)
    with pytest.raises(DeviceError, match="3 devices cannot share a batch of 8 evenly; choose a multiple with --batch"):
        refuse_uneven(Three(), 8)


TWO = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("config", "several"),
    [
        (None, False),
        ("", False),
        ({"cluster": {}, "task": {}}, False),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, False),
        ({"cluster": TWO, "task": {"type": "worker", "index": 1}}, True),
        ({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "chief", "index": 0}}, True),
    ],
)
def test_only_several_processes_make_a_cluster(config, several):
    assert devices._names_machines(json.dumps(config) if isinstance(config, dict) else config) is several


@pytest.mark.parametrize(
    "config",
    [
        "worker 1 of 2",
        "[]",
        '{"cluster": 3}',
        json.dumps({"cluster": TWO}),
        json.dumps({"cluster": TWO, "task": {"type": "ps", "index": 0}}),
        json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 2}}),
    ],
)
def test_a_cluster_that_makes_no_sense_is_refused_in_a_sentence(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(DeviceError, match=r"^TF_CONFIG .*; correct or unset it$"):
        open_strategy()


def test_slurm_without_srun_is_refused(monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DeviceError, match="start the command with srun"):
        open_strategy(slurm=True)
