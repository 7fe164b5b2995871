"""Files that run code, lead outside, or explode: each refused with a reason, early, unexecuted."""

import io
import json
import os
import pickle
import time
import tracemalloc
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import torch
import yaml
from scipy.io import savemat

from motiongen import checkpoint, formats
from motiongen.cli import main
from motiongen.data import synthetic
from motiongen.data.store import Store, StoreError, write_store
from motiongen.data.table import MANIFEST, manifest_sha256
from motiongen.formats.archive import open_source
from motiongen.formats.base import FormatError
from motiongen.generators import VAE
from motiongen.motion import MotionSpec
from motiongen.trust import load_yaml

#: CPU seconds and bytes that a refusal may take
SECONDS, MEMORY = 1.0, 64 * 2**20
SPEC = MotionSpec("kinect20", 3, 8, 10.0, ("wave",))


class Payload:
    """Touches the canary when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(load, kinds=(FormatError,)):
    """The reason; refusing took neither long nor, the second time, much memory."""
    began = time.process_time()
    with pytest.raises(kinds) as caught:
        load()
    assert time.process_time() - began < SECONDS
    tracemalloc.start()
    try:
        with pytest.raises(kinds):
            load()
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()
    assert str(caught.value).strip()
    return str(caught.value)


def read_all(name, source, **options):
    with open_source(source) as folder:
        reader = formats.get(name)(folder, **options)
        for clip in reader.index():
            reader.load(clip)


# ---- pickles and other code in the files of a format --------------------------------------------


def object_array(payload):
    array = np.empty(1, dtype=object)
    array[0] = payload
    return array


def npz(folder, payload, key):
    arrays = {"joints": np.ones((1, 4, 20, 3), "f4"), "layout": np.array("kinect20")}
    np.savez(folder / "set.npz", **{**arrays, key: object_array(payload)})


def raw(data):
    def write(folder, payload):
        (folder / "set.npz").write_bytes(data(payload))

    return write


def joblibbed(payload):
    stream = io.BytesIO()
    joblib.dump(payload, stream)
    return stream.getvalue()


def as_npy(payload):
    stream = io.BytesIO()
    np.save(stream, object_array(payload), allow_pickle=True)
    return stream.getvalue()


def saved(payload):
    stream = io.BytesIO()
    torch.save(payload, stream)
    return stream.getvalue()


ARRAYS = {
    **{
        f"object_array_{key}": lambda folder, payload, key=key: npz(folder, payload, key)
        for key in ("joints", "label", "classes", "subject", "layout", "fps", "hook")
    },
    "pickle": raw(pickle.dumps),
    "pickle_protocol_0": raw(lambda payload: pickle.dumps(payload, protocol=0)),
    "joblib": raw(joblibbed),
    "npy": raw(as_npy),
    "torch": raw(saved),
}


@pytest.mark.parametrize("write", ARRAYS.values(), ids=ARRAYS)
def test_arrays_hold_no_code(write, tmp_path, canary):
    write(tmp_path, Payload(canary.path))
    refused(lambda: read_all("arrays", tmp_path))
    assert not canary.sang


def test_matlab_files_hold_no_objects(tmp_path, canary):
    cell = np.empty((20, 3, 4), dtype=object)
    cell[:] = str(canary.path)
    savemat(tmp_path / "a1_s1_t1_skeleton.mat", {"d_skel": cell})
    refused(lambda: read_all("utd_mhad", tmp_path))


# ---- checkpoints --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """What a sound checkpoint holds."""
    model = VAE(SPEC)
    recipe = {"recipe": model.recipe, "version": "0.1.0", "provenance": {}}
    return {"motiongen": recipe, "state_dict": model.state_dict()}


def with_key(*keys):
    """A change that puts the payload, or a class from elsewhere, at a place of the content."""

    def change(content, payload):
        part = content
        for key in keys[:-1]:
            part[key] = dict(part[key])
            part = part[key]
        part[keys[-1]] = payload
        return content

    return change


def recipe_of(path):
    def change(content, payload):
        content["motiongen"] = {
            **content["motiongen"],
            "recipe": {"class_path": path, "init_args": {"args": ["touch", str(payload.path)]}},
        }
        return content

    return change


CHECKPOINTS = {
    "pickle": with_key("state_dict", "weight"),
    "hyper_parameters": with_key("hyper_parameters"),
    "provenance": with_key("motiongen", "provenance"),
    "recipe": with_key("motiongen", "recipe"),
    "version": with_key("motiongen", "version"),
    "popen": recipe_of("subprocess.Popen"),
    "system": recipe_of("os.system"),
    "foreign": recipe_of("motiongen_canary.Evil"),
    "our_function": recipe_of("motiongen.data.store.write_store"),
    "our_module": recipe_of("motiongen.checkpoint.os.system"),
    "our_namesake": recipe_of("motiongen_canary.VAE"),
}


@pytest.mark.parametrize("change", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_checkpoints_run_nothing(change, content, tmp_path, canary):
    torch.save(change(dict(content), Payload(canary.path)), tmp_path / "best.ckpt")
    said = refused(lambda: checkpoint.load(tmp_path), (ValueError,))
    assert "best.ckpt" in said and not canary.sang


def instantiator(content, payload):
    """What Lightning follows when it loads a checkpoint: ours does not ask for it."""
    path = "motiongen_canary.Evil"
    return {**content, "hyper_parameters": {"_instantiator": path, "_class_path": path}}


def test_an_instantiator_is_not_followed(content, tmp_path, canary):
    torch.save(instantiator(content, None), tmp_path / "best.ckpt")
    assert type(checkpoint.load(tmp_path)) is VAE
    assert not canary.sang


def scripted(path, payload):
    torch.jit.save(torch.jit.script(torch.nn.Identity()), path)


def keras(path, payload):
    layer = {"class_name": "Lambda", "config": {"function": f"open({str(payload.path)!r}, 'w')"}}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
        file.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(64))


def hdf5(path, payload):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))


FOREIGN = {
    "torchscript": scripted,
    "keras": keras,
    "h5": hdf5,
    "pickle": lambda path, payload: path.write_bytes(pickle.dumps(payload)),
    "legacy": lambda path, payload: torch.save(
        {"motiongen": payload}, path, _use_new_zipfile_serialization=False
    ),
    "joblib": lambda path, payload: path.write_bytes(joblibbed(payload)),
    "object_array": lambda path, payload: path.write_bytes(as_npy(payload)),
    "shell": lambda path, payload: path.write_text(f"#!/bin/sh\ntouch {payload.path}\n"),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_files_of_other_kinds_are_no_checkpoints(write, tmp_path, canary):
    write(tmp_path / "best.ckpt", Payload(canary.path))
    refused(lambda: checkpoint.load(tmp_path), (ValueError,))
    assert not canary.sang


# ---- stores -------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    clips = synthetic.synthesise(1, 1, classes=["wave", "kick"])
    return write_store(tmp_path / "store", clips, classes=["wave", "kick"]).path


def edited(store, change):
    manifest = json.loads((store / MANIFEST).read_text())
    change(manifest)
    manifest["sha256"] = manifest_sha256(manifest)
    (store / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "name", ["../outside.npy", "/etc/passwd", "C:\\joints.npy", "a\0b", "joints.pkl", "."]
)
def test_a_manifest_names_its_own_files_only(name, store):
    entry = {"bytes": 1, "sha256": "0" * 64}
    edited(store, lambda manifest: manifest["files"].update({name: entry}))
    assert "allowed" in refused(lambda: Store.open(store), (StoreError,))


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"store":' * 100_000, "[]", "null", '{"a": 1e999}', "\0"]
)
def test_a_manifest_is_a_small_table(text, store):
    (store / MANIFEST).write_text(text)
    refused(lambda: Store.open(store), (StoreError,))


def test_a_link_is_no_array(store, tmp_path):
    other = tmp_path / "other.npy"
    (store / "joints.npy").rename(other)
    (store / "joints.npy").symlink_to(other)
    assert "no regular file" in refused(lambda: Store.open(store), (StoreError,))


def test_an_array_of_objects_is_no_array(store, canary):
    data = as_npy(Payload(canary.path))
    (store / "joints.npy").write_bytes(data)
    size = {"bytes": len(data), "sha256": "0" * 64}
    edited(store, lambda manifest: manifest["files"].update({"joints.npy": size}))
    refused(lambda: Store.open(store), (StoreError,))
    assert not canary.sang


# ---- bombs --------------------------------------------------------------------------------------


def header_bomb(folder):
    """A .npy whose header says that it has four terabytes."""
    stream = io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 1000, 333, 3)}
    np.lib.format.write_array_header_1_0(stream, shape)
    with zipfile.ZipFile(folder / "set.npz", "w") as file:
        file.writestr("joints.npy", stream.getvalue())


def long_header(folder):
    """A .npy whose header is 600 MB long, packed a thousandfold."""
    with zipfile.ZipFile(folder / "set.npz", "w", zipfile.ZIP_DEFLATED) as file:
        start = b"\x93NUMPY\x02\x00" + (600 * 2**20).to_bytes(4, "little")
        file.writestr("joints.npy", start + b" " * (20 * 2**20))


def zeros(folder):
    """An array of zeros, packed a thousandfold."""
    np.savez_compressed(folder / "set.npz", joints=np.zeros((1, 300_000, 20, 3), "f4"))


def many_members(folder):
    with zipfile.ZipFile(folder / "set.npz", "w") as file:
        for number in range(3000):
            file.writestr(f"key{number}.npy", b"")


NPZ_BOMBS = [header_bomb, long_header, zeros, many_members]


@pytest.mark.parametrize("write", NPZ_BOMBS, ids=lambda write: write.__name__)
def test_npz_bombs(write, tmp_path):
    write(tmp_path)
    refused(lambda: read_all("arrays", tmp_path, layout="kinect20"))


def nested_zip(folder):
    """Archives inside archives stay packed, so this is no clip."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a01_s01_e01_skeleton3D.txt", b"0" * (4 * 2**20))
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(50):
            file.writestr(f"{number}.zip", inner.getvalue())
    return path


