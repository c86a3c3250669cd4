"""One set of weights, in a folder or on a server; each network is loaded on first use and then kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from spinal_tf.checkpoints.manifest import Checkpoint, find_weights, read_manifest
from spinal_tf.engine import refuse_missing_gpu, tensorflow_device
from spinal_tf.errors import ServerError, WeightsError
from spinal_tf.keras_start import start_keras
from spinal_tf.map_methods import MapMethod
from spinal_tf.models import (
    SEGMENTER,
    AnatomyNetwork,
    Classifier,
    Networks,
    Segmenter,
    Served,
    classifier_checkpoints,
    load_anatomy,
    load_classifiers,
    load_segmenter,
    named_checkpoint,
)
from spinal_tf.remote.connection import Connection
from spinal_tf.remote.networks import remote_anatomy, remote_classifiers, remote_segmenter
from spinal_tf.remote.server import Server, parse_address
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import ANATOMY

Around = Callable[[], AbstractContextManager[None]]
"""Function that returns a context, entered while TensorFlow is imported or a network is loaded."""


class LoadedWeights:
    """Segmenter, anatomy network and classifiers of one set of weights, for any number of cases."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        device: str = "cpu",
        server: Server | None = None,
        method: MapMethod = MapMethod.GRADCAM,
        around: Around = nullcontext,
    ) -> None:
        """Read the manifest, or prepare the connection to the server; no network is loaded and nothing is sent yet.

        Args:
            folder: weights folder; None for ``$SPINAL_TF_WEIGHTS``, or else the bundled weights. With a server, its
                networks must match this folder.
            device: ``cpu``, ``gpu`` (the first one) or ``gpu:N``; ignored with a server.
            server: server that runs the networks instead of this machine.
            method: method that explains the classifiers' predictions.
            around: context entered while TensorFlow is imported or a network is loaded from a folder.

        Raises:
            WeightsError: there are no weights.
            RequirementError: the server needs gRPC, which is not installed.
            ServerError: a certificate file cannot be used, or the server does not support this method.
        """
        if server is not None and method is not MapMethod.GRADCAM:
            raise ServerError(f"a server explains by Grad-CAM alone; leave out the server for {method.printed}")
        self._device, self._server, self._method, self._around = device, server, method, around
        self._connection = None if server is None else Connection(server)
        self._given = folder if folder is not None or server is not None else find_weights()
        # Fail here, before TensorFlow's slow import.
        self._manifest = None if self._given is None else read_manifest(self._given)
        self._segmenter: Segmenter | None = None
        self._anatomy: tuple[AnatomyNetwork | None] | None = None
        self._classifiers: tuple[Classifier, ...] | None = None
        self._explained: dict[MapMethod, LoadedWeights] = {method: self}

    @property
    def folder(self) -> Path:
        """Weights folder.

        Raises:
            WeightsError: the weights are only on a server.
        """
        if self._given is None:
            raise WeightsError("the weights are on a server; name a folder of weights for this")
        return self._given

    def require_device(self) -> None:
        """Check that this machine has the device, before any other work; a CPU needs no check.

        Raises:
            DeviceError: this machine has no such device.
        """
        if self._connection is not None or self._device == "cpu":
            return
        refuse_missing_gpu(self._device)
        with self._around():
            import_tensorflow(Stopwatch())
            tensorflow_device(self._device)

    def segmenter(self, watch: Stopwatch | None = None) -> Segmenter:
        """Return the segmenter, loaded on the first call.

        Args:
            watch: stopwatch that records the loading time.

        Raises:
            WeightsError: its weights are missing or damaged.
            DeviceError: this machine has no such device.
            ServerError: the server cannot be reached, or has unexpected networks.
        """
        if self._segmenter is None:
            watch = watch or Stopwatch()
            if self._connection is not None:
                with watch.stage("server"):
                    self._segmenter = remote_segmenter(self._connection, self._manifest)
            else:
                with self._loading(watch) as folder:
                    self._segmenter = load_segmenter(folder, device=self._device)
        return self._segmenter

    def classifiers(self, watch: Stopwatch | None = None) -> tuple[Classifier, ...]:
        """Return the classifiers of all tasks, loaded on the first call; see `segmenter`."""
        if self._classifiers is None:
            watch = watch or Stopwatch()
            if self._connection is not None:
                with watch.stage("server"):
                    self._classifiers = remote_classifiers(self._connection, self._manifest)
            else:
                with self._loading(watch) as folder:
                    self._classifiers = load_classifiers(folder, device=self._device, method=self._method)
        return self._classifiers

    def anatomy(self, watch: Stopwatch | None = None) -> AnatomyNetwork | None:
        """Return the anatomy network, loaded on the first call; see `segmenter`.

        Returns:
            None if the weights have none.
        """
        if self._connection is None and self._manifest is not None and ANATOMY not in self._manifest:
            return None
        if self._anatomy is None:
            watch = watch or Stopwatch()
            if self._connection is not None:
                with watch.stage("server"):
                    self._anatomy = (remote_anatomy(self._connection, self._manifest),)
            else:
                with self._loading(watch) as folder:
                    self._anatomy = (load_anatomy(folder, device=self._device),)
        return self._anatomy[0]

    def networks(self, watch: Stopwatch | None = None, *, segment: bool = True, classify: bool = True) -> Networks:
        """Return the networks of one run of the pipeline, loaded on the first call; see `segmenter`.

        Args:
            watch: stopwatch that records the loading time.
            segment: whether lesions are to be found.
            classify: whether they are to be classified.
        """
        return Networks(
            segmenter=self.segmenter(watch) if segment else None,
            anatomy=self.anatomy(watch),
            classifiers=self.classifiers(watch) if classify else (),
        )

    def explained_by(self, method: MapMethod) -> LoadedWeights:
        """Return the same weights with classifiers explained by this method; opened once per method.

        Raises:
            ServerError: the server does not support this method.
        """
        if method not in self._explained:
            self._explained[method] = LoadedWeights(
                self._given, device=self._device, server=self._server, method=method, around=self._around
            )
        return self._explained[method]

    def checkpoints(self) -> list[Checkpoint]:
        """Return the records of all networks in use: segmenter, anatomy network if any, classifiers.

        Those of a server come from the server.

        Raises:
            WeightsError: a record is missing, or the classifiers need tiles of different sizes.
            ServerError: as in `segmenter`.
        """
        if self._connection is None:
            first = (SEGMENTER, ANATOMY) if ANATOMY in (self._manifest or {}) else (SEGMENTER,)
            named = [named_checkpoint(self.folder, name) for name in first]
            return [*named, *classifier_checkpoints(self.folder)]
        return [one.checkpoint for one in self._all()]

    def served(self) -> dict[str, Served]:
        """Return the served networks by name; an empty dictionary if this machine runs them."""
        return (
            {} if self._connection is None else {one.checkpoint.name: one.served for one in self._all() if one.served}
        )

    def _all(self) -> list[Segmenter | AnatomyNetwork | Classifier]:
        segmenter, anatomy = self.segmenter(), self.anatomy()
        return [segmenter, *([anatomy] if anatomy else []), *self.classifiers()]

    @contextmanager
    def _loading(self, watch: Stopwatch) -> Iterator[Path]:
        with self._around():
            import_tensorflow(watch)
            with watch.stage("weights"):
                yield self.folder


