"""The graph layer against its sparse definition, and what tells one joint from another."""

import pytest
import torch

from motiongen import layouts
from motiongen.encoders import GCN


@pytest.mark.parametrize("layout", ["kinect20", "coco17"])
def test_dense_layer_equals_the_sparse_one(layout):
    from torch_geometric.nn import GCNConv

    skeleton = layouts.get(layout)
    torch.manual_seed(0)
    encoder = GCN(skeleton, 4, 2, width=12)
    dense = encoder.blocks[0].graph
    sparse = GCNConv(12, 12, node_dim=-2)
    sparse.load_state_dict(dense.state_dict())
    x = torch.randn(3, 5, skeleton.num_joints, 12)
    expected = sparse(x, torch.as_tensor(skeleton.edge_index))
    found = dense(x.flatten(0, 1), encoder.adjacency).unflatten(0, (3, 5))
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


def test_left_and_right_are_told_apart():
    skeleton = layouts.get("kinect20")
    torch.manual_seed(0)
    encoder = GCN(skeleton, 4, 2, width=12).eval()
    with torch.no_grad():
        out = encoder(
            torch.ones(1, 8, 20, 4),
            torch.ones(1, 8, 20, dtype=torch.bool),
            torch.tensor([8]),
            torch.zeros(1, 2),
        )
    mirrored = out[:, :, list(skeleton.mirror)]
    moved = [joint for joint, other in enumerate(skeleton.mirror) if joint != other]
    assert float((out - mirrored)[:, :, moved].abs().amax((0, 1, 3)).min()) > 1e-3


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 9])
def test_patches_of_any_rest(frames):
    encoder = GCN(layouts.get("kinect20"), 4, 2, width=8, patch=4)
    mask = torch.ones(1, frames, 20, dtype=torch.bool)
    out = encoder(torch.randn(1, frames, 20, 4), mask, torch.tensor([frames]), torch.zeros(1, 2))
    assert out.shape == (1, frames, 20, 16)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="encoder.kernel: found 4, must be odd"):
        GCN(layouts.get("kinect20"), 4, 2, kernel=4)