def test_nested_zips_stay_packed(tmp_path):
    source = nested_zip(tmp_path)
    assert "no clip found" in refused(lambda: read_all("msr_action3d", source))


def test_gzip_bombs(tmp_path):
    folder = tmp_path / "Segmented Movements" / "Vicon" / "Positions"
    folder.mkdir(parents=True)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(b"0," * (20 * 2**20)) + packer.flush()
    (folder / "m01_s01_e01_positions.txt.gz").write_bytes(data)
    assert "bytes allowed" in refused(lambda: read_all("ui_prmd", tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"people":' * 100_000,
        '{"people": [{"pose_keypoints_2d": [' + "9" * 4000 + "]}]}",
        "{" + ",".join(f'"{number}": 0' for number in range(100_000)) + "}",
        '{"people": [' + ",".join(["{}"] * 20_000) + "]}",
    ],
    ids=["deep_list", "deep_table", "long_number", "many_keys", "many_people"],
)
def test_json_bombs(text, tmp_path):
    (tmp_path / "walk_000000000000_keypoints.json").write_text(text)
    refused(lambda: read_all("openpose", tmp_path))


def test_frame_numbers_far_apart(tmp_path):
    for number in (0, 10**9):
        (tmp_path / f"walk_{number:012d}_keypoints.json").write_text('{"people": []}')
    assert "frame numbers span" in refused(lambda: read_all("openpose", tmp_path))


BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 End Site
 {
  OFFSET 0 1 0
 }
}
MOTION
Frames: FRAMES
Frame Time: 0.033
0 0 0 0 0 0
"""


@pytest.mark.parametrize("frames", ["1000000000", "9" * 4000, "-1", "1e9"])
def test_bvh_bombs(frames, tmp_path):
    (tmp_path / "walk.bvh").write_text(BVH.replace("FRAMES", frames))
    refused(lambda: read_all("bvh", tmp_path))


def test_bvh_hierarchies_without_an_end(tmp_path):
    joint = "JOINT a\n{\nOFFSET 0 0 0\nCHANNELS 0\n"
    (tmp_path / "walk.bvh").write_text("HIERARCHY\nROOT Hips\n{\n" + joint * 20_000)
    refused(lambda: read_all("bvh", tmp_path))


REFERENCES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + above] * 9)}]\n"
    for above, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text, reason",
    [
        (REFERENCES, "more than 100000 values, references followed"),
        ("[" * 5000, "levels deep"),
        ("a: &a [*a, " + "x" * 80 + "]", "more than 100000 values"),
        ("- x\n" * 300, "more than 200 values"),
    ],
    ids=["references", "deep", "itself", "long"],
)
def test_yaml_bombs(text, reason, monkeypatch):
    if "200" in reason:
        monkeypatch.setattr("motiongen.trust.MOST_VALUES", 200)
    assert reason in refused(lambda: load_yaml(text), (yaml.YAMLError,))


@pytest.mark.parametrize("command", ["fit", "sweep"])
def test_configurations_are_no_yaml_bombs(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bomb.yaml").write_text(REFERENCES)
    assert main([command, "-c", "bomb.yaml", "--out", "run"]) == 2
    assert "references followed" in capsys.readouterr().err


# ---- paths in archives --------------------------------------------------------------------------

NAMES = ["../out", "a/../../out", "/out", "C:/out", "C:\\out", "..\\out", "a\\..\\..\\out"]


@pytest.mark.parametrize("name", NAMES)
def test_zip_members_stay_inside(name, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("sound.txt", "x")
        file.writestr(zipfile.ZipInfo(name), "x")
    assert "leads outside the archive" in refused(lambda: read_all("msr_action3d", path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.zip"]