def import_tensorflow(watch: Stopwatch) -> None:
    """Import Keras with TensorFlow; this takes most of a cold start and is timed separately from the weights."""
    with watch.stage("imports"):
        start_keras()


def load_weights(
    folder: str | Path | None = None,
    *,
    device: str = "cpu",
    server: str | Server | None = None,
    method: str | MapMethod = MapMethod.GRADCAM,
) -> LoadedWeights:
    """Open one set of weights for many cases; each network is loaded on first use and then kept.

    Args:
        folder: weights folder; None for ``$SPINAL_TF_WEIGHTS``, or else the bundled weights.
        device: ``cpu``, ``gpu`` (the first one) or ``gpu:N``.
        server: address of a TensorFlow Serving server that runs the networks instead, such as ``grpc://HOST:8500``.
            Prepared slices are sent there. If a folder is also given, the server must have its weights.
        method: method of the heat maps: ``gradcam``, ``gradcam++``, ``layercam``, ``scorecam`` or ``saliency``.

    Raises:
        ValueError: there is no such method.
        WeightsError: there are no weights.
        RequirementError: the server needs gRPC, which is not installed.
        ServerError: the address is invalid, a certificate file cannot be used, or the server does not support this
            method.
    """
    folder = None if folder is None else Path(folder)
    server = _server_at(server) if isinstance(server, str) else server
    return LoadedWeights(folder, device=device, server=server, method=MapMethod(method))


def _server_at(url: str) -> Server:
    try:
        scheme, host, port, path = parse_address(url)
    except ValueError as error:
        raise ServerError(f"{url}: {error}") from error
    return Server(scheme=scheme, host=host, port=port, path=path)
