import io
import lzma
import tarfile
import warnings
import zipfile

import pytest

from motiongen.formats.archive import Limits, open_source
from motiongen.formats.base import FormatError
from motiongen.formats.msr_action3d import MsrAction3D

from .files import write_msr

KINDS = ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz", "zip"]
REGULAR, LINK, HARD, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """An empty place for temporary folders: what stays behind shows."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def pack(path, content):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in content.items():
                file.writestr(name, data)
        return path
    mode = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}
    with tarfile.open(path, mode[path.suffix]) as file:
        for name, data in content.items():
            add(file, name, data)
    return path


def add(file, name, data=b"", kind=REGULAR, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, len(data)
    file.addfile(member, io.BytesIO(data))


def refused(path, match, **limits):
    with pytest.raises(FormatError, match=match) as caught, open_source(path, Limits(**limits)):
        pytest.fail("was opened")
    assert caught.value.path == str(path)


@pytest.mark.parametrize("kind", KINDS)
def test_archives_are_unpacked_and_removed(tmp_path, scratch, kind):
    archive = pack(tmp_path / f"clips.{kind}", {"a/b c/x.txt": b"1", "a/y.txt": b"2"})
    with open_source(archive) as folder:
        assert (folder / "b c" / "x.txt").read_bytes() == b"1"
        assert (folder / "y.txt").read_bytes() == b"2"
    assert not list(scratch.iterdir())


def test_folders_and_data_files_are_left_as_they_are(tmp_path, scratch):
    file = write_msr(tmp_path)
    pack(tmp_path / "extra.zip", {"x": b"1"})
    for source in (tmp_path, file):
        with open_source(source) as opened:
            assert opened == source


def test_a_folder_of_archives_and_documents_only_is_unpacked(tmp_path, scratch):
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text("")
    (source / "LICENSE").write_text("")
    pack(source / "one.zip", {"x.txt": b"1"})
    with open_source(source) as folder:
        assert [path.name for path in folder.iterdir()] == ["x.txt"]
    pack(source / "two.tar.xz", {"x.txt": b"2"})
    with open_source(source) as folder:
        assert (folder / "one.zip" / "x.txt").read_bytes() == b"1"
        assert (folder / "two.tar.xz" / "x.txt").read_bytes() == b"2"


def test_a_reader_reads_from_an_archive(tmp_path, scratch):
    text = write_msr(tmp_path).read_bytes()
    archive = pack(tmp_path / "set.tar.gz", {"data/a02_s03_e01_skeleton3D.txt": text})
    with open_source(archive) as folder:
        reader = MsrAction3D(folder)
        assert [reader.load(clip).id for clip in reader.index()] == ["a02_s03_e01"]


def test_nothing_is_left_behind_after_an_error_inside(tmp_path, scratch):
    archive = pack(tmp_path / "clips.zip", {"x": b"1"})
    with pytest.raises(KeyError), open_source(archive):
        raise KeyError
    assert not list(scratch.iterdir())


def test_a_missing_source_is_an_error(tmp_path):
    refused(tmp_path / "none.zip", "no such file")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    "name", ["/abs.txt", "../up.txt", "a/../../up.txt", "C:/x.txt", "c:x.txt", "..\\up.txt"]
)
def test_names_that_lead_outside_are_refused(tmp_path, scratch, kind, name):
    refused(pack(tmp_path / f"evil.{kind}", {"good.txt": b"1", name: b"1"}), "leads outside")
    assert not list(scratch.iterdir())


def test_nul_in_a_name_is_refused(tmp_path, scratch):
    archive = pack(tmp_path / "evil.zip", {"aXb.txt": b"1"})
    archive.write_bytes(archive.read_bytes().replace(b"aXb.txt", b"a\0b.txt"))
    refused(archive, "leads outside")


@pytest.mark.parametrize("kind", [LINK, HARD, DEVICE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar_are_refused(tmp_path, scratch, kind):
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as file:
        add(file, "good.txt", b"1")
        add(file, "link", kind=kind, target="good.txt")
    refused(path, "link or device")
    assert not list(scratch.iterdir())


def test_links_in_zip_are_refused(tmp_path, scratch):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as file:
        member = zipfile.ZipInfo("link")
        member.external_attr = 0o120777 << 16
        file.writestr(member, "/etc/passwd")
    refused(path, "link or device")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_doubled_names_are_refused(tmp_path, scratch, kind):
    path = tmp_path / f"evil.{kind}"
    if kind == "zip":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("x", b"1")
                file.writestr("./x", b"2")
    else:
        with tarfile.open(path, "w") as file:
            add(file, "x", b"1")
            add(file, "./x", b"2")
    refused(path, "twice")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_bombs_are_refused(tmp_path, scratch, kind):
    archive = pack(tmp_path / f"bomb.{kind}", {"zeros": bytes(2**21)})
    refused(archive, "unpacks to")
    assert not list(scratch.iterdir())


def test_bombs_in_the_padding_of_a_tar_are_refused(tmp_path, scratch):
    path = tmp_path / "bomb.tar.xz"
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        for number in range(200):
            add(file, f"{number}")
    path.write_bytes(lzma.compress(content.getvalue()))
    refused(path, "unpacks to", small_bytes=10_000)


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize(
    "limits, match",
    [
        ({"members": 1}, "more than the 1 members"),
        ({"member_bytes": 4}, "5 bytes, allowed 4"),
        ({"total_bytes": 7}, "unpacks to"),
    ],
)
def test_limits(tmp_path, scratch, kind, limits, match):
    archive = pack(tmp_path / f"clips.{kind}", {"x": b"12345", "y": b"12345"})
    refused(archive, match, **limits)


@pytest.mark.parametrize("kind", KINDS)
def test_truncated_archives_are_refused(tmp_path, scratch, kind):
    archive = pack(tmp_path / f"clips.{kind}", {"x": bytes(range(256)) * 40})
    archive.write_bytes(archive.read_bytes()[: 100 if kind != "tar" else 3000])
    refused(archive, "cannot be unpacked")
    assert not list(scratch.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_archive_is_refused(tmp_path, scratch, kind):
    path = tmp_path / f"clips.{kind}"
    path.write_bytes(b"no archive at all")
    refused(path, "cannot be unpacked")


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path, scratch):
    refused(pack(tmp_path / "evil.zip", {"x": b"1", "x/y": b"1"}), "cannot be unpacked")
