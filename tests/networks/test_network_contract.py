"""Every network of the registry fulfils the contract that training, weights, serving and Grad-CAM rest on."""

import pytest
from network_contract import CONTRACT

from spinal_tf.networks.network_registry import ANATOMISTS, CLASSIFIERS, SEGMENTERS, is_network


@pytest.mark.parametrize("name", [*SEGMENTERS, *ANATOMISTS, *CLASSIFIERS])
@pytest.mark.parametrize("clause", CONTRACT, ids=lambda clause: clause.__name__)
def test_a_registered_network(name, clause, tmp_path):
    clause(name, tmp_path)


def test_the_names_in_manifests_of_before_stay_valid():
    assert {"multiresunet"} <= SEGMENTERS.keys()
    assert {"anatomy_multiresunet"} <= ANATOMISTS.keys()
    assert {"densenet121"} <= CLASSIFIERS.keys()
    assert not is_network("unet")
    assert len(SEGMENTERS | ANATOMISTS | CLASSIFIERS) == len(SEGMENTERS) + len(ANATOMISTS) + len(CLASSIFIERS)
