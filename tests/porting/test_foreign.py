import pytest

from spinal_tf.errors import PortError
from spinal_tf.porting.foreign import refuse_foreign


@pytest.mark.parametrize(
    ("layer", "network"),
    [
        ("normal_bn_1_18", "NASNetLarge"),
        ("normal_bn_1_12", "NASNetMobile"),
        ("block2_sepconv1_bn", "Xception"),
        ("block35_1_conv", "InceptionResNetV2"),
        ("mixed7", "InceptionV3"),
        ("Conv_1_bn", "MobileNetV2"),
        ("conv2_block1_3_bn", "ResNet"),
        ("res2a_branch2a", "ResNet"),
        ("conv4_block48_1_conv", "DenseNet201"),
        ("conv5_block32_1_conv", "DenseNet169"),
    ],
)
def test_another_base_network_is_refused_by_its_name(layer, network):
    pattern = f"^old.h5: built on {network}, "
    # as Keras names layers, and as variables of a SavedModel are named
    for names in ([layer], ["dense", f"{layer}/gamma"]):
        with pytest.raises(PortError, match=pattern):
            refuse_foreign(names, source="old.h5")


def test_the_larger_of_two_alike_is_named():
    with pytest.raises(PortError, match="NASNetLarge"):
        refuse_foreign(["normal_bn_1_0", "normal_bn_1_18"], source="old.h5")
    with pytest.raises(PortError, match="DenseNet201"):
        refuse_foreign(["conv5_block32_1_conv", "conv4_block48_1_conv"], source="old.h5")


@pytest.mark.parametrize("name", ["conv1/conv", "conv5_block16_2_conv", "conv2d_57", "dense_1", "my_mixed7_layer"])
def test_layers_of_our_networks_are_not(name):
    refuse_foreign([name], source="old.h5")
